//! One lock per user, for the decision only (R3): flock on the state file, waited for a bounded time, and worth nothing
//! unless the path still names the locked inode.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, Flock, FlockArg, Flockable};
use nix::sys::stat::fstatat;

use super::error::VaultError;
use super::open::{Access, unreadable};
use super::{STATE, Vault};

/// How long a lock is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// A locked file; unlocked on drop.
pub type Locked = Flock<File>;

impl Vault {
    /// Locks the state file of `uid`; `None` if there is none.
    pub(super) fn lock_state(&self, uid: u32) -> Result<Option<Locked>, VaultError> {
        let name = state_name(uid);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let file = match self.dir.open_file(&name, Access::Write) {
                Err(VaultError::Missing(_)) => return Ok(None),
                opened => opened?,
            };
            let locked = lock(file, &self.dir.path_of(&name), deadline)?;
            if self.still_named(&locked, &name)? {
                return Ok(Some(locked));
            }
        }
    }

    /// Locks a directory of the vault, against other writers of key files.
    pub(super) fn lock_dir(&self, name: &str) -> Result<Flock<OwnedFd>, VaultError> {
        lock(self.sub(name)?, &self.dir.path_of(Path::new(name)), Instant::now() + PATIENCE)
    }

    fn still_named(&self, locked: &File, name: &Path) -> Result<bool, VaultError> {
        let path = self.dir.path_of(name);
        let held = locked.metadata().map_err(|error| unreadable(&path, &error))?;
        let named = fstatat(self.dir.fd(), name, AtFlags::AT_SYMLINK_NOFOLLOW);
        Ok(named.is_ok_and(|stat| (stat.st_dev, stat.st_ino) == (held.dev(), held.ino())))
    }
}

/// Name of a user's state file in the vault.
pub(super) fn state_name(uid: u32) -> PathBuf {
    Path::new(STATE).join(uid.to_string())
}

/// No signal and no thread may be used inside somebody else's process, so this asks again until the deadline.
fn lock<F: Flockable + Inode>(mut file: F, path: &Path, deadline: Instant) -> Result<Flock<F>, VaultError> {
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
            Errno::EWOULDBLOCK => {
                return Err(VaultError::LockTimeout { path: path.to_owned(), holder: file.inode().and_then(holder) });
            }
            Errno::EINTR => {}
            errno => return Err(VaultError::Unreadable { path: path.to_owned(), errno }),
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// What has an inode number.
trait Inode {
    fn inode(&self) -> Option<u64>;
}

impl Inode for File {
    fn inode(&self) -> Option<u64> {
        self.metadata().ok().map(|about| about.ino())
    }
}

impl Inode for OwnedFd {
    fn inode(&self) -> Option<u64> {
        nix::sys::stat::fstat(self).ok().map(|stat| stat.st_ino)
    }
}

/// Who holds a flock on `inode`, as /proc/locks tells: `1: FLOCK  ADVISORY  WRITE 812 fe:00:131 0 EOF`.
fn holder(inode: u64) -> Option<i32> {
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (kind, pid, place) = (words.next()?, words.nth(2)?, words.next()?);
        let number: u64 = place.rsplit(':').next()?.parse().ok()?;
        (kind == "FLOCK" && number == inode).then(|| pid.parse().ok())?
    })
}
