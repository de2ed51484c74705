//! Answers of the daemon. [`Enrolment`], [`Invitation`] and recovery codes carry secrets; nothing else does.

use otp_core::files::notice::when_and_where;
use otp_core::files::user_mark::UserMark;
use otp_core::manage::adoption::{Adoption, Adoptions};
use otp_core::unix_time::UnixTime;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::claimed_place::ClaimedPlace;
use super::user_status::{CoolDownStatus, KeyStatus, Unreadable};
use crate::unix_seconds;

/// Answer to `BeginEnrolment`, `AddKey` and `Rotate`.
#[derive(Serialize, Deserialize)]
pub struct Begun {
    /// The pending key with its secret, bound to this connection until `ConfirmEnrolment`.
    pub enrolment: Enrolment,
}

/// Answer to `Redeem`.
#[derive(Serialize, Deserialize)]
pub struct Redeemed {
    /// The pending key with its secret, bound to this connection until `ConfirmEnrolment`.
    pub enrolment: Enrolment,
    /// The last use of the same code before this one, whose pending key ends now; `None` at the first use.
    #[serde(default)]
    pub earlier: Option<Redemption>,
}

/// Answer to `ImportKey`.
#[derive(Serialize, Deserialize)]
pub struct Imported {
    /// Name of the key's owner as the account database spells it.
    pub user: String,
    /// Uid of the key's owner.
    pub uid: u32,
    /// Whether the user had a key with this secret before the call, which then changed nothing.
    pub already: bool,
}

/// Answer to `Invite`.
#[derive(Serialize, Deserialize)]
pub struct Invited {
    /// The registration code. No other message repeats it.
    pub invitation: Invitation,
}

/// Answer to `ExtendInvitation`.
#[derive(Serialize, Deserialize)]
pub struct ExtendedInvitation {
    /// Whether the end is another one now; false where it was as late already.
    pub changed: bool,
    /// `spoken`, `mail`, `letter` or `split`.
    pub form: String,
    /// Last moment at which the code is good; Unix time in seconds, UTC.
    #[serde(with = "unix_seconds")]
    pub ends: UnixTime,
}

/// Answer to `RequestReset` and `ApproveReset`.
#[derive(Serialize, Deserialize)]
pub struct ResetReply {
    /// The reset as it waits from now on.
    pub reset: ResetStatus,
}

/// Answer to `ListResets`.
#[derive(Serialize, Deserialize)]
pub struct ResetList {
    /// By id.
    pub resets: Vec<ResetStatus>,
    /// Files about which nothing else can be told; none for a user in no group.
    pub unreadable: Vec<UnreadableReset>,
}

/// Answer to `CancelReset`.
#[derive(Serialize, Deserialize)]
pub struct CancelledReset {
    /// Name of the user whose keys it was about; `None` if its file could not be read.
    #[serde(default)]
    pub user: Option<String>,
}

/// A reset that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetStatus {
    /// Eight hexadecimal digits that name it.
    pub id: String,
    /// Name of the user whose keys it is about.
    pub user: String,
    /// Uid of that user.
    pub uid: u32,
    /// Unix time of the request.
    #[serde(with = "unix_seconds")]
    pub asked: UnixTime,
    /// Uid that asked.
    pub by: u32,
    /// `in-person`, `callback`, `vouched` or `factor`.
    pub proof: String,
    /// Uid that vouches, with `vouched`.
    #[serde(default)]
    pub voucher: Option<u32>,
    /// Sentence of the one who asked.
    pub reason: String,
    /// `waits`, `needs-approval`, `ready`, `expired` or `restored`.
    pub state: String,
    /// Seconds of the delay that are left; 0 once it has passed.
    pub left: u64,
    /// Whether a second admin has to agree.
    pub approval_wanted: bool,
    /// Unix time at which one did.
    #[serde(default, with = "unix_seconds::optional")]
    pub approved: Option<UnixTime>,
    /// Uid that did.
    #[serde(default)]
    pub approved_by: Option<u32>,
    /// Number of registration codes that were made on it.
    pub codes: usize,
    /// Why no code is made on it now, because of the password; `None` as in [`UserStatus`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cool_down: Option<CoolDownStatus>,
}

/// A file of a reset that cannot be read, and the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadableReset {
    /// The id that the file is named after.
    pub id: String,
    /// The file and the cause, for a person.
    pub reason: String,
}

/// Answer to `Repudiate`.
#[derive(Serialize, Deserialize)]
pub struct Repudiated {
    /// Number of keys that descend from the code and are suspended now; the same again if the call is repeated.
    pub keys: usize,
}

/// Answer to `RenewRecoveryCodes`.
#[derive(Serialize, Deserialize)]
pub struct RecoveryCodes {
    /// The new set of eight codes, shown this once. Each is good for one use.
    pub recovery_codes: Vec<Zeroizing<String>>,
}

/// A registration code, shown once. Neither `Debug` nor `Clone`.
#[derive(Serialize, Deserialize)]
pub struct Invitation {
    /// Name of the invited user as the account database spells it.
    pub user: String,
    /// Uid of that account; the code works in no other.
    pub uid: u32,
    /// `spoken`, `mail`, `letter` or `split`: as in the call, or `spoken` where it named none.
    pub form: String,
    /// One code, or the two parts of a split one, which should travel separately; none with `dry_run`.
    pub codes: Vec<Zeroizing<String>>,
    /// Whether the new key replaces all keys of the user; otherwise the code is for a first key only.
    pub replaces: bool,
    /// Last moment at which the code is good; Unix time in seconds, UTC.
    #[serde(with = "unix_seconds")]
    pub ends: UnixTime,
    /// Whether an earlier code of this user was still good and is worthless from now on; with `dry_run`, whether one is good.
    pub superseded: bool,
}

/// Time and place of one use of a registration code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redemption {
    /// Unix time in seconds, UTC.
    #[serde(with = "unix_seconds")]
    pub at: UnixTime,
    /// From where. On the wire its fields are members of this one.
    #[serde(flatten)]
    pub from: ClaimedPlace,
}

impl Redemption {
    /// In words that cannot move a cursor.
    pub fn when_and_where(&self, now: UnixTime, time: impl Fn(UnixTime) -> String) -> String {
        when_and_where(self.at, &self.from.cut(), now, time)
    }
}

/// Answer to `ConfirmEnrolment`: the key is stored.
#[derive(Serialize, Deserialize)]
pub struct Confirmed {
    /// Name of the key's owner as the account database spells it.
    pub user: String,
    /// Uid of the key's owner.
    pub uid: u32,
    /// The key as stored, not used yet. Tells neither its secret nor the code that confirmed it.
    pub key: KeyStatus,
    /// How often the user's keys have changed, this time included.
    pub generation: u64,
    /// Eight recovery codes after `Redeem`, shown this once; none after any other call, which leaves the old ones in
    /// force.
    pub recovery_codes: Vec<Zeroizing<String>>,
}

/// Answer to `CancelEnrolment`.
#[derive(Serialize, Deserialize)]
pub struct Cancelled {}

/// Answer to calls that change something and have nothing to tell.
#[derive(Serialize, Deserialize)]
pub struct Done {}

/// Answer to `Resume`, `Reopen` and `Rename`.
#[derive(Serialize, Deserialize)]
pub struct Changed {
    /// `Some(false)` if it was so already: nothing was written, and nobody was told. `None` if it was done, and from a daemon
    /// that does not know this member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<bool>,
}

/// Answer to `Barred`.
#[derive(Serialize, Deserialize)]
pub struct BarredReply {
    /// Whether the user is suspended, disabled, expired, or without a key after the last one was revoked.
    pub barred: bool,
}

/// Answer to `Suspend`.
#[derive(Serialize, Deserialize)]
pub struct Suspended {
    /// `Some(true)` if the user was never enrolled and only the registration code ended: nothing is suspended, and nothing
    /// else is stored. `None` if the keys are suspended, and from a daemon that does not know this member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation_only: Option<bool>,
    /// `Some(false)` if the keys were suspended already and no code was on its way; as in [`Changed`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<bool>,
}

/// Answer to `ReportLost`.
#[derive(Serialize, Deserialize)]
pub struct LostReply {
    /// Last second at which the caller can take the report back; Unix time, UTC, by the clock of now. `None` where only an admin can
    /// end the suspension.
    #[serde(default, with = "unix_seconds::optional")]
    pub until: Option<UnixTime>,
}

/// Answer to `AdoptAll`.
#[derive(Serialize, Deserialize)]
pub struct AdoptedUsers {
    /// Files that went over, or would, in that order.
    pub adopted: Vec<Adopted>,
    /// Files that stay although their account is not the one in them, and why.
    pub left: Vec<Unreadable>,
}

/// Files that went over to an account.
#[derive(Serialize, Deserialize)]
pub struct Adopted {
    /// Name of the account.
    pub user: String,
    /// Its uid.
    pub uid: u32,
    /// The name in the files before.
    pub from: String,
    /// The uid in the files before.
    pub from_uid: u32,
}

impl From<Adoptions> for AdoptedUsers {
    fn from(all: Adoptions) -> Self {
        let told =
            |one: Adoption| Adopted { user: one.to.name, uid: one.to.uid, from: one.from.name, from_uid: one.from.uid };
        let left = all.left.into_iter().map(|(uid, user, why)| Unreadable { uid, user, reason: why.to_string() });
        Self { adopted: all.adopted.into_iter().map(told).collect(), left: left.collect() }
    }
}

/// Answer to `ListGone`.
#[derive(Serialize, Deserialize)]
pub struct GoneUsers {
    /// By rising uid.
    pub users: Vec<GoneUser>,
}

/// A user who is refused because the account was seen missing.
#[derive(Serialize, Deserialize)]
pub struct GoneUser {
    /// The uid.
    pub uid: u32,
    /// The name then; `None` if the mark cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// When that was first seen, in Unix seconds; `None` if the mark cannot be read.
    #[serde(default, with = "unix_seconds::optional", skip_serializing_if = "Option::is_none")]
    pub since: Option<UnixTime>,
}

impl GoneUsers {
    /// From the marks in the vault.
    pub fn of(marks: Vec<(u32, Option<UserMark>)>) -> Self {
        let one = |(uid, mark): (u32, Option<UserMark>)| {
            let (user, since) = mark.map(|mark| (mark.account.name, mark.since)).unzip();
            GoneUser { uid, user, since }
        };
        Self { users: marks.into_iter().map(one).collect() }
    }
}

/// Answer to `Restored`.
#[derive(Serialize, Deserialize)]
pub struct RestoredUsers {
    /// Names of the users for whom something changed; may be empty if the call named nobody.
    pub users: Vec<String>,
}

/// Answer to `Verify`.
#[derive(Serialize, Deserialize)]
pub struct Verified {
    /// The decision, with as much of the reason as this caller may hear.
    pub verdict: VerdictReply,
}

/// Answer to `TryCode`.
#[derive(Serialize, Deserialize)]
pub struct TriedCode {
    /// The decision, as the owner may hear it, with the key that accepted the code.
    pub verdict: VerdictReply,
    /// How wrong the clock of the device is that shows this code, as a word of `CodeRefused`; `None` for a code that is
    /// accepted, or refused for anything but being wrong, or found at no other time.
    #[serde(default)]
    pub diagnosis: Option<String>,
}

/// The decision about a code. A refused code is a verdict, not an error: an error means that nothing was decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictReply {
    /// Whether the code is right; it is used up then. Only `true` is a yes.
    pub accepted: bool,
    /// `code` or `recovery-code` if accepted, else a word for the refusal. Root hears the word of the log, users mostly
    /// hear what `Status` would tell them, an application hears `refused`; everybody hears `emergency`.
    pub reason: String,
    /// Label of the key that accepted the code, or `recovery code, N left`; `None` for a refusal, and
    /// for anybody but root and the caller of `TryCode`.
    #[serde(default)]
    pub key: Option<String>,
    /// Seconds until the daemon looks at a code again; 0 unless `reason` is `waiting`.
    pub wait: u64,
}

/// A new key, shown once and not yet stored. Neither `Debug` nor `Clone`: it is a secret.
#[derive(Serialize, Deserialize)]
pub struct Enrolment {
    /// Name of the key's future owner as the account database spells it.
    pub user: String,
    /// Uid of the key's future owner.
    pub uid: u32,
    /// The owner's name for the device: 1 to 32 characters.
    pub label: String,
    /// `totp` (RFC 6238) or `hotp` (RFC 4226).
    pub kind: String,
    /// Hash of the HMAC: `SHA1`, `SHA256` or `SHA512`.
    pub algorithm: String,
    /// Digits of a code: 6 to 8.
    pub digits: u8,
    /// Seconds in a time step: 15 to 120. HOTP does not use it.
    pub period: u32,
    /// Counter that a HOTP device begins with; `None` for TOTP.
    #[serde(default)]
    pub counter: Option<u64>,
    /// The shared secret in base32 (RFC 4648 section 6), upper case, no padding, for a person to type.
    pub secret: Zeroizing<String>,
    /// `otpauth://…` URI with the same secret, for an app to scan.
    pub uri: Zeroizing<String>,
    /// The URI as a QR code in SVG, for a web page.
    pub qr_svg: Zeroizing<String>,
    /// The URI as a QR code in half blocks without colours, for a dark terminal; lines end in `\n`.
    pub qr_dark: Zeroizing<String>,
    /// The URI as a QR code in half blocks without colours, for a light terminal; lines end in `\n`.
    pub qr_light: Zeroizing<String>,
    /// Seconds until the pending key is thrown away: 900 at the most.
    pub expires_in: u64,
    /// Wrong codes that end the pending key: 6.
    pub tries: u32,
}
