//! A moment of wall time. Lengths of time are plain numbers of seconds, so that neither is taken for the other.

use std::fmt;
use std::ops::Add;

/// Whole seconds since 1970, in UTC. As text it is their number; for people there is `files::date`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// 1970-01-01T00:00:00Z. Where a file has it for a time that is known to have passed, none is known.
    pub const EPOCH: Self = Self(0);

    /// The moment of so many seconds since 1970.
    pub const fn new(seconds: u64) -> Self {
        Self(seconds)
    }

    /// As the kernel has it, which can go further back; [`UnixTime::EPOCH`] for anything earlier.
    pub fn from_kernel(seconds: i64) -> Self {
        Self(u64::try_from(seconds).unwrap_or(0))
    }

    /// The first moment of a day, of which there were so many since 1970.
    pub const fn of_day(days: u64) -> Self {
        Self(days.saturating_mul(24 * 60 * 60))
    }

    /// Seconds since 1970, for files, messages and the system.
    pub const fn seconds(self) -> u64 {
        self.0
    }

    /// How many seconds have passed since `earlier`; none if it is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// So many seconds later, and never past the end of time.
impl Add<u64> for UnixTime {
    type Output = Self;

    fn add(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_wraps_at_either_end() {
        let end = UnixTime::new(u64::MAX);
        assert_eq!((end + 1, UnixTime::of_day(u64::MAX)), (end, end));
        assert_eq!((UnixTime::EPOCH.since(end), end.since(UnixTime::EPOCH)), (0, u64::MAX));
        assert_eq!((UnixTime::from_kernel(-1), UnixTime::from_kernel(7)), (UnixTime::EPOCH, UnixTime::new(7)));
        assert_eq!((UnixTime::of_day(1), UnixTime::new(7).to_string()), (UnixTime::new(86_400), "7".to_owned()));
    }
}
