//! Notifies a user of changes of the keys, for the daemon and for `otpctl --offline`: into the user's spool and, if the policy names a
//! program for it, into the outbox.

use crate::accounts::Account;
use crate::files::notice::{Notice, NoticeEvent, Where};
use crate::keys::key::Label;
use crate::manage::changes::Change;
use crate::policy::host::HostPolicy;
use crate::reasons::ChangeRefusal;
use crate::site::Site;
use crate::unix_time::UnixTime;
use crate::vault::{ChangeError, LockedUser, OutboxPlace, Posted, Vault, VaultError};

/// Do notices leave this host?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outbound {
    /// Through the program of the policy, from this outbox.
    Post(OutboxPlace),
    /// They should, but there is no outbox, for this reason.
    Nowhere(String),
    /// They do not.
    Stay,
}

impl Outbound {
    /// The policy's word on it. A policy that cannot be read does not say no.
    pub fn of<E>(policy: &Result<HostPolicy, E>, site: &Site) -> Self {
        match policy {
            Ok(HostPolicy { notify: None, .. }) => Self::Stay,
            _ => match site.outbox() {
                Ok(place) => Self::Post(place),
                Err(unavailable) => Self::Nowhere(unavailable.detail),
            },
        }
    }

    /// Puts a notice there. The outbox is another account's: trouble with it is told, and bars nothing.
    pub fn post(&self, vault: &Vault, account: &Account, notice: Notice) -> Posted {
        match self {
            Self::Post(place) => {
                vault.post(place, account, notice).unwrap_or_else(|error| Posted::Failed(error.to_string()))
            }
            Self::Nowhere(why) => Posted::Failed(why.clone()),
            Self::Stay => Posted::Kept,
        }
    }
}

/// Spools a notice and posts it. It is in the spool, on disk, when this returns; the rest says what became of it in the outbox.
pub fn keep(vault: &Vault, account: &Account, notice: Notice, out: &Outbound) -> Result<Posted, VaultError> {
    vault.spool(account, notice.clone())?;
    Ok(out.post(vault, account, notice))
}

/// A notice about something that `by` did just now, over the socket.
pub fn notice(event: NoticeEvent, by: u32, at: UnixTime, key: Option<Label>) -> Notice {
    Notice { event, at, by, from: Where::default(), key }
}

/// The notice that a change wants, looked up before it is made: afterwards a revoked key has no label.
pub fn of_change(
    change: &Change,
    locked: &LockedUser<'_>,
    by: u32,
    at: UnixTime,
) -> Result<Option<Notice>, ChangeError> {
    Ok(match change {
        Change::Resume => {
            locked.record().ok_or(ChangeRefusal::NotEnrolled)?;
            Some(notice(NoticeEvent::KeysResumed, by, at, None))
        }
        Change::Revoke { key } => {
            Some(notice(NoticeEvent::KeyRevoked, by, at, Some(locked.key_named(key)?.label.clone())))
        }
        Change::SetExpiry { key, .. } => {
            Some(notice(NoticeEvent::KeyExpirySet, by, at, Some(locked.key_named(key)?.label.clone())))
        }
        Change::Reopen(_) | Change::Rename { .. } => None,
    })
}

/// When a notice is due. A change that gives rights is not made unless its notice is on disk; one that takes rights away is made whether
/// or not there is room for a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Before the change, which does not happen without it.
    Before,
    /// After it, whatever happens to the notice.
    After,
}

impl Due {
    /// For this change to a user.
    pub fn of(change: &Change, locked: &LockedUser<'_>) -> Self {
        match change {
            Change::Resume => Self::Before,
            change if change.lengthens(locked) => Self::Before,
            _ => Self::After,
        }
    }
}
