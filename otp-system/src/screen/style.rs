//! Words with a colour. The colour repeats what the word says: without it nothing is lost.

/// A heading, or what must not be overlooked.
pub fn strong(text: &str) -> String {
    format!("{STRONG}{text}{PLAIN}")
}

/// As it should be.
pub fn good(text: &str) -> String {
    format!("{GOOD}{text}{PLAIN}")
}

/// Refused, closed, broken.
pub fn bad(text: &str) -> String {
    format!("{BAD}{text}{PLAIN}")
}

/// The mark of a style with which `text` begins, and the rest.
pub(super) fn split_mark(text: &str) -> Option<(&'static str, &str)> {
    MARKS.into_iter().find_map(|mark| text.strip_prefix(mark).map(|rest| (mark, rest)))
}

// Yellow cannot be read on white, nor blue on black.
const STRONG: &str = "\x1b[1m";
const GOOD: &str = "\x1b[32m";
const BAD: &str = "\x1b[1;31m";
const PLAIN: &str = "\x1b[0m";
const MARKS: [&str; 4] = [STRONG, GOOD, BAD, PLAIN];
