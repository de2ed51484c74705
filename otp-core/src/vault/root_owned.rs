//! Files that root owns outside the vault: the policy, the host key, programs, and the directories above them. Nobody else may change any of
//! it.

use std::cell::RefCell;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::{Mode, lstat};
use zeroize::Zeroizing;

use super::error::VaultError;
use super::read::{Access, errno_of, file_flags, read_capped, unreadable};

/// The readers of a root-owned file outside the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Everybody: the policy, an emergency mark.
    Everybody,
    /// Root alone: the host key.
    RootAlone,
}

/// Directories that were looked at and are root's alone. For as long as one call of PAM at most: what nobody but root can change is
/// looked at once there, however many files are below it.
#[derive(Debug, Default)]
pub struct RootDirs(RefCell<Vec<PathBuf>>);

impl RootDirs {
    /// Every directory above `path` must be root's, and root alone may write to it.
    pub fn above(&self, path: &Path) -> Result<(), VaultError> {
        for dir in path.ancestors().skip(1) {
            if !self.0.borrow().iter().any(|known| known == dir) {
                root_alone_may_write(dir)?;
                self.0.borrow_mut().push(dir.to_owned());
            }
        }
        Ok(())
    }

    /// [`read_root_file`], without looking at a directory again.
    pub fn read(&self, path: &Path, cap: usize, readers: Readers) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        self.above(path)?;
        read_below(path, cap, readers)
    }
}

/// Reads a root-owned file outside the vault (the policy, the host key): no link at its end, nobody else may write to it or
/// to a directory above it. With [`Readers::RootAlone`] nobody else may read it either.
pub fn read_root_file(path: &Path, cap: usize, readers: Readers) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    RootDirs::default().read(path, cap, readers)
}

fn read_below(path: &Path, cap: usize, readers: Readers) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let flags = file_flags(Access::Read);
    let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    let fd = match openat2(AT_FDCWD, path, how) {
        Err(Errno::ENOSYS | Errno::EPERM) => openat(AT_FDCWD, path, flags, Mode::empty()),
        answer => answer,
    };
    let file = File::from(fd.map_err(|errno| VaultError::opening(path, errno))?);
    let about = file.metadata().map_err(|error| unreadable(path, &error))?;
    let closed = readers == Readers::RootAlone;
    let forbidden = if closed { 0o077 } else { 0o022 };
    let linked = closed && about.nlink() != 1;
    if !about.is_file() || about.uid() != 0 || about.mode() & forbidden != 0 || linked {
        let found = format!("owner {}, mode {:04o}", about.uid(), about.mode() & 0o7777);
        let wanted = if closed {
            "a regular file owned by root with one name, mode 0400"
        } else {
            "a regular file that only root may write"
        };
        return Err(VaultError::untrusted(path, format!("{found}; wanted {wanted}")));
    }
    read_capped(file, &about, path, cap)
}

/// Is this directory, and every one above it, root's, and may root alone write to it?
pub fn root_directory(path: &Path) -> Result<(), VaultError> {
    path.ancestors().try_for_each(root_alone_may_write)
}

/// The file that a program of root's really is. Nobody else may write to it or to a directory above it, as it is named and
/// as it is found at the end of a link.
pub fn root_program(path: &Path) -> Result<PathBuf, VaultError> {
    path.ancestors().skip(1).try_for_each(root_alone_may_write)?;
    let real = std::fs::canonicalize(path).map_err(|error| VaultError::opening(path, errno_of(&error)))?;
    real.ancestors().skip(1).try_for_each(root_alone_may_write)?;
    let stat = lstat(&real).map_err(|errno| VaultError::opening(&real, errno))?;
    let (mode, kind) = (stat.st_mode & 0o7777, stat.st_mode & 0o170_000);
    if kind == 0o100_000 && stat.st_uid == 0 && mode & 0o022 == 0 && mode & 0o111 != 0 {
        return Ok(real);
    }
    let found = format!("owner {}, mode {mode:04o}", stat.st_uid);
    Err(VaultError::untrusted(&real, format!("{found}; wanted a root-owned program that only root may write")))
}

/// Without a link in the path this needs no descriptor: what only root can change, only root can swap.
fn root_alone_may_write(dir: &Path) -> Result<(), VaultError> {
    let stat = lstat(dir).map_err(|errno| VaultError::opening(dir, errno))?;
    if stat.st_uid == 0 && stat.st_mode & 0o022 == 0 && stat.st_mode & 0o170_000 == 0o040_000 {
        return Ok(());
    }
    let found = format!("owner {}, mode {:06o}", stat.st_uid, stat.st_mode);
    Err(VaultError::untrusted(dir, format!("{found}; wanted a root-owned directory that only root may write")))
}
