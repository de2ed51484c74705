//! One JSON object per line, in ASCII: what is not is escaped, so that no value moves a cursor. Written without a buffer that could keep a secret.
//! A moment stands twice, as seconds since 1970 and, under the same name with `_utc`, as RFC 3339 has it.

use std::io::{self, Write};

use otp_core::files::date::utc;
use otp_core::unix_time::UnixTime;
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// Writes `value` and a newline.
pub(crate) fn write(output: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    write_part(output, value)?;
    output.write_all(b"\n")?;
    output.flush()
}

/// Writes `value`, which is a part of an object.
pub(crate) fn write_part(output: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    Ok(value.serialize(&mut Serializer::with_formatter(&mut *output, AsciiWithTimes::default()))?)
}

#[derive(Default)]
struct AsciiWithTimes {
    /// The name of the member that is being written.
    member: String,
    part: JsonPart,
}

#[derive(Default, PartialEq, Eq)]
enum JsonPart {
    Name,
    #[default]
    Value,
}

/// Members that are moments, where they are numbers or null. No other member of that name may be a number.
const MOMENTS: [&str; 15] = [
    "at",
    "before",
    "confirmed",
    "created",
    "ends",
    "expires",
    "exported",
    "last",
    "last_used",
    "made",
    "now",
    "since",
    "starts",
    "until",
    "works_from",
];

impl AsciiWithTimes {
    /// After the value of a moment.
    fn again<W: ?Sized + Write>(&self, writer: &mut W, time: Option<u64>) -> io::Result<()> {
        if !MOMENTS.contains(&self.member.as_str()) {
            return Ok(());
        }
        write!(writer, ",\"{}_utc\":", self.member)?;
        match time {
            Some(seconds) => write!(writer, "\"{}\"", utc(UnixTime::new(seconds))),
            None => writer.write_all(b"null"),
        }
    }
}

impl Formatter for AsciiWithTimes {
    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.member.clear();
        self.part = JsonPart::Name;
        if first { Ok(()) } else { writer.write_all(b",") }
    }

    fn end_object_key<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.part = JsonPart::Value;
        Ok(())
    }

    fn write_u64<W: ?Sized + Write>(&mut self, writer: &mut W, value: u64) -> io::Result<()> {
        write!(writer, "{value}")?;
        self.again(writer, Some(value))
    }

    fn write_null<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"null")?;
        self.again(writer, None)
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if self.part == JsonPart::Name {
            self.member.push_str(fragment);
        }
        let mut rest = fragment;
        while let Some(at) = rest.find(is_escaped) {
            let (plain, tail) = rest.split_at(at);
            let mut letters = tail.chars();
            let units = letters.next().map(|letter| letter.encode_utf16(&mut [0; 2]).to_vec());
            writer.write_all(plain.as_bytes())?;
            units.unwrap_or_default().iter().try_for_each(|unit| write!(writer, "\\u{unit:04x}"))?;
            rest = letters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// serde_json itself escapes what is below the space.
fn is_escaped(letter: char) -> bool {
    !letter.is_ascii() || letter == '\x7f'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_stands_twice_and_nothing_else_does() {
        #[derive(Serialize)]
        struct Times<'a> {
            made: u64,
            expires: Option<u64>,
            until: Option<&'a str>,
            uid: u64,
            at: [u64; 0],
        }
        let mut written = Vec::new();
        let times = Times { made: 951_782_400, expires: None, until: Some("2027-03-01"), uid: 7, at: [] };
        write(&mut written, &times).expect("written");
        let expected = "{\"made\":951782400,\"made_utc\":\"2000-02-29T00:00:00Z\",\"expires\":null,\"expires_utc\":null,\
                        \"until\":\"2027-03-01\",\"uid\":7,\"at\":[]}\n";
        assert_eq!(String::from_utf8(written).expect("UTF-8"), expected);
    }

    #[test]
    fn any_text_survives_as_ascii() {
        let text = "a\"\\\n\x1b\x7f\u{9b}ö\u{202e}€😀 end";
        let mut written = Vec::new();
        write(&mut written, &text).expect("written");
        assert!(written.iter().all(|byte| (b' '..0x7f).contains(byte) || *byte == b'\n'));
        assert_eq!(serde_json::from_slice::<String>(&written).expect("JSON"), text);
    }
}
