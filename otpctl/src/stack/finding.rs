//! One mistake in the stacks of this host: its kind, its place, and what is wanted.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// The kinds of mistakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FindingKind {
    /// A line leads past ours, and the stack ends well.
    PassedOver,
    /// A line leads past ours where the UNIX password has expired. A note: earlier documents had it in that order.
    PassedOverByExpiry,
    /// Our line refuses, and the stack ends well.
    RefusalIgnored,
    /// A line names a module that is not there, and means ours.
    NoSuchModule,
    /// Our line has an option that the module refuses.
    BadOption,
    /// A line that libpam cannot read.
    BadLine,
    /// libpam refuses the service.
    Refused,
    /// A file that cannot be read by this account.
    Unreadable,
    /// Our module is a word of another line, and is not run by it.
    NotRun,
    /// Our module is in /etc/pam.conf, which libpam does not read, or which is not looked at here.
    PamConf,
    /// Our line runs twice.
    Doubled,
    /// The code is asked before the first factor.
    CodeFirst,
    /// The account stage never runs our module.
    NoAccountLine,
    /// The twin of this service, which the same program uses, never runs our module.
    NoTwin,
    /// No program has this service, for its name has capitals.
    Capitals,
    /// There are too many ways through the stack.
    TooMany,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct StackFinding {
    pub service: String,
    pub stage: Option<&'static str>,
    pub file: Option<PathBuf>,
    pub line: Option<usize>,
    pub kind: FindingKind,
    pub text: String,
}

impl StackFinding {
    /// Worth a note, and no reason to fail?
    pub(crate) fn is_note(&self) -> bool {
        self.kind == FindingKind::PassedOverByExpiry
    }
}

impl fmt::Display for StackFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.service)?;
        self.stage.map_or(Ok(()), |stage| write!(f, ", {stage}"))?;
        self.file.as_ref().map_or(Ok(()), |file| write!(f, ": {}", file.display()))?;
        self.line.map_or(Ok(()), |line| write!(f, " line {line}"))?;
        write!(f, ": {}", self.text)
    }
}
