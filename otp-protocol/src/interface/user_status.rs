//! Answers of the daemon about users: their keys and wrong codes, without secrets.

use otp_core::unix_time::UnixTime;
use serde::{Deserialize, Serialize};

use crate::unix_seconds;
use crate::varlink::frame::REPLY_BYTES;
use crate::varlink::message::length;

/// Answer to `Status`.
#[derive(Serialize, Deserialize)]
pub struct UserStatusReply {
    /// State of the user asked about, without the counts of wrong codes unless root asks.
    pub status: UserStatus,
}

/// Answer to `List`, or one of several.
#[derive(Default, Serialize, Deserialize)]
pub struct UserList {
    /// Every user with a readable key file, by rising uid.
    pub users: Vec<UserStatus>,
    /// Users with a key file about whom nothing else can be told, by rising uid.
    pub unreadable: Vec<Unreadable>,
}

impl UserList {
    /// Takes the next users in. Says no, and takes none, where one reply could not hold them all; `bytes` is the length so far.
    pub fn take_in(&mut self, next: Self, bytes: &mut usize) -> bool {
        *bytes = bytes.saturating_add(length(&next));
        let fits = *bytes <= REPLY_BYTES;
        if fits {
            self.users.extend(next.users);
            self.unreadable.extend(next.unreadable);
        }
        fits
    }
}

/// A user whose files or account cannot be read, and the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// The uid that the name of the key file says.
    pub uid: u32,
    /// Name of the account or, where no account has that uid or the account database cannot say, the name in the key file.
    #[serde(default)]
    pub user: Option<String>,
    /// The file and the cause, for a person.
    pub reason: String,
}

/// A stored key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyStatus {
    /// Random name of the key, which never changes: 32 lower-case hexadecimal digits. Empty for those who may list users and
    /// have no right to a key of theirs.
    pub id: String,
    /// The owner's name for the device: 1 to 32 characters, unique among their keys. `Rename` changes it.
    pub label: String,
    /// `totp` (RFC 6238) or `hotp` (RFC 4226).
    pub kind: String,
    /// Hash of the HMAC: `SHA1`, `SHA256` or `SHA512`.
    pub algorithm: String,
    /// Digits of a code: 6 to 8.
    pub digits: u8,
    /// Seconds in a time step: 15 to 120. HOTP does not use it.
    pub period: u32,
    /// Beginning of the enrolment; Unix time in seconds, UTC.
    #[serde(with = "unix_seconds")]
    pub created: UnixTime,
    /// Time of the code that confirmed the key; Unix time in seconds, UTC.
    #[serde(with = "unix_seconds")]
    pub confirmed: UnixTime,
    /// Time of the last accepted code since then; Unix time in seconds, UTC. `None` before the first login.
    #[serde(default, with = "unix_seconds::optional")]
    pub last_used: Option<UnixTime>,
    /// Last second at which the key is good; Unix time, UTC. `None` if it has no end.
    #[serde(default, with = "unix_seconds::optional")]
    pub expires: Option<UnixTime>,
    /// HOTP: state was lost, so that the next login takes two codes in a row (RFC 4226 section 7.4).
    pub resync: bool,
    /// The owner has repudiated the registration code that the key descends from: it is off for good.
    #[serde(default)]
    pub suspended: bool,
}

/// The wrong codes of one origin since its last accepted one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginStatus {
    /// `self`, `other`, `remote`, `console` or `socket`
    pub origin: String,
    /// Wrong codes in a row; `None` for anybody but root, for the count would tell a wrong code from a replayed one.
    #[serde(default)]
    pub failures: Option<u32>,
    /// Wrong codes in a row that close the origin, from the host's policy.
    pub limit: u32,
    /// The limit was reached: the origin takes no code until `Reopen` or a recovery code opens it.
    pub closed: bool,
    /// Seconds until a code from this origin is looked at again; 0 if one is looked at now.
    pub wait: u64,
}

/// All that may be told about a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserStatus {
    /// Name of the user as the account database spells it.
    pub user: String,
    /// Uid of that account.
    pub uid: u32,
    /// Whether there is a key file. It stays after the last key was revoked: the user is then refused, not let past.
    pub enrolled: bool,
    /// How often the keys have changed; 0 for a user who never had one.
    pub generation: u64,
    /// No key works: somebody called `Suspend`, or the owner has repudiated every key.
    pub suspended: bool,
    /// 100 wrong codes came without an accepted one between them (NIST SP 800-63B-4, 3.2.2). Only recovery codes work
    /// until a new key replaces the old ones.
    pub disabled: bool,
    /// All keys have reached their end; false if there are none.
    pub expired: bool,
    /// The state comes from a backup: HOTP keys and recovery codes are off until root calls `Restored`.
    pub restored: bool,
    /// The stored keys, five at the most; empty if the user is not enrolled or the last key was revoked.
    pub keys: Vec<KeyStatus>,
    /// All five origins, also those without a wrong code.
    pub origins: Vec<OriginStatus>,
    /// Recovery codes that are not used; `None` without a key file, and from a daemon that does not know this member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_left: Option<u32>,
    /// The last registration code, if it is good or came to nothing after the newest key was made; `None` also from a daemon that
    /// does not know this member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<InvitationStatus>,
    /// When the owner reported a device as lost, which suspends the keys; Unix time, UTC. `None` in a list, where nobody did, where
    /// somebody else has suspended the keys since, and from a daemon that does not know this member.
    #[serde(default, with = "unix_seconds::optional", skip_serializing_if = "Option::is_none")]
    pub lost_since: Option<UnixTime>,
    /// Last second at which the owner can take the report back; Unix time, UTC. `None` afterwards.
    #[serde(default, with = "unix_seconds::optional", skip_serializing_if = "Option::is_none")]
    pub lost_until: Option<UnixTime>,
    /// Why the keys are not replaced by a code now, because of the password; `None` unless it was asked for, where nothing is in
    /// the way, for those who may not know, and from a daemon that does not know this member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cool_down: Option<CoolDownStatus>,
    /// Until when nobody but the owner changes the password, because the keys were replaced by a code; Unix time, UTC. `None` as
    /// above.
    #[serde(default, with = "unix_seconds::optional", skip_serializing_if = "Option::is_none")]
    pub password_until: Option<UnixTime>,
}

impl UserStatus {
    /// The status of a user who never had a key or a registration code.
    pub fn not_enrolled(user: String, uid: u32) -> Self {
        Self {
            user,
            uid,
            enrolled: false,
            generation: 0,
            suspended: false,
            disabled: false,
            expired: false,
            restored: false,
            keys: Vec::new(),
            origins: Vec::new(),
            recovery_left: None,
            invitation: None,
            lost_since: None,
            lost_until: None,
            cool_down: None,
            password_until: None,
        }
    }
}

/// The password stands in the way of new keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoolDownStatus {
    /// `password-changed`, `no-record`, `password-elsewhere` or `four-eyes`.
    pub reason: String,
    /// Until when; Unix time in seconds, UTC. `None` where no end can be told.
    #[serde(default, with = "unix_seconds::optional", skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixTime>,
    /// Uid that changed the password; `None` where it is not known or not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<u32>,
}

/// A registration code, of which the code itself is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationStatus {
    /// `spoken`, `mail`, `letter` or `split`.
    pub form: String,
    /// When it was made; Unix time in seconds, UTC.
    #[serde(with = "unix_seconds")]
    pub made: UnixTime,
    /// Last moment at which it is good; Unix time in seconds, UTC.
    #[serde(with = "unix_seconds")]
    pub ends: UnixTime,
    /// Uid of the caller who had it made.
    pub by: u32,
    /// Name of that account; `None` if it has none now, or the account database does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_user: Option<String>,
    /// Whether the new key replaces all keys of the user; otherwise the code is for a first key only.
    pub replaces: bool,
    /// Whether it was redeemed, and no key was confirmed yet.
    pub redeemed: bool,
    /// Why it is not good: `expired`, `revoked`, `repudiated`, `redeemed-too-often` or `restored`; `None` while it is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
}
