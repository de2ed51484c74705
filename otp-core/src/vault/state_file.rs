//! A state file: 8192 bytes, two slots 4096 apart, overwritten in place (V3).
//!
//! P1  the file has exactly 8192 bytes, all of them written when it is made: it needs no room on a full disk
//! P2  the good slot with the higher sequence number counts; a store overwrites the other one and syncs
//! P3  one bad slot is damage, told to the caller; two refuse; one of another version refuses and is left as it is
//! P4  another inode than the recorded one, or a ctime more than 60 s after the recorded write, is a restored copy:
//!     ctime is the one time stamp that nobody can set back
//! P5  what was written by a clock that was not believed makes that clock no more believable: neither the recorded write
//!     nor ctime then say what time has passed

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::fcntl::Flock;

use super::error::VaultError;
use super::lock::Locked;
use super::read::{errno_of, unreadable};
use crate::decision::limits::FAR_AHEAD_S;
use crate::decision::state::State;
use crate::environment::Clock;
use crate::files::state_slot::{SLOT_BYTES, Slot, SlotFound, VERSION};
use crate::repair::RestoredEvidence;
use crate::unix_time::UnixTime;

const FILE_BYTES: usize = 8192;
const SLOT_APART: usize = 4096;
const SECOND_ENDS: usize = SLOT_APART + SLOT_BYTES;
/// ctime may be this much later than the recorded write.
const LATE_S: u64 = 60;
/// Times that a write is repeated if the process was stopped in the middle of it.
const REWRITES: usize = 3;

/// A locked state file.
pub(super) struct StateFile {
    file: Flock<File>,
    path: PathBuf,
    inode: u64,
    newest: SlotPlace,
    sequence: u64,
    /// The newest time that is known to have passed.
    pub(super) known: UnixTime,
    /// The clock mark.
    pub(super) mark: UnixTime,
}

/// The content of a state file.
pub(super) struct Loaded {
    /// The state in the newest good slot.
    pub state: State,
    /// When it was written.
    pub written: UnixTime,
    /// It may have been written at any other time: nobody vouched for the clock, which was far ahead (P5).
    pub doubted: bool,
    /// ctime of the file.
    pub changed: UnixTime,
    /// One slot is bad (P3).
    pub damaged: bool,
    /// It is a restored copy (P4), by these marks.
    pub restored: Option<RestoredEvidence>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SlotPlace {
    First,
    Second,
}

impl StateFile {
    /// Reads a locked state file.
    pub(super) fn read(locked: Locked, path: PathBuf) -> Result<(Self, Loaded), VaultError> {
        let Locked { file, about } = locked;
        if about.size() != FILE_BYTES as u64 {
            return Err(VaultError::malformed(&path, format!("{} bytes; wanted {FILE_BYTES}", about.size())));
        }
        let mut bytes = [0; SECOND_ENDS];
        file.read_exact_at(&mut bytes, 0).map_err(|error| unreadable(&path, &error))?;
        let (first, second) = (slot(&bytes, &path, SlotPlace::First)?, slot(&bytes, &path, SlotPlace::Second)?);
        let damaged = first.is_none() || second.is_none();
        let (newest, slot) = newer(first, second).ok_or_else(|| VaultError::malformed(&path, "both slots are bad"))?;
        let ctime = UnixTime::from_kernel(about.ctime());
        let Slot { sequence, inode, written, doubted, state } = slot;
        let moved = inode != about.ino();
        let restored = (moved || ctime > written + LATE_S).then(|| RestoredEvidence {
            file: path.clone(),
            written,
            changed: ctime,
            moved,
        });
        let this =
            Self { file, path, inode: about.ino(), newest, sequence, known: UnixTime::EPOCH, mark: UnixTime::EPOCH };
        Ok((this, Loaded { state, written, doubted, changed: ctime, damaged, restored }))
    }

    /// Overwrites the older slot with `state` and syncs it.
    pub(super) fn store(&mut self, state: &State, clock: &dyn Clock) -> Result<(), VaultError> {
        let place = self.newest.other();
        let sequence = self.sequence.saturating_add(1);
        for _ in 0..REWRITES {
            let written = clock.wall();
            let doubted = is_doubted(written, self.known, clock);
            let slot = Slot { sequence, inode: self.inode, written, doubted, state: state.clone() };
            write_slot(&self.file, &self.path, place, &slot)?;
            self.file.sync_data().map_err(|error| VaultError::cannot_persist(&self.path, errno_of(&error)))?;
            if !self.was_stopped_since(written)? {
                break;
            }
        }
        (self.newest, self.sequence) = (place, sequence);
        Ok(())
    }

    /// Would a write of now be doubted?
    pub(super) fn doubts(&self, clock: &dyn Clock) -> bool {
        is_doubted(clock.wall(), self.known, clock)
    }

    /// Stores `state` in both slots: what must not come undone when one of them is lost.
    pub(super) fn store_both(&mut self, state: &State, clock: &dyn Clock) -> Result<(), VaultError> {
        self.store(state, clock)?;
        self.store(state, clock)
    }

    /// A user may stop a setuid process between reading the clock and writing. That must not look like a restored copy, and must not
    /// outlast that its user is forgotten.
    fn was_stopped_since(&self, written: UnixTime) -> Result<bool, VaultError> {
        let about = self.file.metadata().map_err(|error| unreadable(&self.path, &error))?;
        if about.nlink() == 0 {
            return Err(VaultError::Missing(self.path.clone())); // its user was forgotten meanwhile
        }
        Ok(UnixTime::from_kernel(about.ctime()) > written + LATE_S / 2)
    }
}

/// Fills a new, empty file with `state` in both slots and syncs it (P1). `known` is the newest time that is known to have passed.
pub(super) fn fill(
    file: &File,
    path: &Path,
    state: &State,
    known: UnixTime,
    clock: &dyn Clock,
) -> Result<(), VaultError> {
    let inode = file.metadata().map_err(|error| unreadable(path, &error))?.ino();
    let failed = |error: std::io::Error| VaultError::cannot_persist(path, errno_of(&error));
    file.write_all_at(&[0; FILE_BYTES], 0).map_err(failed)?;
    let written = clock.wall();
    let doubted = is_doubted(written, known, clock);
    let slot = |sequence| Slot { sequence, inode, written, doubted, state: state.clone() };
    write_slot(file, path, SlotPlace::First, &slot(1))?;
    write_slot(file, path, SlotPlace::Second, &slot(2))?;
    file.sync_all().map_err(failed)
}

/// Is a time that nobody vouches for too far beyond what is known? Where nothing is known, nothing is.
pub(super) fn is_doubted(written: UnixTime, known: UnixTime, clock: &dyn Clock) -> bool {
    known > UnixTime::EPOCH && written > known + FAR_AHEAD_S && !clock.vouched()
}

impl SlotPlace {
    fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }

    fn offset(self) -> usize {
        match self {
            Self::First => 0,
            Self::Second => SLOT_APART,
        }
    }
}

fn slot(file: &[u8; SECOND_ENDS], path: &Path, place: SlotPlace) -> Result<Option<Slot>, VaultError> {
    let bytes = file.get(place.offset()..).and_then(|bytes| bytes.first_chunk());
    match bytes.map(Slot::read) {
        Some(SlotFound::Good(slot)) => Ok(Some(slot)),
        Some(SlotFound::Version(found)) => {
            Err(VaultError::malformed(path, format!("version is {found}; wanted {VERSION}")))
        }
        Some(SlotFound::Bad) | None => Ok(None),
    }
}

fn newer(first: Option<Slot>, second: Option<Slot>) -> Option<(SlotPlace, Slot)> {
    match (first, second) {
        (Some(first), Some(second)) if second.sequence > first.sequence => Some((SlotPlace::Second, second)),
        (Some(first), _) => Some((SlotPlace::First, first)),
        (None, Some(second)) => Some((SlotPlace::Second, second)),
        (None, None) => None,
    }
}

fn write_slot(file: &File, path: &Path, place: SlotPlace, slot: &Slot) -> Result<(), VaultError> {
    let bytes = slot.encode().ok_or_else(|| VaultError::cannot_persist(path, nix::errno::Errno::EOVERFLOW))?;
    file.write_all_at(&bytes, place.offset() as u64).map_err(|error| VaultError::cannot_persist(path, errno_of(&error)))
}
