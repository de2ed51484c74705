//! Text of others on a person's screen.

/// Printable ASCII, with a question mark for everything else.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect()
}
