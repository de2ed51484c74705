//! Suspends a user although somebody holds the lock of the state, as a user may by stopping a program. The mark binds everybody who gets
//! the lock next, and goes once the state says the same. Only the owner's report of a lost device stays: it says that the owner may end the
//! suspension (`lost`).

use super::Vault;
use super::change::ChangeError;
use super::error::VaultError;
use super::locked_user::LockedUser;
use super::marks::MarkKind;
use crate::accounts::Account;
use crate::environment::Clock;
use crate::files::user_mark::UserMark;

impl Vault {
    /// Suspends the keys of `account` without its lock; on disk when this returns. Says whether the mark is new.
    pub fn suspend_aside(&self, account: &Account, clock: &dyn Clock) -> Result<bool, VaultError> {
        let mark = UserMark { account: account.clone(), since: clock.wall(), lost: None };
        self.lock_itself()?.mark(MarkKind::Suspended, &mark)
    }
}

impl LockedUser<'_> {
    /// Writes a suspension from beside the state into it, unless it is the owner's own. Only the one writer of key files may call this (R7).
    pub fn settle_suspension(&mut self, clock: &dyn Clock) -> Result<(), ChangeError> {
        if self.suspended_aside && self.lost_report()?.is_none() {
            self.store(self.state.clone(), clock)?;
            self.no_longer_aside()?;
        }
        Ok(())
    }

    /// The state says by now what holds.
    pub(super) fn no_longer_aside(&mut self) -> Result<(), VaultError> {
        self.vault.unmark(MarkKind::Suspended, self.account.uid)?;
        self.suspended_aside = false;
        Ok(())
    }
}
