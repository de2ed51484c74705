//! The state that changes at every login: watermarks, wrong guesses, the marks that close or suspend. The value alone; its place on
//! disk is `files::state_slot` and `vault::state_file`.

use crate::codes::ids::RecoverySetId;
use crate::codes::recovery::RecoveryHash;
use crate::decision::limits::{DISABLE_AT, MANY_WRONG};
use crate::decision::origin::Origin;
use crate::keys::key::{KeyId, Step};
use crate::unix_time::UnixTime;

/// The state of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Whose it is.
    pub uid: u32,
    /// Generation of the key file that this state belongs to; 0 before the first.
    pub generation: u64,
    /// The generation that is being committed, if one is.
    pub pending: Option<u64>,
    /// Was a key ever enrolled (R6)?
    pub enrolled: bool,
    /// An admin has suspended the keys.
    pub suspended: bool,
    /// Too many wrong codes in all; only a new key ends it.
    pub disabled: bool,
    /// A restored copy: what counts by counters stays off until root accepts the restore.
    pub restored: bool,
    /// Wrong codes since the last accepted one, from all origins.
    pub total_failures: u32,
    /// In the order of [`Origin::ALL`].
    pub origins: [OriginState; 5],
    /// Which recovery codes are used.
    pub recovery: RecoveryState,
    /// One entry per key of the key file, and per key that is being committed.
    pub keys: Vec<KeyState>,
}

/// The budget of one origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OriginState {
    /// Wrong codes in a row.
    pub failures: u32,
    /// At its limit; only `reopen` or a recovery code opens it.
    pub closed: bool,
    /// When the last wrong code came: milliseconds of CLOCK_BOOTTIME.
    pub last_failure_ms: u64,
    /// A code was accepted after many wrong ones, and the owner of the keys has not been told.
    pub untold: bool,
}

/// Which codes of which recovery set are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RecoveryState {
    /// The set that the bits belong to.
    pub set: RecoverySetId,
    /// Bit n: code n is used.
    pub used: u32,
    /// Bit n: its owner has been told so.
    pub told: u32,
    /// The set descends from a registration code that its owner never used.
    pub suspended: bool,
}

/// The state of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyState {
    /// Which key.
    pub id: KeyId,
    /// Last accepted step or counter (R4); it only rises.
    pub watermark: Step,
    /// When a code was accepted last, if one ever was.
    pub last_used: Option<UnixTime>,
    /// Belongs to the generation that is being committed.
    pub pending: bool,
    /// Descends from a registration code that its owner never used.
    pub suspended: bool,
    /// HOTP only: wants two consecutive codes.
    pub resync: bool,
    /// HOTP only: the first of two consecutive codes has come, so far above the watermark; 0 for none.
    pub heard: u32,
}

impl KeyState {
    /// A key that no code was accepted for yet, beyond its floor.
    pub fn new(id: KeyId, floor: Step) -> Self {
        Self { id, watermark: floor, last_used: None, pending: false, suspended: false, resync: false, heard: 0 }
    }
}

impl RecoveryState {
    /// Is code `index` of `set` used up?
    pub fn is_used(&self, set: RecoverySetId, index: u8) -> bool {
        self.set == set && self.used & bit(index) != 0
    }

    /// How many of these codes are left.
    pub fn left_of(&self, codes: &[RecoveryHash]) -> usize {
        codes.iter().filter(|code| !self.is_used(code.set, code.index)).count()
    }

    /// Code `index` of `set` is used up from now on.
    pub(crate) fn with_used(self, set: RecoverySetId, index: u8) -> Self {
        let before = if self.set == set { self } else { Self { set, ..Self::default() } };
        Self { used: before.used | bit(index), ..before }
    }
}

fn bit(index: u8) -> u32 {
    1_u32.checked_shl(index.into()).unwrap_or(0)
}

impl State {
    /// The state of a user who never had a key.
    pub fn never_enrolled(uid: u32) -> Self {
        Self {
            uid,
            generation: 0,
            pending: None,
            enrolled: false,
            suspended: false,
            disabled: false,
            restored: false,
            total_failures: 0,
            origins: [OriginState::default(); 5],
            recovery: RecoveryState::default(),
            keys: Vec::new(),
        }
    }

    /// Is every key suspended, by an admin or because its owner repudiated what it descends from?
    pub fn is_suspended(&self) -> bool {
        self.suspended || (!self.keys.is_empty() && self.keys.iter().all(|key| key.suspended))
    }

    /// The budget of `origin`.
    pub fn origin(&self, origin: Origin) -> OriginState {
        self.origins.get(origin.index()).copied().unwrap_or_default()
    }

    /// The entry of a key.
    pub fn key(&self, id: KeyId) -> Option<&KeyState> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// Is this key off, because its owner has repudiated what it descends from? One without an entry is not.
    pub fn is_key_off(&self, id: KeyId) -> bool {
        self.key(id).is_some_and(|key| key.suspended)
    }

    /// Counts one wrong code of `origin`, whose limit is `limit`.
    pub fn count_failure(&mut self, origin: Origin, limit: u32, boot_ms: u64) {
        self.total_failures = self.total_failures.saturating_add(1);
        self.disabled |= self.total_failures >= DISABLE_AT;
        if let Some(entry) = self.origins.get_mut(origin.index()) {
            entry.failures = entry.failures.saturating_add(1);
            entry.closed |= entry.failures >= limit;
            entry.last_failure_ms = boot_ms;
        }
    }

    /// Forgets the wrong codes of `origin` after an accepted one.
    pub(crate) fn forget_failures(&mut self, origin: Origin) {
        self.total_failures = 0;
        if let Some(entry) = self.origins.get_mut(origin.index()) {
            let untold = entry.untold || entry.failures >= MANY_WRONG;
            *entry = OriginState { untold, ..OriginState::default() };
        }
    }

    /// Does the step from `self` to `next` hold something that must not come undone when one slot is lost?
    pub fn must_not_come_undone(&self, next: &Self) -> bool {
        let closed = |state: &Self| state.origins.map(|origin| origin.closed);
        (self.generation, self.pending, self.enrolled) != (next.generation, next.pending, next.enrolled)
            || (self.suspended, self.disabled, self.restored) != (next.suspended, next.disabled, next.restored)
            || self.recovery != next.recovery
            || closed(self) != closed(next)
            || self.keys.iter().any(|key| next.key(key.id).is_some_and(|other| other.suspended != key.suspended))
    }
}
