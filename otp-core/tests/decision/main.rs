//! Codes that open and codes that do not: [`decide`] and [`decide_recovery`], through nothing but what the core offers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what is not there must fail the test"
)]

use otp_core::decision::input::{Code, Typed};
use otp_core::decision::limits::{ClockPolicy, HOTP_AHEAD, HOTP_WIDEST, Limits, Wait, Window};
use otp_core::decision::origin::Origin;
use otp_core::decision::state::{KeyState, State};
use otp_core::decision::{Attempt, ClockTrust, Now, Proof, Verdict, decide, decide_recovery};
use otp_core::keys::hotp::Codes;
use otp_core::keys::key::{Algorithm, Digits, KeyId, Kind, Label, Period, Step};
use otp_core::keys::open_key::OpenKey;
use otp_core::keys::secret::Secret;
use otp_core::reasons::RefusalReason;
use otp_core::unix_time::UnixTime;
use proptest::prelude::*;
use zeroize::Zeroizing;

const T: u64 = 1_700_000_010;

fn key(byte: u8, digits: i64, floor: u64) -> OpenKey {
    let secret = Secret::new(Zeroizing::new(vec![byte; 20])).ok().unwrap();
    OpenKey {
        id: KeyId([byte; 16]),
        label: Label::new(&format!("key{byte}")).unwrap(),
        kind: Kind::Totp,
        codes: Codes::new(&secret, Algorithm::Sha1, Digits::new(digits).unwrap()).unwrap(),
        period: Period::new(30).unwrap(),
        floor: Step(floor),
        expires: None,
    }
}

fn state_of(keys: &[OpenKey]) -> State {
    let entry = |key: &OpenKey| KeyState::new(key.id, key.floor);
    State { enrolled: true, generation: 1, keys: keys.iter().map(entry).collect(), ..State::never_enrolled(1000) }
}

fn code(text: &str) -> Code {
    match Typed::parse(text.as_bytes()) {
        Typed::Code(code) => code,
        _ => panic!("{text} is no code"),
    }
}

fn code_at(key: &OpenKey, step: u64) -> Code {
    let width = usize::from(key.codes.digits().get());
    code(&format!("{:0width$}", key.codes.at(Step(step)).unwrap()))
}

fn now(wall: u64) -> Now {
    Now { wall: UnixTime::new(wall), boot_ms: 1_000_000, clock: ClockTrust::Trusted, mark: UnixTime::EPOCH }
}

fn step(wall: u64) -> u64 {
    wall / 30
}

/// A code that none of the keys has anywhere near.
fn wrong_code(keys: &[OpenKey], wall: u64) -> Code {
    let near = |value: u32| {
        keys.iter().any(|key| (step(wall) - 5..=step(wall) + 5).any(|at| key.codes.at(Step(at)) == Some(value)))
    };
    let free = (0..1_000_000).find(|value| !near(*value)).unwrap();
    code(&format!("{free:06}"))
}

fn run(keys: &[OpenKey], state: &State, code: &Code, origin: Origin, now: Now) -> (Verdict, Option<State>) {
    decide(keys, state, &Limits::default(), Attempt { code, origin, now })
}

#[test]
fn a_code_works_once() {
    let keys = [key(1, 6, 0)];
    let code = code_at(&keys[0], step(T));
    let (verdict, next) = run(&keys, &state_of(&keys), &code, Origin::Myself, now(T));
    assert_eq!(verdict, Verdict::Accepted(Proof::Key(keys[0].label.clone())));
    let next = next.unwrap();
    assert_eq!((next.keys[0].watermark, next.keys[0].last_used), (Step(step(T)), Some(UnixTime::new(T))));
    let (again, _) = run(&keys, &next, &code, Origin::Myself, now(T));
    assert_eq!(again, Verdict::Refused(RefusalReason::Replayed));
}

#[test]
fn the_window_is_one_step_back_and_one_forward() {
    let keys = [key(1, 6, 0)];
    let accepted: Vec<i64> = (-4..=4)
        .filter(|offset| {
            let code = code_at(&keys[0], step(T).checked_add_signed(*offset).unwrap());
            matches!(run(&keys, &state_of(&keys), &code, Origin::Myself, now(T)).0, Verdict::Accepted(_))
        })
        .collect();
    assert_eq!(accepted, [-1, 0, 1]);
}

#[test]
fn r4_an_earlier_step_is_dead_once_a_later_one_was_used() {
    let keys = [key(1, 6, 0)];
    let (_, next) = run(&keys, &state_of(&keys), &code_at(&keys[0], step(T) + 1), Origin::Myself, now(T));
    let next = next.unwrap();
    for earlier in [step(T) - 1, step(T)] {
        let (verdict, _) = run(&keys, &next, &code_at(&keys[0], earlier), Origin::Myself, now(T));
        assert_eq!(verdict, Verdict::Refused(RefusalReason::Replayed));
    }
}

#[test]
fn r4_an_accepted_code_advances_every_key_that_it_matches() {
    let keys = [key(1, 6, 0), OpenKey { id: KeyId([2; 16]), ..key(1, 6, 0) }];
    let (_, next) = run(&keys, &state_of(&keys), &code_at(&keys[0], step(T)), Origin::Myself, now(T));
    assert!(next.unwrap().keys.iter().all(|entry| entry.watermark == Step(step(T))));
}

#[test]
fn the_step_burnt_at_confirmation_holds_even_if_the_state_forgot_it() {
    let keys = [key(1, 6, step(T))];
    let mut state = state_of(&keys);
    state.keys[0].watermark = Step(0);
    let (verdict, _) = run(&keys, &state, &code_at(&keys[0], step(T)), Origin::Myself, now(T));
    assert_eq!(verdict, Verdict::Refused(RefusalReason::Replayed));
}

#[test]
fn r4_a_code_that_two_steps_share_is_used_up_in_both() {
    let keys = [key(1, 6, 0)];
    // Some pair of steps at most two apart has the same code; the search is short and always the same.
    let at = |step: u64| keys[0].codes.at(Step(step));
    let (first, second) = (1_u64..).flat_map(|n| [(n, n + 1), (n, n + 2)]).find(|(a, b)| at(*a) == at(*b)).unwrap();
    let wall = (second - 1) * 30;
    let limits = Limits { window: Window { back: 1, forward: 1 }, ..Limits::default() };
    let (verdict, next) = decide(
        &keys,
        &state_of(&keys),
        &limits,
        Attempt { code: &code_at(&keys[0], first), origin: Origin::Myself, now: now(wall) },
    );
    assert!(matches!(verdict, Verdict::Accepted(_)));
    assert_eq!(next.unwrap().keys[0].watermark, Step(second));
}

#[test]
fn only_wrong_codes_count() {
    let keys = [key(1, 6, step(T))];
    let state = state_of(&keys);
    let (verdict, next) = run(&keys, &state, &wrong_code(&keys, T), Origin::Remote, now(T));
    assert_eq!(verdict, Verdict::Refused(RefusalReason::Wrong));
    let next = next.unwrap();
    assert_eq!((next.total_failures, next.origin(Origin::Remote).failures), (1, 1));
    assert_eq!(next.origin(Origin::Myself).failures, 0);
    let (_, next) = run(&keys, &state, &code_at(&keys[0], step(T)), Origin::Remote, now(T));
    assert_eq!(next.unwrap(), state, "a replay changes nothing");
}

#[test]
fn during_a_wait_nothing_is_evaluated_or_written() {
    let keys = [key(1, 6, 0)];
    let mut state = state_of(&keys);
    for _ in 0..4 {
        state.count_failure(Origin::Myself, 20, 1_000_000);
    }
    let right = code_at(&keys[0], step(T));
    let at = |boot_ms| Now { boot_ms, ..now(T) };
    let (verdict, next) = run(&keys, &state, &right, Origin::Myself, at(1_001_999));
    assert_eq!((verdict, next), (Verdict::Refused(RefusalReason::Waiting { left_ms: 1 }), None));
    assert!(matches!(run(&keys, &state, &right, Origin::Myself, at(1_002_000)).0, Verdict::Accepted(_)));
    assert!(matches!(run(&keys, &state, &right, Origin::Console, at(1_000_000)).0, Verdict::Accepted(_)));
}

#[test]
fn a_step_of_the_wall_clock_does_not_shorten_the_wait_and_a_reboot_starts_it_again() {
    let keys = [key(1, 6, 0)];
    let mut state = state_of(&keys);
    for _ in 0..10 {
        state.count_failure(Origin::Myself, 20, 1_000_000);
    }
    let later = T + 3_600;
    let (verdict, _) = run(&keys, &state, &code_at(&keys[0], step(later)), Origin::Myself, now(later));
    assert_eq!(verdict, Verdict::Refused(RefusalReason::Waiting { left_ms: 128_000 }));
    let rebooted = Now { boot_ms: 5_000, ..now(T) };
    let (verdict, _) = run(&keys, &state, &code_at(&keys[0], step(T)), Origin::Myself, rebooted);
    assert_eq!(verdict, Verdict::Refused(RefusalReason::Waiting { left_ms: 123_000 }));
}

#[test]
fn at_its_limit_an_origin_is_closed_and_the_others_stay_open() {
    let keys = [key(1, 6, 0)];
    let limits = Limits { wait: Wait::None, ..Limits::default() };
    let mut state = state_of(&keys);
    for _ in 0..20 {
        let (verdict, next) = decide(
            &keys,
            &state,
            &limits,
            Attempt { code: &wrong_code(&keys, T), origin: Origin::Remote, now: now(T) },
        );
        assert_eq!(verdict, Verdict::Refused(RefusalReason::Wrong));
        assert_eq!(
            state.must_not_come_undone(next.as_ref().unwrap()),
            next.as_ref().unwrap().origin(Origin::Remote).closed
        );
        state = next.unwrap();
    }
    let right = code_at(&keys[0], step(T));
    let (verdict, next) = decide(&keys, &state, &limits, Attempt { code: &right, origin: Origin::Remote, now: now(T) });
    assert_eq!((verdict, next), (Verdict::Refused(RefusalReason::Closed), None));
    let (verdict, next) = decide(&keys, &state, &limits, Attempt { code: &right, origin: Origin::Myself, now: now(T) });
    assert!(matches!(verdict, Verdict::Accepted(_)));
    let next = next.unwrap();
    assert!(next.origin(Origin::Remote).closed, "an accepted code clears its own origin only");
    assert_eq!(next.total_failures, 0);
}

#[test]
fn a_hundred_wrong_codes_in_all_disable_the_keys() {
    let keys = [key(1, 6, 0)];
    let mut state = state_of(&keys);
    state.total_failures = 99;
    let (_, next) = run(&keys, &state, &wrong_code(&keys, T), Origin::Other, now(T));
    let next = next.unwrap();
    assert!(next.disabled);
    let (verdict, _) = run(&keys, &next, &code_at(&keys[0], step(T)), Origin::Myself, now(T));
    assert_eq!(verdict, Verdict::Refused(RefusalReason::Disabled));
}

#[test]
fn suspended_expired_and_empty_records_refuse() {
    let keys = [key(1, 6, 0)];
    let right = code_at(&keys[0], step(T));
    let suspended = State { suspended: true, ..state_of(&keys) };
    assert_eq!(run(&keys, &suspended, &right, Origin::Myself, now(T)).0, Verdict::Refused(RefusalReason::Suspended));
    assert_eq!(run(&[], &state_of(&keys), &right, Origin::Myself, now(T)).0, Verdict::Refused(RefusalReason::NoKey));
    let ended = [OpenKey { expires: Some(UnixTime::new(T - 1)), ..key(1, 6, 0) }];
    assert_eq!(
        run(&ended, &state_of(&ended), &right, Origin::Myself, now(T)).0,
        Verdict::Refused(RefusalReason::Expired)
    );
}

#[test]
fn a_key_is_good_to_its_last_second_by_the_later_of_clock_and_mark() {
    let ending = || OpenKey { expires: Some(UnixTime::new(T)), ..key(1, 6, 0) };
    let keys = [ending()];
    let right = code_at(&keys[0], step(T));
    let accepted = |keys: &[OpenKey], now| run(keys, &state_of(keys), &right, Origin::Myself, now).0;
    let marked = |mark| Now { mark: UnixTime::new(mark), ..now(T) };
    assert!(matches!(accepted(&keys, now(T)), Verdict::Accepted(_)));
    assert!(matches!(accepted(&keys, marked(T)), Verdict::Accepted(_)));
    for late in [now(T + 1), marked(T + 1)] {
        assert_eq!(accepted(&keys, late), Verdict::Refused(RefusalReason::Expired));
    }
    // Beside a key that goes on it is no key at all: its code is of none, and counts.
    let keys = [ending(), key(3, 6, 0)];
    let both = run(&keys, &state_of(&keys), &right, Origin::Myself, now(T + 1));
    assert_eq!((both.0, both.1.unwrap().total_failures), (Verdict::Refused(RefusalReason::Wrong), 1));
}

#[test]
fn a_clock_behind_the_watermark_is_told_apart_and_does_not_count() {
    let keys = [key(1, 6, step(T))];
    let past = T - 86_400;
    let (verdict, next) = run(&keys, &state_of(&keys), &wrong_code(&keys, past), Origin::Myself, now(past));
    assert_eq!((verdict, next), (Verdict::Refused(RefusalReason::ClockBehind), None));
}

#[test]
fn an_unsynchronised_clock_may_not_jump_more_than_thirty_days() {
    let keys = [key(1, 6, 0)];
    let newest_known = UnixTime::new(T);
    let at = |wall| Now { boot_ms: 0, clock: ClockTrust::Unsynchronised { newest_known }, ..now(wall) };
    let (near, far) = (T + 30 * 86_400, T + 30 * 86_400 + 1);
    assert!(matches!(
        run(&keys, &state_of(&keys), &code_at(&keys[0], step(near)), Origin::Myself, at(near)).0,
        Verdict::Accepted(_)
    ));
    let (verdict, next) = run(&keys, &state_of(&keys), &code_at(&keys[0], step(far)), Origin::Myself, at(far));
    assert_eq!((verdict, next), (Verdict::Refused(RefusalReason::ClockAhead), None));
    let trusting = Limits { clock: ClockPolicy::Trusted, ..Limits::default() };
    let (verdict, _) = decide(
        &keys,
        &state_of(&keys),
        &trusting,
        Attempt { code: &code_at(&keys[0], step(far)), origin: Origin::Myself, now: at(far) },
    );
    assert!(matches!(verdict, Verdict::Accepted(_)));
    assert!(matches!(
        run(&keys, &state_of(&keys), &code_at(&keys[0], step(far)), Origin::Myself, now(far)).0,
        Verdict::Accepted(_)
    ));
}

#[test]
fn a_code_of_another_length_matches_no_key_and_counts() {
    let keys = [key(1, 6, 0)];
    let eight = code(&format!("00{:06}", keys[0].codes.at(Step(step(T))).unwrap()));
    let (verdict, next) = run(&keys, &state_of(&keys), &eight, Origin::Myself, now(T));
    assert_eq!(verdict, Verdict::Refused(RefusalReason::Wrong));
    assert_eq!(next.unwrap().total_failures, 1);
}

/// One try of a random history: which code, from where, when.
#[derive(Debug, Clone)]
struct Try {
    offset: i64,
    origin: usize,
    seconds: u64,
    second_key: bool,
}

prop_compose! {
    fn any_try()(offset in -3..=3_i64, origin in 0..5_usize, seconds in 0..70_u64, second_key: bool) -> Try {
        Try { offset, origin, seconds, second_key }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn accepted_implies_a_step_above_the_watermark_and_no_step_is_accepted_twice(
        tries in proptest::collection::vec(any_try(), 1..60), floor_back in 0..3_u64,
    ) {
        let keys = [key(1, 6, step(T) - floor_back), key(2, 6, 0)];
        let limits = Limits { wait: Wait::None, guesses: [60; 5], ..Limits::default() };
        let (mut state, mut wall, mut used) = (state_of(&keys), T, std::collections::HashSet::new());
        for one in tries {
            wall += one.seconds;
            let key = &keys[usize::from(one.second_key)];
            let typed = code_at(key, step(wall).checked_add_signed(one.offset).unwrap());
            let before = state.clone();
            let (verdict, next) = decide(&keys, &state, &limits, Attempt { code: &typed, origin: Origin::ALL[one.origin], now: now(wall) });
            let next = next.unwrap_or_else(|| before.clone());
            let risen: Vec<_> = before.keys.iter().zip(&next.keys).filter(|(a, b)| a.watermark != b.watermark).collect();
            prop_assert!(risen.iter().all(|(a, b)| b.watermark > a.watermark));
            prop_assert_eq!(matches!(verdict, Verdict::Accepted(_)), !risen.is_empty());
            for (_, after) in risen {
                prop_assert!(used.insert((after.id, after.watermark)), "a step was accepted twice");
            }
            state = next;
        }
    }
}

mod hotp;

mod recovery {
    use super::*;
    use otp_core::codes::ids::RecoverySetId;
    use otp_core::codes::recovery::RecoveryHash;
    use otp_core::decision::state::RecoveryState;
    use otp_core::keys::seal::CodeHash;

    const SET: RecoverySetId = RecoverySetId::new([9; 16]);

    fn codes() -> Vec<RecoveryHash> {
        (0..8).map(|index| RecoveryHash { set: SET, index, hash: CodeHash([index; 32]), redemption: None }).collect()
    }

    fn try_code(codes: &[RecoveryHash], state: &State, number: usize, origin: Origin) -> (Verdict, Option<State>) {
        decide_recovery(codes, codes.get(number), state, origin)
    }

    #[test]
    fn each_code_opens_once_and_tells_how_many_are_left() {
        let (codes, mut state) = (codes(), State::never_enrolled(7));
        for (number, left) in (0..8).zip((0..8).rev()) {
            let (verdict, next) = try_code(&codes, &state, number, Origin::Remote);
            assert_eq!(verdict, Verdict::Accepted(Proof::Recovery { left }));
            assert!(state.must_not_come_undone(next.as_ref().unwrap()));
            state = next.unwrap();
            let again = try_code(&codes, &state, number, Origin::Remote);
            assert_eq!(
                again,
                (Verdict::Refused(RefusalReason::Replayed), Some(state.clone())),
                "written, and nothing counted"
            );
        }
    }

    #[test]
    fn neither_waits_nor_closed_origins_nor_a_disabled_key_stop_it_and_its_own_origin_is_open_again() {
        let (codes, mut state) = (codes(), State::never_enrolled(7));
        for origin in [Origin::Myself, Origin::Remote] {
            (0..60).for_each(|_| state.count_failure(origin, 20, 1));
        }
        assert!(state.disabled && state.origin(Origin::Remote).closed);
        let (verdict, next) = try_code(&codes, &state, 2, Origin::Remote);
        assert!(matches!(verdict, Verdict::Accepted(_)));
        let next = next.unwrap();
        assert!(!next.origin(Origin::Remote).closed && next.origin(Origin::Myself).closed && next.disabled);
    }

    #[test]
    fn suspended_restored_and_wrong_ones_are_refused_without_a_count() {
        let codes = codes();
        let good = State::never_enrolled(7);
        let refused = |state: &State, number| match try_code(&codes, state, number, Origin::Remote) {
            (Verdict::Refused(refusal), None) => refusal,
            other => panic!("{other:?}"),
        };
        let wrong = try_code(&codes, &good, 8, Origin::Remote);
        assert_eq!(wrong, (Verdict::Refused(RefusalReason::Wrong), Some(good.clone())), "r2: written like a good one");
        assert_eq!(refused(&State { suspended: true, ..good.clone() }, 0), RefusalReason::Suspended);
        assert_eq!(refused(&State { restored: true, ..good.clone() }, 0), RefusalReason::Restored);
        let of_a_thief = RecoveryState { suspended: true, ..RecoveryState::default() };
        assert_eq!(refused(&State { recovery: of_a_thief, ..good }, 0), RefusalReason::Suspended);
    }

    #[test]
    fn what_was_used_of_an_older_set_says_nothing_of_this_one() {
        let mut state = State::never_enrolled(7);
        state.recovery = RecoveryState { set: RecoverySetId::new([1; 16]), used: u32::MAX, ..RecoveryState::default() };
        let (verdict, next) = try_code(&codes(), &state, 0, Origin::Myself);
        assert_eq!(verdict, Verdict::Accepted(Proof::Recovery { left: 7 }));
        assert_eq!(next.unwrap().recovery.used, 1);
    }
}

#[test]
fn a_suspended_key_is_no_key_and_the_others_go_on() {
    let keys = [key(1, 6, 0), key(2, 6, 0)];
    let mut state = state_of(&keys);
    let code = code_at(&keys[0], step(T));
    state.keys[0].suspended = true;
    assert_eq!(run(&keys, &state, &code, Origin::Myself, now(T)).0, Verdict::Refused(RefusalReason::Wrong));
    assert!(matches!(run(&keys, &state, &code_at(&keys[1], step(T)), Origin::Myself, now(T)).0, Verdict::Accepted(_)));
    state.keys[1].suspended = true;
    assert_eq!(run(&keys, &state, &code, Origin::Myself, now(T)), (Verdict::Refused(RefusalReason::Suspended), None));
}
