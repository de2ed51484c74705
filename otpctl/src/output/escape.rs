//! Text from elsewhere, made unable to move a cursor, change a colour or turn a line round.

use zeroize::Zeroizing;

/// Control and direction characters become `\xNN` or `\u{…}`, and so does the backslash, so that nothing is ambiguous.
pub(crate) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    text.chars().for_each(|letter| push(&mut shown, letter));
    shown
}

/// The same for a secret: into a buffer that never grows, wiped at the end.
pub(crate) fn escaped_secret(text: &str) -> Zeroizing<String> {
    let mut shown = Zeroizing::new(String::with_capacity(text.len().saturating_mul(LONGEST)));
    text.chars().for_each(|letter| push(&mut shown, letter));
    shown
}

fn push(shown: &mut String, letter: char) {
    match letter {
        '\\' => shown.push_str("\\\\"),
        '\0'..='\x1f' | '\x7f' => shown.push_str(&format!("\\x{:02x}", u32::from(letter))),
        _ if letter.is_control() || turns(letter) => shown.extend(letter.escape_unicode()),
        _ => shown.push(letter),
    }
}

/// Unicode's marks for direction, invisible ones and line breaks.
fn turns(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// `\u{206f}` for a letter of 3 bytes, `\\` for one of 1.
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
            ("\\x1b", "\\\\x1b"),
        ];
        for (text, shown) in cases {
            assert_eq!(escaped(text), shown);
            assert_eq!(*escaped_secret(text), shown);
        }
    }

    #[test]
    fn a_secret_is_not_left_in_a_smaller_buffer() {
        for text in ["\u{206f}".repeat(50), "\x1b".repeat(50), "a".repeat(50), "\u{9b}".repeat(50)] {
            let capacity = text.len() * LONGEST;
            assert!(escaped_secret(&text).len() <= capacity);
        }
    }
}
