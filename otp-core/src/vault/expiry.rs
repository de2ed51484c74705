//! The end of a key: from its last second on, its codes are refused. The seal binds it, so a new end is a new seal.

use super::adopt::Reseal;
use super::change::ChangeError;
use super::locked_user::LockedUser;
use crate::environment::Clock;
use crate::keys::key::KeyId;
use crate::reasons::ChangeRefusal;
use crate::unix_time::UnixTime;

impl LockedUser<'_> {
    /// Gives a key another end, the last second at which it is good, or none. Everything else of it stays.
    pub fn set_expiry(
        &mut self,
        key: KeyId,
        expires: Option<UnixTime>,
        reseal: &Reseal<'_>,
        clock: &dyn Clock,
    ) -> Result<(), ChangeError> {
        let mut record = self.next_record()?;
        let account = record.account.clone();
        let found = record.keys.iter_mut().find(|one| one.id == key).ok_or(ChangeRefusal::NoSuchKey)?;
        reseal.edit(found, (&account, &account), self.vault.about.id, |key| key.expires = expires)?;
        Ok(self.commit(&record, clock)?)
    }
}
