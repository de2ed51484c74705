//! The values a parameter can have: types that hold nothing else, and the one place that says what is allowed.

use serde::Serialize;
use zeroize::Zeroizing;

use super::Refusal;

/// The hash under HMAC (RFC 6238 section 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Algorithm {
    #[serde(rename = "SHA1")]
    Sha1,
    #[serde(rename = "SHA256")]
    Sha256,
    #[serde(rename = "SHA512")]
    Sha512,
}

/// The length of a code: 6 to 8 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Digits(u8);

/// The length of a step: 15 to 120 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Period(u8);

impl Algorithm {
    /// The name that goes over the wire and into an otpauth URI.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    pub(super) fn read(found: String) -> Result<Self, Refusal> {
        let known = [Self::Sha1, Self::Sha256, Self::Sha512];
        let named = known.into_iter().find(|known| known.name() == found);
        named.ok_or_else(|| refused("algorithm", &found, "SHA1, SHA256 or SHA512"))
    }
}

impl Digits {
    /// `None` unless 6 to 8.
    pub fn new(found: u8) -> Option<Self> {
        (6..=8).contains(&found).then_some(Self(found))
    }

    /// How many digits.
    pub fn get(self) -> u8 {
        self.0
    }

    pub(super) fn read(found: i64) -> Result<Self, Refusal> {
        let small = u8::try_from(found).ok().and_then(Self::new);
        small.ok_or_else(|| refused("digits", &found.to_string(), "6, 7 or 8"))
    }
}

impl Period {
    /// `None` unless 15 to 120.
    pub fn new(seconds: u8) -> Option<Self> {
        (15..=120).contains(&seconds).then_some(Self(seconds))
    }

    /// How many seconds.
    pub fn seconds(self) -> u8 {
        self.0
    }

    pub(super) fn read(found: i64) -> Result<Self, Refusal> {
        let small = u8::try_from(found).ok().and_then(Self::new);
        small.ok_or_else(|| refused("period", &found.to_string(), "15 to 120 seconds"))
    }
}

/// A name that NSS may know.
pub(super) fn user_name(found: String) -> Result<String, Refusal> {
    if is_plain(&found, USER_BYTES) {
        return Ok(found);
    }
    let wanted = format!("1 to {USER_BYTES} bytes without control characters");
    Err(refused("user", &found, &wanted))
}

/// What a device may be called.
pub(super) fn label(found: String) -> Result<String, Refusal> {
    if is_plain(&found, LABEL_BYTES) {
        return Ok(found);
    }
    let wanted = format!("1 to {LABEL_BYTES} bytes without control characters");
    Err(refused("label", &found, &wanted))
}

/// What a person may have typed as a code; a refusal does not repeat it.
pub(super) fn code(found: Zeroizing<String>) -> Result<Zeroizing<String>, Refusal> {
    if is_plain(&found, CODE_BYTES) {
        return Ok(found);
    }
    let shown = format!("{} bytes, not repeated here", found.len());
    let wanted = format!("1 to {CODE_BYTES} bytes without control characters");
    Err(refused("code", &shown, &wanted))
}

/// Neither empty, nor too long, nor able to move a cursor.
fn is_plain(text: &str, most: usize) -> bool {
    !text.is_empty() && text.len() <= most && !text.chars().any(char::is_control)
}

fn refused(field: &str, found: &str, wanted: &str) -> Refusal {
    Refusal::InvalidValue {
        field: field.to_owned(),
        found: found.chars().take(SHOWN_CHARS).collect(),
        wanted: wanted.to_owned(),
    }
}

const USER_BYTES: usize = 256;
const LABEL_BYTES: usize = 64;
const CODE_BYTES: usize = 64;
const SHOWN_CHARS: usize = 64;
