//! How many calls of a kind may run at a time for one caller and about one user.

use std::collections::HashMap;
use std::sync::Arc;

use crate::lock::Lock;

/// How many codes are being checked for each uid that asks, and of whom; a root peer's count by the real uid that it asks for.
#[derive(Default)]
pub(crate) struct Concurrency(Arc<Lock<HashMap<Pair, usize>>>);

/// The caller, and the user whom it is about; none: an account that does not exist.
type Pair = (u32, Option<u32>);

/// One of them; given up on drop.
pub(crate) struct CallPermit {
    all: Arc<Lock<HashMap<Pair, usize>>>,
    pair: Pair,
}

/// Most at a time for one uid other than 0; and of one user's codes, where root asks.
const AT_A_TIME: usize = 8;

/// Most of one user's codes at a time, where somebody else asks: a user who holds the own lock lets each of them wait, and must not
/// use up what an application has for everybody.
const OF_ONE_USER: usize = 2;

/// How many codes wait for the lock of somebody else, for each uid that asks.
#[derive(Default)]
pub(crate) struct LockWaits(Concurrency);

/// Most that wait for locks, for one uid other than 0 and for root: half of what each has in connections. Users who hold
/// their own locks let codes of theirs wait for ten seconds, and however many they are, the rest is for others.
const WAITING: usize = 4;
const WAITING_FOR_ROOT: usize = 16;

impl LockWaits {
    /// One more for `asker`, if there is room. Only the owner's own codes wait as they like.
    pub(crate) fn permit(&self, asker: u32, of: u32) -> Option<CallPermit> {
        let most = match asker {
            asker if asker == of => usize::MAX,
            0 => WAITING_FOR_ROOT,
            _ => WAITING,
        };
        self.0.enter((asker, Some(of)), |for_the_asker, _| for_the_asker < most)
    }
}

impl Concurrency {
    /// One more for `asker`, of a code of `of`, if there is room.
    pub(crate) fn permit(&self, asker: u32, of: Option<u32>) -> Option<CallPermit> {
        let (most, most_of_one) = match (asker, of) {
            (0, Some(0)) => (usize::MAX, usize::MAX),
            (0, _) => (usize::MAX, AT_A_TIME),
            (asker, of) if of == Some(asker) => (AT_A_TIME, AT_A_TIME),
            _ => (AT_A_TIME, OF_ONE_USER),
        };
        self.enter((asker, of), |for_the_asker, of_the_user| for_the_asker < most && of_the_user < most_of_one)
    }

    /// One more, if `has_room` says so of how many there are for who asks, and how many of them are of that user.
    fn enter(&self, pair: Pair, has_room: impl FnOnce(usize, usize) -> bool) -> Option<CallPermit> {
        let mut all = self.0.lock();
        let for_the_asker: usize = all.iter().filter(|((one, _), _)| *one == pair.0).map(|(_, count)| count).sum();
        let of_the_user = all.get(&pair).copied().unwrap_or_default();
        if !has_room(for_the_asker, of_the_user) {
            return None;
        }
        all.insert(pair, of_the_user.saturating_add(1));
        Some(CallPermit { all: Arc::clone(&self.0), pair })
    }
}

impl Drop for CallPermit {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        let left = all.get(&self.pair).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            all.remove(&self.pair)
        } else {
            all.insert(self.pair, left)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_a_time_for_one_uid_and_any_number_for_root() {
        let verifying = Concurrency::default();
        let own = |uid| verifying.permit(uid, Some(uid));
        let permits: Vec<_> = (0..AT_A_TIME).map(|_| own(1000)).collect();
        assert!(permits.iter().all(Option::is_some) && own(1000).is_none() && own(1001).is_some());
        drop(permits);
        assert!(own(1000).is_some() && (0..100).all(|_| own(0).is_some()));
        let roots: Vec<_> = (1..100).map(|uid| verifying.permit(0, Some(uid))).collect();
        assert!(roots.iter().all(Option::is_some));
    }

    #[test]
    fn half_of_what_somebody_has_may_wait_for_locks_and_of_the_own_codes_all() {
        let waits = LockWaits::default();
        let waiting: Vec<_> = (1000..1100).filter_map(|of| waits.permit(7, of)).collect();
        assert_eq!((waiting.len(), waits.permit(8, 1000).is_some()), (WAITING, true));
        let own: Vec<_> = (0..100).filter_map(|_| waits.permit(1000, 1000)).collect();
        assert_eq!((own.len(), (1000..1100).filter_map(|of| waits.permit(0, of)).count()), (100, 100));
        let roots: Vec<_> = (1000..1100).filter_map(|of| waits.permit(0, of)).collect();
        assert_eq!(roots.len(), WAITING_FOR_ROOT);
        drop(waiting);
        assert!(waits.permit(7, 1000).is_some());
    }

    #[test]
    fn of_one_user_an_application_has_few_at_a_time_and_others_are_left_room() {
        let verifying = Concurrency::default();
        for (asker, most) in [(7, OF_ONE_USER), (0, AT_A_TIME)] {
            let permits: Vec<_> = (0..most).map(|_| verifying.permit(asker, Some(1000))).collect();
            assert!(permits.iter().all(Option::is_some) && verifying.permit(asker, Some(1000)).is_none());
            assert!(verifying.permit(asker, Some(1001)).is_some() && verifying.permit(asker, None).is_some());
        }
    }
}
