//! Local accounts that are no longer there. A user whose line in /etc/passwd was seen missing is refused until root says what holds: the
//! account that has the name and the uid next may be another person.

use super::Vault;
use super::error::VaultError;
use super::marks::MarkKind;
use super::passwd::Passwd;
use crate::accounts::Account;
use crate::environment::Clock;
use crate::files::user_mark::UserMark;

impl Vault {
    /// Marks everybody with a key file who was in /etc/passwd and is there neither by name nor by uid; an account that has only one of
    /// them has changed the other, and is refused as it is. Says who was marked now. Only the one writer of key files may call this (R7).
    pub fn mark_missing(&self, clock: &dyn Clock) -> Result<Vec<Account>, VaultError> {
        let locked = self.lock_itself()?;
        let passwd = Passwd::read()?; // under the lock: an older one could bring a mark back that root has just taken away
        let mut marked = Vec::new();
        for entry in self.local_entries()? {
            let missing = !passwd.has_either(&entry.account) && self.is_live(&entry).unwrap_or(true);
            let mark = UserMark { account: entry.account, since: clock.wall() };
            if missing && locked.mark(MarkKind::Gone, &mark)? {
                marked.push(mark.account);
            }
        }
        Ok(marked)
    }

    /// Refuses a user who is marked.
    pub fn not_gone(&self, uid: u32) -> Result<(), VaultError> {
        if self.is_marked(MarkKind::Gone, uid)? { Err(self.gone(uid)) } else { Ok(()) }
    }

    /// The refusal of a user who is marked.
    pub(super) fn gone(&self, uid: u32) -> VaultError {
        VaultError::Gone(self.dir.path_of("gone").join(uid.to_string()))
    }
}
