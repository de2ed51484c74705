//! Threads of this daemon that want the lock of one user take turns before they ask for it. flock(2) has no queue: it is asked for again and again,
//! at growing intervals, so one of many would wait for all that come after it.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use crate::lock::Lock;

/// The queues of all users for whom somebody waits or works.
#[derive(Default)]
pub(crate) struct Turns(Lock<HashMap<u32, Arc<UserQueue>>>);

#[derive(Default)]
struct UserQueue {
    taken: Mutex<bool>,
    free: Condvar,
}

/// The turn of a thread, until this is dropped; or a place from which it went on without one, because its time was over.
pub(crate) struct Turn<'t> {
    turns: &'t Turns,
    uid: u32,
    queue: Arc<UserQueue>,
    had: bool,
}

impl Turns {
    /// Waits until `deadline` at the most. It orders threads and protects nothing: that is what the lock is for.
    pub(crate) fn take(&self, uid: u32, deadline: Instant) -> Turn<'_> {
        let queue = Arc::clone(self.0.lock().entry(uid).or_default());
        let taken = queue.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = queue.free.wait_timeout_while(taken, left, |taken| *taken);
        let (mut taken, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let had = !std::mem::replace(&mut *taken, true);
        drop(taken);
        Turn { turns: self, uid, queue, had }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.had {
            *self.queue.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
            self.queue.free.notify_one();
        }
        let mut queues = self.turns.0.lock();
        drop(std::mem::take(&mut self.queue)); // while nobody can take another one
        if queues.get(&self.uid).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            queues.remove(&self.uid); // nobody has it but the table
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    fn long() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn one_at_a_time_for_each_user_and_no_trace_is_left() {
        let (turns, inside, most) = (Turns::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let _turn = turns.take(7, long());
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!((most.load(Ordering::SeqCst), turns.0.lock().len()), (1, 0));
    }

    #[test]
    fn others_do_not_wait_and_one_who_has_waited_long_enough_goes_on() {
        let turns = Turns::default();
        let held = turns.take(7, long());
        assert!(turns.take(8, long()).had);
        let late = turns.take(7, Instant::now());
        assert!(!late.had);
        drop(late);
        drop(held);
        assert!(turns.take(7, Instant::now()).had, "one that went on without it gave nothing back");
        assert_eq!(turns.0.lock().len(), 0);
    }
}
