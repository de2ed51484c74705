//! Changes of existing keys, one function each for the daemon and for `otpctl --offline` (R7). Both work on a locked user; rights are
//! checked before.

use crate::accounts::Account;
use crate::decision::origin::Origin;
use crate::environment::{Clock, Environment};
use crate::keys::key::Label;
use crate::reasons::ChangeRefusal;
use crate::unix_time::UnixTime;
use crate::vault::{ChangeError, KeyUse, LockedUser, Reseal, Vault, VaultError};

/// A change to one user's keys.
pub enum Change {
    /// End a suspension.
    Resume,
    /// Reopen one origin, or all.
    Reopen(Option<Origin>),
    /// Give a key another label.
    Rename {
        /// Its label or id.
        key: String,
        /// The new label.
        label: Label,
    },
    /// Remove a key for good.
    Revoke {
        /// Its label or id.
        key: String,
    },
    /// Give a key another end, or none.
    SetExpiry {
        /// Its label or id.
        key: String,
        /// The last second at which it is good.
        expires: Option<UnixTime>,
    },
}

impl Change {
    /// Makes the change; it is on disk when this returns. `reseal` is wanted for the end of a key alone.
    pub fn apply(
        &self,
        locked: &mut LockedUser<'_>,
        reseal: Option<&Reseal<'_>>,
        clock: &dyn Clock,
    ) -> Result<(), ChangeError> {
        match self {
            Self::Resume => locked.set_use(KeyUse::Allowed, clock),
            Self::Reopen(origin) => locked.reopen(*origin, clock),
            Self::Rename { key, label } => locked.rename(locked.key_named(key)?.id, label, clock),
            Self::Revoke { key } => locked.revoke(locked.key_named(key)?.id, clock),
            Self::SetExpiry { key, expires } => {
                let id = locked.key_named(key)?.id;
                locked.set_expiry(id, *expires, reseal.ok_or(ChangeError::NotSealed)?, clock)
            }
        }
    }

    /// Is it so already? Then there is nothing to write, to tell or to log.
    pub fn is_so(&self, locked: &LockedUser<'_>) -> bool {
        match self {
            Self::Resume => locked.record().is_some() && !locked.state().suspended,
            Self::Reopen(origin) => locked.record().is_some() && locked.is_open(*origin),
            Self::Rename { key, label } => locked.key_named(key).is_ok_and(|found| found.label == *label),
            Self::Revoke { .. } => false, // without the key it is refused
            Self::SetExpiry { key, expires } => locked.key_named(key).is_ok_and(|found| found.expires == *expires),
        }
    }

    /// Would a key be good for longer than it is now?
    pub fn lengthens(&self, locked: &LockedUser<'_>) -> bool {
        match self {
            Self::SetExpiry { key, expires } => {
                locked.key_named(key).is_ok_and(|found| is_later(*expires, found.expires))
            }
            _ => false,
        }
    }

    /// Before a key goes: that its registration code is spent is written where it stays, for the key may be all that shows it.
    pub fn settle(&self, vault: &Vault, account: &Account, clock: &dyn Clock) -> Result<(), VaultError> {
        match self {
            Self::Revoke { .. } => vault.end_confirmed_tickets(account, clock),
            _ => Ok(()),
        }
    }

    /// The log's word for the change once it is done.
    pub fn event(&self) -> &'static str {
        match self {
            Self::Resume => "resumed",
            Self::Reopen(_) => "reopened",
            Self::Rename { .. } => "renamed",
            Self::Revoke { .. } => "revoked",
            Self::SetExpiry { .. } => "expiry-set",
        }
    }

    /// The key that it is about, by label or id.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Rename { key, .. } | Self::Revoke { key } | Self::SetExpiry { key, .. } => Some(key),
            Self::Resume | Self::Reopen(_) => None,
        }
    }
}

/// No end is the latest.
fn is_later(end: Option<UnixTime>, than: Option<UnixTime>) -> bool {
    match (end, than) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(end), Some(than)) => end > than,
    }
}

/// Accepts everybody's restored files; returns the users for whom something changed. `failed` hears of the others.
pub fn restored_all(
    vault: &Vault,
    environment: &dyn Environment,
    failed: &dyn Fn(u32, &ChangeError),
) -> Result<Vec<String>, VaultError> {
    let mut users = Vec::new();
    let mut uids = vault.enrolled_uids()?;
    uids.extend(vault.ticket_uids()?);
    uids.sort_unstable();
    uids.dedup();
    for uid in uids {
        let owner = owner_of_files(vault, uid).map_err(ChangeError::from);
        let done = owner.and_then(|owner| {
            let owner = owner.ok_or(ChangeRefusal::NotEnrolled)?;
            vault.restored(&owner, environment).map(|()| owner.name)
        });
        match done {
            Ok(name) => users.push(name),
            Err(ChangeError::Refused(ChangeRefusal::NothingRestored | ChangeRefusal::NotEnrolled)) => {}
            Err(error) => failed(uid, &error),
        }
    }
    Ok(users)
}

/// Whose keys, or at least whose tickets, there are under `uid`.
fn owner_of_files(vault: &Vault, uid: u32) -> Result<Option<Account>, VaultError> {
    match vault.owner_of(uid)? {
        Some(owner) => Ok(Some(owner)),
        None => Ok(vault.tickets(uid)?.ticket_file_of(uid)?.map(|kept| kept.ticket_file.account)),
    }
}
