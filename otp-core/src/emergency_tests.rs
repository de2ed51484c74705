//! On real files: these tests want root, because trust starts at directories that belong to root.

use std::os::unix::fs::{chown, symlink};
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;

/// A directory of root's own, gone when dropped.
struct Bench(PathBuf);

impl Bench {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = PathBuf::from(format!("/run/otp-core-marks-{}-{number}", std::process::id()));
        Self(dir)
    }

    fn dir(&self) -> PathBuf {
        self.0.join("emergency")
    }

    fn of(&self, account: &Account) -> Result<Option<EmergencyMark>, VaultError> {
        EmergencyMarks(&self.dir()).of(account)
    }

    fn marked() -> Self {
        let bench = Self::new();
        EmergencyMarks(&bench.dir()).write(&mark()).unwrap();
        bench
    }

    fn path(&self) -> PathBuf {
        self.dir().join("1000")
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn alice() -> Account {
    Account { name: "alice".into(), uid: 1000 }
}

fn mark() -> EmergencyMark {
    EmergencyMark { account: alice(), reason: Reason::new("lost her phone").unwrap(), by: "root".into(), made: 7 }
}

#[test]
fn e3_a_mark_is_found_until_it_is_taken_away() {
    let bench = Bench::new();
    assert_eq!(bench.of(&alice()), Ok(None));
    let dir = bench.dir();
    let marks = EmergencyMarks(&dir);
    marks.write(&mark()).unwrap();
    assert_eq!(bench.of(&alice()), Ok(Some(mark())));
    let again = EmergencyMark { reason: Reason::new("still lost").unwrap(), ..mark() };
    marks.write(&again).unwrap();
    assert_eq!(bench.of(&alice()), Ok(Some(again)));
    assert_eq!(bench.of(&Account { name: "bob".into(), uid: 1001 }), Ok(None));
    marks.end(1000).unwrap();
    assert_eq!(bench.of(&alice()), Ok(None));
    assert!(matches!(marks.end(1000), Err(MarkError::None)));
}

#[test]
fn marks_are_listed_by_uid_and_nothing_else_is() {
    let bench = Bench::marked();
    let other = EmergencyMark { account: Account { name: "bob".to_owned(), uid: 7 }, ..mark() };
    EmergencyMarks(&bench.dir()).write(&other).unwrap();
    for name in [".1000.new", "note", "-1"] {
        fs::write(bench.dir().join(name), "").unwrap();
    }
    assert_eq!(EmergencyMarks(&bench.dir()).uids().unwrap(), [7, alice().uid]);
    assert_eq!(EmergencyMarks(Path::new("/nonexistent/emergency")).uids().unwrap(), []);
}

#[test]
fn e4_everybody_may_read_it_and_root_alone_may_write_it() {
    let bench = Bench::marked();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!((mode(&bench.dir()), mode(&bench.path())), (0o755, 0o644));
    assert_eq!(fs::read_dir(bench.dir()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn e1_a_mark_that_is_not_roots_alone_does_not_count() {
    let refuse = |what: &str, change: &dyn Fn(&Bench)| {
        let bench = Bench::marked();
        change(&bench);
        assert!(bench.of(&alice()).is_err(), "{what}");
    };
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    refuse("the group may write", &|bench| mode(&bench.path(), 0o664));
    refuse("others may write", &|bench| mode(&bench.path(), 0o646));
    refuse("others may write its directory", &|bench| mode(&bench.dir(), 0o757));
    refuse("the directory above", &|bench| mode(&bench.0, 0o777));
    refuse("a foreign owner", &|bench| chown(bench.path(), Some(65534), None).unwrap());
    refuse("a directory of somebody else's", &|bench| chown(bench.dir(), Some(65534), None).unwrap());
    refuse("a second name", &|bench| fs::hard_link(bench.path(), bench.dir().join("x")).unwrap());
    refuse("a symbolic link", &|bench| {
        fs::rename(bench.path(), bench.dir().join("x")).unwrap();
        symlink(bench.dir().join("x"), bench.path()).unwrap();
    });
    refuse("a directory", &|bench| {
        fs::remove_file(bench.path()).unwrap();
        fs::create_dir(bench.path()).unwrap();
    });
    refuse("a FIFO", &|bench| {
        fs::remove_file(bench.path()).unwrap();
        nix::unistd::mkfifo(&bench.path(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    });
    for text in
        ["", "version = 1\n", "version = 2\nuser = \"alice\"\nuid = 1000\nreason = \"x\"\nby = \"x\"\nmade = 1\n"]
    {
        refuse(text, &|bench| fs::write(bench.path(), text).unwrap());
    }
    refuse("100 MB", &|bench| File::options().write(true).open(bench.path()).unwrap().set_len(100_000_000).unwrap());
}

#[test]
fn e1_a_mark_is_for_one_name_and_one_uid() {
    let bench = Bench::marked();
    assert!(bench.of(&Account { name: "mallory".into(), uid: 1000 }).is_err(), "a uid used again");
    fs::copy(bench.path(), bench.dir().join("1001")).unwrap();
    assert!(bench.of(&Account { name: "alice".into(), uid: 1001 }).is_err(), "a copy for another uid");
}

#[test]
fn e3_what_a_killed_writer_left_does_not_matter() {
    let bench = Bench::marked();
    fs::write(bench.dir().join(".1000.new"), "half").unwrap();
    EmergencyMarks(&bench.dir()).write(&mark()).unwrap();
    assert_eq!(bench.of(&alice()), Ok(Some(mark())));
}

#[test]
fn a_reason_is_a_line_of_text() {
    for bad in ["", " ", "a\nb", "\u{1b}[2J", &"x".repeat(129)] {
        assert!(Reason::new(bad).is_err(), "{bad:?}");
    }
    assert!(Reason::new(&"ö".repeat(128)).is_ok());
}

proptest! {
    #[test]
    fn every_mark_survives_the_round_trip(name in "[^\u{0}]{1,40}", uid: u32, reason in "[^\\p{Cc}]{1,60}", by: String, made in 0..i64::MAX as u64) {
        let Ok(reason) = Reason::new(&reason) else { return Ok(()) };
        let mark = EmergencyMark { account: Account { name, uid }, reason, by: by.replace('\u{0}', ""), made };
        prop_assert_eq!(EmergencyMark::parse(&mark.to_toml()), Ok(mark));
    }
}
