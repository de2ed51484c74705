//! The slots for keys that wait for their first code, over all connections: one for each user.

use std::collections::HashMap;
use std::sync::Arc;

use crate::lock::Lock;

/// All places; one a user.
#[derive(Default)]
pub(crate) struct PendingEnrolments(Arc<Lock<PendingSlots>>);

#[derive(Default)]
struct PendingSlots {
    next: u64,
    of: HashMap<u32, (u64, StartedBy)>,
}

/// The grounds of a beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StartedBy {
    /// A registration code.
    WithAnInvitation,
    /// Something else.
    Otherwise,
}

/// A user's place among them; given up on drop.
pub(super) struct PendingSlot {
    all: Arc<Lock<PendingSlots>>,
    uid: u32,
    number: u64,
}

/// How a new enrolment meets one of the same user that is under way already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Earlier {
    /// It goes on, and no other begins.
    Stays,
    /// It is thrown away.
    Ends,
    /// It is thrown away, unless it began after this place was taken: of two redemptions the later one counts, however long the
    /// earlier one took to begin.
    EndsIfOlder(StartNumber),
}

/// A place in the order of beginnings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StartNumber(u64);

impl PendingEnrolments {
    /// Throws away what is under way of a user: what allowed it is gone.
    pub(crate) fn end(&self, uid: u32) {
        self.0.lock().of.remove(&uid);
    }

    /// The same, if it was begun with an invitation.
    pub(crate) fn end_of_an_invitation(&self, uid: u32) {
        let mut slots = self.0.lock();
        if matches!(slots.of.get(&uid), Some((_, StartedBy::WithAnInvitation))) {
            slots.of.remove(&uid);
        }
    }

    /// A place for a beginning that is about to come.
    pub(crate) fn next_start_number(&self) -> StartNumber {
        self.0.lock().next_start_number()
    }

    /// A place for this user; none where another enrolment is there and stays.
    pub(super) fn slot(&self, uid: u32, earlier: Earlier, started_by: StartedBy) -> Option<PendingSlot> {
        let mut slots = self.0.lock();
        let there = slots.number(uid);
        let number = match earlier {
            Earlier::Stays if there.is_some() => return None,
            Earlier::EndsIfOlder(StartNumber(number)) if there.is_some_and(|there| there > number) => return None,
            Earlier::EndsIfOlder(StartNumber(number)) => number,
            Earlier::Stays | Earlier::Ends => slots.next_start_number().0,
        };
        slots.of.insert(uid, (number, started_by));
        Some(PendingSlot { all: Arc::clone(&self.0), uid, number })
    }
}

impl PendingSlots {
    fn number(&self, uid: u32) -> Option<u64> {
        self.of.get(&uid).map(|(number, _)| *number)
    }

    fn next_start_number(&mut self) -> StartNumber {
        let number = self.next;
        self.next = number.wrapping_add(1);
        StartNumber(number)
    }
}

impl PendingSlot {
    /// Has nothing taken its place?
    pub(super) fn lasts(&self) -> bool {
        self.all.lock().number(self.uid) == Some(self.number)
    }
}

impl Drop for PendingSlot {
    fn drop(&mut self) {
        let mut slots = self.all.lock();
        if slots.number(self.uid) == Some(self.number) {
            slots.of.remove(&self.uid);
        }
    }
}
