//! Drops root privileges permanently, the same way for the daemon and for `otpctl --offline`.

use nix::unistd::{Gid, Uid, User, getresgid, getresuid, setgroups, setresgid, setresuid};

/// Becomes `user` for good: no other groups, no saved ids, no way back.
pub fn become_for_good(user: &User) -> nix::Result<()> {
    let (uid, gid) = (user.uid, user.gid);
    if uid.is_root() {
        return Err(nix::errno::Errno::EPERM);
    }
    if Uid::effective().is_root() {
        setgroups(&[])?;
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)?;
    }
    let (uids, gids) = (getresuid()?, getresgid()?);
    let all = |found: [Uid; 3], groups: [Gid; 3]| found.iter().all(|u| *u == uid) && groups.iter().all(|g| *g == gid);
    let became = all([uids.real, uids.effective, uids.saved], [gids.real, gids.effective, gids.saved]);
    let stuck = setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_err();
    if became && stuck { Ok(()) } else { Err(nix::errno::Errno::EPERM) }
}
