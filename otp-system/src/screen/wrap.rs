//! Lines no longer than a width, broken between words.
//!
//! A word is never broken: a key, a code, a path or an address can be copied as a whole. Nor is a command in backquotes, if it has
//! room in a line. A line that fits stays as it is. Whatever could move a cursor is escaped, but for the marks of `style`.

use unicode_width::UnicodeWidthChar;
use zeroize::Zeroizing;

use super::escape::{moves, spelt};
use super::look::{Colours, Look};
use super::style::split_mark;

/// The text as it is written. Lines that begin with blanks go on two columns further in. A text may hold a secret, so it is put into
/// one buffer that never grows.
pub fn wrapped(text: &str, look: Look) -> Zeroizing<String> {
    let text = &look.encoding.of(text);
    let mut length: usize = 0;
    lay_out(text, look, &mut |piece| length = length.saturating_add(piece.len()));
    let mut shown = Zeroizing::new(String::with_capacity(length));
    lay_out(text, look, &mut |piece| shown.push_str(piece));
    shown
}

/// A term, and beside it, from column `at` on, what it means.
pub fn beside(term: &str, meaning: &str, at: usize, width: usize) -> String {
    let mut shown = String::from(term);
    shown.extend(std::iter::repeat_n(' ', at.saturating_sub(columns(term))));
    fold(meaning, TextPlace { begins: at, margin: at, width }, &mut |piece| shown.push_str(piece));
    shown.push('\n');
    shown
}

/// How many columns of a terminal the text takes.
pub fn columns(text: &str) -> usize {
    let mut count = 0;
    pieces(text, Colours::LeftOut, &mut |piece| {
        count += piece.chars().filter_map(UnicodeWidthChar::width).sum::<usize>();
    });
    count
}

fn lay_out(text: &str, look: Look, put: &mut dyn FnMut(&str)) {
    for line in text.split_inclusive('\n') {
        let body = line.strip_suffix('\n').unwrap_or(line);
        match look.width {
            Some(width) if columns(body) > width => {
                broken(body, width, &mut |piece| pieces(piece, look.colours, put));
            }
            _ => pieces(body, look.colours, put),
        }
        put(line.get(body.len()..).unwrap_or_default());
    }
}

/// One line that is too long.
fn broken(line: &str, width: usize, put: &mut dyn FnMut(&str)) {
    let text = line.trim_start_matches(' ');
    let indent = line.len().saturating_sub(text.len());
    let indent = indent.min(width / 3);
    let margin = if indent == 0 { 0 } else { indent.saturating_add(2) };
    let begins = beginning(indent, text, width);
    blanks(begins, put);
    fold(text, TextPlace { begins, margin, width }, put);
}

/// Where text stands.
#[derive(Clone, Copy)]
struct TextPlace {
    /// The column of its first word.
    begins: usize,
    /// The column at which each further line begins.
    margin: usize,
    width: usize,
}

fn fold(text: &str, room: TextPlace, put: &mut dyn FnMut(&str)) {
    let (mut rest, mut column, mut is_first) = (text, room.begins, true);
    while !rest.is_empty() {
        let word = rest.trim_start_matches(' ');
        let gap = rest.len().saturating_sub(word.len());
        let (word, after) = word.split_at(word_end(word, room.width));
        let end = column.saturating_add(gap).saturating_add(columns(word));
        if is_first || end <= room.width {
            blanks(gap, put);
            column = end;
        } else if !word.is_empty() {
            let margin = beginning(room.margin, word, room.width);
            put("\n");
            blanks(margin, put);
            column = margin.saturating_add(columns(word));
        }
        put(word);
        (rest, is_first) = (after, false);
    }
}

/// The column at which a line begins that has `indent` before it: less where its first word wants the room.
fn beginning(indent: usize, text: &str, width: usize) -> usize {
    let word = text.split_at(word_end(text, width)).0;
    indent.min(width.saturating_sub(columns(word)))
}

/// Up to the next blank, or past a command in backquotes that has room in a line.
fn word_end(text: &str, width: usize) -> usize {
    let end = text.find(' ').unwrap_or(text.len());
    let (word, after) = text.split_at(end);
    let is_open = word.matches('`').count() % 2 == 1;
    match after.find('`').filter(|_| is_open) {
        Some(closed) => {
            let (_, behind) = after.split_at(closed);
            let whole = text.len().saturating_sub(behind.len() - behind.find(' ').unwrap_or(behind.len()));
            if columns(text.split_at(whole).0) <= width { whole } else { end }
        }
        None => end,
    }
}

fn blanks(count: usize, put: &mut dyn FnMut(&str)) {
    (0..count).for_each(|_| put(" "));
}

/// The text without what could move a cursor, and with or without its colours.
fn pieces(text: &str, colours: Colours, put: &mut dyn FnMut(&str)) {
    let mut rest = text;
    while let Some(at) = rest.find(|letter| letter != '\n' && moves(letter)) {
        let (plain, moving) = rest.split_at(at);
        put(plain);
        let mut letters = moving.chars();
        match (split_mark(moving), letters.next()) {
            (Some((mark, after)), _) => {
                if colours == Colours::Shown {
                    put(mark);
                }
                rest = after;
            }
            (None, Some(letter)) => {
                put(&spelt(letter));
                rest = letters.as_str();
            }
            (None, None) => return,
        }
    }
    put(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::{Encoding, bad, good, strong};

    fn look(width: usize) -> Look {
        Look { width: Some(width), ..Look::PLAIN }
    }

    fn lines(text: &str, width: usize) -> Vec<String> {
        wrapped(text, look(width)).lines().map(str::to_owned).collect()
    }

    #[test]
    fn lines_break_between_words_and_no_further_than_the_width() {
        let text = "the clock of your phone is slow by 7 minutes; set it by the network\n\nthen try again\n";
        for width in 1..100 {
            let shown = wrapped(text, look(width));
            let long = |line: &&str| line.len() > width && line.contains(' ');
            assert_eq!(shown.lines().find(long), None, "{width}");
            assert_eq!(shown.split_whitespace().collect::<Vec<_>>(), text.split_whitespace().collect::<Vec<_>>());
            assert!(shown.lines().all(|line| line.trim_end() == line), "{width}: {shown:?}");
        }
        assert_eq!(lines("one two three", 7), ["one two", "three"]);
        assert_eq!(*wrapped(text, Look::PLAIN), text);
    }

    #[test]
    fn what_is_copied_stays_whole() {
        let uri = "otpauth://totp/host:alice?secret=ABCDEFGHIJKLMNOPQRSTUVWXYZ234567&issuer=host";
        for word in [uri, "R-307EN-W3AHR-Z6DMV-29GQY-5CKTB", "/var/lib/otp/keys/1000.toml:", "--registration-stdin"] {
            for width in 1..=word.len() {
                let text = format!("  read {word} twice");
                assert!(wrapped(&text, look(width)).lines().any(|line| line.trim() == word), "{width} {word}");
            }
        }
        assert_eq!(lines("    R-307EN-W3AHR", 14), [" R-307EN-W3AHR"], "an indentation gives way");
    }

    #[test]
    fn a_command_in_backquotes_is_broken_only_where_no_line_has_room_for_it() {
        let text = "refused until `otpctl resume alice`, by root";
        assert_eq!(lines(text, 30), ["refused until", "`otpctl resume alice`, by root"]);
        assert_eq!(lines(text, 22), ["refused until", "`otpctl resume alice`,", "by root"]);
        assert_eq!(lines(text, 16), ["refused until", "`otpctl resume", "alice`, by root"]);
        assert_eq!(lines("a ` alone and more", 6), ["a `", "alone", "and", "more"]);
    }

    #[test]
    fn what_is_indented_goes_on_further_in() {
        assert_eq!(lines("  key \"phone\": totp SHA1, 6 digits", 20), ["  key \"phone\": totp", "    SHA1, 6 digits"]);
        assert_eq!(
            lines("            deep in a narrow window", 12),
            ["    deep in", "      a", "      narrow", "      window"]
        );
    }

    #[test]
    fn a_blank_at_the_end_of_a_prompt_stays() {
        assert_eq!(*wrapped("Code of the key: ", look(40)), "Code of the key: ");
        assert_eq!(*wrapped("The next code that it shows: ", look(20)), "The next code that\nit shows: ");
    }

    #[test]
    fn columns_are_those_of_a_terminal() {
        for (text, count) in
            [("", 0), ("abc", 3), ("日本語", 6), ("e\u{301}", 1), ("ＡＢ", 4), ("naïve", 5), ("a\x1bb", 6)]
        {
            assert_eq!(columns(text), count, "{text:?}");
        }
        assert_eq!(columns(&good("日本")), 4, "a colour takes no room");
        assert_eq!(lines("日本 日本 日本", 9), ["日本 日本", "日本"]);
        assert_eq!(
            lines("e\u{301}e\u{301}e\u{301} e\u{301}e\u{301}", 6),
            ["e\u{301}e\u{301}e\u{301} e\u{301}e\u{301}"]
        );
        assert_eq!(beside(" 日本", "one two", 6, 10), " 日本 one\n      two\n");
    }

    #[test]
    fn in_ascii_letters_are_spelt_out_before_lines_are_broken() {
        let look = Look { encoding: Encoding::Ascii, ..look(12) };
        assert_eq!(*wrapped("of J\u{f6}rg's phone\n", look), "of\nJ\\u{f6}rg's\nphone\n");
        let coloured = Look { colours: Colours::Shown, ..look };
        assert_eq!(*wrapped(&bad("n\u{e9}"), coloured), "\u{1b}[1;31mn\\u{e9}\u{1b}[0m");
    }

    #[test]
    fn only_our_own_colours_reach_the_terminal() {
        let text =
            format!("{} {} {} \x1b[7m\x1b]0;title\x07\u{9b}2J\u{202e}\r\x08\t.", strong("a"), good("b"), bad("c"));
        let plain = "a b c \\x1b[7m\\x1b]0;title\\x07\\u{9b}2J\\u{202e}\\x0d\\x08\\x09.";
        assert_eq!(*wrapped(&text, Look::PLAIN), plain);
        let coloured = wrapped(&text, Look { width: Some(8), colours: Colours::Shown, ..Look::PLAIN });
        assert!(coloured.contains("\x1b[1ma\x1b[0m \x1b[32mb\x1b[0m \x1b[1;31mc\x1b[0m\n"), "{coloured:?}");
        assert_eq!(coloured.matches('\x1b').count(), 6);
        assert_eq!(coloured.matches(char::is_control).filter(|one| *one != "\n" && *one != "\x1b").count(), 0);
    }

    #[test]
    fn the_buffer_of_what_may_be_secret_does_not_grow() {
        for width in [1, 7, 20, 80] {
            let shown = wrapped("    ABCD EFGH IJKL MNOP QRST UVWX YZ23 4567\n\x1b\n", look(width));
            assert_eq!(shown.len(), shown.capacity());
        }
    }
}
