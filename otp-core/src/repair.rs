//! What was found wrong in a vault and put right.

/// Something that was found and put right; each is worth an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// One slot was bad: watermarks were raised past everything that could have been accepted.
    BadSlot,
    /// The state file is a restored copy: watermarks raised, counters suspended.
    RestoredCopy,
    /// A change of keys that a crash had interrupted after its commit was finished.
    CommitFinished,
    /// A change of keys that a crash had interrupted before its commit was dropped.
    CommitUndone,
}
