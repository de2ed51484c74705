//! A line of log at most once a second, whatever an attacker repeats.

use std::time::{Duration, Instant};

/// Lets one thing through per second.
#[derive(Default)]
pub(crate) struct OncePerSecond {
    last: Option<Instant>,
}

impl OncePerSecond {
    /// Whether it is time again at `now`.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let recent = self.last.is_some_and(|last| now.saturating_duration_since(last) < Duration::from_secs(1));
        if !recent {
            self.last = Some(now);
        }
        !recent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_of_one_second_is_dropped() {
        let start = Instant::now();
        let mut limiter = OncePerSecond::default();
        assert!(limiter.is_due(start));
        assert!(!limiter.is_due(start + Duration::from_millis(999)));
        assert!(limiter.is_due(start + Duration::from_millis(1000)));
        assert!(!limiter.is_due(start + Duration::from_millis(1999)));
    }
}
