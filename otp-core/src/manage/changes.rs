//! What may be changed about keys that are there, one function for the daemon and for `otpctl --offline` (R7): both act on a
//! user who is locked. Who may is decided before.

use crate::accounts::Account;
use crate::decision::origin::Origin;
use crate::environment::{Clock, Environment};
use crate::keys::key::Label;
use crate::reasons::ChangeRefusal;
use crate::vault::{ChangeError, KeyUse, LockedUser, Vault, VaultError};

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
}

impl Change {
    /// Makes the change; it is on disk when this returns.
    pub fn apply(&self, locked: &mut LockedUser<'_>, clock: &dyn Clock) -> Result<(), ChangeError> {
        match self {
            Self::Resume => locked.set_use(KeyUse::Allowed, clock),
            Self::Reopen(origin) => locked.reopen(*origin, clock),
            Self::Rename { key, label } => locked.rename(locked.key_named(key)?.id, label, clock),
            Self::Revoke { key } => locked.revoke(locked.key_named(key)?.id, clock),
        }
    }

    /// Before a key goes: that its registration code is spent is written where it stays, for the key may be all that shows it.
    pub fn settle(&self, vault: &Vault, account: &Account, clock: &dyn Clock) -> Result<(), VaultError> {
        match self {
            Self::Revoke { .. } => vault.end_confirmed_tickets(account, clock),
            _ => Ok(()),
        }
    }

    /// What the log calls it when it is done.
    pub fn event(&self) -> &'static str {
        match self {
            Self::Resume => "resumed",
            Self::Reopen(_) => "reopened",
            Self::Rename { .. } => "renamed",
            Self::Revoke { .. } => "revoked",
        }
    }

    /// The key that it is about, by label or id.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Rename { key, .. } | Self::Revoke { key } => Some(key),
            Self::Resume | Self::Reopen(_) => None,
        }
    }
}

/// Says of everybody that what was restored is meant; returns for whom something changed. `failed` hears of the others.
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
