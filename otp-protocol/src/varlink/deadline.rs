//! A moment by which something must have happened, and the error if it has not.

use std::time::{Duration, Instant};

use crate::varlink::error::WireError;

/// A moment, and what it means to have missed it.
pub(crate) struct Deadline {
    end: Option<Instant>,
    missed: WireError,
}

impl Deadline {
    pub(crate) fn after(time: Duration, missed: WireError) -> Self {
        let end = Instant::now().checked_add(time);
        Self { end, missed }
    }

    /// The time left, never zero.
    pub(crate) fn left(&self) -> Result<Duration, WireError> {
        let left = match self.end {
            Some(end) => end.saturating_duration_since(Instant::now()),
            None => Duration::from_secs(u64::from(u32::MAX)),
        };
        if left.is_zero() { Err(self.missed) } else { Ok(left) }
    }
}
