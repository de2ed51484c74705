//! Emergency marks on real files: these tests want root, because trust starts at directories that belong to root.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a broken bench must fail the test")]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use otp_core::accounts::Account;
use otp_core::emergency::{
    Bypass, EmergencyMark, EmergencyMarks, EmergencyPlaces, LONGEST_BYPASS_S, Lasting, MarkError, MarkPlace, Reason,
};
use otp_core::environment::{BootId, Clock, Moment};
use otp_core::unix_time::UnixTime;
use otp_core::vault::VaultError;
use proptest::prelude::*;

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
        let found = EmergencyMarks(&self.dir()).of(account, &Stopped(7, 0))?;
        Ok(found.map(|found| match found {
            Bypass::InForce(mark) => mark,
            Bypass::Ended(mark) => panic!("ended: {mark:?}"),
        }))
    }

    fn write(&self, mark: &EmergencyMark) -> Result<(), MarkError> {
        EmergencyMarks(&self.dir()).write(mark, &Stopped(7, 0))
    }

    fn written(text: &str) -> Self {
        let bench = Self::marked();
        fs::write(bench.path(), text).unwrap();
        bench
    }

    fn marked() -> Self {
        let bench = Self::new();
        bench.write(&mark()).unwrap();
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

/// Wall time in seconds and time since the boot in milliseconds.
struct Stopped(u64, u64);

impl Clock for Stopped {
    fn wall(&self) -> UnixTime {
        UnixTime::new(self.0)
    }

    fn boot_ms(&self) -> u64 {
        self.1
    }

    fn vouched(&self) -> bool {
        false
    }
}

fn boot(number: u64) -> BootId {
    BootId::parse(&format!("00000000-0000-4000-8000-{number:012x}")).unwrap()
}

fn mark() -> EmergencyMark {
    let (reason, by) = (Reason::new("lost her phone").unwrap(), "root".to_owned());
    EmergencyMark {
        account: alice(),
        reason,
        by,
        made: UnixTime::new(7),
        lasts: Some(Lasting { seconds: 3600, boot: None }),
    }
}

const VERSION_1: &str = "version = 1\nuser = \"alice\"\nuid = 1000\nreason = \"x\"\nby = \"x\"\nmade = 1\n";

#[test]
fn e3_a_mark_is_found_until_it_is_taken_away() {
    let bench = Bench::new();
    assert_eq!(bench.of(&alice()), Ok(None));
    let dir = bench.dir();
    let marks = EmergencyMarks(&dir);
    bench.write(&mark()).unwrap();
    assert_eq!(bench.of(&alice()), Ok(Some(mark())));
    let again = EmergencyMark { reason: Reason::new("still lost").unwrap(), ..mark() };
    bench.write(&again).unwrap();
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
    bench.write(&other).unwrap();
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
    refuse("a foreign directory", &|bench| chown(bench.dir(), Some(65534), None).unwrap());
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
    let version_2 = VERSION_1.replace("= 1\nuser", "= 2\nuser");
    for text in ["", "version = 1\n", &version_2] {
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
    bench.write(&mark()).unwrap();
    assert_eq!(bench.of(&alice()), Ok(Some(mark())));
}

#[test]
fn a_reason_is_a_line_of_text() {
    for bad in ["", " ", "a\nb", "\u{1b}[2J", &"x".repeat(129)] {
        assert!(Reason::new(bad).is_err(), "{bad:?}");
    }
    assert!(Reason::new(&"ö".repeat(128)).is_ok());
}

#[test]
fn e5_a_mark_of_version_1_has_no_end() {
    let bench = Bench::written(VERSION_1);
    let found = bench.of(&alice()).unwrap().unwrap();
    assert_eq!(
        (found.lasts.clone(), found.end(&Moment { wall: UnixTime::new(9), boot_ms: 9, boot: None })),
        (None, None)
    );
    assert!(matches!(
        EmergencyMarks(&bench.dir()).of(&alice(), &Stopped(u64::MAX, u64::MAX)),
        Ok(Some(Bypass::InForce(_)))
    ));
}

#[test]
fn a_mark_of_version_2_is_read_and_written_as_it_was_at_its_release() {
    let text = include_str!("../../tests/first-release/release-2/emergency/30005");
    let erin = Account { name: "erin-of-release-1".to_owned(), uid: 30005 };
    let bench = Bench::marked();
    let path = bench.dir().join("30005");
    fs::write(&path, text).unwrap();
    let found = bench.of(&erin).unwrap().unwrap();
    fs::remove_file(&path).unwrap();
    bench.write(&found).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn e5_every_field_of_an_end_is_checked_and_what_is_unknown_is_named_first() {
    let version_2 = VERSION_1.replace("= 1\nuser", "= 2\nuser");
    let id = boot(1).as_str().to_owned();
    let cases = [
        ("".to_owned(), "the field lasts is missing"),
        ("lasts = 0\n".to_owned(), "lasts is 0; wanted 1 to 2592000"),
        ("lasts = -1\n".to_owned(), "lasts is -1; wanted 1 to 2592000"),
        ("lasts = 2592001\n".to_owned(), "lasts is 2592001; wanted 1 to 2592000"),
        (format!("lasts = 1\nboot = \"{id}\"\n"), "boot and boot_ms must both be there, or neither"),
        ("lasts = 1\nboot_ms = 1\n".to_owned(), "boot and boot_ms must both be there, or neither"),
        ("lasts = 1\nboot = \"x\"\nboot_ms = 1\n".to_owned(), "boot is not a boot id"),
        (format!("lasts = 1\nboot = \"{id}\"\nboot_ms = -1\n"), "boot_ms is below 0"),
        ("lasts = \"1d\"\n".to_owned(), "lasts is a string; wanted a whole number"),
        ("colour = 1\n".to_owned(), "there is no field \"colour\" here"),
    ];
    for (more, wanted) in cases {
        let error = Bench::written(&format!("{version_2}{more}")).of(&alice()).unwrap_err().to_string();
        assert!(error.contains(wanted), "{more}: {error}");
    }
    let error = Bench::written(&format!("{VERSION_1}lasts = 1\n")).of(&alice()).unwrap_err().to_string();
    assert!(error.contains("there is no field \"lasts\" here"), "{error}");
    let later = VERSION_1.replace("= 1\nuser", "= 3\nuser");
    let error = Bench::written(&later).of(&alice()).unwrap_err().to_string();
    assert!(error.contains("version is 3; wanted 1 or 2"), "{error}");
}

#[test]
fn e5_in_the_boot_that_wrote_it_no_wall_clock_counts_and_afterwards_it_alone_does() {
    let now = Moment { wall: UnixTime::new(1_000_000), boot_ms: 5_000, boot: Some(boot(1)) };
    let mark = EmergencyMark { made: now.wall, lasts: Some(Lasting::from(&now, 600)), ..mark() };
    let at = |wall, boot_ms, number| Moment { wall, boot_ms, boot: Some(boot(number)) };
    let far = UnixTime::new(u64::from(u32::MAX) * 9);
    for wall in [UnixTime::EPOCH, now.wall, now.wall + 599, now.wall + 600, far] {
        assert!(!mark.has_ended(&at(wall, 604_999, 1)), "{wall}");
        assert!(mark.has_ended(&at(wall, 605_000, 1)), "{wall}");
    }
    for boot_ms in [0, 604_999, 605_000, u64::MAX] {
        assert!(!mark.has_ended(&at(now.wall + 599, boot_ms, 2)), "{boot_ms}");
        assert!(mark.has_ended(&at(now.wall + 600, boot_ms, 2)), "{boot_ms}");
        assert!(!mark.has_ended(&at(UnixTime::EPOCH, boot_ms, 2)), "a clock behind its making does not end it");
        assert!(mark.has_ended(&Moment { boot: None, ..at(now.wall + 600, boot_ms, 2) }), "the boot is not known");
    }
    let unknown = EmergencyMark { lasts: Some(Lasting { seconds: 600, boot: None }), ..mark.clone() };
    assert!(unknown.has_ended(&at(now.wall + 600, 5_000, 1)) && !unknown.has_ended(&at(now.wall + 599, u64::MAX, 1)));
}

#[test]
fn the_end_is_told_by_the_clock_that_people_see() {
    let now = Moment { wall: UnixTime::new(1_000_000), boot_ms: 5_700, boot: Some(boot(1)) };
    let mark = EmergencyMark { made: now.wall, lasts: Some(Lasting::from(&now, 600)), ..mark() };
    let at = |wall, boot_ms, number| {
        let now = Moment { wall: UnixTime::new(wall), boot_ms, boot: Some(boot(number)) };
        mark.end(&now).map(UnixTime::seconds)
    };
    assert_eq!(at(1_000_300, 305_200, 1), Some(1_000_600), "what rounding makes of it is not shown");
    assert_eq!(at(5_000_300, 305_700, 1), Some(5_000_600), "the clock was set");
    assert_eq!(at(1_000_900, 905_700, 1), Some(1_000_600), "over");
    assert_eq!(at(7, 1, 2), Some(1_000_600));
    assert_eq!(at(7, u64::MAX, 1).map(|end| end < 7), Some(true));
}

#[test]
fn e6_a_mark_that_counts_in_either_place_lets_past_and_one_end_takes_both_away() {
    let (etc, run, clock) = (Bench::new(), Bench::new(), Stopped(7, 0));
    let (kept, until_reboot) = (etc.dir(), run.dir());
    let places = EmergencyPlaces { kept: EmergencyMarks(&kept), until_reboot: EmergencyMarks(&until_reboot) };
    let passes = || matches!(places.of(&alice(), &clock), Ok(Some(Bypass::InForce(_))));
    assert!(!passes());
    run.write(&mark()).unwrap();
    assert!(passes());
    fs::create_dir_all(&kept).unwrap();
    fs::write(etc.path(), "no mark").unwrap();
    assert!(passes(), "one that does not count is no obstacle");
    fs::remove_file(run.path()).unwrap();
    assert!(places.of(&alice(), &clock).is_err());
    run.write(&mark()).unwrap();
    assert!(matches!(places.write(&mark(), &clock), Ok(MarkPlace::Kept)));
    assert!(!run.path().exists(), "the later one alone says how long");
    run.write(&mark()).unwrap();
    places.end(alice().uid, &clock).unwrap();
    assert!(!etc.path().exists() && !run.path().exists());
    assert!(matches!(places.end(alice().uid, &clock), Err(MarkError::None)));
    assert!(!passes());
}

#[test]
fn a_mark_is_written_for_as_long_as_it_may_last_and_no_longer() {
    let bench = Bench::new();
    let lasting = |seconds| EmergencyMark { lasts: Some(Lasting { seconds, boot: None }), ..mark() };
    bench.write(&lasting(LONGEST_BYPASS_S)).unwrap();
    for seconds in [0, LONGEST_BYPASS_S + 1] {
        assert!(matches!(bench.write(&lasting(seconds)), Err(MarkError::NotHonoured(_))), "{seconds}");
        assert!(!bench.path().exists());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))] // each is two files and their syncs

    #[test]
    fn every_mark_survives_the_round_trip(
        name in "[^\u{0}]{1,40}", uid: u32, reason in "[^\\p{Cc}]{1,60}", by: String, made in 0..i64::MAX as u64,
        seconds in prop::option::of(1..=LONGEST_BYPASS_S), in_boot in prop::option::of((any::<u32>(), 0..i64::MAX as u64)),
    ) {
        let Ok(reason) = Reason::new(&reason) else { return Ok(()) };
        let in_boot = in_boot.map(|(number, made_ms)| (boot(number.into()), made_ms));
        let lasts = seconds.map(|seconds| Lasting { seconds, boot: in_boot });
        let mark = EmergencyMark { account: Account { name, uid }, reason, by: by.replace('\u{0}', ""), made: UnixTime::new(made), lasts };
        let bench = Bench::new();
        bench.write(&mark).unwrap();
        prop_assert_eq!(bench.of(&mark.account), Ok(Some(mark)));
    }
}
