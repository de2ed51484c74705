//! Text from elsewhere, made unable to move a cursor, change a colour or turn a line round.

use zeroize::Zeroizing;

/// Control and direction characters become `\xNN` or `\u{…}`. A backslash stays one: names of a directory have it (`CORP\alice`), and
/// nothing reads this text back.
pub fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    text.chars().for_each(|letter| push(&mut shown, letter));
    shown
}

/// The same as a word of a command that a person may copy into a shell.
pub fn word(text: &str) -> String {
    shell_word(&escaped(text))
}

/// A text as a shell reads it: in single quotes, unless it is plain. For a command that a script may take; a screen escapes it.
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_.@+/:=,".contains(c);
    let is_plain = !text.is_empty() && text.chars().all(plain);
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// The same for a secret: into a buffer that never grows, wiped at the end.
pub fn escaped_secret(text: &str) -> Zeroizing<String> {
    let mut shown = Zeroizing::new(String::with_capacity(text.len().saturating_mul(LONGEST)));
    text.chars().for_each(|letter| push(&mut shown, letter));
    shown
}

fn push(shown: &mut String, letter: char) {
    match letter {
        _ if moves(letter) => shown.push_str(&spelt(letter)),
        _ => shown.push(letter),
    }
}

/// Does it move the cursor or the letters beside it?
pub(super) fn moves(letter: char) -> bool {
    letter.is_control() || turns(letter)
}

/// A letter that moves something, spelt out.
pub(super) fn spelt(letter: char) -> String {
    match letter {
        '\0'..='\x1f' | '\x7f' => format!("\\x{:02x}", u32::from(letter)),
        _ => letter.escape_unicode().to_string(),
    }
}

/// Unicode's marks for direction, invisible ones and line breaks.
fn turns(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// `\u{206f}` for a letter of 3 bytes, `\x1b` for one of 1.
const LONGEST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_cursor_passes() {
        let cases = [
            ("alice", "alice"),
            ("Jörg's phone", "Jörg's phone"),
            ("a\x1b[2Jb", "a\\x1b[2Jb"),
            ("a\nb\r\tc\0", "a\\x0ab\\x0d\\x09c\\x00"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("\u{202e}evil", "\\u{202e}evil"),
            ("CORP\\alice", "CORP\\alice"),
        ];
        for (text, shown) in cases {
            assert_eq!(escaped(text), shown);
            assert_eq!(*escaped_secret(text), shown);
        }
    }

    #[test]
    fn a_word_is_quoted_where_a_shell_would_read_it_otherwise() {
        let cases = [
            ("alice", "alice"),
            ("alice@corp.example", "alice@corp.example"),
            ("CORP\\alice", "'CORP\\alice'"),
            ("domain user", "'domain user'"),
            ("o'neill", "'o'\\''neill'"),
            ("$(id)", "'$(id)'"),
            ("", "''"),
        ];
        for (text, shown) in cases {
            assert_eq!((word(text), shell_word(text)), (shown.to_owned(), shown.to_owned()));
        }
        for (text, shown) in
            [("/etc/pam.d/sudo", "/etc/pam.d/sudo"), ("a b", "'a b'"), ("$(id)'x", "'$(id)'\\''x'"), ("", "''")]
        {
            assert_eq!(shell_word(text), shown);
        }
        assert_eq!((word("a\nb"), shell_word("a\nb")), ("'a\\x0ab'".to_owned(), "'a\nb'".to_owned()));
    }

    #[test]
    fn a_secret_is_not_left_in_a_smaller_buffer() {
        for text in ["\u{206f}".repeat(50), "\x1b".repeat(50), "a".repeat(50), "\u{9b}".repeat(50)] {
            let capacity = text.len() * LONGEST;
            assert!(escaped_secret(&text).len() <= capacity);
        }
    }
}
