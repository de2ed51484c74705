//! One check of one code: hold the user, decide, store, let go, answer. Module and daemon both go through here, so that
//! there is one way to advance a state (R7).

use crate::clock::Clock;
use crate::decision::{Refusal, Verdict, decide};
use crate::limits::Limits;
use crate::origin::Origin;
use crate::record::Account;
use crate::seal::HostKey;
use crate::typed::Typed;
use crate::vault::{Mended, Vault, VaultError};

/// What the check of one answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The outcome.
    pub outcome: Outcome,
    /// What was found in the vault and put right on the way; each is worth an alert.
    pub mended: Vec<Mended>,
}

/// What becomes of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The code was looked at, or the user is barred.
    Decided(Verdict),
    /// Not a code by its shape.
    Junk,
    /// Positively never enrolled.
    NotEnrolled,
}

/// Checks what `account` typed. An error means that nothing was learnt about the code: the caller refuses.
pub fn check(
    vault: &Vault,
    host_key: &HostKey,
    account: &Account,
    typed: &Typed,
    origin: Origin,
    limits: &Limits,
    clock: &dyn Clock,
) -> Result<Checked, VaultError> {
    let Some(mut held) = vault.hold(account, limits.window, clock)? else {
        return Ok(Checked { outcome: Outcome::NotEnrolled, mended: Vec::new() });
    };
    let mended = held.mended().to_vec();
    let Some(record) = held.record() else {
        return Ok(Checked { outcome: Outcome::NotEnrolled, mended });
    };
    let keys = record.open(host_key, vault.about().id).map_err(|error| vault.malformed_record(account, &error))?;
    let Typed::Code(code) = typed else {
        return Ok(Checked { outcome: Outcome::Junk, mended });
    };
    let (verdict, next) = decide(&keys, held.state(), limits, code, origin, held.now());
    if let Some(next) = next {
        held.store(next, clock)?;
    }
    Ok(Checked { outcome: Outcome::Decided(verdict), mended })
}

impl Outcome {
    /// One word for the log.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Junk => "junk",
            Self::NotEnrolled => "not-enrolled",
            Self::Decided(Verdict::Accepted(_)) => "code",
            Self::Decided(Verdict::Refused(refusal)) => refusal.reason(),
        }
    }
}

impl Refusal {
    /// One word for the log.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Replayed => "replayed",
            Self::Waiting { .. } => "waiting",
            Self::Closed => "closed",
            Self::Disabled => "disabled",
            Self::Suspended => "suspended",
            Self::Expired => "expired",
            Self::NoKey => "no-key",
            Self::ClockBehind => "clock-behind",
            Self::ClockAhead => "clock-ahead",
        }
    }
}

impl Mended {
    /// One word for the log.
    pub fn reason(self) -> &'static str {
        match self {
            Self::BadSlot => "bad-slot",
            Self::RestoredCopy => "restored-copy",
            Self::CommitFinished => "commit-finished",
            Self::CommitUndone => "commit-undone",
        }
    }
}
