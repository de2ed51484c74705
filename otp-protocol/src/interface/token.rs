//! Answers of the daemon about hardware tokens that nobody has yet. Their secrets are not told.

use otp_core::unix_time::UnixTime;
use serde::{Deserialize, Serialize};

use crate::unix_seconds;

/// Answer to `AddToken`.
#[derive(Serialize, Deserialize)]
pub struct TokenBegun {
    /// Seconds until the pending key is thrown away: 900 at the most.
    pub expires_in: u64,
    /// Wrong codes that end the pending key: 6.
    pub tries: u32,
}

/// Answer to `ImportToken`.
#[derive(Serialize, Deserialize)]
pub struct ImportedToken {
    /// Whether a token with this secret was here before the call, which then changed nothing.
    pub already: bool,
    /// Name of the user who has it already, or `uid:NUMBER`; `None` if nobody has.
    #[serde(default)]
    pub user: Option<String>,
}

/// Answer to `ListTokens`.
#[derive(Serialize, Deserialize)]
pub struct TokenList {
    /// Every token that nobody has yet, by serial number and manufacturer.
    pub tokens: Vec<TokenStatus>,
    /// Files of tokens about which nothing can be told.
    pub unreadable: Vec<UnreadableToken>,
}

/// A hardware token that nobody has yet. Its secret is not told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenStatus {
    /// Serial number.
    pub serial: String,
    /// Manufacturer, where the maker's file says it.
    #[serde(default)]
    pub manufacturer: Option<String>,
    /// `totp` or `hotp`.
    pub kind: String,
    /// `SHA1`, `SHA256` or `SHA512`.
    pub algorithm: String,
    /// Digits of a code: 6, 7 or 8.
    pub digits: u8,
    /// Time step in seconds; of no use to HOTP.
    pub period: u64,
    /// Counter that is accepted next; `None` for TOTP.
    #[serde(default)]
    pub counter: Option<u64>,
    /// Unix time of the import.
    #[serde(with = "unix_seconds")]
    pub since: UnixTime,
    /// Unix time before which it is not good.
    #[serde(default, with = "unix_seconds::optional")]
    pub starts: Option<UnixTime>,
    /// Unix time after which it is not good.
    #[serde(default, with = "unix_seconds::optional")]
    pub expires: Option<UnixTime>,
    /// Whether its seal opens. If not, it cannot be assigned until it is imported again.
    pub opens: bool,
}

/// A file of a token that cannot be read, and the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadableToken {
    /// Name of the file in `tokens/`.
    pub file: String,
    /// The file and the cause, for a person.
    pub reason: String,
}
