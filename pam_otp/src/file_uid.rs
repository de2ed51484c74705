//! The vault's opens with the file system uid of its owner (setfsuid(2)): a root-owned host needs no capability for them then,
//! and may lack all. Afterwards the host is as it was, also when the call panics: its file system uid, the capabilities in
//! force, and two marks that the kernel takes away at such a change: dumpable, and the signal at the death of the parent.

use std::ffi::c_int;
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::thread;
use std::time::Duration;

use nix::unistd::{Uid, setfsuid};

use crate::libpam::{
    Capabilities, capabilities, death_signal, dumpable, is_filtered, set_capabilities, set_death_signal, set_dumpable,
};

/// Makes `call` with the file system uid of `owner`, if this process may change it; else as it is. A filter of system calls may kill
/// a process that changes it (`SystemCallFilter=~@privileged`), so under one root goes by its capabilities.
pub(crate) fn as_owner(owner: u32, call: &mut dyn FnMut()) {
    let _until_the_end = ChangedUid::to(Uid::from_raw(owner));
    call();
}

/// The host as it was; it is so again when this is dropped.
struct ChangedUid {
    uid: Uid,
    capabilities: Option<Capabilities>,
    dumpable: c_int,
    death_signal: c_int,
    _alone: Option<MutexGuard<'static, ()>>,
}

impl ChangedUid {
    fn to(owner: Uid) -> Option<Self> {
        if owner.is_root() || is_filtered() {
            return None;
        }
        let alone = alone();
        let (capabilities, dumpable, death_signal) = (capabilities(), dumpable(), death_signal());
        // Without CAP_SETUID nothing changes, and nothing is said: then it is set back to what it is.
        let uid = setfsuid(owner);
        Some(Self { uid, capabilities, dumpable, death_signal, _alone: alone })
    }
}

impl Drop for ChangedUid {
    fn drop(&mut self) {
        setfsuid(self.uid);
        // The kernel gives every capability for files back that is permitted, also one that the host had put out of force.
        if let Some(before) = &self.capabilities
            && !before.are_all_in_force()
            && capabilities().as_ref() != Some(before)
        {
            set_capabilities(before);
        }
        // It takes the mark of a process that may be dumped, and sets none of its own on another.
        if self.dumpable == DUMPABLE || dumpable() != self.dumpable {
            set_dumpable(self.dumpable);
        }
        if self.death_signal != 0 {
            set_death_signal(self.death_signal);
        }
    }
}

/// One thread at a time: another one would take what is meanwhile not dumpable for how the host was. Waited for only briefly: in a
/// process that forked while one of its threads was here the lock is never free.
fn alone() -> Option<MutexGuard<'static, ()>> {
    for _ in 0..TRIES {
        match ONE_AT_A_TIME.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_micros(100)),
        }
    }
    None
}

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// SUID_DUMP_USER: what almost every process is, so that asking first would cost more than it saves.
const DUMPABLE: c_int = 1;
/// How often the lock is tried.
const TRIES: usize = 200;

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use nix::unistd::geteuid;

    use super::*;

    const OWNER: u32 = 4711;
    /// (uid_t) -1, which no process can have: setting it tells what it is.
    const NOBODY: Uid = Uid::from_raw(u32::MAX);
    /// The marks are those of the whole process.
    static ALONE: Mutex<()> = Mutex::new(());

    fn current() -> Uid {
        setfsuid(NOBODY)
    }

    fn host() -> (Uid, Option<Capabilities>, c_int, c_int) {
        (current(), capabilities(), dumpable(), death_signal())
    }

    #[test]
    fn during_the_call_it_is_the_owners_and_afterwards_the_hosts_also_after_a_panic() {
        let _alone = ALONE.lock();
        assert!(geteuid().is_root(), "as root");
        for (mark, signal) in [(0, 0), (1, 10), (1, 40)] {
            set_dumpable(mark);
            set_death_signal(signal);
            let before = host();
            assert_eq!((before.2, before.3), (mark, signal));
            let mut during = Uid::from_raw(0);
            as_owner(OWNER, &mut || during = current());
            assert_eq!((during, host()), (Uid::from_raw(OWNER), before));
            let panicked = catch_unwind(AssertUnwindSafe(|| as_owner(OWNER, &mut || panic!("on purpose"))));
            assert_eq!((panicked.is_err(), host()), (true, before));
        }
    }

    #[test]
    fn a_capability_that_the_host_put_out_of_force_stays_so() {
        let _alone = ALONE.lock();
        assert!(geteuid().is_root(), "as root");
        let mut lowered = capabilities().expect("told");
        lowered.0[0][0] &= !(1 << 1); // CAP_DAC_OVERRIDE, still permitted
        set_capabilities(&lowered);
        as_owner(OWNER, &mut || {});
        assert_eq!(capabilities(), Some(lowered));
    }

    #[test]
    fn of_several_threads_none_takes_the_mark_from_the_process() {
        let _alone = ALONE.lock();
        set_dumpable(1);
        thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| (0..200).for_each(|_| as_owner(OWNER, &mut || {})));
            }
        });
        assert_eq!(dumpable(), 1);
    }
}
