//! sudo's time stamps of users for whom the daemon has left a mark. Every directory is opened without following a link and must be
//! root-owned, and only names in it are removed: the uid or the user name that the account database gives. Nothing is read.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use otp_core::sudo_marks::uid_of_mark;

/// The directories below `/run`, and who must own them.
pub(crate) struct RunDirs<'a> {
    pub run: &'a Path,
    pub marks: &'a str,
    pub owner: u32,
}

/// One pass over the marks.
#[derive(Default)]
pub(crate) struct SudoEnded {
    /// Users who had a mark.
    pub uids: Vec<u32>,
    /// Files that were removed.
    pub time_stamps: usize,
    /// Entries in the directory of marks that are none; they were removed, too.
    pub strange: usize,
    /// Each thing that could not be done.
    pub failed: Vec<SudoFailure>,
}

/// A path below `/run`, and why nothing could be done there.
pub(crate) struct SudoFailure {
    at: String,
    why: String,
}

impl RunDirs<'_> {
    /// Takes every mark away, and the time stamps of its user. `name_of` asks the account database.
    pub(crate) fn end_marked(&self, name_of: &dyn Fn(u32) -> Result<Option<String>, Errno>) -> SudoEnded {
        let mut ended = SudoEnded::default();
        let marks = match self.open(&[self.marks]) {
            Ok(Some(marks)) => marks,
            Ok(None) => return ended,
            Err(failure) => return ended.with(failure),
        };
        let found = match entries(&marks) {
            Ok(found) => found,
            Err(errno) => return ended.with(SudoFailure::of(self.marks, errno)),
        };
        for entry in found {
            let Some(uid) = entry.to_str().ok().and_then(uid_of_mark) else {
                ended.strange += 1;
                let removed = removed(&marks, entry.as_c_str(), UnlinkatFlags::NoRemoveDir);
                let removed = removed.or_else(|_| removed_dir(&marks, entry.as_c_str()));
                ended.failed.extend(removed.err().map(|errno| SudoFailure::of(self.marks, errno)));
                continue;
            };
            let failed = ended.failed.len();
            let names = match name_of(uid) {
                Ok(name) => [Some(uid.to_string()), name.filter(|name| is_one_component(name))],
                Err(errno) => {
                    ended.failed.push(SudoFailure::of(&format!("the name of uid {uid}"), errno));
                    [Some(uid.to_string()), None]
                }
            };
            let names: Vec<String> = names.into_iter().flatten().collect();
            // First, so that the mark outlives a kill; again, for a mark that was left once more while it was still there.
            self.end_one(&names, &mut ended);
            if ended.failed.len() > failed {
                continue; // the mark stays for the next run
            }
            let mark = removed(&marks, entry.as_c_str(), UnlinkatFlags::NoRemoveDir)
                .or_else(|_| removed_dir(&marks, entry.as_c_str()));
            ended.failed.extend(mark.err().map(|errno| SudoFailure::of(self.marks, errno)));
            self.end_one(&names, &mut ended);
            ended.uids.push(uid);
        }
        ended.uids.sort_unstable();
        ended
    }

    fn end_one(&self, names: &[String], ended: &mut SudoEnded) {
        for place in PLACES {
            let dir = match self.open(&place) {
                Ok(Some(dir)) => dir,
                Ok(None) => continue,
                Err(failure) => {
                    ended.failed.push(failure);
                    continue;
                }
            };
            for name in names {
                match removed(&dir, name.as_str(), UnlinkatFlags::NoRemoveDir) {
                    Ok(true) => ended.time_stamps += 1,
                    Ok(false) => {}
                    Err(errno) => ended.failed.push(SudoFailure::of(&place.join("/"), errno)),
                }
            }
        }
    }

    /// A directory below `/run`, step by step; `None` where there is none.
    fn open(&self, steps: &[&str]) -> Result<Option<OwnedFd>, SudoFailure> {
        let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let at = steps.join("/");
        let failed = |errno| SudoFailure::of(&at, errno);
        let mut dir = open(self.run, flags, Mode::empty()).map_err(failed)?;
        for step in steps {
            dir = match openat(&dir, *step, flags, Mode::empty()) {
                Err(Errno::ENOENT) => return Ok(None),
                opened => opened.map_err(failed)?,
            };
            let about = fstat(&dir).map_err(failed)?;
            if about.st_uid != self.owner || about.st_mode & 0o002 != 0 {
                let mode = about.st_mode & !SFlag::S_IFMT.bits();
                let why = format!(
                    "uid {}, mode {mode:04o}; wanted uid {}, and nobody else may write there",
                    about.st_uid, self.owner
                );
                return Err(SudoFailure { at, why });
            }
        }
        Ok(Some(dir))
    }
}

impl SudoEnded {
    fn with(mut self, failure: SudoFailure) -> Self {
        self.failed.push(failure);
        self
    }
}

impl SudoFailure {
    fn of(at: &str, errno: Errno) -> Self {
        Self { at: at.to_owned(), why: errno.desc().to_owned() }
    }
}

impl fmt::Display for SudoFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.why)
    }
}

/// The names in a directory. One that goes meanwhile is none.
fn entries(dir: &OwnedFd) -> Result<Vec<std::ffi::CString>, Errno> {
    let own = openat(dir, ".", OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    let mut names = Vec::new();
    for entry in Dir::from_fd(own)?.iter() {
        let name = entry?.file_name().to_owned();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name);
        }
    }
    Ok(names)
}

/// Says whether there was something to remove. A link is removed, and not what it leads to.
fn removed(dir: impl AsFd, name: &(impl nix::NixPath + ?Sized), what: UnlinkatFlags) -> Result<bool, Errno> {
    match unlinkat(dir, name, what) {
        Err(Errno::ENOENT) => Ok(false),
        done => done.map(|()| true),
    }
}

fn removed_dir(dir: impl AsFd, name: &(impl nix::NixPath + ?Sized)) -> Result<bool, Errno> {
    removed(dir, name, UnlinkatFlags::RemoveDir)
}

fn is_one_component(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains('/')
}

/// Where sudo (by user name until 1.9.14, by uid since) and sudo-rs (by uid) keep them.
const PLACES: [[&str; 2]; 2] = [["sudo", "ts"], ["sudo-rs", "ts"]];

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::PathBuf;

    use nix::unistd::Uid;

    use super::*;

    /// A `/run` of the test's own.
    struct Run(PathBuf);

    impl Run {
        fn new(name: &str) -> Self {
            let run = std::env::temp_dir().join(format!("otp-end-sudo-{}-{name}", std::process::id()));
            drop(fs::remove_dir_all(&run));
            for dir in ["otp-sudo", "sudo/ts", "sudo-rs/ts"] {
                fs::create_dir_all(run.join(dir)).unwrap();
            }
            for dir in ["otp-sudo", "sudo", "sudo/ts", "sudo-rs", "sudo-rs/ts"] {
                fs::set_permissions(run.join(dir), Permissions::from_mode(0o700)).unwrap();
            }
            Self(run)
        }

        fn write(&self, path: &str) {
            fs::write(self.0.join(path), "").unwrap();
        }

        fn has(&self, path: &str) -> bool {
            fs::symlink_metadata(self.0.join(path)).is_ok()
        }

        fn end(&self) -> SudoEnded {
            self.end_as("alice")
        }

        fn end_as(&self, name: &str) -> SudoEnded {
            let dirs = RunDirs { run: &self.0, marks: "otp-sudo", owner: Uid::effective().as_raw() };
            dirs.end_marked(&|uid| Ok((uid == 1000).then(|| name.to_owned())))
        }
    }

    impl Drop for Run {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn the_time_stamps_of_a_marked_user_go_and_no_others() {
        let run = Run::new("marked");
        let own = ["sudo/ts/alice", "sudo/ts/1000", "sudo-rs/ts/1000"];
        let others = ["sudo/ts/bob", "sudo/ts/1001", "sudo-rs/ts/1001", "sudo/alice", "sudo-rs/1000"];
        own.iter().chain(&others).for_each(|path| run.write(path));
        assert_eq!(run.end().time_stamps, 0, "nobody is marked");
        run.write("otp-sudo/1000");
        let ended = run.end();
        assert_eq!((ended.uids, ended.time_stamps, ended.strange, ended.failed.len()), (vec![1000], 3, 0, 0));
        assert!(own.iter().all(|path| !run.has(path)) && others.iter().all(|path| run.has(path)));
        assert!(!run.has("otp-sudo/1000"));
    }

    #[test]
    fn entries_that_are_no_marks_go_and_reach_nothing() {
        let run = Run::new("strange");
        run.write("sudo/ts/alice");
        run.write("kept");
        for name in ["alice", "..alice", "007", "sudo%2Fts%2Falice"] {
            run.write(&format!("otp-sudo/{name}"));
        }
        symlink("../kept", run.0.join("otp-sudo/link")).unwrap();
        symlink("../kept", run.0.join("otp-sudo/1001")).unwrap();
        fs::create_dir(run.0.join("otp-sudo/dir")).unwrap();
        fs::create_dir(run.0.join("otp-sudo/1002")).unwrap();
        let ended = run.end();
        assert_eq!((ended.uids, ended.time_stamps, ended.strange), (vec![1001, 1002], 0, 6));
        assert!(ended.failed.is_empty() && run.has("sudo/ts/alice") && run.has("kept"));
        assert_eq!(fs::read_dir(run.0.join("otp-sudo")).unwrap().count(), 0);
    }

    #[test]
    fn no_link_is_followed_and_no_directory_of_somebody_else_is_used() {
        let run = Run::new("links");
        fs::create_dir(run.0.join("elsewhere")).unwrap();
        run.write("elsewhere/alice");
        fs::remove_dir(run.0.join("sudo/ts")).unwrap();
        symlink("../elsewhere", run.0.join("sudo/ts")).unwrap();
        fs::set_permissions(run.0.join("sudo-rs/ts"), Permissions::from_mode(0o777)).unwrap();
        run.write("sudo-rs/ts/1000");
        run.write("otp-sudo/1000");
        let ended = run.end();
        let failed: Vec<String> = ended.failed.iter().map(ToString::to_string).collect();
        assert!(failed.iter().any(|text| text.starts_with("sudo/ts: ")), "{failed:?}");
        assert!(failed.iter().any(|text| text.contains("mode 0777; wanted uid")), "{failed:?}");
        assert!(run.has("elsewhere/alice") && run.has("sudo-rs/ts/1000"));
        assert!(run.has("otp-sudo/1000"), "the next run tries again");
    }

    #[test]
    fn a_user_name_is_one_name_and_no_path() {
        let run = Run::new("names");
        for name in ["../elsewhere", "..", ".", "", "/etc/passwd"] {
            run.write("elsewhere");
            run.write("otp-sudo/1000");
            let ended = run.end_as(name);
            assert_eq!((ended.time_stamps, ended.failed.len()), (0, 0), "{name}");
            assert!(run.has("elsewhere") && run.has("sudo/ts"));
        }
    }

    #[test]
    fn without_sudo_or_marks_there_is_nothing_to_do() {
        let run = Run::new("none");
        run.write("otp-sudo/1000");
        fs::remove_dir_all(run.0.join("sudo")).unwrap();
        fs::remove_dir_all(run.0.join("sudo-rs")).unwrap();
        let ended = run.end();
        assert_eq!((ended.uids, ended.time_stamps, ended.failed.len()), (vec![1000], 0, 0));
        fs::remove_dir_all(run.0.join("otp-sudo")).unwrap();
        assert_eq!(run.end().failed.len(), 0);
    }
}
