//! Telling a user what became of the keys, one function for the daemon and for `otpctl --offline`: into the user's own spool
//! and, where the policy names a program for it, into the outbox.

use crate::accounts::Account;
use crate::files::notice::{Notice, NoticeEvent, Where};
use crate::keys::key::Label;
use crate::manage::changes::Change;
use crate::policy::Policy;
use crate::vault::{ChangeError, LockedUser, Posted, Vault, VaultError};

/// Do notices leave this host?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outbound {
    /// Through the program of the policy.
    Post,
    /// They do not.
    Stay,
}

impl Outbound {
    /// What a policy says of it. One that cannot be read does not say no.
    pub fn of<E>(policy: &Result<Policy, E>) -> Self {
        match policy {
            Ok(Policy { notify: None, .. }) => Self::Stay,
            _ => Self::Post,
        }
    }
}

/// Spools a notice and posts it. It is on disk when this returns; `Full` says that the outbox has no room, the spool has.
pub fn keep(vault: &Vault, account: &Account, notice: Notice, out: Outbound) -> Result<Posted, VaultError> {
    vault.spool(account, notice.clone())?;
    match out {
        Outbound::Post => vault.post(account, notice),
        Outbound::Stay => Ok(Posted::Kept),
    }
}

/// A notice about something that `by` did just now, over the socket.
pub fn notice(event: NoticeEvent, by: u32, at: u64, key: Option<Label>) -> Notice {
    Notice { event, at, by, from: Where::default(), key }
}

/// The notice that a change wants, looked up before it is made: afterwards a revoked key has no label.
pub fn of_change(change: &Change, locked: &LockedUser<'_>, by: u32, at: u64) -> Result<Option<Notice>, ChangeError> {
    Ok(match change {
        Change::Resume => {
            locked.record().ok_or(ChangeError::NotEnrolled)?;
            Some(notice(NoticeEvent::KeysResumed, by, at, None))
        }
        Change::Revoke { key } => {
            Some(notice(NoticeEvent::KeyRevoked, by, at, Some(locked.key_named(key)?.label.clone())))
        }
        Change::Reopen(_) | Change::Rename { .. } => None,
    })
}

/// When a notice is due. What gives rights is not done unless its notice is on disk; what takes rights away is done whether
/// or not there is room for a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Before the change, which does not happen without it.
    Before,
    /// After it, whatever becomes of the notice.
    After,
}

impl Due {
    /// For this change.
    pub fn of(change: &Change) -> Self {
        match change {
            Change::Resume => Self::Before,
            _ => Self::After,
        }
    }
}
