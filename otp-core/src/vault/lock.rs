//! One lock per user, for the decision only (R3): flock on the state file, waited for a bounded time, and worth nothing
//! unless the path still names the locked inode.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::Vault;
use super::error::VaultError;
use super::open::TrustedDir;
use super::read::{Access, unreadable};

/// How long a lock is waited for.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long by somebody who only wants to look: a lock is held for a decision, which takes milliseconds.
const SHORT_LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// First and longest pause between two tries.
const SHORTEST_PAUSE: Duration = Duration::from_micros(200);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// A locked state file, as it was looked at under the lock; unlocked on drop.
pub(super) struct Locked {
    pub(super) file: Flock<File>,
    pub(super) about: Metadata,
}

/// The end of one try to lock a state.
enum Try {
    Missing,
    Busy,
    Locked(Locked),
}

/// The moment at which a look at a user, or at all of them, gives the locks up.
pub fn short_lock_deadline() -> Instant {
    Instant::now() + SHORT_LOCK_TIMEOUT
}

/// The moment at which anybody else does.
pub(super) fn lock_deadline() -> Instant {
    Instant::now() + LOCK_TIMEOUT
}

impl Vault {
    /// Locks the state file of `uid`; `None` if there is none.
    pub(super) fn lock_state(&self, uid: u32) -> Result<Option<Locked>, VaultError> {
        self.under_lock(uid, lock_deadline(), |_, locked| Ok(locked))
    }

    /// Locks the state file of `uid`, waited for until `deadline`, and reads what there is to read; all that is opened for it is
    /// opened in one go. Past the deadline a lock that is free is still taken. Without a state file there is no lock.
    pub(super) fn under_lock<T>(
        &self,
        uid: u32,
        deadline: Instant,
        read: impl Fn(&Self, Option<Locked>) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let mut pauses = Pauses::until(deadline);
        loop {
            let found = self.make_call(|vault| match vault.try_lock(uid)? {
                Try::Missing => read(vault, None).map(Some),
                Try::Locked(locked) => read(vault, Some(locked)).map(Some),
                Try::Busy => Ok(None),
            })?;
            match found {
                Some(found) => return Ok(found),
                None if pauses.pause() => {}
                None => return Err(self.lock_timeout(uid)),
            }
        }
    }

    /// A state that is being replaced is as good as locked.
    fn try_lock(&self, uid: u32) -> Result<Try, VaultError> {
        let name = state_name(uid);
        let path = self.state.path_of(&name);
        let file = match self.state.open_unchecked(&name, Access::Write) {
            Err(VaultError::Missing(_)) => return Ok(Try::Missing),
            opened => opened?,
        };
        let file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => file,
            Err((_, Errno::EWOULDBLOCK | Errno::EINTR)) => return Ok(Try::Busy),
            Err((_, errno)) => return Err(VaultError::Unreadable { path, errno }),
        };
        let about = file.metadata().map_err(|error| unreadable(&path, &error))?;
        let named = self.state.stat(&name).is_ok_and(|stat| (stat.st_dev, stat.st_ino) == (about.dev(), about.ino()));
        if !named {
            return Ok(Try::Busy);
        }
        self.state.check_file(&about, &name)?;
        Ok(Try::Locked(Locked { file, about }))
    }

    fn lock_timeout(&self, uid: u32) -> VaultError {
        let name = state_name(uid);
        let holder = self.state.open_file(&name, Access::Read).ok().and_then(|file| holder(&file));
        VaultError::LockTimeout { path: self.state.path_of(&name), holder }
    }
}

impl TrustedDir {
    /// Locks the file `name`, which is made if it is not there. Unlocked on drop; the file stays.
    pub(super) fn lock_file(&self, name: &str) -> Result<Flock<File>, VaultError> {
        let file = match self.open_file(name, Access::Write) {
            Err(VaultError::Missing(_)) => match self.create(name, &[]) {
                Err(VaultError::CannotPersist { errno: Errno::EEXIST, .. }) => self.open_file(name, Access::Write)?,
                made => made?,
            },
            opened => opened?,
        };
        lock(file, &self.path_of(name))
    }

    /// Locks this directory, against other writers of files in it. Unlocked on drop.
    pub(super) fn lock(&self) -> Result<Flock<File>, VaultError> {
        lock(self.reopened()?, self.path())
    }
}

/// Name of a user's state file.
pub(super) fn state_name(uid: u32) -> String {
    uid.to_string()
}

fn lock(mut file: File, path: &Path) -> Result<Flock<File>, VaultError> {
    let mut pauses = Pauses::until(lock_deadline());
    loop {
        let errno = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return Ok(locked),
            Err((back, errno)) => {
                file = back;
                errno
            }
        };
        match errno {
            Errno::EWOULDBLOCK if pauses.pause() => {}
            Errno::EWOULDBLOCK => return Err(VaultError::LockTimeout { path: path.to_owned(), holder: holder(&file) }),
            Errno::EINTR => {}
            errno => return Err(VaultError::Unreadable { path: path.to_owned(), errno }),
        }
    }
}

/// No signal and no thread may be used inside somebody else's process, so a lock is asked for again and again.
pub(crate) struct Pauses {
    next: Duration,
    deadline: Instant,
}

impl Pauses {
    /// As long as a lock is waited for.
    pub(crate) fn of_a_lock() -> Self {
        Self::until(lock_deadline())
    }

    fn until(deadline: Instant) -> Self {
        Self { next: SHORTEST_PAUSE, deadline }
    }

    /// Waits a little; says no, at once, when the deadline is over.
    pub(crate) fn pause(&mut self) -> bool {
        if Instant::now() >= self.deadline {
            return false;
        }
        std::thread::sleep(self.next);
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        true
    }
}

/// The holder of a flock on `file`, as /proc/locks tells: `1: FLOCK  ADVISORY  WRITE 812 fe:00:131 0 EOF`.
fn holder(file: &File) -> Option<i32> {
    let inode = file.metadata().ok()?.ino();
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (kind, pid, place) = (words.next()?, words.nth(2)?, words.next()?);
        let number: u64 = place.rsplit(':').next()?.parse().ok()?;
        (kind == "FLOCK" && number == inode).then(|| pid.parse().ok())?
    })
}
