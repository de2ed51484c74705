//! Can everybody reach what programs without root must reach: the policy, emergency marks, the socket? Root can, whatever
//! the modes are, and so does not notice.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

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

/// The mode that keeps others from `path`, and the command that opens it; `None` also where nothing is there.
pub(crate) fn obstacle(path: &Path, wanted: OthersNeed) -> Option<String> {
    let above = path.ancestors().skip(1).collect::<Vec<_>>();
    let above = above.into_iter().rev().map(|dir| (dir, OthersNeed::Enter));
    above.chain([(path, wanted)]).find_map(|(path, wanted)| lacks(path, wanted))
}

fn lacks(path: &Path, wanted: OthersNeed) -> Option<String> {
    let (bits, letters) = match wanted {
        OthersNeed::Read => (0o004, "r"),
        OthersNeed::Connect => (0o006, "rw"),
        OthersNeed::Enter => (0o001, "x"),
    };
    let mode = fs::metadata(path).ok()?.mode() & 0o7777;
    (mode & bits != bits).then(|| {
        let path = path.display();
        format!(
            "{path}: mode {mode:04o} is closed to programs without root; wanted one that lets them by, as after `chmod o+{letters} {path}`"
        )
    })
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
            assert!(named.is_none_or(|path| found.unwrap().starts_with(&format!("{}: mode ", path.display()))));
        }
        assert_eq!(obstacle(&top.join("none"), OthersNeed::Connect), None);
        fs::remove_dir_all(top).expect("removed");
    }
}
