//! The owner and mode that a directory or file of the vault must have, and the message for a wrong one (V1).

use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::{FileStat, fstat};

use super::error::VaultError;

pub(super) fn check_dir(fd: &OwnedFd, path: &Path, owner: u32) -> Result<(), VaultError> {
    let stat = fstat(fd).map_err(|errno| VaultError::Unreadable { path: path.to_owned(), errno })?;
    check_owner_and_mode(path, (stat.st_uid, stat.st_mode), owner)
}

/// Anything but a directory fails as it would with `O_DIRECTORY | O_NOFOLLOW`.
pub(super) fn check_kind(path: &Path, mode: u32) -> Result<(), VaultError> {
    match mode & 0o170_000 {
        0o040_000 => Ok(()),
        0o120_000 => Err(VaultError::opening(path, Errno::ELOOP)),
        _ => Err(VaultError::opening(path, Errno::ENOTDIR)),
    }
}

/// Why it could not be opened. With the owner's uid a foreign file is closed, and is to be called foreign all the same: `about` looks
/// at it, where that can matter.
pub(super) fn not_opened(
    path: &Path,
    errno: Errno,
    about: impl FnOnce() -> nix::Result<FileStat>,
    owner: u32,
) -> VaultError {
    let found = match errno {
        Errno::EXDEV | Errno::EACCES | Errno::EPERM => about().ok().map(|about| (about.st_uid, about.st_mode)),
        _ => None,
    };
    match (errno, found) {
        (Errno::EXDEV, Some((uid, mode))) if is_hidden(uid, mode, owner) => VaultError::opening(path, Errno::EACCES),
        (Errno::EACCES | Errno::EPERM, Some(found)) => {
            check_owner_and_mode(path, found, owner).err().unwrap_or_else(|| VaultError::opening(path, errno))
        }
        _ => VaultError::opening(path, errno),
    }
}

/// A path that a sandbox hides (InaccessiblePaths= of systemd) shows a root-owned stand-in that is closed to all: no foreign
/// file, but one that this process may not see.
fn is_hidden(uid: u32, mode: u32, owner: u32) -> bool {
    uid == 0 && owner != 0 && mode & 0o7777 == 0
}

/// The error says what was found and what was wanted.
pub(super) fn check_owner_and_mode(path: &Path, (uid, mode): (u32, u32), owner: u32) -> Result<(), VaultError> {
    if is_hidden(uid, mode, owner) {
        return Err(VaultError::opening(path, Errno::EACCES));
    }
    if uid != owner {
        return Err(VaultError::untrusted(
            path,
            format!("owner {uid}; wanted {owner}; `otpctl --offline mend` fixes that"),
        ));
    }
    if mode & 0o077 != 0 {
        let why = format!(
            "mode {:04o}; wanted no access for group and others; `otpctl --offline mend` fixes that",
            mode & 0o7777
        );
        return Err(VaultError::untrusted(path, why));
    }
    Ok(())
}
