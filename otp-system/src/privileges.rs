//! Drops root privileges permanently, the same way for the daemon and for `otpctl --offline`.

use std::fmt;

use nix::errno::Errno;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, User, getresgid, getresuid, setgroups, setresgid, setresuid};

use crate::terminal::{self, Descriptors, TerminalError};

/// The part that could not be given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrivilegesError {
    /// Root, or a part of it.
    Root(Errno),
    /// The terminal that root types at.
    Terminal(TerminalError),
}

/// Becomes `user` for good: no other groups, no saved ids, no controlling terminal, no way back. Files made from then on are
/// its own to use, whatever umask root has set.
pub fn become_for_good(user: &User) -> Result<(), PrivilegesError> {
    if user.uid.is_root() {
        return Err(PrivilegesError::Root(Errno::EPERM));
    }
    let descriptors = if Uid::effective().is_root() { Descriptors::WriteOnly } else { Descriptors::Kept };
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
    terminal::give_up(descriptors)?;
    leave_root(user.uid, user.gid)?;
    Ok(terminal::prove_gone()?)
}

fn leave_root(uid: Uid, gid: Gid) -> nix::Result<()> {
    if Uid::effective().is_root() {
        setgroups(&[])?;
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)?;
    }
    let (uids, gids) = (getresuid()?, getresgid()?);
    let all = |found: [Uid; 3], groups: [Gid; 3]| found.iter().all(|u| *u == uid) && groups.iter().all(|g| *g == gid);
    let became = all([uids.real, uids.effective, uids.saved], [gids.real, gids.effective, gids.saved]);
    let stuck = setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_err();
    if became && stuck { Ok(()) } else { Err(Errno::EPERM) }
}

impl From<Errno> for PrivilegesError {
    fn from(errno: Errno) -> Self {
        Self::Root(errno)
    }
}

impl From<TerminalError> for PrivilegesError {
    fn from(error: TerminalError) -> Self {
        Self::Terminal(error)
    }
}

impl fmt::Display for PrivilegesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root(errno) => write!(f, "giving up root failed: {}", errno.desc()),
            Self::Terminal(error) => write!(f, "giving up the terminal failed: {error}"),
        }
    }
}

impl std::error::Error for PrivilegesError {}
