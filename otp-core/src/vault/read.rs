//! Reading a file that was opened safely: how it is opened, and the whole of it without a piece left behind.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use zeroize::Zeroizing;

use super::error::VaultError;

/// How a file is to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To read.
    Read,
    /// To read and to write in place.
    Write,
}

pub(super) fn file_flags(access: Access) -> OFlag {
    let flags = match access {
        Access::Read => OFlag::O_RDONLY,
        Access::Write => OFlag::O_RDWR,
    };
    flags | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW | OFlag::O_NOCTTY
}

/// Capacity is reserved first: a buffer that grows would leave pieces of a secret behind. One byte more than the size is
/// asked for: an answer of exactly the size is the whole file, without asking again at its end.
pub(super) fn read_capped(
    mut file: File,
    about: &Metadata,
    path: &Path,
    cap: usize,
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let too_large = || VaultError::untrusted(path, format!("larger than {cap} bytes"));
    let size = usize::try_from(about.len()).ok().filter(|size| *size <= cap).ok_or_else(too_large)?;
    let mut bytes = Zeroizing::new(vec![0; size + 1]);
    let mut filled = 0;
    while let Some(room) = bytes.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read(room) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(path, &error)),
        }
        if filled == size {
            break;
        }
    }
    if filled > size {
        return Err(VaultError::untrusted(path, "it grew while it was read"));
    }
    bytes.truncate(filled);
    Ok(bytes)
}

pub(crate) fn errno_of(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32))
}

pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> VaultError {
    VaultError::Unreadable { path: path.to_owned(), errno: errno_of(error) }
}
