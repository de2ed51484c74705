//! One slot of a state file: the state, its sequence number, the file's inode and the wall time of the write, as bytes.
//!
//! S1  a slot is 640 bytes, little-endian, at the layout of docs/file-format.md
//! S2  a slot whose magic, checksum, version, reserved bytes or ranges are wrong is bad as a whole
//! S3  encoding and decoding are each other's inverse
//! S4  magic, checksum and version stay where they are in every version, so that a newer slot is told from a bad one

use crate::codes::ids::RecoverySetId;
use crate::decision::limits::HOTP_WIDEST;
use crate::decision::state::{KeyState, OriginState, RecoveryState, State};
use crate::files::checksum::crc32;
use crate::keys::key::{KeyId, Step};
use crate::unix_time::UnixTime;

/// Bytes of a slot in use.
pub const SLOT_BYTES: usize = 640;
/// The version that is written and read.
pub const VERSION: u16 = 1;
/// Most keys a state holds: five live ones and five that are being committed.
pub const MAX_KEYS: usize = 10;

const MAGIC: &[u8; 8] = b"pamotpS1";
const ENROLLED: u32 = 1;
const SUSPENDED: u32 = 2;
const DISABLED: u32 = 4;
const RESTORED: u32 = 8;
const RECOVERY_SUSPENDED: u32 = 16;
const DOUBTED: u32 = 32;
const CLOSED: u32 = 1;
/// In the time of the last wrong code, which no clock reaches: an older program takes every value there.
const UNTOLD: u64 = 1 << 63;
const PENDING: u32 = 1;
const RESYNC: u32 = 2;
const KEY_SUSPENDED: u32 = 4;

/// A state with what the file says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The higher one of two good slots is the newer.
    pub sequence: u64,
    /// Inode of the file at the time of writing.
    pub inode: u64,
    /// When it was written.
    pub written: UnixTime,
    /// It was far ahead of every known time, and nobody vouched for the clock.
    pub doubted: bool,
    /// The state itself.
    pub state: State,
}

/// The meaning of a slot's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlotFound {
    /// One of this version.
    Good(Slot),
    /// Magic and checksum are right, and the version is this other one (S4).
    Version(u16),
    /// Anything else (S2).
    Bad,
}

impl SlotFound {
    /// The slot, if it is one.
    pub fn good(self) -> Option<Slot> {
        if let Self::Good(slot) = self { Some(slot) } else { None }
    }
}

impl Slot {
    /// The bytes of this slot; `None` if the state holds more keys than a slot has room for.
    pub fn encode(&self) -> Option<[u8; SLOT_BYTES]> {
        let state = &self.state;
        if state.keys.len() > MAX_KEYS {
            return None;
        }
        let mut out = SlotWriter::default();
        out.u16(VERSION).u16(0).u64(self.sequence).u64(self.inode).u64(self.written.seconds()).u32(state.uid);
        out.u32(flags(&[
            (state.enrolled, ENROLLED),
            (state.suspended, SUSPENDED),
            (state.disabled, DISABLED),
            (state.restored, RESTORED),
            (state.recovery.suspended, RECOVERY_SUSPENDED),
            (self.doubted, DOUBTED),
        ]));
        out.u64(state.generation).u64(state.pending.unwrap_or(0)).u32(state.total_failures).u32(state.recovery.told);
        for origin in &state.origins {
            out.u32(origin.failures).u32(flags(&[(origin.closed, CLOSED)]));
            out.u64(origin.last_failure_ms & !UNTOLD | if origin.untold { UNTOLD } else { 0 });
        }
        out.bytes(&state.recovery.set.bytes()).u32(state.recovery.used).u32(u32::try_from(state.keys.len()).ok()?);
        for key in &state.keys {
            out.bytes(&key.id.0).u64(key.watermark.0).u64(key.last_used.map_or(0, UnixTime::seconds));
            let marks = [(key.pending, PENDING), (key.resync, RESYNC), (key.suspended, KEY_SUSPENDED)];
            out.u32(flags(&marks)).u32(key.heard);
        }
        out.sealed()
    }

    /// Reads a slot.
    pub fn read(bytes: &[u8; SLOT_BYTES]) -> SlotFound {
        let Some(mut input) = SlotReader::checked(bytes) else { return SlotFound::Bad };
        match input.u16() {
            Some(VERSION) => Self::decode(input).map_or(SlotFound::Bad, SlotFound::Good),
            Some(other) => SlotFound::Version(other),
            None => SlotFound::Bad,
        }
    }

    /// The rest, after the version; `None` if it is bad (S2).
    fn decode(mut input: SlotReader<'_>) -> Option<Self> {
        (input.u16()? == 0).then_some(())?;
        let (sequence, inode, written) = (input.u64()?, input.u64()?, UnixTime::new(input.u64()?));
        let (uid, marks, generation, pending) = (input.u32()?, input.u32()?, input.u64()?, input.u64()?);
        let total_failures = input.u32()?;
        let told = input.u32()?;
        (marks < 64).then_some(())?;
        let mut origins = [OriginState::default(); 5];
        for origin in &mut origins {
            let (failures, mark, last_failure_ms) = (input.u32()?, input.u32()?, input.u64()?);
            (mark <= CLOSED).then_some(())?;
            let untold = last_failure_ms & UNTOLD != 0;
            *origin =
                OriginState { failures, closed: mark == CLOSED, last_failure_ms: last_failure_ms & !UNTOLD, untold };
        }
        let recovery = RecoveryState {
            set: RecoverySetId::new(input.array()?),
            used: input.u32()?,
            told,
            suspended: marks & RECOVERY_SUSPENDED != 0,
        };
        let count = usize::try_from(input.u32()?).ok().filter(|count| *count <= MAX_KEYS)?;
        let keys = (0..count).map(|_| key(&mut input)).collect::<Option<Vec<_>>>()?;
        input.rest_is_zero().then_some(())?;
        let state = State {
            uid,
            generation,
            pending: (pending != 0).then_some(pending),
            enrolled: marks & ENROLLED != 0,
            suspended: marks & SUSPENDED != 0,
            disabled: marks & DISABLED != 0,
            restored: marks & RESTORED != 0,
            total_failures,
            origins,
            recovery,
            keys,
        };
        Some(Self { sequence, inode, written, doubted: marks & DOUBTED != 0, state })
    }
}

fn key(input: &mut SlotReader<'_>) -> Option<KeyState> {
    let (id, watermark, last_used) = (KeyId(input.array()?), Step(input.u64()?), input.u64()?);
    let last_used = (last_used != 0).then_some(UnixTime::new(last_used));
    let (marks, heard) = (input.u32()?, input.u32()?);
    (marks < 8 && u64::from(heard) <= HOTP_WIDEST).then_some(())?;
    let marked = |mark| marks & mark != 0;
    let (pending, resync, suspended) = (marked(PENDING), marked(RESYNC), marked(KEY_SUSPENDED));
    Some(KeyState { id, watermark, last_used, pending, suspended, resync, heard })
}

fn flags(marks: &[(bool, u32)]) -> u32 {
    marks.iter().filter(|(set, _)| *set).fold(0, |all, (_, bit)| all | bit)
}

/// Collects what follows magic and checksum.
#[derive(Default)]
struct SlotWriter(Vec<u8>);

impl SlotWriter {
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Puts magic and checksum in front and fills up with zeros.
    fn sealed(mut self) -> Option<[u8; SLOT_BYTES]> {
        self.0.resize(SLOT_BYTES.checked_sub(MAGIC.len() + 4)?, 0);
        let mut slot = MAGIC.to_vec();
        slot.extend_from_slice(&crc32(&self.0).to_le_bytes());
        slot.extend_from_slice(&self.0);
        slot.try_into().ok()
    }
}

/// Takes values off the front; `None` past the end.
struct SlotReader<'a>(&'a [u8]);

impl<'a> SlotReader<'a> {
    /// The bytes after magic and checksum, if both are right.
    fn checked(slot: &'a [u8; SLOT_BYTES]) -> Option<Self> {
        let body = slot.strip_prefix(MAGIC)?;
        let (sum, body) = body.split_first_chunk::<4>()?;
        (u32::from_le_bytes(*sum) == crc32(body)).then_some(Self(body))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.0.split_first_chunk::<N>()?;
        self.0 = tail;
        Some(*head)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn rest_is_zero(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn any_key()(id: [u8; 16], watermark: u64, last_used: u64, pending: bool, suspended: bool, resync: bool, heard in 0..=50_u32) -> KeyState {
            KeyState { id: KeyId(id), watermark: Step(watermark), last_used: (last_used > 0).then_some(UnixTime::new(last_used)), pending, suspended, resync, heard }
        }
    }
    prop_compose! {
        fn any_origin()(failures: u32, closed: bool, last_failure_ms in 0..1_u64 << 63, untold: bool) -> OriginState {
            OriginState { failures, closed, last_failure_ms, untold }
        }
    }
    prop_compose! {
        pub(crate) fn any_state()(
            uid: u32, generation: u64, pending in proptest::option::of(1..=u64::MAX), marks: [bool; 5],
            total_failures: u32, origins in proptest::array::uniform5(any_origin()), set: [u8; 16], used: u32, told: u32,
            keys in proptest::collection::vec(any_key(), 0..=MAX_KEYS),
        ) -> State {
            let [enrolled, suspended, disabled, restored, of_a_thief] = marks;
            let recovery = RecoveryState { set: RecoverySetId::new(set), used, told, suspended: of_a_thief };
            State { uid, generation, pending, enrolled, suspended, disabled, restored, total_failures, origins, recovery, keys }
        }
    }

    proptest! {
        #[test]
        fn s3_every_slot_survives_the_round_trip(state in any_state(), sequence: u64, inode: u64, written: u64, doubted: bool) {
            let slot = Slot { sequence, inode, written: UnixTime::new(written), doubted, state };
            prop_assert_eq!(Slot::read(&slot.encode().unwrap()), SlotFound::Good(slot));
        }

        #[test]
        fn s2_one_flipped_bit_makes_a_slot_bad(state in any_state(), at in 0..SLOT_BYTES * 8) {
            let slot = Slot { sequence: 1, inode: 2, written: UnixTime::new(3), doubted: false, state };
            let mut bytes = slot.encode().unwrap();
            bytes[at / 8] ^= 1 << (at % 8);
            prop_assert_eq!(Slot::read(&bytes), SlotFound::Bad);
        }
    }

    #[test]
    fn s2_unknown_marks_and_counts_are_bad_even_with_a_right_checksum() {
        let slot =
            Slot { sequence: 1, inode: 2, written: UnixTime::new(3), doubted: false, state: State::never_enrolled(7) };
        let bytes = slot.encode().unwrap();
        let with = |at: usize, value| {
            let mut changed = bytes;
            changed[at] = value;
            let sum = crc32(&changed[12..]).to_le_bytes();
            changed[8..12].copy_from_slice(&sum);
            Slot::read(&changed)
        };
        for (at, value) in [(14, 1), (44, 64), (76, 2), (172, 11), (639, 1)] {
            assert_eq!(with(at, value), SlotFound::Bad, "byte {at}");
        }
        assert_eq!(with(12, 2), SlotFound::Version(2));
        assert_eq!(Slot::read(&[0; SLOT_BYTES]), SlotFound::Bad);
    }

    #[test]
    fn eleven_keys_do_not_fit() {
        let key = KeyState::new(KeyId([0; 16]), Step(0));
        let mut state = State::never_enrolled(7);
        state.keys = vec![key; MAX_KEYS + 1];
        assert_eq!(Slot { sequence: 1, inode: 2, written: UnixTime::new(3), doubted: false, state }.encode(), None);
    }
}
