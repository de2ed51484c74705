//! Hexadecimal, in lower case, as the files have it.

use std::fmt;

/// This field is not lower-case hexadecimal of the length that it should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotHex(pub(crate) &'static str);

/// Reads exactly `N` bytes, the value of the field `what`.
pub(crate) fn hex<const N: usize>(text: &str, what: &'static str) -> Result<[u8; N], NotHex> {
    let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).map_err(|_| NotHex(what))?;
    bytes.try_into().map_err(|_| NotHex(what))
}

impl fmt::Display for NotHex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "value out of its range: {}", self.0)
    }
}
