//! Faults in a vault that were found and repaired.

use std::path::PathBuf;

use crate::accounts::Account;
use crate::files::date::utc;
use crate::log_line::LogLine;
use crate::unix_time::UnixTime;

/// The marks of a restored copy, for the log. A program that touched the file (a relabelling, chmod, a backup that puts atime
/// back) leaves the same ones: nothing in stat(2) tells the two apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredEvidence {
    /// Which file.
    pub file: PathBuf,
    /// When it says that it was written last.
    pub written: UnixTime,
    /// When the kernel says that it was changed last (ctime).
    pub changed: UnixTime,
    /// It says so of another inode.
    pub moved: bool,
}

impl RestoredEvidence {
    /// The file and both times in a line.
    pub fn told_in(&self, line: LogLine) -> LogLine {
        let inode = if self.moved { "other" } else { "same" };
        line.field("file", &self.file.display().to_string())
            .field("written", &utc(self.written))
            .field("changed", &utc(self.changed))
            .field("inode", inode)
    }
}

crate::reason_table! {
    /// Something that was found and put right; each is worth an alert.
    pub enum Repair {
        /// One slot was bad: watermarks were raised past everything that could have been accepted.
        BadSlot => "bad-slot";
        /// The state file is a restored copy: watermarks raised, counters suspended.
        RestoredCopy => "restored-copy";
        /// A change of keys that a crash had interrupted after its commit was finished.
        CommitFinished => "commit-finished";
        /// A change of keys that a crash had interrupted before its commit was dropped.
        CommitUndone => "commit-undone";
    }
}

impl Repair {
    /// The line of the alarm, the same from every program; of a restored copy with the marks by which it was known.
    pub(crate) fn line(self, account: &Account, evidence: Option<&RestoredEvidence>) -> LogLine {
        let line = LogLine::default().field("mended", self.word()).field("user", &account.name);
        match (self, evidence) {
            (Self::RestoredCopy, Some(evidence)) => evidence.told_in(line),
            _ => line,
        }
    }
}
