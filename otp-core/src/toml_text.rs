//! The little TOML that is written here, and where a reader stumbled. Never prints what a file holds: the parser's own
//! messages quote the line, and a line can be a secret.

use std::fmt::Write as _;

/// A basic string of TOML 1.0, quoted and escaped.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        let written = match c {
            '"' | '\\' => write!(out, "\\{c}"),
            c if c.is_control() => write!(out, "\\u{:04X}", u32::from(c)),
            c => write!(out, "{c}"),
        };
        debug_assert!(written.is_ok(), "writing to a String does not fail");
    }
    out.push('"');
    out
}

/// Line and column of a byte offset, both from 1, as editors count.
pub fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// `line L, column C` of a parser's error.
pub fn place_of(text: &str, error: &toml::de::Error) -> String {
    match error.span() {
        Some(span) => {
            let (line, column) = position(text, span.start);
            format!("line {line}, column {column}")
        }
        None => "the file as a whole".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_survives_the_quotes() {
        for text in ["", "plain", "quo\"te", "back\\slash", "line\nbreak", "\u{1}\u{7f}", "ü√"] {
            let document = format!("x = {}", quoted(text));
            let table: std::collections::BTreeMap<String, String> = toml::from_str(&document).unwrap();
            assert_eq!(table["x"], text);
        }
    }

    #[test]
    fn positions_count_from_one() {
        assert_eq!(position("a = 1\nb = ?", 10), (2, 5));
        assert_eq!(position("", 0), (1, 1));
    }
}
