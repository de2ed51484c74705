//! Changing the keys of a user: key file and state together, so that a crash anywhere leaves the old pair or the new one.
//!
//! Steps, always under the lock: (1) a first state is written whole under another name and renamed into place; (2) both
//! slots say that generation N+1 is coming and hold the floors of its new keys; (3) the index says where the name is enrolled,
//! and the rename of the key file is the commit; (4) its directory is synced; (5) both slots say N+1. Only then anybody is told.

use nix::errno::Errno;

use super::change::{ChangeError, KeyAddition};
use super::error::VaultError;
use super::lock::state_name;
use super::locked_user::LockedUser;
use super::state_file::fill;
use super::{Vault, record_name};
use crate::accounts::Account;
use crate::decision::state::{OriginState, RecoveryState, State};
use crate::environment::{Clock, Environment};
use crate::files::key_file::{Key, Record};

impl Vault {
    /// Stores a new key of `account`: its first, one more, or one that replaces others, which no longer work from that instant.
    /// `make` gets the account and the generation that the key is for, and seals it. The account may have another name in its key file.
    pub fn enrol(
        &self,
        account: &Account,
        how: &KeyAddition,
        environment: &dyn Environment,
        make: impl FnOnce(&Account, u64) -> Option<Key>,
    ) -> Result<Record, ChangeError> {
        self.make_state(account.uid, environment)?;
        let mut locked = self.lock_existing(account, environment)?;
        locked.has_grounds(how.grounds)?;
        let generation = locked.state.generation.saturating_add(1);
        let key = make(&locked.account, generation).ok_or(ChangeError::NotSealed)?;
        locked.has_room_for(&key.label, how.replaces)?;
        let new = || Record { account: locked.account.clone(), generation, keys: Vec::new(), recovery: Vec::new() };
        let mut record = locked.record.clone().unwrap_or_else(new);
        record.generation = generation;
        record.keys.retain(|old| !how.replaces.is(old.id));
        record.keys.push(key);
        if !how.recovery.is_empty() {
            record.recovery.clone_from(&how.recovery);
        }
        locked.commit(&record, environment)?;
        Ok(record)
    }

    /// Locks an account whose state file is there.
    pub(super) fn lock_existing(
        &self,
        account: &Account,
        environment: &dyn Environment,
    ) -> Result<LockedUser<'_>, VaultError> {
        let locked = self.lock(account, environment)?;
        locked.ok_or_else(|| VaultError::Missing(self.state.path_of(&state_name(account.uid))))
    }

    /// Step 1. A state that is there already stays as it is.
    pub(super) fn make_state(&self, uid: u32, clock: &dyn Clock) -> Result<(), VaultError> {
        let (name, temporary) = (state_name(uid), format!(".{uid}.new"));
        let _lock = self.state.lock()?;
        if self.state.has(&name)? {
            return Ok(()); // without its lock: its user may have stopped the program that holds it
        }
        self.state.remove(&temporary)?; // left by a writer that was killed here
        let file = self.state.create(&temporary, &[])?;
        let never = State::never_enrolled(uid);
        fill(&file, &self.state.path_of(&temporary), &never, self.clock_mark()?, clock)?;
        match self.state.rename_new(&temporary, &name) {
            Err(VaultError::CannotPersist { errno: Errno::EEXIST, .. }) => self.state.remove(&temporary)?,
            renamed => renamed?,
        }
        self.state.sync()
    }

    /// Writes the key file under another name and syncs it; the rename is left to the caller.
    fn write_aside(&self, record: &Record) -> Result<String, VaultError> {
        let temporary = format!(".{}.new", record.account.uid);
        self.keys.remove(&temporary)?; // left by a writer that was killed here
        match self.keys.create(&temporary, record.to_toml().as_bytes()) {
            Ok(_) => Ok(temporary),
            Err(error) => {
                self.keys.remove(&temporary)?;
                Err(error)
            }
        }
    }
}

impl LockedUser<'_> {
    /// Steps 2 to 5: replaces the record with `record`, which must be of the next generation.
    pub fn commit(&mut self, record: &Record, clock: &dyn Clock) -> Result<(), VaultError> {
        let vault = self.vault;
        let before = self.state.clone();
        let mut next = before.clone();
        next.announce_commit(record);
        self.file.store_both(&next, clock)?;
        let named = vault.index_before(&record.account);
        let renamed = named.and_then(|()| vault.write_aside(record)).and_then(|temporary| {
            let renamed = vault.keys.rename(&temporary, &record_name(record.account.uid));
            renamed.inspect_err(|_| drop(vault.keys.remove(&temporary)))
        });
        if let Err(error) = renamed {
            // Nothing was committed. If this fails too, the next to lock undoes it.
            drop(self.file.store_both(&before, clock));
            return Err(error);
        }
        vault.keys.sync()?;
        next.finish_commit(record);
        self.file.store_both(&next, clock)?;
        // The rest of an entry proves nothing, and the daemon's next start puts it right.
        drop(vault.index_after(&record.account, self.record.as_ref().map(|former| &former.account)));
        (self.state, self.record) = (next, Some(record.clone()));
        Ok(())
    }
}

impl State {
    /// Step 2: the generation of `record` is coming; its new keys start at their floors.
    pub(super) fn announce_commit(&mut self, record: &Record) {
        self.pending = Some(record.generation);
        for key in &record.keys {
            if self.key(key.id).is_none() {
                self.keys.push(self.entry_or_new(key));
            }
        }
    }

    /// Step 5: `record` is in force. Where every key is new, what was counted against the old ones is over.
    pub(super) fn finish_commit(&mut self, record: &Record) {
        let is_new = |key: &Key| self.key(key.id).is_some_and(|entry| entry.pending);
        if !record.keys.is_empty() && record.keys.iter().all(is_new) {
            (self.disabled, self.total_failures, self.origins) = (false, 0, [OriginState::default(); 5]);
        }
        (self.generation, self.pending, self.enrolled) = (record.generation, None, true);
        self.keys.retain(|entry| record.keys.iter().any(|key| key.id == entry.id));
        if let Some(code) = record.recovery.first().filter(|code| code.set != self.recovery.set) {
            self.recovery = RecoveryState { set: code.set, ..RecoveryState::default() };
        }
        for entry in &mut self.keys {
            entry.pending = false;
        }
    }

    /// The announced generation never came.
    pub(super) fn undo_commit(&mut self) {
        self.pending = None;
        self.keys.retain(|entry| !entry.pending);
    }
}
