//! A mutex that a panic does not close: the call that panicked has ended, and the daemon goes on for everybody else.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// A value for one thread at a time. Each change of it must be whole at every step that can panic.
#[derive(Default)]
pub(crate) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// None while another thread has it.
    pub(crate) fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn a_panic_of_one_thread_closes_it_to_no_other() {
        let lock = Arc::new(Lock::new(1));
        let held = Arc::clone(&lock);
        let panicked = thread::spawn(move || {
            let mut value = held.lock();
            *value = 2;
            panic!("while it is held");
        });
        assert!(panicked.join().is_err());
        assert_eq!(*lock.lock(), 2);
        let held = lock.try_lock();
        assert!(held.is_some_and(|value| *value == 2 && lock.try_lock().is_none()));
    }
}
