//! The form of the files that the daemon writes and every login reads: key files and vault.toml. It is TOML
//! in one fixed spelling, so that a small reader can accept it and nothing else.
//!
//! W1  one field a line, `name = value`, each at its place in an order that the file's format fixes
//! W2  a number is decimal digits without a sign or a leading zero, below 2^63; a text is in double quotes, with a backslash before `"`
//!     and `\`, and control characters as `\u` and four upper-case hexadecimal digits; a list is texts in brackets, with `, ` between
//! W3  a table of an array begins with an empty line and a line with its name in double brackets
//! W4  every line ends with a line feed, and there is nothing else: no comment, no other blank

use std::borrow::Cow;
use std::fmt;

/// Takes the lines of a file off its front.
pub(crate) struct CanonicalReader<'t> {
    rest: &'t str,
    line: usize,
}

/// Where a file is not as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotCanonical {
    /// From 1.
    line: usize,
    /// The name of the field that was found; none where there is no field. It may be a secret in the wrong place.
    found: Option<String>,
    /// The field that was wanted, or a value for it.
    wanted: NextPart,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum NextPart {
    Field(&'static str),
    Value(&'static str, &'static str),
    End,
}

impl<'t> CanonicalReader<'t> {
    /// Of the whole text, or of what follows `lines_before` lines of it.
    pub(crate) fn new(text: &'t str, lines_before: usize) -> Self {
        Self { rest: text, line: lines_before + 1 }
    }

    /// The number in the field `name`.
    pub(crate) fn number(&mut self, name: &'static str) -> Result<u64, NotCanonical> {
        let value = self.field(name)?;
        number(value).ok_or_else(|| self.bad_value(name, "a number below 2^63 in plain digits"))
    }

    /// The same, if the next field is that one.
    pub(crate) fn optional_number(&mut self, name: &'static str) -> Result<Option<u64>, NotCanonical> {
        if self.is_next(name) { self.number(name).map(Some) } else { Ok(None) }
    }

    /// The text in the field `name`.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<Cow<'t, str>, NotCanonical> {
        let value = self.field(name)?;
        let text = quoted_text(value).filter(|(_, after)| after.is_empty());
        text.map(|(text, _)| text).ok_or_else(|| self.bad_value(name, "a text in double quotes"))
    }

    /// The same, if the next field is that one.
    pub(crate) fn optional_text(&mut self, name: &'static str) -> Result<Option<Cow<'t, str>>, NotCanonical> {
        if self.is_next(name) { self.text(name).map(Some) } else { Ok(None) }
    }

    /// The texts in the field `name`.
    pub(crate) fn texts(&mut self, name: &'static str) -> Result<Vec<Cow<'t, str>>, NotCanonical> {
        let value = self.field(name)?;
        list(value).ok_or_else(|| self.bad_value(name, "a list of texts in brackets"))
    }

    /// The same, if the next field is that one.
    pub(crate) fn optional_texts(&mut self, name: &'static str) -> Result<Option<Vec<Cow<'t, str>>>, NotCanonical> {
        if self.is_next(name) { self.texts(name).map(Some) } else { Ok(None) }
    }

    /// Does a table of the array `name` begin here? Then its fields are next.
    pub(crate) fn table(&mut self, name: &str) -> bool {
        let heading = |rest: &'t str| rest.strip_prefix("\n[[")?.strip_prefix(name)?.strip_prefix("]]\n");
        let Some(rest) = heading(self.rest) else { return false };
        (self.rest, self.line) = (rest, self.line + 2);
        true
    }

    /// Nothing is left.
    pub(crate) fn end(self) -> Result<(), NotCanonical> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.unexpected(NextPart::End)) }
    }

    fn is_next(&self, name: &str) -> bool {
        self.rest.strip_prefix(name).is_some_and(|rest| rest.starts_with(" = "))
    }

    fn field(&mut self, name: &'static str) -> Result<&'t str, NotCanonical> {
        let value = self.rest.strip_prefix(name).and_then(|rest| rest.strip_prefix(" = ")?.split_once('\n'));
        let (value, rest) = value.ok_or_else(|| self.unexpected(NextPart::Field(name)))?;
        (self.rest, self.line) = (rest, self.line + 1);
        Ok(value)
    }

    fn unexpected(&self, wanted: NextPart) -> NotCanonical {
        let line = self.rest.lines().next().unwrap_or("");
        let found = line.split_once(" = ").map(|(name, _)| name.chars().take(LONGEST_NAME).collect());
        NotCanonical { line: self.line, found, wanted }
    }

    /// About the line that was taken last.
    fn bad_value(&self, name: &'static str, wanted: &'static str) -> NotCanonical {
        NotCanonical { line: self.line.saturating_sub(1), found: None, wanted: NextPart::Value(name, wanted) }
    }
}

fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|number: &i64| plain && *number >= 0)?.try_into().ok()
}

/// A text in quotes at the beginning, and what comes after it.
fn quoted_text(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let inner = text.strip_prefix('"')?;
    // Most texts are plain ASCII; the rest goes character by character.
    let special = |byte: u8| matches!(byte, b'"' | b'\\' | 0..=0x1f | 0x7f..);
    let (plain, rest) = inner.split_at_checked(inner.bytes().position(special)?)?;
    if let Some(after) = rest.strip_prefix('"') {
        return Some((Cow::Borrowed(plain), after));
    }
    let mut unquoted = plain.to_owned();
    let mut chars = rest.chars();
    loop {
        match chars.next()? {
            '"' => return Some((Cow::Owned(unquoted), chars.as_str())),
            '\\' => {
                let (c, after) = escaped(chars.as_str())?;
                unquoted.push(c);
                chars = after.chars();
            }
            c if c.is_control() => return None,
            c => unquoted.push(c),
        }
    }
}

/// The character after a backslash: only one that is written with it.
fn escaped(text: &str) -> Option<(char, &str)> {
    if let Some(digits) = text.strip_prefix('u') {
        let (digits, after) = digits.split_at_checked(4)?;
        let upper = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
        let c = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)?;
        return (upper && c.is_control()).then_some((c, after));
    }
    let c = text.chars().next().filter(|c| matches!(c, '"' | '\\'))?;
    Some((c, text.strip_prefix(c)?))
}

fn list(text: &str) -> Option<Vec<Cow<'_, str>>> {
    let mut rest = text.strip_prefix('[')?;
    let mut texts = Vec::new();
    loop {
        let (text, after) = quoted_text(rest)?;
        texts.push(text);
        match after.strip_prefix(", ") {
            Some(more) => rest = more,
            None => return (after == "]").then_some(texts),
        }
    }
}

impl NotCanonical {
    /// Where, without what: for files whose contents must not reach a log.
    pub(crate) fn place(&self) -> String {
        format!("line {}: {}", self.line, self.wanted)
    }
}

impl fmt::Display for NotCanonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.found {
            Some(found) => write!(f, "line {}: found the field {found:?}; {}", self.line, self.wanted),
            None => write!(f, "line {}: {}", self.line, self.wanted),
        }
    }
}

impl fmt::Display for NextPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, "wanted `{name} = ` and a value"),
            Self::Value(name, what) => write!(f, "wanted {what} for {name}"),
            Self::End => f.write_str("wanted the end of the file"),
        }
    }
}

/// No more of an unknown name is told, in characters.
const LONGEST_NAME: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::toml_table::{Document, quoted};

    fn text_of(line: &str) -> Option<String> {
        CanonicalReader::new(line, 0).text("x").ok().map(Cow::into_owned)
    }

    proptest! {
        #[test]
        fn w2_every_text_that_is_written_is_read(text in "\\PC{0,20}|[\\x00-\\x7f]{0,20}|[\"\\\\\u{80}-\u{9f}]{0,8}") {
            prop_assert_eq!(text_of(&format!("x = {}\n", quoted(&text))), Some(text));
        }

        #[test]
        fn what_is_read_is_what_toml_reads(value in "[\"\\\\u0-9A-Fa-f\\[\\], x\n]{0,12}", number in "[-+0-9_x.]{1,20}") {
            let text = format!("x = {value}\n");
            let mut reader = CanonicalReader::new(&text, 0);
            if let (Ok(read), true) = (reader.text("x"), reader.end().is_ok()) {
                let document = Document::parse(&text).unwrap();
                prop_assert_eq!(document.root().required_string("x"), Ok(&*read));
            }
            let text = format!("x = {number}\n");
            if let Ok(read) = CanonicalReader::new(&text, 0).number("x") {
                let document = Document::parse(&text).unwrap();
                prop_assert_eq!(document.root().required_number("x"), Ok(read));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "(x = |\n|\\[\\[x\\]\\]|\\PC){0,30}") {
            let mut reader = CanonicalReader::new(&text, 0);
            let _ = (reader.number("x"), reader.text("x"), reader.texts("x"), reader.table("x"), reader.end());
        }
    }

    #[test]
    fn w1_to_w4_another_spelling_is_refused() {
        for number in ["", "-1", "+1", "01", "00", "1_000", "0x1", "1.0", "9223372036854775808", " 1", "1 ", "1 # one"]
        {
            assert!(CanonicalReader::new(&format!("x = {number}\n"), 0).number("x").is_err(), "{number:?}");
        }
        assert_eq!(CanonicalReader::new("x = 9223372036854775807\n", 0).number("x"), Ok(i64::MAX as u64));
        for text in [
            "'a'",
            "\"a",
            "\"a\" ",
            "\"a\"\r",
            "\"\\t\"",
            "\"\\u0041\"",
            "\"\\u000a\"",
            "\"\u{7f}\"",
            "\"\"\"a\"\"\"",
            "a",
        ] {
            assert_eq!(text_of(&format!("x = {text}\n")), None, "{text:?}");
        }
        for line in
            ["x=1\n", "x  = 1\n", " x = 1\n", "\nx = 1\n", "# x\nx = 1\n", "x = 1", "\u{feff}x = 1\n", "\"x\" = 1\n"]
        {
            assert!(CanonicalReader::new(line, 0).number("x").is_err(), "{line:?}");
        }
        for list in ["[]", "[\"a\",\"b\"]", "[ \"a\" ]", "[\"a\", ]", "[\"a\"", "\"a\"", "[1]", "[\"a\", \"b\"]]"] {
            assert!(CanonicalReader::new(&format!("x = {list}\n"), 0).texts("x").is_err(), "{list:?}");
        }
        for heading in ["[[x]]\n", "\n[x]\n", "\n[[ x ]]\n", "\n\n[[x]]\n", "\n[[x]]"] {
            assert!(!CanonicalReader::new(heading, 0).table("x"), "{heading:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let text = "a = 1\n\n[[t]]\nb = 2\ncolour = 3\n";
        let mut reader = CanonicalReader::new(text, 1);
        assert_eq!((reader.number("a"), reader.table("u"), reader.table("t")), (Ok(1), false, true));
        assert_eq!((reader.optional_number("c"), reader.optional_number("b")), (Ok(None), Ok(Some(2))));
        let error = reader.text("c").unwrap_err();
        assert_eq!(error.to_string(), "line 6: found the field \"colour\"; wanted `c = ` and a value");
        assert_eq!(error.place(), "line 6: wanted `c = ` and a value");
        let error = reader.text("colour").unwrap_err();
        assert_eq!(error.to_string(), "line 6: wanted a text in double quotes for colour");
        assert!(reader.end().is_ok());
        let error = CanonicalReader::new("\nx\n", 0).end().unwrap_err();
        assert_eq!(error.to_string(), "line 1: wanted the end of the file");
    }
}
