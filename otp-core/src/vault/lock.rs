//! One lock per user, for the decision only (R3): flock on the state file, waited for a bounded time, and worth nothing
//! unless the path still names the locked inode.

use std::fs::File;
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
/// Longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// A locked file; unlocked on drop.
pub(super) type Locked = Flock<File>;

/// The moment at which a look at a user, or at all of them, gives the locks up.
pub fn short_lock_deadline() -> Instant {
    Instant::now() + SHORT_LOCK_TIMEOUT
}

impl Vault {
    /// Locks the state file of `uid`; `None` if there is none.
    pub(super) fn lock_state(&self, uid: u32) -> Result<Option<Locked>, VaultError> {
        self.lock_state_by(uid, Instant::now() + LOCK_TIMEOUT)
    }

    /// The same, waited for until `deadline`. Past it a lock that is free is still taken.
    pub(super) fn lock_state_by(&self, uid: u32, deadline: Instant) -> Result<Option<Locked>, VaultError> {
        let name = state_name(uid);
        loop {
            let file = match self.state.open_file(&name, Access::Write) {
                Err(VaultError::Missing(_)) => return Ok(None),
                opened => opened?,
            };
            let locked = lock(file, &self.state.path_of(&name), deadline)?;
            if self.still_named(&locked, &name)? {
                return Ok(Some(locked));
            }
            if Instant::now() >= deadline {
                return Err(VaultError::LockTimeout { path: self.state.path_of(&name), holder: None });
            }
        }
    }

    fn still_named(&self, locked: &File, name: &str) -> Result<bool, VaultError> {
        let path = self.state.path_of(name);
        let held = locked.metadata().map_err(|error| unreadable(&path, &error))?;
        let named = self.state.stat(name);
        Ok(named.is_ok_and(|stat| (stat.st_dev, stat.st_ino) == (held.dev(), held.ino())))
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
        lock(file, &self.path_of(name), Instant::now() + LOCK_TIMEOUT)
    }

    /// Locks this directory, against other writers of files in it. Unlocked on drop.
    pub(super) fn lock(&self) -> Result<Flock<File>, VaultError> {
        lock(self.reopened()?, self.path(), Instant::now() + LOCK_TIMEOUT)
    }
}

/// Name of a user's state file.
pub(super) fn state_name(uid: u32) -> String {
    uid.to_string()
}

/// No signal and no thread may be used inside somebody else's process, so this asks again until the deadline.
fn lock(mut file: File, path: &Path, deadline: Instant) -> Result<Flock<File>, VaultError> {
    let mut pause = Duration::from_micros(200);
    loop {
        let errno = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return Ok(locked),
            Err((back, errno)) => {
                file = back;
                errno
            }
        };
        match errno {
            Errno::EWOULDBLOCK if Instant::now() < deadline => std::thread::sleep(pause),
            Errno::EWOULDBLOCK => return Err(VaultError::LockTimeout { path: path.to_owned(), holder: holder(&file) }),
            Errno::EINTR => {}
            errno => return Err(VaultError::Unreadable { path: path.to_owned(), errno }),
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Who holds a flock on `file`, as /proc/locks tells: `1: FLOCK  ADVISORY  WRITE 812 fe:00:131 0 EOF`.
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
