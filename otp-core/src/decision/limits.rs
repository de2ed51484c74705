//! How far a code may lie from now, and how many wrong ones an origin has.

use crate::decision::origin::Origin;

/// Steps that are accepted besides the current one (RFC 6238 section 5.2); each 0 to 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Steps back.
    pub back: u64,
    /// Steps forward.
    pub forward: u64,
}

/// The consequence of a wrong code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The first three are free, then 2 s, 4 s and so on up to an hour.
    Growing,
    /// Only the limit holds.
    None,
}

/// `clock = "checked"` or `"trusted"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClockPolicy {
    /// Unless the kernel says that it is synchronised, a jump of more than 30 days is refused.
    #[default]
    Checked,
    /// Believed: for hosts without a time service.
    Trusted,
}

/// Everything the decision needs from the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Accepted steps.
    pub window: Window,
    /// Wrong codes after which an origin is closed, in the order of [`Origin::ALL`].
    pub guesses: [u32; 5],
    /// Pause after wrong codes.
    pub wait: Wait,
    /// Whether the wall clock is believed where the kernel does not vouch for it.
    pub clock: ClockPolicy,
}

/// How far a clock that nobody vouches for is believed beyond the newest time that is known to have passed.
pub const FAR_AHEAD_S: u64 = 30 * 86_400;

/// Wrong codes without an accepted one between them after which the keys are disabled (NIST SP 800-63B-4, 3.2.2).
pub const DISABLE_AT: u32 = 100;

/// Wrong codes in a row of one origin that their owner is told of: more than somebody types who misreads a code.
pub const MANY_WRONG: u32 = 5;

/// Counters of an HOTP key above the last accepted one whose codes are accepted (RFC 4226 section 7.2, `s`).
pub const HOTP_AHEAD: u64 = 10;
/// The same for two codes in a row, which bring a key back that was pressed too often (RFC 4226 section 7.4).
pub const HOTP_WIDEST: u64 = 50;

const FREE: u32 = 3;
const LONGEST_WAIT_MS: u64 = 3_600_000;

impl Window {
    /// The widest that a policy can say, in either direction.
    pub const MOST: u64 = 2;
}

impl Limits {
    /// Wrong codes after which `origin` is closed.
    pub fn of(&self, origin: Origin) -> u32 {
        self.guesses.get(origin.index()).copied().unwrap_or(1)
    }
}

impl Wait {
    /// Length of the wait in milliseconds after so many wrong codes in a row.
    pub fn after(self, failures: u32) -> u64 {
        match (self, failures.checked_sub(FREE)) {
            (Self::None, _) | (_, None | Some(0)) => 0,
            (Self::Growing, Some(doublings)) => {
                let seconds = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
                seconds.saturating_mul(1000).min(LONGEST_WAIT_MS)
            }
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            window: Window { back: 1, forward: 1 },
            guesses: [20; 5],
            wait: Wait::Growing,
            clock: ClockPolicy::Checked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_are_free_then_two_seconds_doubling_to_an_hour() {
        let seconds: Vec<u64> = [0, 1, 3, 4, 5, 6, 14, 15, 100, u32::MAX].map(|n| Wait::Growing.after(n) / 1000).into();
        assert_eq!(seconds, [0, 0, 0, 2, 4, 8, 2048, 3600, 3600, 3600]);
        assert_eq!(Wait::None.after(u32::MAX), 0);
    }
}
