//! Why a text cannot be imported: the line, what was found and what was wanted. The finding is quoted only where it cannot be a secret.

use std::fmt;

use otp_core::keys::key::{Step, ValueError};
use otp_core::keys::secret::SecretLengthError;

/// Something in a source that is not to the letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignFault {
    /// Its line, from 1; none for the whole text.
    pub line: Option<usize>,
    /// The finding, in words.
    pub found: String,
    /// The thing wanted, in words.
    pub wanted: &'static str,
}

impl ForeignFault {
    /// Of no line yet.
    pub fn new(found: impl Into<String>, wanted: &'static str) -> Self {
        Self { line: None, found: found.into(), wanted }
    }

    /// The same in a line, unless it names one already.
    pub fn in_line(self, line: usize) -> Self {
        Self { line: self.line.or(Some(line)), ..self }
    }
}

impl From<ValueError> for ForeignFault {
    fn from(error: ValueError) -> Self {
        Self::new(format!("{} {:?}", error.what, error.found), error.wanted)
    }
}

impl From<SecretLengthError> for ForeignFault {
    fn from(error: SecretLengthError) -> Self {
        Self::new(format!("a secret of {} bytes", error.found), "16 to 64 bytes")
    }
}

impl fmt::Display for ForeignFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "found {}; wanted {}", self.found, self.wanted)
    }
}

impl std::error::Error for ForeignFault {}

/// A number of decimal digits alone.
pub(crate) fn number(text: &str, what: &str, wanted: &'static str) -> Result<u64, ForeignFault> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain).ok_or_else(|| ForeignFault::new(format!("{what} that is not one"), wanted))
}

/// A moving factor that a key file can hold.
pub(crate) fn counter(text: &str) -> Result<u64, ForeignFault> {
    let found = number(text, "a counter", COUNTER)?;
    counter_in_range(found)
}

/// The same of a number.
pub(crate) fn counter_in_range(found: u64) -> Result<u64, ForeignFault> {
    match found {
        0..=Step::MOST_IMPORTED => Ok(found),
        _ => Err(ForeignFault::new("a counter above that", COUNTER)),
    }
}

const COUNTER: &str = "a counter of 0 to 4611686018427387903, the most that a key file here can hold";
