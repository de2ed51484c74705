//! What the daemon answers. [`Enrolment`], [`Invitation`] and recovery codes carry secrets, and nothing else.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Answer to `BeginEnrolment`, `AddKey` and `Rotate`.
#[derive(Serialize, Deserialize)]
pub struct Begun {
    pub enrolment: Enrolment,
}

/// Answer to `Redeem`.
#[derive(Serialize, Deserialize)]
pub struct Redeemed {
    pub enrolment: Enrolment,
    /// The code was redeemed before; when it was first, and from where.
    #[serde(default)]
    pub earlier: Option<Redemption>,
}

/// Answer to `AddToken`.
#[derive(Serialize, Deserialize)]
pub struct TokenBegun {
    /// Seconds until the pending key is thrown away.
    pub expires_in: u64,
    /// How many codes may be tried.
    pub tries: u32,
}

/// Answer to `Invite`.
#[derive(Serialize, Deserialize)]
pub struct Invited {
    pub invitation: Invitation,
}

/// Answer to `Repudiate`.
#[derive(Serialize, Deserialize)]
pub struct Repudiated {
    /// How many keys are suspended by it.
    pub keys: usize,
}

/// Answer to `RenewRecoveryCodes`.
#[derive(Serialize, Deserialize)]
pub struct RecoveryCodes {
    pub recovery_codes: Vec<Zeroizing<String>>,
}

/// A registration code, shown once. Neither `Debug` nor `Clone`.
#[derive(Serialize, Deserialize)]
pub struct Invitation {
    pub user: String,
    pub uid: u32,
    /// `spoken`, `mail`, `letter` or `split`
    pub form: String,
    /// One code, or two parts.
    pub codes: Vec<Zeroizing<String>>,
    pub replaces: bool,
    /// Seconds since 1970.
    pub ends: u64,
    pub superseded: bool,
}

/// When and from where a code was redeemed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redemption {
    /// Seconds since 1970.
    pub at: u64,
    #[serde(default)]
    pub tty: Option<String>,
    #[serde(default)]
    pub rhost: Option<String>,
    #[serde(default)]
    pub service: Option<String>,
}

/// Answer to `ConfirmEnrolment`: the key is stored.
#[derive(Serialize, Deserialize)]
pub struct Confirmed {
    pub user: String,
    pub uid: u32,
    pub key: KeyStatus,
    /// How often the user's keys have changed, this time included.
    pub generation: u64,
    /// Shown this once; none if the old ones go on.
    pub recovery_codes: Vec<Zeroizing<String>>,
}

/// Answer to `CancelEnrolment`.
#[derive(Serialize, Deserialize)]
pub struct Cancelled {}

/// Answer to what changes something and has nothing to tell.
#[derive(Serialize, Deserialize)]
pub struct Done {}

/// Answer to `Restored`.
#[derive(Serialize, Deserialize)]
pub struct RestoredUsers {
    /// For whom something changed.
    pub users: Vec<String>,
}

/// Answer to `Status`.
#[derive(Serialize, Deserialize)]
pub struct UserStatusReply {
    pub status: UserStatus,
}

/// Answer to `List`.
#[derive(Serialize, Deserialize)]
pub struct UserList {
    pub users: Vec<UserStatus>,
    /// Users with a key file of whom nothing else can be told.
    pub unreadable: Vec<Unreadable>,
}

/// A user whose files or account cannot be read, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    pub uid: u32,
    /// None if no account has that uid.
    #[serde(default)]
    pub user: Option<String>,
    /// Which file and why, as in the log.
    pub reason: String,
}

/// Answer to `Verify`.
#[derive(Serialize, Deserialize)]
pub struct Verified {
    pub verdict: VerdictReply,
}

/// What came of a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictReply {
    pub accepted: bool,
    /// A word of the log; `code` if accepted.
    pub reason: String,
    /// The label of the key that accepted it; for root only.
    #[serde(default)]
    pub key: Option<String>,
    /// Seconds until a code is looked at again.
    pub wait: u64,
}

/// A new key, shown once and not yet stored. Neither `Debug` nor `Clone`: it is a secret.
#[derive(Serialize, Deserialize)]
pub struct Enrolment {
    pub user: String,
    pub uid: u32,
    /// What the user calls the device.
    pub label: String,
    /// `totp` or `hotp`
    pub kind: String,
    /// `SHA1`, `SHA256` or `SHA512`
    pub algorithm: String,
    pub digits: u8,
    /// Seconds in a step; of no use to HOTP.
    pub period: u32,
    /// HOTP: the counter to begin with.
    #[serde(default)]
    pub counter: Option<u64>,
    /// Base32, upper case, no padding.
    pub secret: Zeroizing<String>,
    /// `otpauth://…`, with the same secret.
    pub uri: Zeroizing<String>,
    /// The URI as a QR code: SVG.
    pub qr_svg: Zeroizing<String>,
    /// The same in half blocks, for a dark terminal.
    pub qr_dark: Zeroizing<String>,
    /// The same for a light one.
    pub qr_light: Zeroizing<String>,
    /// Seconds until the pending key is thrown away.
    pub expires_in: u64,
    /// How many codes may be tried.
    pub tries: u32,
}

/// A stored key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyStatus {
    pub id: String,
    pub label: String,
    /// `totp` or `hotp`
    pub kind: String,
    /// `SHA1`, `SHA256` or `SHA512`
    pub algorithm: String,
    pub digits: u8,
    /// Seconds in a step.
    pub period: u32,
    /// Seconds since 1970.
    pub created: u64,
    /// Seconds since 1970.
    pub confirmed: u64,
    /// Seconds since 1970; none before the first login.
    #[serde(default)]
    pub last_used: Option<u64>,
    /// Seconds since 1970; none if the key does not come to an end.
    #[serde(default)]
    pub expires: Option<u64>,
    /// HOTP: two codes in a row are wanted.
    pub resync: bool,
    /// Its owner has repudiated the registration code that it descends from.
    #[serde(default)]
    pub suspended: bool,
}

/// The wrong codes of one origin since its last accepted one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginStatus {
    /// `self`, `other`, `remote`, `console` or `socket`
    pub origin: String,
    /// For root only: the count tells a wrong code from a replayed one.
    #[serde(default)]
    pub failures: Option<u32>,
    pub limit: u32,
    /// The limit is reached: no code is taken from this origin.
    pub closed: bool,
    /// Seconds until a code is looked at again.
    pub wait: u64,
}

/// All that may be told of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserStatus {
    pub user: String,
    pub uid: u32,
    pub enrolled: bool,
    pub generation: u64,
    pub suspended: bool,
    pub disabled: bool,
    /// All keys have come to their end.
    pub expired: bool,
    /// The state comes from a backup; HOTP is off until root accepts the restore.
    pub restored: bool,
    pub keys: Vec<KeyStatus>,
    pub origins: Vec<OriginStatus>,
}
