//! Shared keys in memory: written in place, wiped on drop, and without any trait that could print or copy them (R10).

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

    /// The raw key, for an HMAC, for sealing and for the provisioning URI; nothing else may call this.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Display for SecretLengthError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a key of {} bytes; wanted {} to {}", self.found, Secret::MIN, Secret::MAX)
    }
}
