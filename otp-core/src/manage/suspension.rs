//! Suspends a user, even while somebody holds the lock: one function for the daemon and for `otpctl --offline`.

use crate::accounts::Account;
use crate::environment::Environment;
use crate::vault::{ChangeError, KeyUse, Vault, VaultError, short_lock_deadline};

/// How far a suspension went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspension {
    /// The state says so.
    Stored,
    /// It was suspended before, by somebody else than its owner.
    Already,
    /// A mark beside it does: somebody holds the lock, this process if it is known.
    Aside(Option<i32>),
    /// A mark beside it does: the account is gone. It still counts after `adopt`.
    OfGone,
    /// There are no keys, and never were.
    NeverEnrolled,
}

/// Refuses every code of `account` from now on.
pub fn suspend(vault: &Vault, account: &Account, environment: &dyn Environment) -> Result<Suspension, ChangeError> {
    match vault.look(account, environment, short_lock_deadline()) {
        Ok(Some(mut locked)) if locked.record().is_some() => {
            if locked.state().suspended && locked.lost_report()?.is_none() {
                locked.settle_suspension(environment)?;
                return Ok(Suspension::Already);
            }
            locked.set_use(KeyUse::Suspended, environment)?;
            Ok(Suspension::Stored)
        }
        Ok(_) => Ok(vault.nowhere_else(account).map(|()| Suspension::NeverEnrolled)?),
        Err(VaultError::LockTimeout { holder, .. }) => {
            let is_new = vault.suspend_aside(account, environment)?;
            Ok(if is_new { Suspension::Aside(holder) } else { Suspension::Already })
        }
        Err(VaultError::Gone(_)) => {
            let is_new = vault.suspend_aside(account, environment)?;
            Ok(if is_new { Suspension::OfGone } else { Suspension::Already })
        }
        Err(error) => Err(error.into()),
    }
}
