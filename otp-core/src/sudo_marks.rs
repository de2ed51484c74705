//! sudo asks again after keys were replaced or suspended: the daemon leaves a mark for the user, and root, who alone can remove
//! sudo's time stamps, does so (`otpctl end-sudo`). A mark is an empty file whose name is the uid; it says nothing else, so the
//! daemon chooses no path that root touches. The directory is root-owned, and the daemon's group may only add to it.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::Path;

use nix::fcntl::OFlag;

/// The directory of marks.
#[derive(Debug, Clone, Copy)]
pub struct SudoMarks<'a>(pub &'a Path);

impl SudoMarks<'_> {
    /// Makes the directory, as root, where tmpfiles.d(5) has not.
    pub fn make(&self, group: u32) -> io::Result<()> {
        if fs::symlink_metadata(self.0).is_ok() {
            return Ok(());
        }
        DirBuilder::new().mode(0o700).create(self.0)?;
        chown(self.0, None, Some(group))?;
        fs::set_permissions(self.0, Permissions::from_mode(DIR_MODE))
    }

    /// Asks root to end the time stamps of `uid`. A mark that is there will do.
    pub fn leave(&self, uid: u32) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).mode(0o600).custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits());
        options.open(self.0.join(uid.to_string())).map(drop)
    }
}

/// The group adds marks and cannot list them.
const DIR_MODE: u32 = 0o730;

/// The uid that a mark is for; nothing else in the directory is one.
pub fn uid_of_mark(name: &str) -> Option<u32> {
    name.parse().ok().filter(|uid: &u32| uid.to_string() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_named_by_a_uid_and_by_nothing_else() {
        assert_eq!(["0", "1000", "4294967295"].map(uid_of_mark), [Some(0), Some(1000), Some(u32::MAX)]);
        let others = ["", ".", "..", "+5", "-1", "007", "1000 ", "4294967296", "alice", "1000\n", ".1000", "١"];
        assert_eq!(others.map(uid_of_mark), [None; 12]);
    }
}
