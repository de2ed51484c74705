//! Shared keys in memory: written in place, wiped on drop, and without any trait that could print or copy them (R10).

use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

/// The shared key of one authenticator, raw bytes.
///
/// At least 16 bytes: RFC 4226 section 4, R6 demands 128 bits. At most 64: the block of the largest hash that people use.
pub struct Secret(Zeroizing<Vec<u8>>);

/// Why bytes are not a usable shared key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretLengthError {
    /// Length that was found, in bytes.
    pub found: usize,
}

impl Secret {
    /// Smallest key in bytes (RFC 4226 section 4, R6).
    pub const MIN: usize = 16;
    /// Largest key in bytes.
    pub const MAX: usize = 64;

    /// Takes over `bytes`; refuses a key that is too short or too long.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Result<Self, SecretLengthError> {
        match bytes.len() {
            Self::MIN..=Self::MAX => Ok(Self(bytes)),
            found => Err(SecretLengthError { found }),
        }
    }

    /// Reads base32 (RFC 4648 section 6) as people have it: case, blanks, hyphens and padding make no difference. `None` for anything
    /// else, and for a key that is too short or too long.
    pub fn from_base32(typed: &str) -> Option<Self> {
        let mut letters = Zeroizing::new(String::with_capacity(typed.len()));
        letters.extend(typed.chars().filter(|c| !matches!(c, ' ' | '-' | '=')).map(|c| c.to_ascii_uppercase()));
        let mut bytes = Zeroizing::new(vec![0; BASE32_NOPAD.decode_len(letters.len()).ok()?]);
        BASE32_NOPAD.decode_mut(letters.as_bytes(), &mut bytes).ok()?;
        Self::new(bytes).ok()
    }

    /// In base32, upper case, no padding: for the provisioning URI, and for a person who types it.
    pub fn base32(&self) -> Zeroizing<String> {
        let mut letters = Zeroizing::new(String::with_capacity(BASE32_NOPAD.encode_len(self.0.len())));
        BASE32_NOPAD.encode_append(&self.0, &mut letters);
        letters
    }

    /// The raw key, for an HMAC and for sealing; nothing else may call this.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Display for SecretLengthError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a key of {} bytes; wanted {} to {}", self.found, Secret::MIN, Secret::MAX)
    }
}
