//! On real files: these tests want root, because trust starts at directories that belong to root.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use zeroize::Zeroizing;

use super::*;
use crate::check::check;
use crate::codes::ids::{RecoverySetId, TicketId};
use crate::decision::input::{Guess, Typed};
use crate::decision::limits::{FAR_AHEAD_S, Limits};
use crate::decision::origin::Origin;
use crate::decision::state::State;
use crate::decision::{Proof, Verdict};
use crate::environment::{Clock, system_wall};
use crate::files::key_file::{Key, Record};
use crate::keys::hotp::Codes;
use crate::keys::key::{Algorithm, Digits, KeyId, Kind, Label, Period, Step};
use crate::keys::seal::{HostKey, Nonce, Sealed, VaultId};
use crate::keys::secret::Secret;
use crate::log_line::LogLine;
use crate::reasons::{ChangeRefusal, RefusalReason, UnavailableReason};
use crate::repair::Repair;
use crate::unix_time::UnixTime;
use crate::unlocked::Unlocked;

/// Beside whatever is there.
const FREELY: KeyAddition = KeyAddition { grounds: Grounds::Any, replaces: Replaces::Nothing, recovery: Vec::new() };

/// The real clocks, shifted by some seconds.
struct Shifted(AtomicU64, std::sync::Mutex<Vec<Repair>>);

impl Environment for Shifted {
    fn repaired(&self, _: &Account, what: Repair, _: LogLine) {
        self.1.lock().unwrap().push(what);
    }
}

impl Clock for Shifted {
    fn wall(&self) -> UnixTime {
        UnixTime::new(system_wall().seconds().wrapping_add(self.0.load(Ordering::Relaxed)))
    }

    fn vouched(&self) -> bool {
        true
    }
}

impl Shifted {
    fn by(seconds: i64) -> Self {
        Self(AtomicU64::new(seconds as u64), std::sync::Mutex::default())
    }
}

/// A vault of root's own in a fresh directory, gone when dropped.
struct Bench {
    dir: PathBuf,
    unlocked: Unlocked,
    account: Account,
}

impl Bench {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = PathBuf::from(format!("/run/otp-core-tests-{}-{number}", std::process::id()));
        fs::create_dir(&dir).expect("these tests want root");
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).unwrap();
        let host_key = HostKey::new(Zeroizing::new([5; 32]));
        let about = About { id: VaultId([1; 16]), host_key: host_key.id(), epoch: 1, needs: Default::default() };
        let vault = Vault::create(&VaultPlace { dir: dir.clone(), owner: 0 }, &about).unwrap();
        Self {
            dir,
            unlocked: Unlocked::new(vault, host_key).unwrap(),
            account: Account { name: "alice".into(), uid: 1000 },
        }
    }

    fn vault(&self) -> &Vault {
        self.unlocked.vault()
    }

    fn host_key(&self) -> &HostKey {
        self.unlocked.host_key()
    }

    fn enrolled() -> Self {
        let bench = Self::new();
        bench.enrol(&Shifted::by(0)).unwrap();
        bench
    }

    fn secret() -> Secret {
        Secret::new(Zeroizing::new(vec![9; 20])).ok().unwrap()
    }

    fn key(&self, generation: u64) -> Key {
        let mut key = Key {
            id: KeyId([2; 16]),
            label: Label::new("phone").unwrap(),
            kind: Kind::Totp,
            algorithm: Algorithm::Sha1,
            digits: Digits::new(6).unwrap(),
            period: Period::new(30).unwrap(),
            sealed: Sealed(vec![]),
            fingerprint: self.host_key().fingerprint(VaultId([1; 16]), &Self::secret()),
            made_in: generation,
            created: UnixTime::new(1),
            confirmed: UnixTime::new(2),
            floor: Step(57),
            redemption: None,
            expires: None,
        };
        let binding = key.binding(&self.account, VaultId([1; 16]));
        key.sealed = self.host_key().seal(&Self::secret(), &binding, &Nonce([3; 24])).unwrap();
        key
    }

    fn enrol(&self, clock: &Shifted) -> Result<Record, ChangeError> {
        self.vault().enrol(&self.account, &FREELY, clock, |_, generation| Some(self.key(generation)))
    }

    fn code(&self, wall: UnixTime, offset: i64) -> Typed {
        let codes = Codes::new(&Self::secret(), Algorithm::Sha1, Digits::new(6).unwrap()).unwrap();
        let step = (wall.seconds() / 30).checked_add_signed(offset).unwrap();
        Typed::parse(format!("{:06}", codes.at(Step(step)).unwrap()).as_bytes())
    }

    fn try_code(&self, typed: &Typed, clock: &Shifted) -> Result<(Verdict, Vec<Repair>), VaultError> {
        let limits = Limits { wait: crate::decision::limits::Wait::None, ..Limits::default() };
        let outcome = check(&self.unlocked, &self.account, Guess { typed, origin: Origin::Myself }, &limits, clock)?;
        Ok((outcome, clock.1.lock().unwrap().drain(..).collect()))
    }

    fn state_path(&self) -> PathBuf {
        self.dir.join("state/1000")
    }

    fn key_path(&self) -> PathBuf {
        self.dir.join("keys/1000.toml")
    }

    fn spoil(&self, slot: u64) {
        let file = OpenOptions::new().write(true).open(self.state_path()).unwrap();
        file.write_all_at(&[0xff; 64], slot * 4096 + 100).unwrap();
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn accepted(outcome: &Verdict) -> bool {
    matches!(outcome, Verdict::Accepted(_))
}

fn refused(outcome: &Verdict, why: RefusalReason) -> bool {
    *outcome == Verdict::Refused(why)
}

#[test]
fn an_enrolled_code_works_once_and_what_was_never_enrolled_is_a_fact() {
    let bench = Bench::new();
    let clock = Shifted::by(0);
    let code = bench.code(clock.wall(), 1);
    assert_eq!(bench.try_code(&code, &clock).unwrap().0, Verdict::Refused(RefusalReason::NotEnrolled));
    assert_eq!(bench.vault().enrolment_status(&bench.account, &clock).unwrap(), EnrolmentStatus::NeverEnrolled);
    bench.enrol(&clock).unwrap();
    assert_eq!(bench.vault().enrolment_status(&bench.account, &clock).unwrap(), EnrolmentStatus::Enrolled);
    assert!(accepted(&bench.try_code(&code, &clock).unwrap().0));
    assert!(refused(&bench.try_code(&code, &clock).unwrap().0, RefusalReason::Replayed));
    assert_eq!(bench.enrol(&clock), Err(ChangeRefusal::LabelTaken.into()));
}

#[test]
fn r6_without_its_proofs_nobody_counts_as_never_enrolled() {
    let clock = Shifted::by(0);
    for missing in ["keys", "state"] {
        let bench = Bench::new();
        fs::remove_dir(bench.dir.join(missing)).unwrap();
        assert!(Vault::open(&VaultPlace { dir: bench.dir.clone(), owner: 0 }).is_err(), "{missing}");
    }
    let bench = Bench::new();
    fs::remove_file(bench.dir.join("vault.toml")).unwrap();
    assert!(matches!(Vault::open(&VaultPlace { dir: bench.dir.clone(), owner: 0 }), Err(VaultError::Missing(_))));
    for gone in ["state/1000", "keys/1000.toml"] {
        let bench = Bench::enrolled();
        fs::remove_file(bench.dir.join(gone)).unwrap();
        assert!(bench.vault().enrolment_status(&bench.account, &clock).is_err(), "{gone}");
        assert!(bench.try_code(&bench.code(clock.wall(), 1), &clock).is_err(), "{gone}");
    }
}

#[test]
fn one_code_given_to_many_threads_is_accepted_once() {
    let clock = Shifted::by(0);
    for _ in 0..20 {
        let bench = Bench::enrolled();
        let code = bench.code(clock.wall(), 1);
        let count = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..8).map(|_| scope.spawn(|| bench.try_code(&code, &Shifted::by(0)))).collect();
            tries.into_iter().filter(|_| true).map(|one| one.join().unwrap().unwrap().0).filter(accepted).count()
        });
        assert_eq!(count, 1);
    }
}

#[test]
fn the_alarm_is_raised_before_the_mending_is_written() {
    struct Looking<'a>(&'a Bench, std::cell::Cell<bool>);
    impl Clock for Looking<'_> {
        fn vouched(&self) -> bool {
            true
        }
    }
    impl Environment for Looking<'_> {
        fn repaired(&self, _: &Account, _: Repair, _: LogLine) {
            let bytes = fs::read(self.0.state_path()).unwrap();
            self.1.set(bytes[100..164] == [0xff; 64]);
        }
    }
    let bench = Bench::enrolled();
    bench.spoil(0);
    let looking = Looking(&bench, std::cell::Cell::new(false));
    drop(bench.vault().lock(&bench.account, &looking).unwrap());
    assert!(looking.1.get(), "at the alarm the bad slot was still bad");
}

#[test]
fn an_init_that_was_killed_can_be_repeated() {
    let bench = Bench::new();
    fs::rename(bench.dir.join("vault.toml"), bench.dir.join(".vault.toml.new")).unwrap();
    let place = VaultPlace { dir: bench.dir.clone(), owner: 0 };
    assert!(Vault::create(&place, bench.vault().about()).is_ok() && Vault::open(&place).is_ok());
}

#[test]
fn v4_a_commit_that_was_interrupted_is_finished_or_undone() {
    let clock = Shifted::by(0);
    // Before the rename: the state announces generation 1, no key file. The next to lock undoes it.
    let bench = Bench::enrolled();
    let announced = announce(&bench);
    fs::remove_file(bench.key_path()).unwrap();
    write_state(&bench, &announced);
    assert_eq!(bench.vault().enrolment_status(&bench.account, &clock).unwrap(), EnrolmentStatus::NeverEnrolled);
    bench.enrol(&clock).unwrap();
    assert!(accepted(&bench.try_code(&bench.code(clock.wall(), 1), &clock).unwrap().0));
    // After the rename: the key file is there. The next to lock finishes it.
    let bench = Bench::enrolled();
    let announced = announce(&bench);
    write_state(&bench, &announced);
    let (outcome, repaired) = bench.try_code(&bench.code(clock.wall(), 1), &clock).unwrap();
    assert!(accepted(&outcome), "{outcome:?}");
    assert_eq!(repaired, [Repair::CommitFinished]);
}

#[test]
fn v4_a_commit_that_was_undone_comes_back_from_neither_slot() {
    for slot in [0, 1] {
        let (bench, clock) = (Bench::enrolled(), Shifted::by(0));
        let locked = bench.vault().lock(&bench.account, &clock).unwrap().unwrap();
        let announced = State { pending: Some(2), ..locked.state().clone() };
        drop(locked);
        write_state(&bench, &announced);
        let (outcome, repaired) = bench.try_code(&bench.code(clock.wall(), 1), &clock).unwrap();
        assert!(accepted(&outcome), "{outcome:?}");
        assert_eq!(repaired, [Repair::CommitUndone]);
        bench.spoil(slot);
        let locked = bench.vault().lock(&bench.account, &clock).unwrap().unwrap();
        assert_eq!(locked.repairs(), [Repair::BadSlot]);
    }
}

/// The state as it is between steps 2 and 5 of a first enrolment.
fn announce(bench: &Bench) -> State {
    let mut state = State::never_enrolled(1000);
    let record = Record { account: bench.account.clone(), generation: 1, keys: vec![bench.key(1)], recovery: vec![] };
    state.announce_commit(&record);
    state
}

fn write_state(bench: &Bench, state: &State) {
    let file = OpenOptions::new().read(true).write(true).open(bench.state_path()).unwrap();
    super::state_file::fill(&file, &bench.state_path(), state, UnixTime::EPOCH, &Shifted::by(0)).unwrap();
}

#[test]
fn v4_a_key_file_of_another_generation_or_with_an_unknown_key_refuses() {
    let clock = Shifted::by(0);
    let code = |bench: &Bench| bench.code(clock.wall(), 1);
    let bench = Bench::enrolled();
    let account = bench.account.clone();
    let later = Record { account, generation: 2, keys: vec![bench.key(1)], recovery: vec![] };
    fs::write(bench.key_path(), later.to_toml()).unwrap();
    assert!(matches!(bench.try_code(&code(&bench), &clock), Err(VaultError::Malformed { .. })));
    let bench = Bench::enrolled();
    let forgotten = State { enrolled: true, generation: 1, ..State::never_enrolled(1000) };
    write_state(&bench, &forgotten);
    let error = bench.try_code(&code(&bench), &clock).unwrap_err();
    assert!(error.to_string().contains("unknown to the state"), "{error}");
    let bench = Bench::enrolled();
    write_state(&bench, &State::never_enrolled(1001));
    assert!(bench.try_code(&code(&bench), &clock).is_err(), "another user's state");
}

#[test]
fn a_sweep_removes_what_a_killed_writer_left_and_nothing_else() {
    let bench = Bench::enrolled();
    fs::write(bench.dir.join("keys/.1000.new"), "half").unwrap();
    fs::write(bench.dir.join("state/.1001.new"), "half").unwrap();
    bench.vault().sweep().unwrap();
    let names = (bench.vault().keys.names().unwrap(), bench.vault().state.names().unwrap());
    assert_eq!(names, (vec!["1000.toml".to_owned()], vec!["1000".to_owned()]));
    assert_eq!(bench.vault().enrolled_uids().unwrap(), [1000]);
}

#[test]
fn a_wrong_code_is_recorded_before_anybody_hears_of_it() {
    let bench = Bench::enrolled();
    let clock = Shifted::by(0);
    let before = bench.vault().lock(&bench.account, &clock).unwrap().unwrap().state().total_failures;
    let wrong = (0..).map(|n| Typed::parse(format!("{n:06}").as_bytes()));
    let outcomes = wrong.take(3).map(|typed| bench.try_code(&typed, &clock).unwrap().0);
    let counted = outcomes.filter(|outcome| refused(outcome, RefusalReason::Wrong)).count() as u32;
    let after = bench.vault().lock(&bench.account, &clock).unwrap().unwrap().state().total_failures;
    assert_eq!(after - before, counted);
    assert!(counted >= 2, "three random codes cannot all be right");
}

/// A clock that nobody vouches for.
struct Unvouched(u64);

impl Environment for Unvouched {
    fn repaired(&self, _: &Account, _: Repair, _: LogLine) {}
}

impl Clock for Unvouched {
    fn wall(&self) -> UnixTime {
        UnixTime::new(self.0)
    }

    fn boot_ms(&self) -> u64 {
        0
    }

    fn vouched(&self) -> bool {
        false
    }
}

#[test]
fn v6_the_clock_mark_never_moves_back_nor_thirty_days_on_a_clock_that_nobody_vouches_for() {
    let bench = Bench::new();
    assert_eq!(bench.vault().clock_mark(), Ok(UnixTime::EPOCH));
    let steps = [
        (1_000, 1_000),
        (900, 1_000),
        (1_000 + FAR_AHEAD_S, 1_000 + FAR_AHEAD_S),
        (2_002 + 2 * FAR_AHEAD_S, 1_000 + FAR_AHEAD_S),
    ];
    for (wall, mark) in steps {
        bench.vault().move_clock_mark(&Unvouched(wall)).unwrap();
        assert_eq!(bench.vault().clock_mark(), Ok(UnixTime::new(mark)), "at {wall}");
    }
    bench.vault().move_clock_mark(&Shifted::by(0)).unwrap();
    assert!(
        bench.vault().clock_mark().unwrap() > UnixTime::new(1_700_000_000),
        "a clock that the kernel vouches for is believed"
    );
    fs::write(bench.dir.join("clock"), "soon\n").unwrap();
    assert!(matches!(bench.vault().clock_mark(), Err(VaultError::Malformed { .. })));
}

#[path = "change_tests.rs"]
mod change;
#[path = "notices_tests.rs"]
mod notices;
#[path = "open_tests.rs"]
mod open;
#[path = "state_file_tests.rs"]
mod state_file;
#[path = "tickets_tests.rs"]
mod tickets;
