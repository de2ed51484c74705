//! An authenticator apart from its secret: identity, label, kind, algorithm, digits and period, each parsed once.

use crate::unix_time::UnixTime;
use std::fmt;

/// A counter value of RFC 6238 section 4.2 (`T`, the number of periods since 1970) or the moving factor of RFC 4226.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step(pub u64);

/// Time-based (RFC 6238) or counter-based (RFC 4226).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// RFC 6238.
    Totp,
    /// RFC 4226.
    Hotp,
}

/// The hash under the HMAC (RFC 6238 section 1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// The default, and the only one that every app honours.
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

/// Digits of a code: 6, 7 or 8 (RFC 4226 section 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digits(u8);

/// Length of a time step in seconds: 15 to 120 (NIST SP 800-63B-4, 3.1.4.1 caps it at two minutes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period(u16);

/// Random name of a key, 128 bits; never derived from the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; 16]);

/// A person's name for a key: 1 to 32 letters, digits, spaces, `-`, `_`, `.` or `@`, no space at the ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label(String);

/// A value that was found where another was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError {
    /// The kind of value.
    pub what: &'static str,
    /// The value that was found, as text.
    pub found: String,
    /// The form that was wanted.
    pub wanted: &'static str,
}

/// The fewest characters of an id that name a key. Its owner may have labels, and no more than five keys.
pub const SHORTEST_ID: usize = 4;

impl Step {
    /// The greatest counter that a key can begin with: key files have numbers of 63 bits, and a token goes on counting.
    pub const MOST_IMPORTED: u64 = (1 << 62) - 1;
}

impl KeyId {
    /// As files, messages and the log spell it.
    pub fn hex(self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }
}

impl Kind {
    /// The word in files and URIs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Hotp => "hotp",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        match text {
            "totp" => Ok(Self::Totp),
            "hotp" => Ok(Self::Hotp),
            other => Err(ValueError::new("kind", other, "totp or hotp")),
        }
    }
}

impl Algorithm {
    /// The word in files and URIs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        match text {
            "SHA1" => Ok(Self::Sha1),
            "SHA256" => Ok(Self::Sha256),
            "SHA512" => Ok(Self::Sha512),
            other => Err(ValueError::new("algorithm", other, "SHA1, SHA256 or SHA512")),
        }
    }

    /// Bytes of a new key: the length of the HMAC's output (RFC 6238 section 3, R6).
    pub fn key_length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl Digits {
    /// Checks the range.
    pub fn new(digits: i64) -> Result<Self, ValueError> {
        match digits {
            6 => Ok(Self(6)),
            7 => Ok(Self(7)),
            8 => Ok(Self(8)),
            other => Err(ValueError::new("digits", &other.to_string(), "6, 7 or 8")),
        }
    }

    /// As a number.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Period {
    /// Checks the range.
    pub fn new(seconds: i64) -> Result<Self, ValueError> {
        match u16::try_from(seconds) {
            Ok(seconds @ 15..=120) => Ok(Self(seconds)),
            _ => Err(ValueError::new("period", &seconds.to_string(), "15 to 120 seconds")),
        }
    }

    /// In seconds.
    pub fn seconds(self) -> u64 {
        u64::from(self.0)
    }

    /// The step that `time` lies in (RFC 6238 section 4.2, with T0 = 0).
    pub fn step_at(self, time: UnixTime) -> Step {
        Step(time.seconds() / self.seconds().max(1))
    }
}

impl Label {
    /// Checks length and alphabet.
    pub fn new(text: &str) -> Result<Self, ValueError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || " -_.@".contains(c);
        let good = (1..=32).contains(&text.len()) && text.chars().all(plain) && text.trim() == text;
        if good {
            Ok(Self(text.to_owned()))
        } else {
            Err(ValueError::new("label", text, "1 to 32 letters, digits, spaces or any of -_.@, no space at the ends"))
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ValueError {
    /// Keeps of `found` what fits on a line.
    pub fn new(what: &'static str, found: &str, wanted: &'static str) -> Self {
        let found = found.chars().take(64).collect();
        Self { what, found, wanted }
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {:?}; wanted {}", self.what, self.found, self.wanted)
    }
}

impl std::error::Error for ValueError {}

/// Algorithm, digits and period of a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewKey {
    /// Hash; SHA1 is the one that every app honours.
    pub algorithm: Algorithm,
    /// Digits of a code.
    pub digits: Digits,
    /// Time step.
    pub period: Period,
}

impl Default for NewKey {
    fn default() -> Self {
        // 6 digits and 30 seconds are in range: the ranges' own tests say so.
        let (Ok(digits), Ok(period)) = (Digits::new(6), Period::new(30)) else { unreachable!() };
        Self { algorithm: Algorithm::Sha1, digits, period }
    }
}
