//! The JSON of Varlink calls and replies, written and read here because the module links as few crates as it can. The reader
//! takes one object of texts, whole numbers, flags, nulls, arrays and objects, to a small depth: what our daemon answers.
//! Anything else, and anything too deep or malformed, is refused.

use std::fmt::Write as _;

use zeroize::Zeroizing;

/// A value of a reply.
#[derive(PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Value {
    /// A text; wiped, because it may be a secret.
    Text(Zeroizing<String>),
    /// A whole number.
    Number(i64),
    /// True or false.
    Flag(bool),
    /// Null.
    Null,
    /// An object.
    Object(Vec<(String, Value)>),
    /// An array.
    Array(Vec<Value>),
}

/// Deepest nesting that is read.
const DEEPEST: usize = 8;

/// A text as a JSON string, all but printable ASCII escaped.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for unit in text.encode_utf16() {
        match u8::try_from(unit).ok().filter(|byte| (0x20..0x7f).contains(byte)) {
            Some(byte @ (b'"' | b'\\')) => out.extend(['\\', char::from(byte)]),
            Some(byte) => out.push(char::from(byte)),
            None => {
                let written = write!(out, "\\u{unit:04x}");
                debug_assert!(written.is_ok(), "writing to a String does not fail");
            }
        }
    }
    out.push('"');
    out
}

impl Value {
    /// Reads one value that fills the whole text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut reader = JsonReader { rest: text };
        let value = reader.value(0)?;
        reader.space();
        reader.rest.is_empty().then_some(value)
    }

    /// A field of an object, taken out of it.
    pub(crate) fn take(self, name: &str) -> Option<Self> {
        match self {
            Self::Object(fields) => fields.into_iter().find(|(found, _)| found == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// A field of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => fields.iter().find(|(found, _)| found == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// As a text.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// As true or false.
    pub(crate) fn flag(&self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// As an array.
    pub(crate) fn list(&self) -> Option<&[Self]> {
        match self {
            Self::Array(values) => Some(values),
            _ => None,
        }
    }

    /// As a number of at least 0.
    pub(crate) fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }
}

struct JsonReader<'a> {
    rest: &'a str,
}

impl JsonReader<'_> {
    fn value(&mut self, depth: usize) -> Option<Value> {
        self.space();
        match self.rest.chars().next()? {
            _ if depth > DEEPEST => None,
            '"' => self.text().map(Value::Text),
            '{' => self.object(depth),
            '[' => self.array(depth),
            't' => self.word("true", Value::Flag(true)),
            'f' => self.word("false", Value::Flag(false)),
            'n' => self.word("null", Value::Null),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        let mut fields: Vec<(String, Value)> = Vec::new();
        self.list('{', '}', |reader| {
            reader.space();
            let name = reader.text()?;
            reader.space();
            reader.take(':')?;
            let once = !fields.iter().any(|(found, _)| *found == *name); // readers differ on which of two counts
            once.then_some(())?;
            fields.push((name.as_str().to_owned(), reader.value(depth + 1)?));
            Some(())
        })?;
        Some(Value::Object(fields))
    }

    fn array(&mut self, depth: usize) -> Option<Value> {
        let mut values = Vec::new();
        self.list('[', ']', |reader| {
            values.push(reader.value(depth + 1)?);
            Some(())
        })?;
        Some(Value::Array(values))
    }

    /// Elements between `open` and `close`, with commas between them.
    fn list(&mut self, open: char, close: char, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(open)?;
        self.space();
        if self.take(close).is_some() {
            return Some(());
        }
        loop {
            element(self)?;
            self.space();
            if self.take(close).is_some() {
                return Some(());
            }
            self.take(',')?;
        }
    }

    /// No text is longer than it is written, so the buffer never grows and leaves no piece of a secret behind.
    fn text(&mut self) -> Option<Zeroizing<String>> {
        self.take('"')?;
        let mut text = Zeroizing::new(String::with_capacity(self.length()?));
        loop {
            match self.next()? {
                '"' => return Some(text),
                '\\' => text.push(self.escaped()?),
                c if c < ' ' => return None,
                c => text.push(c),
            }
        }
    }

    /// Bytes up to the quotation mark that ends a text.
    fn length(&self) -> Option<usize> {
        let mut escaped = false;
        self.rest.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })
    }

    fn escaped(&mut self) -> Option<char> {
        Some(match self.next()? {
            c @ ('"' | '\\' | '/') => c,
            'b' => '\u{8}',
            't' => '\t',
            'n' => '\n',
            'f' => '\u{c}',
            'r' => '\r',
            'u' => match self.unit()? {
                high @ 0xd800..0xdc00 => {
                    self.take('\\')?;
                    self.take('u')?;
                    char::decode_utf16([high, self.unit()?]).next()?.ok()?
                }
                unit => char::from_u32(u32::from(unit))?,
            },
            _ => return None,
        })
    }

    fn unit(&mut self) -> Option<u16> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
    }

    fn number(&mut self) -> Option<Value> {
        let end = self.rest.find(|c: char| c != '-' && !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        // As it is written in one way only: no zeros before it, and no sign before zero.
        digits.parse().ok().filter(|number: &i64| number.to_string() == digits).map(Value::Number)
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(value)
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = self.rest.get(c.len_utf8()..)?;
        Some(c)
    }

    fn take(&mut self, c: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(c)?;
        Some(())
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_of_the_daemon_is_read() {
        let text = r#" {"parameters":{"verdict":{"accepted":true,"reason":"code","key":"my \"ph\u00f6ne\"","wait":0,"x":[1,{}]}}} "#;
        let value = Value::parse(text).unwrap();
        let verdict = value.get("parameters").unwrap().get("verdict").unwrap();
        assert_eq!(verdict.get("accepted").unwrap().flag(), Some(true));
        assert_eq!(verdict.get("key").unwrap().text(), Some("my \"phöne\""));
        assert_eq!(verdict.get("wait").unwrap().number(), Some(0));
    }

    #[test]
    fn whatever_is_written_is_read_back() {
        for text in ["", "plain", "quo\"te\\", "line\nbreak\u{1}", "ü√😀", "\u{7f}"] {
            assert_eq!(Value::parse(&quoted(text)), Some(Value::Text(text.to_owned().into())));
            assert!(quoted(text).bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        }
    }

    #[test]
    fn what_is_malformed_or_too_deep_is_refused() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let bad = [
            "",
            " ",
            "{",
            "{}x",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "[1,]",
            "[1 2]",
            "tru",
            "nul",
            "00",
            "01",
            "-0",
            "-01",
            "1-2",
            "{\"a\":1,\"a\":2}",
            "{\"a\":1,\"\\u0061\":2}",
            "1.5",
            "1e3",
            "--1",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"a\nb\"",
            "99999999999999999999",
            "\"\\u+123\"",
            &deep,
        ];
        for text in bad {
            assert_eq!(Value::parse(text), None, "{:?}", &text[..text.len().min(20)]);
        }
    }
}
