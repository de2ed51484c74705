//! Can everybody reach what programs without root must reach: the policy, emergency marks, the socket? Root can, whatever
//! the modes are, and so does not notice.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use otp_core::site::Site;

/// A right that others must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OthersNeed {
    /// Read it.
    Read,
    /// Connect to it.
    Connect,
    /// Pass through it.
    Enter,
}

/// A mode that keeps others from something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClosedMode {
    path: PathBuf,
    mode: u32,
    letters: &'static str,
}

impl ClosedMode {
    /// The command that opens it.
    pub(crate) fn command(&self) -> String {
        format!("chmod o+{} {}", self.letters, self.path.display())
    }
}

impl fmt::Display for ClosedMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, mode) = (self.path.display(), self.mode);
        write!(
            f,
            "{path}: mode {mode:04o} keeps out programs that do not run as root; `{}` lets them in",
            self.command()
        )
    }
}

/// The mode that keeps others from `path`; `None` also where nothing is there.
pub(crate) fn obstacle(path: &Path, wanted: OthersNeed) -> Option<ClosedMode> {
    let above = path.ancestors().skip(1).collect::<Vec<_>>();
    let above = above.into_iter().rev().map(|dir| (dir, OthersNeed::Enter));
    above.chain([(path, wanted)]).find_map(|(path, wanted)| lacks(path, wanted))
}

/// The modes that keep others from the socket, the directories of emergency marks, and these marks.
pub(crate) fn obstacles(marks: impl Iterator<Item = PathBuf>) -> BTreeSet<ClosedMode> {
    let marks = marks.map(|path| (path, OthersNeed::Read));
    let places = Site::STANDARD.emergency.map(|place| (PathBuf::from(place), OthersNeed::Enter));
    let socket = [(PathBuf::from(Site::STANDARD.socket), OthersNeed::Connect)];
    marks.chain(places).chain(socket).filter_map(|(path, wanted)| obstacle(&path, wanted)).collect()
}

fn lacks(path: &Path, wanted: OthersNeed) -> Option<ClosedMode> {
    let (bits, letters) = match wanted {
        OthersNeed::Read => (0o004, "r"),
        OthersNeed::Connect => (0o006, "rw"),
        OthersNeed::Enter => (0o001, "x"),
    };
    let mode = fs::metadata(path).ok()?.mode() & 0o7777;
    (mode & bits != bits).then(|| ClosedMode { path: path.to_owned(), mode, letters })
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_first_obstacle_on_the_way_is_named() {
        let top = std::env::temp_dir().join(format!("otpctl-reach-{}", std::process::id()));
        let (dir, file) = (top.join("dir"), top.join("dir/file"));
        fs::create_dir_all(&dir).expect("made");
        fs::write(&file, "").expect("written");
        let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).expect("set");
        mode(&top, 0o755);
        for (dir_mode, file_mode, named) in
            [(0o755, 0o644, None), (0o700, 0o600, Some(&dir)), (0o750, 0o644, Some(&dir)), (0o711, 0o640, Some(&file))]
        {
            mode(&file, file_mode);
            mode(&dir, dir_mode);
            let found = obstacle(&file, OthersNeed::Read);
            assert_eq!(found.is_some(), named.is_some(), "{found:?}");
            assert_eq!(found.as_ref().map(|one| &one.path), named, "{found:?}");
        }
        assert_eq!(obstacle(&top.join("none"), OthersNeed::Connect), None);
        fs::remove_dir_all(top).expect("removed");
    }
}
