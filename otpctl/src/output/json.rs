//! One JSON object per line, in ASCII: what is not is escaped, so that no value moves a cursor. Written without a buffer that could keep a secret.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// Writes `value` and a newline.
pub(crate) fn write(output: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *output, Ascii))?;
    output.write_all(b"\n")?;
    output.flush()
}

struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
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
    fn any_text_survives_as_ascii() {
        let text = "a\"\\\n\x1b\x7f\u{9b}ö\u{202e}€😀 end";
        let mut written = Vec::new();
        write(&mut written, &text).expect("written");
        assert!(written.iter().all(|byte| (b' '..0x7f).contains(byte) || *byte == b'\n'));
        assert_eq!(serde_json::from_slice::<String>(&written).expect("JSON"), text);
    }
}
