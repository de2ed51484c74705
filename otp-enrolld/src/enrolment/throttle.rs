//! Counts wrong registration codes by user and origin, so that nobody can guess a short one or lock the owner out. The counts are in
//! memory: anyone who can restart the daemon needs no code.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use otp_core::decision::limits::Wait;
use otp_core::decision::origin::Origin;

use crate::lock::Lock;

/// By user and origin.
#[derive(Default)]
pub(crate) struct Throttle(Lock<HashMap<(u32, &'static str), Wrong>>);

/// How many were wrong in a row, and when the last one was.
type Wrong = (u32, Instant);

impl Throttle {
    /// How long a code for `uid` from `origin` has to wait.
    pub(crate) fn wait(&self, uid: u32, origin: Origin) -> Duration {
        let wrong = self.0.lock();
        let Some((count, last)) = wrong.get(&(uid, origin.as_str())) else { return Duration::ZERO };
        Duration::from_millis(Wait::Growing.after(*count)).saturating_sub(last.elapsed())
    }

    /// One was wrong.
    pub(crate) fn count(&self, uid: u32, origin: Origin) {
        let mut wrong = self.0.lock();
        let (count, last) = wrong.entry((uid, origin.as_str())).or_insert((0, Instant::now()));
        (*count, *last) = (count.saturating_add(1), Instant::now());
    }

    /// One was right.
    pub(crate) fn forget(&self, uid: u32, origin: Origin) {
        self.0.lock().remove(&(uid, origin.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_are_free_and_then_only_this_user_from_this_origin_waits() {
        let throttle = Throttle::default();
        (0..3).for_each(|_| throttle.count(1000, Origin::Remote));
        assert!(throttle.wait(1000, Origin::Remote).is_zero());
        throttle.count(1000, Origin::Remote);
        let wait = throttle.wait(1000, Origin::Remote);
        assert!(wait > Duration::from_secs(1) && wait <= Duration::from_secs(2));
        assert!(throttle.wait(1000, Origin::Socket).is_zero() && throttle.wait(1001, Origin::Remote).is_zero());
        throttle.forget(1000, Origin::Remote);
        assert!(throttle.wait(1000, Origin::Remote).is_zero());
    }
}
