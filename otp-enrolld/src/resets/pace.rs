//! How many resets one person may ask for in an hour: each raises an alarm and a notice, and many would hide the one that matters.

use crate::hourly::HourlyCounts;

const MOST_AN_HOUR: u32 = 20;

/// The requests of each person, by the uid that is accountable.
#[derive(Default)]
pub(crate) struct ResetPace(HourlyCounts);

impl ResetPace {
    /// One more request of `uid`: may it be made? Root's may.
    pub(crate) fn allows(&self, uid: u32) -> bool {
        uid == 0 || self.0.add(uid, 1) <= MOST_AN_HOUR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_of_one_person_and_no_more_and_root_as_many_as_it_likes() {
        let pace = ResetPace::default();
        assert!((0..20).all(|_| pace.allows(1000)));
        assert!(!pace.allows(1000) && pace.allows(1001));
        assert!((0..100).all(|_| pace.allows(0)));
    }
}
