//! Changes that an admin or an owner makes to keys that are there: suspend, resume, reopen, rename, revoke, forget. Daemon and
//! `otpctl --offline` use the same functions under the same locks (R7); rights are decided before.

use std::fmt;

use super::error::VaultError;
use super::lock::state_name;
use super::locked_user::LockedUser;
use super::marks::MarkKind;
use super::{Vault, record_name};
use crate::codes::ids::{RecoverySetId, TicketId};
use crate::codes::recovery::RecoveryHash;
use crate::decision::origin::Origin;
use crate::decision::state::{OriginState, State};
use crate::environment::Clock;
use crate::files::key_file::{Key, MAX_KEYS, Record};
use crate::keys::key::{KeyId, Label, SHORTEST_ID};
use crate::reasons::ChangeRefusal;

/// Why a change was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeError {
    /// It may be asked for and is not possible. The vault is as it was.
    Refused(ChangeRefusal),
    /// A key could not be opened or sealed.
    NotSealed,
    /// The vault says why.
    Vault(VaultError),
}

/// How a new key comes into a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyAddition {
    /// The grounds; looked at again under the lock.
    pub grounds: Grounds,
    /// Which keys end when it begins.
    pub replaces: Replaces,
    /// A new set of recovery codes; with none the old set stays.
    pub recovery: Vec<RecoveryHash>,
}

/// The grounds for a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grounds {
    /// Nothing is wanted of what is on record.
    Any,
    /// The user was never enrolled.
    FirstKey,
    /// This key, of which a code was typed, is still in force.
    Key(KeyId),
    /// This set of recovery codes, of which one was used, is still in force.
    Recovery(RecoverySetId),
}

/// Which keys a new one replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaces {
    /// None.
    Nothing,
    /// This one.
    Key(KeyId),
    /// Every one.
    All,
}

/// The outcome of a repudiation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepudiationOutcome {
    /// How many keys descend from it.
    pub keys: usize,
    /// Something was suspended that was not before.
    pub anew: bool,
}

/// May the keys be used?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUse {
    /// Every code is refused.
    Suspended,
    /// As usual.
    Allowed,
}

impl LockedUser<'_> {
    /// Suspends the keys, or allows them again; not those that their owner repudiated, which are off for good.
    pub fn set_use(&mut self, wanted: KeyUse, clock: &dyn Clock) -> Result<(), ChangeError> {
        self.enrolled()?;
        let next = State { suspended: wanted == KeyUse::Suspended, ..self.state().clone() };
        self.store(next, clock)?;
        Ok(self.no_longer_aside()?)
    }

    /// Reopens one origin, or all. The total of wrong codes stays: only an accepted code clears that.
    pub fn reopen(&mut self, origin: Option<Origin>, clock: &dyn Clock) -> Result<(), ChangeError> {
        self.enrolled()?;
        let mut next = self.state().clone();
        for one in Origin::ALL.into_iter().filter(|one| origin.is_none_or(|wanted| wanted == *one)) {
            next.reopen(one);
        }
        Ok(self.store(next, clock)?)
    }

    /// Has this origin, or has every one, no wrong code that `reopen` would forget?
    pub fn is_open(&self, origin: Option<Origin>) -> bool {
        let mut asked = Origin::ALL.into_iter().filter(|one| origin.is_none_or(|wanted| wanted == *one));
        asked.all(|one| OriginState { untold: false, ..self.state().origin(one) } == OriginState::default())
    }

    /// Gives a key another label.
    pub fn rename(&mut self, key: KeyId, label: &Label, clock: &dyn Clock) -> Result<(), ChangeError> {
        let mut record = self.next_record()?;
        if record.keys.iter().any(|other| other.label == *label && other.id != key) {
            return Err(ChangeRefusal::LabelTaken.into());
        }
        let found = record.keys.iter_mut().find(|one| one.id == key).ok_or(ChangeRefusal::NoSuchKey)?;
        found.label = label.clone();
        Ok(self.commit(&record, clock)?)
    }

    /// Removes a key for good. After the last one the key file is empty, and its user is enrolled and refused (R6). A key that its
    /// owner has repudiated does not count as left.
    pub fn revoke(&mut self, key: KeyId, clock: &dyn Clock) -> Result<(), ChangeError> {
        let mut record = self.next_record()?;
        let before = record.keys.len();
        record.keys.retain(|one| one.id != key);
        if record.keys.len() == before {
            return Err(ChangeRefusal::NoSuchKey.into());
        }
        if record.keys.iter().all(|one| self.is_repudiated(one.id)) {
            record.recovery.clear(); // they would still open every gate
        }
        Ok(self.commit(&record, clock)?)
    }

    /// The key with this id in hexadecimal or, if none has it, the one key with this label or with an id that begins so: an owner
    /// chooses labels, and one that looks like the id of another key must not stand in its way.
    pub fn key_named(&self, name: &str) -> Result<&Key, ChangeError> {
        let keys = &self.enrolled()?.keys;
        let begins = |key: &Key| name.len() >= SHORTEST_ID && key.id.hex().starts_with(name);
        let mut named = keys.iter().filter(|key| key.label.as_str() == name || begins(key));
        let only = named.next().filter(|_| named.next().is_none());
        let found = keys.iter().find(|key| key.id.hex() == name).or(only);
        Ok(found.ok_or(ChangeRefusal::NoSuchKey)?)
    }

    /// May a key of this label be added, or replace others?
    pub fn has_room_for(&self, label: &Label, replaces: Replaces) -> Result<(), ChangeError> {
        let Some(record) = self.record() else { return Ok(()) };
        if let Replaces::Key(id) = replaces
            && !record.keys.iter().any(|key| key.id == id)
        {
            return Err(ChangeRefusal::NoSuchKey.into());
        }
        let staying: Vec<&Key> = record.keys.iter().filter(|key| !replaces.is(key.id)).collect();
        match staying.as_slice() {
            keys if keys.iter().any(|key| key.label == *label) => Err(ChangeRefusal::LabelTaken.into()),
            keys if keys.len() >= MAX_KEYS => Err(ChangeRefusal::TooManyKeys.into()),
            [_, ..] if self.state().disabled => Err(ChangeRefusal::KeysDisabled.into()),
            _ => Ok(()),
        }
    }

    /// Are these grounds for a new key still there?
    pub fn has_grounds(&self, grounds: Grounds) -> Result<(), ChangeError> {
        let in_force = |id| {
            let key = self.record().and_then(|record| record.keys.iter().find(|key| key.id == id));
            let entry = self.state().key(id).is_some_and(|entry| !entry.pending && !entry.suspended);
            entry && key.is_some_and(|key| !key.has_ended(self.now()))
        };
        let set_in_force = |set| self.state().recovery.set == set && !self.state().recovery.suspended;
        match (grounds, self.record()) {
            (Grounds::Any, _) | (Grounds::FirstKey, None) => Ok(()),
            (Grounds::FirstKey, Some(_)) => Err(ChangeRefusal::AlreadyEnrolled.into()),
            (Grounds::Key(id), _) if in_force(id) && !self.state().suspended => Ok(()),
            (Grounds::Recovery(set), _) if set_in_force(set) && !self.state().suspended => Ok(()),
            (Grounds::Key(_) | Grounds::Recovery(_), _) => Err(ChangeRefusal::GroundsGone.into()),
        }
    }

    /// Does it descend from a registration code that its owner never used?
    pub fn is_repudiated(&self, key: KeyId) -> bool {
        self.state().is_key_off(key)
    }

    /// A new set of recovery codes; the old one no longer works.
    pub fn renew_recovery(&mut self, codes: Vec<RecoveryHash>, clock: &dyn Clock) -> Result<(), ChangeError> {
        let mut record = self.next_record()?;
        record.recovery = codes;
        Ok(self.commit(&record, clock)?)
    }

    /// A recovery code was used at some gate, and its owner has not been told: how many are left.
    pub fn untold_recovery(&self) -> Option<usize> {
        let (record, recovery) = (self.record()?, self.state().recovery);
        let left = record.recovery.iter().filter(|code| !recovery.is_used(code.set, code.index)).count();
        (recovery.used & !recovery.told != 0).then_some(left)
    }

    /// The owner has been told of every recovery code that was used until now.
    pub fn recovery_told(&mut self, clock: &dyn Clock) -> Result<(), ChangeError> {
        let mut next = self.state().clone();
        next.recovery.told = next.recovery.used;
        Ok(self.store(next, clock)?)
    }

    /// Was a code accepted at some gate after many wrong ones, and its owner has not been told?
    pub fn untold_wrong_codes(&self) -> bool {
        self.state().origins.iter().any(|origin| origin.untold)
    }

    /// The owner has been told of it.
    pub fn wrong_codes_told(&mut self, clock: &dyn Clock) -> Result<(), ChangeError> {
        let mut next = self.state().clone();
        next.origins.iter_mut().for_each(|origin| origin.untold = false);
        Ok(self.store(next, clock)?)
    }

    /// Suspends every key, and the recovery codes, that descend from this ticket. Says how many keys.
    pub fn repudiate(&mut self, ticket: TicketId, clock: &dyn Clock) -> Result<RepudiationOutcome, ChangeError> {
        let mut next = self.state().clone();
        let keys = next.repudiate(self.enrolled()?, ticket);
        let anew = next != *self.state();
        self.store(next, clock)?;
        Ok(RepudiationOutcome { keys, anew })
    }

    pub(super) fn enrolled(&self) -> Result<&Record, ChangeError> {
        Ok(self.record().ok_or(ChangeRefusal::NotEnrolled)?)
    }

    /// The record on file, one generation on.
    pub(super) fn next_record(&self) -> Result<Record, ChangeError> {
        let mut record = self.enrolled()?.clone();
        record.generation = record.generation.saturating_add(1);
        Ok(record)
    }
}

impl Vault {
    /// Forgets a user: from now on never enrolled (R6). It asks nothing of the files, because it is also the way out when they
    /// are damaged, or those of a former owner of the uid. First the key file, synced, then the state, synced: with the state alone
    /// a user is refused, not let past. The name leaves the index, and marks go, in between. Notices last. A user who was invited and never enrolled has tickets and notices to be forgotten.
    pub fn forget(&self, uid: u32) -> Result<(), ChangeError> {
        let tickets = self.tickets(uid)?; // their lock comes before the others
        let _no_new_state = self.state.lock()?;
        // One that is held all the time keeps nothing here: its holder has the file that goes, and hears so when it writes there.
        let _no_decision = self.lock_state(uid).ok().flatten();
        let (key_file, state_file) = (record_name(uid), state_name(uid));
        let enrolled = self.keys.has(&key_file)? || self.state.has(&state_file)?;
        if !enrolled && !tickets.has(uid)? && !self.has_spool(uid)? {
            return Err(ChangeRefusal::NotEnrolled.into());
        }
        tickets.forget(uid)?;
        let name = self.index_without(uid)?;
        self.keys.remove(&key_file)?;
        self.keys.sync()?;
        self.unindex(name.as_deref(), uid)?;
        self.unmark(MarkKind::Gone, uid)?;
        self.unmark(MarkKind::Suspended, uid)?;
        self.drop_resets_of(uid)?;
        self.state.remove(&state_file)?;
        self.state.sync()?;
        Ok(self.drop_notices(uid)?)
    }
}

impl Replaces {
    /// Does the key of this id end?
    pub fn is(self, id: KeyId) -> bool {
        match self {
            Self::Nothing => false,
            Self::Key(one) => one == id,
            Self::All => true,
        }
    }
}

impl State {
    /// Suspends what in `record` descends from this ticket. Says how many keys.
    pub(super) fn repudiate(&mut self, record: &Record, ticket: TicketId) -> usize {
        let descends: Vec<KeyId> =
            record.keys.iter().filter(|key| key.redemption == Some(ticket)).map(|key| key.id).collect();
        self.recovery.suspended |= record.recovery.iter().any(|code| code.redemption == Some(ticket));
        for entry in self.keys.iter_mut().filter(|entry| descends.contains(&entry.id)) {
            entry.suspended = true;
        }
        descends.len()
    }

    /// Forgets that `origin` was closed and its wrong codes, but not the total.
    fn reopen(&mut self, origin: Origin) {
        if let Some(entry) = self.origins.get_mut(origin.index()) {
            *entry = OriginState { untold: entry.untold, ..OriginState::default() };
        }
    }
}

impl From<ChangeRefusal> for ChangeError {
    fn from(reason: ChangeRefusal) -> Self {
        Self::Refused(reason)
    }
}

impl From<VaultError> for ChangeError {
    fn from(error: VaultError) -> Self {
        Self::Vault(error)
    }
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => reason.fmt(f),
            Self::NotSealed => f.write_str("a key could not be opened or sealed"),
            Self::Vault(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ChangeError {}
