//! A lost device: a suspension that its owner may end for a time. A mark in `suspended/` records it until anybody suspends or resumes the
//! keys. An older program sees a plain mark and lets nobody past it.

use super::change::ChangeError;
use super::locked_user::LockedUser;
use super::marks::MarkKind;
use super::{Vault, VaultError};
use crate::accounts::Account;
use crate::decision::state::State;
use crate::environment::{Clock, Moment};
use crate::files::user_mark::{LostReport, UserMark};
use crate::keys::key::KeyId;

impl Vault {
    /// The report of a lost device that suspends the keys of `account`, with the time of its making.
    pub fn lost_report_of(&self, account: &Account) -> Result<Option<UserMark>, VaultError> {
        Ok(self.mark_of(MarkKind::Suspended, account.uid)?.filter(|mark| mark.lost.is_some()))
    }
}

impl LockedUser<'_> {
    /// The owner's report of a lost device, if the keys are suspended by it.
    pub fn lost_report(&self) -> Result<Option<LostReport>, VaultError> {
        match self.suspended_aside {
            true => Ok(self.vault.lost_report_of(&self.account)?.and_then(|mark| mark.lost)),
            false => Ok(None),
        }
    }

    /// Suspends the keys on the owner's report, which was proven with a code of `key` or with a recovery code. Without the name of
    /// this boot it is a suspension like any other.
    pub fn report_lost(&mut self, key: Option<KeyId>, now: &Moment, clock: &dyn Clock) -> Result<(), ChangeError> {
        self.enrolled()?;
        let lost = now.boot.clone().map(|boot| LostReport { key, boot, boot_ms: now.boot_ms });
        let mark = UserMark { account: self.account.clone(), since: now.wall, lost };
        self.vault.lock_itself()?.mark(MarkKind::Suspended, &mark)?;
        self.suspended_aside = true;
        Ok(self.store(State { suspended: true, ..self.state().clone() }, clock)?)
    }

    /// Ends a suspension by the owner's own report. Says whether the keys are in use: somebody else may have suspended them meanwhile,
    /// without the lock of their user.
    pub fn take_back_lost(&mut self, clock: &dyn Clock) -> Result<bool, ChangeError> {
        self.enrolled()?;
        self.store(State { suspended: false, ..self.state().clone() }, clock)?;
        let locked = self.vault.lock_itself()?;
        let is_own = self.vault.lost_report_of(&self.account)?.is_some();
        self.suspended_aside = !(is_own && locked.unmark(MarkKind::Suspended, self.account.uid)?);
        Ok(!self.suspended_aside)
    }
}
