//! Files of a former name or uid, and files from a backup: what comes of them, and what a crash in the middle leaves.

use super::*;

#[test]
fn an_adopted_key_works_under_the_new_name_and_nothing_used_comes_back() {
    for to in [Account { name: "alicia".into(), uid: 1000 }, Account { name: "alice".into(), uid: 2000 }] {
        let bench = Bench::enrolled();
        let step = system_wall().seconds() / 30;
        let used = bench.code(UnixTime::new(step * 30), 0);
        assert!(accepted(&bench.outcome(&used).unwrap()));
        bench.locked().set_use(KeyUse::Suspended, &Shifted::by(0)).unwrap();
        assert_eq!(bench.vault().owner_of(1000).unwrap(), Some(bench.account.clone()));
        assert_eq!(bench.vault().owners_named("alice").unwrap(), std::slice::from_ref(&bench.account));
        let record = bench.vault().adopt(&bench.account, &to, &bench.reseal(), &Shifted::by(0)).unwrap();
        assert_eq!(record.keys[0].floor, Step(step), "burnt into the key file, which outlives the state");
        let mut locked = bench.vault().lock(&to, &Shifted::by(0)).unwrap().unwrap();
        assert!(locked.state().suspended, "what root said holds on");
        locked.set_use(KeyUse::Allowed, &Shifted::by(0)).unwrap();
        drop(locked);
        let ask = |typed: &Typed| {
            check(&bench.unlocked, &to, Guess { typed, origin: Origin::Myself }, &Limits::default(), &Shifted::by(0))
        };
        assert!(refused(&ask(&used).unwrap(), RefusalReason::Replayed));
        assert!(accepted(&ask(&bench.now_code()).unwrap()));
        assert_eq!(bench.vault().enrolled_uids().unwrap(), [to.uid]);
        assert_eq!(bench.state_path().exists(), to.uid == 1000);
    }
}

#[test]
fn an_adoption_never_overwrites_a_user() {
    let bench = Bench::enrolled();
    let bob = Account { name: "bob".into(), uid: 2000 };
    let key = bench.other_key(1, 11, Kind::Totp);
    bench.vault().enrol(&bob, &FREELY, &Shifted::by(0), |_, _| Some(key)).unwrap();
    let adopted = bench.vault().adopt(&bench.account, &bob, &bench.reseal(), &Shifted::by(0));
    assert_eq!(adopted, Err(ChangeRefusal::AlreadyEnrolled.into()));
    assert!(bench.key_path().exists());
}

#[test]
fn an_adoption_that_was_killed_before_its_commit_is_done_by_the_next() {
    let bench = Bench::enrolled();
    let to = Account { name: "alice".into(), uid: 2000 };
    bench.vault().make_state(2000, &Shifted::by(0)).unwrap();
    let mut carried = State { uid: 2000, generation: 0, enrolled: false, ..bench.locked().state().clone() };
    carried.pending = Some(1);
    let file = OpenOptions::new().read(true).write(true).open(bench.dir.join("state/2000")).unwrap();
    crate::vault::state_file::fill(&file, &bench.dir, &carried, UnixTime::EPOCH, &Shifted::by(0)).unwrap();
    bench.vault().adopt(&bench.account, &to, &bench.reseal(), &Shifted::by(0)).unwrap();
    assert_eq!(bench.vault().enrolled_uids().unwrap(), [2000]);
}

#[test]
fn an_adoption_that_was_killed_after_its_commit_is_ended_by_the_next() {
    let bench = Bench::enrolled();
    let to = Account { name: "alice".into(), uid: 2000 };
    let saved = (fs::read(bench.key_path()).unwrap(), bench.locked().state().clone());
    let adopt = || bench.vault().adopt(&bench.account, &to, &bench.reseal(), &Shifted::by(0));
    adopt().unwrap();
    fs::write(bench.key_path(), saved.0).unwrap();
    fs::set_permissions(bench.key_path(), fs::Permissions::from_mode(0o600)).unwrap();
    bench.vault().make_state(1000, &Shifted::by(0)).unwrap();
    write_state(&bench, &saved.1);
    adopt().unwrap();
    assert_eq!(bench.vault().enrolled_uids().unwrap(), [2000]);
    assert!(!bench.state_path().exists());
}

#[test]
fn a_counter_from_a_backup_is_off_until_root_says_so_and_then_wants_two_in_a_row() {
    let bench = Bench::enrolled();
    bench.add(11, Kind::Hotp).unwrap();
    assert!(accepted(&bench.outcome(&Bench::hotp_code(11, 2)).unwrap()));
    bench.replace_state_by_a_copy();
    assert_eq!(bench.vault().restored(&bench.account, &Shifted::by(0)), Ok(()), "also found by this very call");
    bench.replace_state_by_a_copy();
    bench.locked().revoke(KeyId([2; 16]), &Shifted::by(0)).unwrap();
    assert!(refused(&bench.outcome(&Bench::hotp_code(11, 3)).unwrap(), RefusalReason::Restored));
    bench.vault().restored(&bench.account, &Shifted::by(0)).unwrap();
    assert_eq!(bench.vault().restored(&bench.account, &Shifted::by(0)), Err(ChangeRefusal::NothingRestored.into()));
    assert!(refused(&bench.outcome(&Bench::hotp_code(11, 3)).unwrap(), RefusalReason::Resync));
    assert!(accepted(&bench.outcome(&Bench::hotp_code(11, 4)).unwrap()));
    assert!(accepted(&bench.outcome(&Bench::hotp_code(11, 5)).unwrap()));
}

#[test]
fn a_key_file_of_another_generation_counts_when_root_says_so_and_used_codes_stay_dead() {
    let bench = Bench::enrolled();
    let before = fs::read(bench.key_path()).unwrap();
    bench.add(11, Kind::Totp).unwrap();
    assert!(accepted(&bench.outcome(&bench.code(system_wall(), 0)).unwrap()));
    fs::write(bench.key_path(), before).unwrap();
    assert!(bench.outcome(&bench.now_code()).is_err());
    bench.vault().restored(&bench.account, &Shifted::by(0)).unwrap();
    assert!(refused(&bench.outcome(&bench.now_code()).unwrap(), RefusalReason::Replayed));
    let later = Shifted::by(90);
    assert!(accepted(&bench.try_code(&bench.code(later.wall(), 1), &later).unwrap().0));
}

#[test]
fn recovery_codes_from_another_time_than_the_state_are_off_for_good_for_nobody_knows_which_were_used() {
    let bench = Bench::new();
    let enrol = |number, replaces, set| {
        let how = KeyAddition { grounds: Grounds::Any, replaces, recovery: recovery_set(set, None) };
        let make = |_: &Account, generation| Some(bench.other_key(generation, number, Kind::Totp));
        bench.vault().enrol(&bench.account, &how, &Shifted::by(0), make).map(drop)
    };
    enrol(11, Replaces::Nothing, 1).unwrap();
    let before = fs::read(bench.key_path()).unwrap();
    enrol(12, Replaces::All, 2).unwrap();
    fs::write(bench.key_path(), before).unwrap();
    bench.vault().restored(&bench.account, &Shifted::by(0)).unwrap();
    let codes = || {
        let recovery = bench.locked().state().recovery;
        (recovery.set, recovery.suspended)
    };
    assert_eq!(codes(), (RecoverySetId::new([1; 16]), true));
    bench.locked().set_use(KeyUse::Suspended, &Shifted::by(0)).unwrap();
    bench.locked().set_use(KeyUse::Allowed, &Shifted::by(0)).unwrap();
    assert_eq!(codes(), (RecoverySetId::new([1; 16]), true), "nor does resume bring them back");
}

#[test]
fn a_key_file_whose_state_is_lost_counts_when_root_says_so() {
    let bench = Bench::enrolled();
    fs::remove_file(bench.state_path()).unwrap();
    bench.vault().restored(&bench.account, &Shifted::by(0)).unwrap();
    assert!(refused(&bench.outcome(&bench.now_code()).unwrap(), RefusalReason::Replayed));
    assert_eq!(bench.locked().state().generation, 1);
    let nobody = Account { name: "bob".into(), uid: 7 };
    assert_eq!(bench.vault().restored(&nobody, &Shifted::by(0)), Err(ChangeRefusal::NotEnrolled.into()));
}
