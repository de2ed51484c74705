//! Why the vault cannot be used: which file, and what is wrong with it. This goes to the log, never to the user.

use std::fmt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::reasons::UnavailableReason;

/// The obstacle. Whatever it is, the code is refused (R5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VaultError {
    /// Not there.
    Missing(PathBuf),
    /// There, but not to be trusted: owner, mode, links, type or size.
    Untrusted {
        /// Which file.
        path: PathBuf,
        /// The state that was found and the one that was wanted.
        why: String,
    },
    /// The system would not open or read it.
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        errno: Errno,
    },
    /// Readable, but not in its format or not this user's.
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Place and rule, never contents.
        why: String,
    },
    /// This user's keys are there, under the uid that the account had before.
    UidChanged(PathBuf),
    /// The keys of this uid, under the name that the account had before, or those of somebody who had the uid before.
    Renamed {
        /// Which file.
        path: PathBuf,
        /// The name in it.
        was: String,
    },
    /// A local account that was seen missing, and may be another person's by now.
    Gone(PathBuf),
    /// The host key is not the one that this vault's seals want.
    WrongHostKey,
    /// Somebody else held the lock for too long.
    LockTimeout {
        /// Which file.
        path: PathBuf,
        /// Its pid, as far as /proc/locks tells.
        holder: Option<i32>,
    },
    /// It could not be written or synced.
    CannotPersist {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        errno: Errno,
    },
}

impl VaultError {
    /// Without the file.
    pub fn reason(&self) -> UnavailableReason {
        match self {
            Self::Missing(_) => UnavailableReason::MissingFile,
            Self::Untrusted { .. } => UnavailableReason::UntrustedFile,
            Self::Unreadable { errno: Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM, .. } => {
                UnavailableReason::OutOfResources
            }
            Self::Unreadable { .. } => UnavailableReason::UnreadableFile,
            Self::Malformed { .. } => UnavailableReason::MalformedFile,
            Self::UidChanged(_) => UnavailableReason::UidChanged,
            Self::Renamed { .. } => UnavailableReason::Renamed,
            Self::Gone(_) => UnavailableReason::AccountGone,
            Self::WrongHostKey => UnavailableReason::HostKey,
            Self::LockTimeout { .. } => UnavailableReason::LockTimeout,
            Self::CannotPersist { .. } => UnavailableReason::CannotPersist,
        }
    }

    /// Is it the confinement of this process that keeps it from the file: a read-only view, a capability that it lacks, a rule
    /// of a security module? Another process may do it then. That shows at the open, before anything is decided; never for what
    /// is missing, untrusted, torn or foreign, nor for a write that fails.
    pub fn is_confinement(&self) -> bool {
        matches!(self, Self::Unreadable { errno: Errno::EROFS | Errno::EACCES | Errno::EPERM, .. })
    }

    pub(crate) fn untrusted(path: &Path, why: impl Into<String>) -> Self {
        Self::Untrusted { path: path.to_owned(), why: why.into() }
    }

    pub(crate) fn malformed(path: &Path, why: impl Into<String>) -> Self {
        Self::Malformed { path: path.to_owned(), why: why.into() }
    }

    pub(crate) fn cannot_persist(path: &Path, errno: Errno) -> Self {
        Self::CannotPersist { path: path.to_owned(), errno }
    }

    /// From the answer of an open: a link in the way is a matter of trust, not of luck.
    pub(crate) fn opening(path: &Path, errno: Errno) -> Self {
        match errno {
            Errno::ENOENT => Self::Missing(path.to_owned()),
            Errno::ELOOP => Self::untrusted(path, "a symbolic link; wanted a regular file or directory"),
            Errno::EXDEV => Self::untrusted(path, "on another file system than its vault"),
            Errno::ENOTDIR => Self::untrusted(path, "a part of the path is not a directory"),
            Errno::ENXIO => Self::untrusted(path, "not a regular file"),
            errno => Self::Unreadable { path: path.to_owned(), errno },
        }
    }
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(path) => write!(f, "{}: not there", path.display()),
            Self::Untrusted { path, why } => write!(f, "{}: not trusted: {why}", path.display()),
            Self::Unreadable { path, errno } => write!(f, "{}: cannot be read: {}", path.display(), errno.desc()),
            Self::Malformed { path, why } => write!(f, "{}: {why}", path.display()),
            Self::UidChanged(path) => {
                write!(f, "{}: uid changed: adopt, or forget if the keys are somebody else's", path.display())
            }
            Self::Renamed { path, was } => write!(
                f,
                "{}: renamed: adopt, or forget if {was:?} was somebody else; the keys belong to that name",
                path.display()
            ),
            Self::WrongHostKey => f.write_str("the host key is not the one of this vault; restore the escrowed copy"),
            Self::Gone(path) => write!(
                f,
                "{}: the account was deleted and created again: adopt if it is the same person, otherwise forget",
                path.display()
            ),
            Self::LockTimeout { path, holder: Some(pid) } => {
                write!(f, "{}: locked by process {pid} for too long", path.display())
            }
            Self::LockTimeout { path, holder: None } => write!(f, "{}: locked for too long", path.display()),
            Self::CannotPersist { path, errno } => write!(f, "{}: cannot be written: {}", path.display(), errno.desc()),
        }
    }
}

impl std::error::Error for VaultError {}
