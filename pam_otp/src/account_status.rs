//! How a user stands with their keys, whoever found it out: this process or the daemon.

use crate::reason::LogReason;
use otp_core::unix_time::UnixTime;

/// How a user stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AccountStatus {
    /// Positively never enrolled.
    NeverEnrolled,
    /// Enrolled and in order.
    InOrder {
        /// The oldest key that its owner can replace, if there is one.
        oldest: Option<OldestKey>,
        /// Was a recovery code used of which nobody has told the owner?
        recovery: Recovery,
        /// The time, as far as the clock is believed.
        now: UnixTime,
    },
    /// Not barred; more is not told to this process, not even whether there is a key.
    NotBarred,
    /// Suspended, disabled, expired, or without a key after the last one was revoked; which.
    Barred(LogReason),
}

/// The oldest key of an app. Counter-based tokens come with their secret and are not replaced by their owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OldestKey {
    /// What its owner calls it.
    pub label: String,
    /// When its first code confirmed it.
    pub confirmed: UnixTime,
}

/// Whether a recovery code was used of which its owner has not been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// None.
    Quiet,
    /// One was, or several.
    Used,
}
