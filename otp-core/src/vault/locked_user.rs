//! A user's record and state, read under the lock and repaired after a crash or a restore (V4).

use std::time::Instant;

use super::clock_mark::now;
use super::error::VaultError;
use super::lock::{Locked, lock_deadline, short_lock_deadline, state_name};
use super::state_file::{Loaded, StateFile};
use super::{Vault, record_name};
use crate::accounts::{Account, NotOwner};
use crate::decision::limits::{FAR_AHEAD_S, Window};
use crate::decision::state::{KeyState, State};
use crate::decision::{ClockTrust, Now};
use crate::environment::{Clock, Environment};
use crate::files::key_file::{Key, RECORD_CAP, Record, RecordError};
use crate::keys::key::{Kind, Step};
use crate::repair::Repair;
use crate::unix_time::UnixTime;

/// A user under lock. The lock ends when this is dropped.
pub struct LockedUser<'v> {
    pub(super) vault: &'v Vault,
    pub(super) file: StateFile,
    pub(super) account: Account,
    pub(super) record: Option<Record>,
    pub(super) state: State,
    /// Suspended by a mark, which the state may not say yet.
    pub(super) suspended_aside: bool,
    now: Now,
    repairs: Vec<Repair>,
}

/// A user as somebody sees them who only looks.
#[derive(Debug)]
pub struct UserView {
    /// The secret file; `None` if the user was never enrolled.
    pub record: Option<Record>,
    /// The state, as the next one who locks will find it.
    pub state: State,
    /// The time, read under the lock.
    pub now: Now,
    /// The repairs that are due.
    pub repairs: Vec<Repair>,
}

/// The files of a user, read in one go.
struct UserFiles {
    file: StateFile,
    loaded: Loaded,
    record: Option<Record>,
    suspended_aside: bool,
}

/// Is a user who is marked as gone refused?
#[derive(Clone, Copy, PartialEq, Eq)]
enum MarkedGone {
    Refused,
    Opened,
}

/// How a key file and a state belong together.
#[derive(Debug, PartialEq, Eq)]
enum Pairing {
    Settled,
    Finish,
    Undo,
    Mismatch,
}

impl Vault {
    /// Locks `account` and reads its record and state. `None`: there is no trace of it, so it was never enrolled (V5).
    pub fn lock(&self, account: &Account, environment: &dyn Environment) -> Result<Option<LockedUser<'_>>, VaultError> {
        self.locked_user(account, lock_deadline(), environment, MarkedGone::Refused)
    }

    /// The same for a user who is marked as gone, too.
    pub(super) fn lock_even_gone(
        &self,
        account: &Account,
        environment: &dyn Environment,
    ) -> Result<Option<LockedUser<'_>>, VaultError> {
        self.locked_user(account, lock_deadline(), environment, MarkedGone::Opened)
    }

    /// The same for somebody who only looks and gives up at `deadline` (`short_lock_deadline`).
    pub fn look(
        &self,
        account: &Account,
        environment: &dyn Environment,
        deadline: Instant,
    ) -> Result<Option<LockedUser<'_>>, VaultError> {
        self.locked_user(account, deadline, environment, MarkedGone::Refused)
    }

    /// The same for somebody who changes nothing: what a crash or a restore left behind is put right in the answer alone, and
    /// stays as it is on disk. The lock has ended when this returns.
    pub fn peek(
        &self,
        account: &Account,
        clock: &dyn Clock,
        deadline: Instant,
    ) -> Result<Option<UserView>, VaultError> {
        let read = self.read_user(account, deadline, clock, MarkedGone::Refused)?;
        Ok(read.map(|(LockedUser { record, state, now, repairs, .. }, _)| UserView { record, state, now, repairs }))
    }

    fn locked_user(
        &self,
        account: &Account,
        deadline: Instant,
        environment: &dyn Environment,
        marked_gone: MarkedGone,
    ) -> Result<Option<LockedUser<'_>>, VaultError> {
        let Some((mut user, loaded)) = self.read_user(account, deadline, environment, marked_gone)? else {
            return Ok(None);
        };
        user.keep_repairs(&loaded, environment)?;
        Ok(Some(user))
    }

    /// With every repair made in the value, and none on disk.
    fn read_user(
        &self,
        account: &Account,
        deadline: Instant,
        clock: &dyn Clock,
        marked_gone: MarkedGone,
    ) -> Result<Option<(LockedUser<'_>, Loaded)>, VaultError> {
        let read = |deadline| self.read_under_lock(account, deadline, marked_gone);
        let files = match read(deadline) {
            // The state comes before the key file: if the two were made meanwhile, it is there now.
            Err(VaultError::Missing(_)) => read(short_lock_deadline())?,
            files => files?,
        };
        let Some(UserFiles { file, loaded, record, suspended_aside }) = files else { return Ok(None) };
        let now = now(clock, file.known, file.mark);
        let account = record.as_ref().map_or(account, |record| &record.account).clone();
        let mut state = loaded.state.clone();
        state.suspended |= suspended_aside;
        let mut user =
            LockedUser { vault: self, file, account, record, state, suspended_aside, now, repairs: Vec::new() };
        user.repair(&loaded)?;
        Ok(Some((user, loaded)))
    }

    /// The files of `account`, as they are under its lock; `None` if there are none.
    fn read_under_lock(
        &self,
        account: &Account,
        deadline: Instant,
        marked_gone: MarkedGone,
    ) -> Result<Option<UserFiles>, VaultError> {
        self.under_lock(account.uid, deadline, |vault, locked| {
            let Some(locked) = locked else {
                return match vault.record_of(account)? {
                    None => Ok(None),
                    Some(_) => Err(vault.missing_state(account)),
                };
            };
            let marks = vault.marks_of(account.uid)?; // under the lock, for the sake of those that were set before it was taken
            if marks.gone && marked_gone == MarkedGone::Refused {
                return Err(vault.gone(account.uid));
            }
            let (file, loaded) = vault.read_state(locked, account.uid)?;
            let record = vault.record_of(account)?;
            let suspended_aside = record.is_some() && marks.suspended;
            Ok(Some(UserFiles { file, loaded, record, suspended_aside }))
        })
    }

    /// The content of a locked state file of `uid`.
    pub(super) fn read_state(&self, locked: Locked, uid: u32) -> Result<(StateFile, Loaded), VaultError> {
        let path = self.state.path_of(&state_name(uid));
        let (mut file, loaded) = StateFile::read(locked, path.clone())?;
        if loaded.state.uid != uid {
            let why = format!("the state of uid {}; wanted {uid}", loaded.state.uid);
            return Err(VaultError::malformed(&path, why));
        }
        file.mark = self.clock_mark()?;
        file.known = file.mark.max(if loaded.doubted { UnixTime::EPOCH } else { loaded.written });
        Ok((file, loaded))
    }

    fn missing_state(&self, account: &Account) -> VaultError {
        VaultError::Missing(self.state.path_of(&state_name(account.uid)))
    }

    pub(super) fn record_of(&self, account: &Account) -> Result<Option<Record>, VaultError> {
        let name = record_name(account.uid);
        let path = self.keys.path_of(&name);
        let bytes = match self.keys.read(&name, RECORD_CAP) {
            Err(VaultError::Missing(_)) => return Ok(None),
            read => read?,
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| VaultError::malformed(&path, "not UTF-8"))?;
        match Record::parse(text, account) {
            Err(RecordError::Owner(NotOwner::Another { found, wanted })) if found.uid == wanted.uid => {
                Err(VaultError::Renamed { path, was: found.name })
            }
            read => read.map(Some).map_err(|error| VaultError::malformed(&path, error.to_string())),
        }
    }
}

impl LockedUser<'_> {
    /// The user who is locked, by the name that the key file has, to which its seals are bound; without one, by the name they were locked by.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The secret file; `None` if the user was never enrolled.
    pub fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// The state, as it is after everything was put right.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The time, read under the lock.
    pub fn now(&self) -> Now {
        self.now
    }

    /// Faults that were found and repaired.
    pub fn repairs(&self) -> &[Repair] {
        &self.repairs
    }

    /// Would a write of now be doubted (P5)?
    pub fn doubts(&self, clock: &dyn Clock) -> bool {
        self.file.doubts(clock)
    }

    /// Writes `next` so that it is on disk when this returns (R2); to both slots if it must not come undone.
    pub fn store(&mut self, next: State, clock: &dyn Clock) -> Result<(), VaultError> {
        let counted = self.record.as_ref().is_some_and(|record| self.state.counts_on(&next, record));
        if self.suspended_aside
            || counted
            || self.state.must_not_come_undone(&next)
            || self.repairs.contains(&Repair::CommitUndone)
        {
            self.file.store_both(&next, clock)?;
        } else {
            self.file.store(&next, clock)?;
        }
        self.state = next;
        Ok(())
    }

    fn repair(&mut self, loaded: &Loaded) -> Result<(), VaultError> {
        let generation = self.record.as_ref().map_or(0, |record| record.generation);
        match pairing(&self.state, generation) {
            Pairing::Settled => {}
            Pairing::Undo => {
                self.state.undo_commit();
                self.repairs.push(Repair::CommitUndone);
            }
            Pairing::Finish => self.repairs.push(Repair::CommitFinished),
            Pairing::Mismatch => return Err(self.mismatch(generation)),
        }
        if let Some(record) = &self.record {
            if self.repairs.contains(&Repair::CommitFinished) {
                self.state.finish_commit(record);
            }
            if let Some(lost) = record.keys.iter().find(|key| self.state.key(key.id).is_none()) {
                let why = format!("key {:?} is unknown to the state", lost.label.as_str());
                return Err(VaultError::malformed(&self.vault.keys.path_of(&record_name(self.account.uid)), why));
            }
        }
        for (found, what) in [(loaded.damaged, Repair::BadSlot), (loaded.restored.is_some(), Repair::RestoredCopy)] {
            if found {
                self.repairs.push(what);
                self.state.restored |= what == Repair::RestoredCopy;
                if let Some(record) = &self.record {
                    self.state.distrust(record, loaded.believed(self.now));
                }
            }
        }
        Ok(())
    }

    fn keep_repairs(&mut self, loaded: &Loaded, environment: &dyn Environment) -> Result<(), VaultError> {
        if self.repairs.contains(&Repair::CommitFinished) {
            self.vault.keys.sync()?;
        }
        // The alarm first: killed in between it comes twice, which is better than never.
        for what in &self.repairs {
            let line = what.line(&self.account, loaded.restored.as_ref());
            environment.repaired(&self.account, *what, line);
        }
        if self.repairs.iter().any(|what| *what != Repair::CommitUndone) {
            self.file.store_both(&self.state, environment)?;
        }
        Ok(())
    }

    fn mismatch(&self, generation: u64) -> VaultError {
        let pending = self.state.pending.map_or(String::new(), |pending| format!(", {pending} being committed"));
        let why = format!(
            "generation {generation}, but the state belongs to generation {}{pending}; one of the two files is from a backup",
            self.state.generation
        );
        VaultError::malformed(&self.vault.keys.path_of(&record_name(self.account.uid)), why)
    }
}

impl Loaded {
    /// The latest time that a code could have been accepted by. A time far ahead of a known one counts only as far as
    /// codes could have been accepted by a clock that is not believed; a wild one must not lock its owner out for years.
    pub(super) fn believed(&self, now: Now) -> UnixTime {
        let known = match now.clock {
            ClockTrust::Trusted => now.wall,
            ClockTrust::Unsynchronised { newest_known } => newest_known,
        };
        now.wall.max(self.changed).max(self.written).min(known + FAR_AHEAD_S)
    }
}

impl State {
    /// Something was forgotten: nothing that could have been accepted until `believed` may be accepted again, whatever the
    /// window was.
    pub(super) fn distrust(&mut self, record: &Record, believed: UnixTime) {
        for entry in &mut self.keys {
            let Some(key) = record.keys.iter().find(|key| key.id == entry.id) else { continue };
            match key.kind {
                Kind::Totp => {
                    let last = key.period.step_at(believed).0.saturating_add(Window::MOST);
                    entry.watermark = entry.watermark.max(Step(last));
                }
                Kind::Hotp => (entry.resync, entry.heard) = (true, 0),
            }
        }
    }

    /// Does a counter of HOTP move from `self` to `next`? It must not come undone when one slot is lost.
    fn counts_on(&self, next: &Self, record: &Record) -> bool {
        let counter = |state: &Self, key: &Key| state.key(key.id).map(|entry| (entry.watermark, entry.resync));
        record.keys.iter().any(|key| key.kind == Kind::Hotp && counter(self, key) != counter(next, key))
    }

    /// The entry of a key, or the one that it begins with.
    pub(super) fn entry_or_new(&self, key: &Key) -> KeyState {
        let new = KeyState { pending: true, ..KeyState::new(key.id, key.floor) };
        self.key(key.id).copied().unwrap_or(new)
    }
}

/// Which generations of key file (0 if there is none) and state go together.
fn pairing(state: &State, key_file: u64) -> Pairing {
    match state.pending {
        _ if state.enrolled != (state.generation > 0) => Pairing::Mismatch,
        None if key_file == state.generation => Pairing::Settled,
        Some(next) if Some(next) != state.generation.checked_add(1) => Pairing::Mismatch,
        Some(next) if key_file == next => Pairing::Finish,
        Some(_) if key_file == state.generation => Pairing::Undo,
        _ => Pairing::Mismatch,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_pairs() {
        let state =
            |generation, pending| State { generation, pending, enrolled: generation > 0, ..State::never_enrolled(1) };
        assert_eq!(pairing(&state(0, None), 0), Pairing::Settled);
        assert_eq!(pairing(&state(3, None), 3), Pairing::Settled);
        assert_eq!(pairing(&state(0, Some(1)), 1), Pairing::Finish);
        assert_eq!(pairing(&state(0, Some(1)), 0), Pairing::Undo);
        assert_eq!(pairing(&state(3, Some(4)), 4), Pairing::Finish);
        assert_eq!(pairing(&state(3, Some(4)), 3), Pairing::Undo);
        for (state, key_file) in [
            (state(0, None), 1),
            (state(3, None), 0),
            (state(3, None), 2),
            (state(3, None), 4),
            (state(3, Some(4)), 5),
            (state(3, Some(4)), 0),
            (state(3, Some(5)), 5),
            (state(3, Some(3)), 3),
            (state(u64::MAX, Some(0)), u64::MAX),
            (State { enrolled: false, ..state(3, None) }, 3),
            (State { enrolled: true, ..state(0, None) }, 0),
        ] {
            assert_eq!(pairing(&state, key_file), Pairing::Mismatch, "{state:?} {key_file}");
        }
    }
}
