//! Changes to keys that are there: what they do, and what a crash in the middle leaves.

use super::*;
use crate::decision::state::KeyState;

impl Bench {
    fn locked(&self) -> LockedUser<'_> {
        self.vault().lock(&self.account, &Shifted::by(0)).unwrap().unwrap()
    }

    /// A key of another device, with a secret of its own.
    fn other_key(&self, generation: u64, number: u8, kind: Kind) -> Key {
        let secret = Secret::new(Zeroizing::new(vec![number; 20])).ok().unwrap();
        let mut key = Key {
            id: KeyId([number; 16]),
            label: Label::new(&format!("key {number}")).unwrap(),
            kind,
            fingerprint: self.host_key().fingerprint(VaultId([1; 16]), &secret),
            floor: Step(1),
            ..self.key(generation)
        };
        let binding = key.binding(&self.account, VaultId([1; 16]));
        key.sealed = self.host_key().seal(&secret, &binding, &Nonce([number; 24])).unwrap();
        key
    }

    fn add(&self, number: u8, kind: Kind) -> Result<Record, ChangeError> {
        let make = |_: &Account, generation| Some(self.other_key(generation, number, kind));
        self.vault().enrol(&self.account, &FREELY, &Shifted::by(0), make)
    }

    fn hotp_code(number: u8, counter: u64) -> Typed {
        let secret = Secret::new(Zeroizing::new(vec![number; 20])).ok().unwrap();
        let codes = Codes::new(&secret, Algorithm::Sha1, Digits::new(6).unwrap()).unwrap();
        Typed::parse(format!("{:06}", codes.at(Step(counter)).unwrap()).as_bytes())
    }

    fn now_code(&self) -> Typed {
        self.code(system_wall(), 1)
    }

    fn outcome(&self, typed: &Typed) -> Result<Verdict, VaultError> {
        self.try_code(typed, &Shifted::by(0)).map(|(outcome, _)| outcome)
    }

    fn replace_state_by_a_copy(&self) {
        let (aside, path) = (self.dir.join("state/copy"), self.state_path());
        fs::copy(&path, &aside).unwrap();
        fs::set_permissions(&aside, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(&aside, &path).unwrap();
    }

    fn reseal(&self) -> Reseal<'_> {
        Reseal { host_key: self.host_key(), nonce: &|| Some(Nonce([8; 24])) }
    }
}

fn labels(record: &Record) -> Vec<&str> {
    record.keys.iter().map(|key| key.label.as_str()).collect()
}

#[test]
fn a_user_has_up_to_five_keys_with_labels_of_their_own() {
    let bench = Bench::enrolled();
    for number in 11..15 {
        bench.add(number, Kind::Totp).unwrap();
    }
    assert_eq!(labels(bench.locked().record().unwrap()), ["phone", "key 11", "key 12", "key 13", "key 14"]);
    assert_eq!(bench.add(15, Kind::Totp), Err(ChangeRefusal::TooManyKeys.into()));
    assert_eq!(bench.add(11, Kind::Totp), Err(ChangeRefusal::LabelTaken.into()));
    assert_eq!(bench.locked().state().generation, 5);
    assert!(accepted(&bench.outcome(&bench.now_code()).unwrap()), "the first key still works");
}

#[test]
fn one_more_key_frees_nobody_and_the_first_after_the_last_does() {
    let bench = Bench::enrolled();
    let disabled = State { disabled: true, total_failures: 100, ..bench.locked().state().clone() };
    write_state(&bench, &disabled);
    assert_eq!(bench.add(11, Kind::Totp), Err(ChangeRefusal::KeysDisabled.into()));
    bench.locked().revoke(KeyId([2; 16]), &Shifted::by(0)).unwrap();
    assert!(bench.locked().state().disabled);
    bench.add(11, Kind::Totp).unwrap();
    let state = bench.locked().state().clone();
    assert!(!state.disabled && state.total_failures == 0 && state.keys.len() == 1);
}

#[test]
fn suspended_refuses_until_allowed_and_no_slot_forgets_it() {
    let bench = Bench::enrolled();
    bench.locked().set_use(KeyUse::Suspended, &Shifted::by(0)).unwrap();
    bench.spoil(0);
    assert!(refused(&bench.outcome(&bench.now_code()).unwrap(), RefusalReason::Suspended));
    bench.locked().set_use(KeyUse::Allowed, &Shifted::by(0)).unwrap();
    let later = Shifted::by(90);
    assert!(accepted(&bench.try_code(&bench.code(later.wall(), 1), &later).unwrap().0));
}

#[test]
fn reopening_clears_an_origin_and_not_the_total() {
    let bench = Bench::enrolled();
    let mut state = bench.locked().state().clone();
    for origin in [Origin::Remote, Origin::Console] {
        (0..20).for_each(|_| state.count_failure(origin, 20, 1));
    }
    write_state(&bench, &state);
    bench.locked().reopen(Some(Origin::Remote), &Shifted::by(0)).unwrap();
    let state = bench.locked().state().clone();
    assert!(!state.origin(Origin::Remote).closed && state.origin(Origin::Console).closed);
    assert_eq!(state.total_failures, 40);
    bench.locked().reopen(None, &Shifted::by(0)).unwrap();
    assert!(!bench.locked().state().origin(Origin::Console).closed);
}

#[test]
fn a_renamed_key_is_the_same_key() {
    let bench = Bench::enrolled();
    bench.add(11, Kind::Totp).unwrap();
    let tablet = Label::new("tablet").unwrap();
    let mut locked = bench.locked();
    assert_eq!(
        locked.rename(KeyId([2; 16]), &Label::new("key 11").unwrap(), &Shifted::by(0)),
        Err(ChangeRefusal::LabelTaken.into())
    );
    assert_eq!(locked.rename(KeyId([9; 16]), &tablet, &Shifted::by(0)), Err(ChangeRefusal::NoSuchKey.into()));
    locked.rename(KeyId([2; 16]), &tablet, &Shifted::by(0)).unwrap();
    drop(locked);
    assert_eq!(labels(bench.locked().record().unwrap()), ["tablet", "key 11"]);
    let outcome = bench.outcome(&bench.now_code()).unwrap();
    assert_eq!(outcome, Verdict::Accepted(Proof::Key(tablet)));
}

#[test]
fn a_key_is_named_by_label_or_id() {
    let bench = Bench::enrolled();
    let locked = bench.locked();
    assert_eq!(locked.key_named("phone").unwrap().id, KeyId([2; 16]));
    assert_eq!(locked.key_named(&"02".repeat(16)).unwrap().id, KeyId([2; 16]));
    assert_eq!(locked.key_named("tablet").map(|key| key.id), Err(ChangeRefusal::NoSuchKey.into()));
}

#[test]
fn a_key_is_named_by_the_beginning_of_its_id_if_nothing_else_is_meant() {
    let bench = Bench::new();
    bench.add(1, Kind::Totp).unwrap();
    bench.add(2, Kind::Hotp).unwrap();
    let named = |name: &str| bench.locked().key_named(name).map(|key| key.id).ok();
    assert_eq!((named("0202"), named(&"02".repeat(15))), (Some(KeyId([2; 16])), Some(KeyId([2; 16]))));
    assert_eq!([named("020"), named("0203"), named("")], [None; 3], "too short, or of no key");
    bench.locked().rename(KeyId([1; 16]), &Label::new("0202").unwrap(), &Shifted::by(0)).unwrap();
    assert_eq!(named("0202"), None, "a label of one key, and the beginning of another");
    assert_eq!((named("02020"), named("0101")), (Some(KeyId([2; 16])), Some(KeyId([1; 16]))));
}

#[test]
fn r6_after_the_last_key_a_user_is_enrolled_and_refused() {
    let bench = Bench::enrolled();
    bench.locked().revoke(KeyId([2; 16]), &Shifted::by(0)).unwrap();
    assert!(refused(&bench.outcome(&bench.now_code()).unwrap(), RefusalReason::NoKey));
    assert_eq!(bench.vault().enrolment_status(&bench.account, &Shifted::by(0)).unwrap(), EnrolmentStatus::Enrolled);
}

#[test]
fn r6_who_is_forgotten_was_never_enrolled() {
    let bench = Bench::enrolled();
    bench.vault().forget(1000).unwrap();
    assert_eq!(
        bench.vault().enrolment_status(&bench.account, &Shifted::by(0)).unwrap(),
        EnrolmentStatus::NeverEnrolled
    );
    assert!(!bench.key_path().exists() && !bench.state_path().exists());
    assert_eq!(bench.vault().forget(1000), Err(ChangeRefusal::NotEnrolled.into()));
    bench.enrol(&Shifted::by(0)).unwrap();
}

#[test]
fn r6_half_forgotten_is_refused_and_can_be_forgotten_to_the_end() {
    let bench = Bench::enrolled();
    fs::remove_file(bench.key_path()).unwrap();
    assert!(bench.vault().enrolment_status(&bench.account, &Shifted::by(0)).is_err());
    bench.vault().forget(1000).unwrap();
    assert_eq!(
        bench.vault().enrolment_status(&bench.account, &Shifted::by(0)).unwrap(),
        EnrolmentStatus::NeverEnrolled
    );
}

#[test]
fn damaged_files_are_forgotten_too() {
    let damages: [&dyn Fn(&Bench); 4] = [
        &|bench| {
            bench.spoil(0);
            bench.spoil(1);
        },
        &|bench| fs::write(bench.key_path(), "nonsense").unwrap(),
        &|bench| fs::set_permissions(bench.state_path(), fs::Permissions::from_mode(0o666)).unwrap(),
        &|bench| {
            fs::remove_file(bench.state_path()).unwrap();
            symlink("/etc/passwd", bench.state_path()).unwrap();
        },
    ];
    for damage in damages {
        let bench = Bench::enrolled();
        damage(&bench);
        bench.vault().forget(1000).unwrap();
        assert_eq!(
            bench.vault().enrolment_status(&bench.account, &Shifted::by(0)).unwrap(),
            EnrolmentStatus::NeverEnrolled
        );
    }
    assert!(Path::new("/etc/passwd").exists());
}

#[test]
fn a_counter_is_in_both_slots_before_anybody_hears_of_it() {
    for slot in [0, 1] {
        let bench = Bench::enrolled();
        bench.add(11, Kind::Hotp).unwrap();
        assert!(accepted(&bench.outcome(&Bench::hotp_code(11, 5)).unwrap()));
        bench.spoil(slot);
        let entry = |bench: &Bench| -> KeyState { *bench.locked().state().key(KeyId([11; 16])).unwrap() };
        assert_eq!((entry(&bench).watermark, entry(&bench).resync), (Step(5), true));
        assert!(refused(&bench.outcome(&Bench::hotp_code(11, 5)).unwrap(), RefusalReason::Replayed));
        assert!(refused(&bench.outcome(&Bench::hotp_code(11, 7)).unwrap(), RefusalReason::Resync));
        assert!(accepted(&bench.outcome(&Bench::hotp_code(11, 8)).unwrap()));
    }
}

fn recovery_set(byte: u8, redemption: Option<TicketId>) -> Vec<crate::codes::recovery::RecoveryHash> {
    let hash = |index| crate::keys::seal::CodeHash([index; 32]);
    (0..8)
        .map(|index| crate::codes::recovery::RecoveryHash {
            set: RecoverySetId::new([byte; 16]),
            index,
            hash: hash(index),
            redemption,
        })
        .collect()
}

#[test]
fn a_new_key_in_the_place_of_another_kills_it_and_what_was_counted_against_it() {
    let bench = Bench::new();
    bench.enrol(&Shifted::by(0)).unwrap();
    let old = bench.locked().record().unwrap().keys[0].clone();
    let wrong = (0..50).map(|_| bench.outcome(&Typed::parse(b"00000000")));
    wrong.for_each(|outcome| drop(outcome.unwrap()));
    bench.locked().set_use(KeyUse::Suspended, &Shifted::by(0)).unwrap();
    let how = KeyAddition { grounds: Grounds::Any, replaces: Replaces::All, recovery: recovery_set(5, None) };
    let make = |generation| Some(Key { label: old.label.clone(), ..bench.other_key(generation, 7, Kind::Totp) });
    let make = |_: &Account, generation| {
        let mut key: Key = make(generation)?;
        let secret = Secret::new(Zeroizing::new(vec![7; 20])).ok()?;
        key.sealed = bench.host_key().seal(&secret, &key.binding(&bench.account, VaultId([1; 16])), &Nonce([7; 24]))?;
        Some(key)
    };
    let record = bench.vault().enrol(&bench.account, &how, &Shifted::by(0), make).unwrap();
    assert_eq!((record.keys.len(), record.keys[0].id, record.recovery.len()), (1, KeyId([7; 16]), 8));
    let locked = bench.locked();
    let state = locked.state();
    assert_eq!(
        (state.suspended, state.total_failures, state.recovery.set),
        (true, 0, RecoverySetId::new([5; 16])),
        "suspended it stays"
    );
    assert!(state.key(old.id).is_none());
    drop(locked);
    assert!(!accepted(&bench.outcome(&bench.now_code()).unwrap()));
}

#[test]
fn grounds_that_are_gone_make_no_key() {
    let bench = Bench::new();
    let with = |grounds, replaces, number| {
        let how = KeyAddition { grounds, replaces, recovery: Vec::new() };
        let make = |_: &Account, generation| Some(bench.other_key(generation, number, Kind::Totp));
        bench.vault().enrol(&bench.account, &how, &Shifted::by(0), make).map(drop)
    };
    let key = |number| KeyId([number; 16]);
    assert_eq!(with(Grounds::Key(key(1)), Replaces::Nothing, 2), Err(ChangeRefusal::GroundsGone.into()));
    assert_eq!(with(Grounds::FirstKey, Replaces::Nothing, 1), Ok(()));
    assert_eq!(with(Grounds::FirstKey, Replaces::Nothing, 2), Err(ChangeRefusal::AlreadyEnrolled.into()));
    assert_eq!(with(Grounds::Any, Replaces::Key(key(9)), 2), Err(ChangeRefusal::NoSuchKey.into()));
    assert_eq!(with(Grounds::Key(key(1)), Replaces::Key(key(1)), 2), Ok(()));
    assert_eq!(with(Grounds::Key(key(1)), Replaces::Nothing, 3), Err(ChangeRefusal::GroundsGone.into()));
    bench.locked().set_use(KeyUse::Suspended, &Shifted::by(0)).unwrap();
    assert_eq!(with(Grounds::Key(key(2)), Replaces::Nothing, 3), Err(ChangeRefusal::GroundsGone.into()));
}

#[test]
fn what_descends_from_a_repudiated_redemption_is_suspended_for_good_and_nothing_else() {
    let bench = Bench::new();
    bench.add(1, Kind::Hotp).unwrap();
    let thiefs = TicketId::new([3; 16]);
    let how =
        KeyAddition { grounds: Grounds::Any, replaces: Replaces::Nothing, recovery: recovery_set(6, Some(thiefs)) };
    let make =
        |_: &Account, generation| Some(Key { redemption: Some(thiefs), ..bench.other_key(generation, 2, Kind::Hotp) });
    bench.vault().enrol(&bench.account, &how, &Shifted::by(0), make).unwrap();
    for anew in [true, false] {
        let suspended = bench.locked().repudiate(thiefs, &Shifted::by(0));
        assert_eq!(suspended, Ok(RepudiationOutcome { keys: 1, anew }));
    }
    assert!(!accepted(&bench.outcome(&Bench::hotp_code(2, 2)).unwrap()));
    assert!(bench.locked().state().recovery.suspended);
    assert!(accepted(&bench.outcome(&Bench::hotp_code(1, 2)).unwrap()));
    bench.locked().set_use(KeyUse::Allowed, &Shifted::by(0)).unwrap();
    assert!(!accepted(&bench.outcome(&Bench::hotp_code(2, 3)).unwrap()));
}

#[test]
fn a_label_that_looks_like_the_id_of_another_key_does_not_stand_in_its_way() {
    let bench = Bench::new();
    bench.add(1, Kind::Totp).unwrap();
    bench.add(2, Kind::Hotp).unwrap();
    let (first, second) = (KeyId([1; 16]), KeyId([2; 16]));
    let id_of_second = second.hex();
    bench.locked().rename(first, &Label::new(&id_of_second).unwrap(), &Shifted::by(0)).unwrap();
    assert_eq!(bench.locked().key_named(&id_of_second).map(|key| key.id), Ok(second));
}

#[test]
fn recovery_codes_go_with_the_last_key() {
    let bench = Bench::new();
    let how = KeyAddition { grounds: Grounds::FirstKey, replaces: Replaces::Nothing, recovery: recovery_set(5, None) };
    let make = |_: &Account, generation| Some(bench.other_key(generation, 1, Kind::Totp));
    bench.vault().enrol(&bench.account, &how, &Shifted::by(0), make).unwrap();
    bench.locked().revoke(KeyId([1; 16]), &Shifted::by(0)).unwrap();
    assert_eq!(bench.locked().record().map(|record| (record.keys.len(), record.recovery.len())), Some((0, 0)));
}

#[path = "adopt_tests.rs"]
mod adopt;
#[path = "marks_tests.rs"]
mod marks;
#[path = "names_tests.rs"]
mod names;

#[test]
fn another_end_is_another_seal_of_the_same_key_and_without_one_the_file_has_no_trace_of_it() {
    let bench = Bench::enrolled();
    let (id, before) = (KeyId([2; 16]), bench.locked().record().unwrap().clone());
    let end = system_wall() + 1000;
    bench.locked().set_expiry(id, Some(end), &bench.reseal(), &Shifted::by(0)).unwrap();
    let with_end = bench.locked().record().unwrap().clone();
    assert_eq!((with_end.keys[0].expires, with_end.generation), (Some(end), before.generation + 1));
    let sealed = |record: &Record| record.keys[0].sealed.clone();
    let rest = |record: &Record| Key { sealed: sealed(&before), expires: None, ..record.keys[0].clone() };
    assert!(sealed(&with_end) != sealed(&before) && rest(&with_end) == before.keys[0]);
    assert!(with_end.open(bench.host_key(), VaultId([1; 16])).is_ok());
    let mut forged = with_end.clone();
    forged.keys[0].expires = Some(end + 1);
    assert!(forged.open(bench.host_key(), VaultId([1; 16])).is_err());
    bench.locked().set_expiry(id, None, &bench.reseal(), &Shifted::by(0)).unwrap();
    let without = bench.locked().record().unwrap().clone();
    assert!(rest(&without) == before.keys[0] && !without.to_toml().contains("expires"));
    assert!(accepted(&bench.outcome(&bench.now_code()).unwrap()), "it still works");
}

#[test]
fn a_key_that_has_ended_is_no_ground_for_another_and_one_that_is_not_there_has_no_end() {
    let bench = Bench::enrolled();
    let (id, end) = (KeyId([2; 16]), Some(system_wall() + 1000));
    let grounds = |by| {
        let clock = Shifted::by(by);
        bench.vault().lock(&bench.account, &clock).unwrap().unwrap().has_grounds(Grounds::Key(id))
    };
    bench.locked().set_expiry(id, end, &bench.reseal(), &Shifted::by(0)).unwrap();
    assert_eq!(grounds(0), Ok(()));
    assert_eq!(grounds(2000), Err(ChangeRefusal::GroundsGone.into()));
    let nobody = bench.locked().set_expiry(KeyId([9; 16]), end, &bench.reseal(), &Shifted::by(0));
    assert_eq!(nobody, Err(ChangeRefusal::NoSuchKey.into()));
}
