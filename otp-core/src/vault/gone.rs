//! Local accounts that no longer exist. A user whose line was missing from /etc/passwd is refused until root decides: the next account with
//! that name and uid may be another person.

use super::Vault;
use super::error::VaultError;
use super::marks::MarkKind;
use super::passwd::Passwd;
use crate::accounts::Account;
use crate::environment::Clock;
use crate::files::name_entry::NameEntry;
use crate::files::user_mark::UserMark;

impl Vault {
    /// Marks everybody with a key file who was in /etc/passwd and is there neither by name nor by uid; an account that has only one of
    /// them has changed the other, and is refused as it is. Tells who was marked now. Only the one writer of key files may call this (R7).
    pub fn mark_missing(&self, clock: &dyn Clock, tell: &mut dyn FnMut(&Account)) -> Result<(), VaultError> {
        let passwd = Passwd::read()?;
        let suspects = self.entries_where(&|entry| {
            is_missing(entry, &passwd) && !self.is_marked(MarkKind::Gone, entry.account.uid).unwrap_or(false)
        })?;
        suspects.chunks(AT_A_TIME).try_for_each(|some| self.mark_those_missing(some, clock, tell))
    }

    /// Looks again at a few entries under the lock of the vault, which is free for others in between.
    fn mark_those_missing(
        &self,
        entries: &[NameEntry],
        clock: &dyn Clock,
        tell: &mut dyn FnMut(&Account),
    ) -> Result<(), VaultError> {
        let locked = self.lock_itself()?;
        let passwd = Passwd::read()?; // under the lock: an older one could bring a mark back that root has just taken away
        for entry in entries {
            let still = is_missing(entry, &passwd) && self.is_entered(entry) && self.is_live(entry).unwrap_or(true);
            let mark = UserMark { account: entry.account.clone(), since: clock.wall(), lost: None };
            if still && locked.mark(MarkKind::Gone, &mark)? {
                tell(&mark.account);
            }
        }
        Ok(())
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

/// Was the account in /etc/passwd, and is there no line with its name or uid?
fn is_missing(entry: &NameEntry, passwd: &Passwd) -> bool {
    entry.local && !passwd.has_either(&entry.account)
}

/// Marks that are made under one lock of the vault: each is synced, and others wait for the lock for 10 s.
const AT_A_TIME: usize = 64;
