//! HOTP: look-ahead, two codes in a row, and that nothing is accepted twice.

use otp_core::keys::open_key::OpenKey;

use super::*;
use otp_core::unix_time::UnixTime;

fn token(byte: u8, floor: u64) -> OpenKey {
    OpenKey { kind: Kind::Hotp, ..key(byte, 6, floor) }
}

/// The state of a token that was used at `counter`.
fn used(key: &OpenKey, counter: u64) -> State {
    let mut state = state_of(std::slice::from_ref(key));
    state.keys[0].watermark = Step(counter);
    state
}

fn at(key: &OpenKey, state: &State, counter: u64) -> (Verdict, Option<State>) {
    run(std::slice::from_ref(key), state, &code_at(key, counter), Origin::Myself, now(T))
}

fn accepts(key: &OpenKey, state: &State, counter: u64) -> Option<State> {
    match at(key, state, counter) {
        (Verdict::Accepted(_), next) => next,
        _ => None,
    }
}

#[test]
fn the_next_ten_counters_open_and_nothing_before_or_after() {
    let key = token(1, 0);
    let state = used(&key, 100);
    let opening: Vec<u64> = (80..=170).filter(|counter| accepts(&key, &state, *counter).is_some()).collect();
    assert_eq!(opening, (101..=110).collect::<Vec<_>>());
}

#[test]
fn an_accepted_counter_and_all_before_it_are_dead() {
    let key = token(1, 0);
    let next = accepts(&key, &used(&key, 100), 105).unwrap();
    assert_eq!((next.keys[0].watermark, next.keys[0].last_used), (Step(105), Some(UnixTime::new(T))));
    for counter in 96..=105 {
        assert_eq!(at(&key, &next, counter).0, Verdict::Refused(RefusalReason::Replayed), "{counter}");
    }
    assert!(accepts(&key, &next, 115).is_some());
}

#[test]
fn the_counter_burnt_at_confirmation_holds_even_if_the_state_forgot_it() {
    let key = token(1, 7);
    let state = used(&key, 0);
    assert_eq!(at(&key, &state, 7).0, Verdict::Refused(RefusalReason::Replayed));
    assert!(accepts(&key, &state, 17).is_some() && accepts(&key, &state, 18).is_none());
}

#[test]
fn a_token_pressed_too_often_comes_back_by_two_codes_in_a_row() {
    let key = token(1, 0);
    let state = used(&key, 100);
    for first in [111, 130, 150] {
        let (verdict, heard) = at(&key, &state, first);
        assert_eq!(verdict, Verdict::Refused(RefusalReason::Resync));
        let heard = heard.unwrap();
        assert_eq!((heard.keys[0].watermark, heard.total_failures), (Step(100), 0), "neither accepted nor counted");
        assert_eq!(
            at(&key, &heard, first).0,
            Verdict::Refused(RefusalReason::Resync),
            "the same again is not two in a row"
        );
        assert!(accepts(&key, &heard, first + 2).is_none(), "nor is the one after the next");
        let next = accepts(&key, &heard, first + 1).unwrap();
        assert_eq!((next.keys[0].watermark, next.keys[0].heard), (Step(first + 1), 0));
    }
    let (verdict, next) = at(&key, &state, 151);
    assert_eq!((verdict, next.unwrap().total_failures), (Verdict::Refused(RefusalReason::Wrong), 1));
}

#[test]
fn after_a_loss_one_code_is_not_enough() {
    let key = token(1, 0);
    let mut state = used(&key, 100);
    state.keys[0].resync = true;
    let (verdict, heard) = at(&key, &state, 101);
    assert_eq!(verdict, Verdict::Refused(RefusalReason::Resync));
    let next = accepts(&key, &heard.unwrap(), 102).unwrap();
    assert!(!next.keys[0].resync);
    assert!(accepts(&key, &next, 103).is_some());
}

#[test]
fn a_counter_from_a_backup_is_not_looked_at_and_time_based_keys_are() {
    let keys = [token(1, 0), key(2, 6, 0)];
    let state = State { restored: true, ..state_of(&keys) };
    let time = code_at(&keys[1], step(T));
    assert!(matches!(run(&keys, &state, &time, Origin::Myself, now(T)).0, Verdict::Accepted(_)));
    let (verdict, next) = at(&keys[0], &State { restored: true, ..used(&keys[0], 0) }, 1);
    assert_eq!((verdict, next), (Verdict::Refused(RefusalReason::Restored), None));
}

#[test]
fn both_kinds_of_key_work_side_by_side_and_a_clock_set_back_stops_only_one() {
    let keys = [token(1, 0), key(2, 6, step(T) + 1000)];
    let state = state_of(&keys);
    let (verdict, _) = run(&keys, &state, &code_at(&keys[0], 1), Origin::Myself, now(T));
    assert_eq!(verdict, Verdict::Accepted(Proof::Key(keys[0].label.clone())));
    assert_eq!(
        run(&keys[1..], &state, &code_at(&keys[1], step(T)), Origin::Myself, now(T)).0,
        Verdict::Refused(RefusalReason::ClockBehind)
    );
}

#[test]
fn one_code_advances_every_token_that_it_matches() {
    let keys = [token(1, 0), OpenKey { id: KeyId([2; 16]), ..token(1, 3) }];
    let (_, next) = run(&keys, &state_of(&keys), &code_at(&keys[0], 5), Origin::Myself, now(T));
    assert!(next.unwrap().keys.iter().all(|entry| entry.watermark == Step(5)));
}

#[test]
fn the_last_counters_of_all_do_not_overflow() {
    let key = token(1, 0);
    for counter in [u64::MAX - 60, u64::MAX - 51, u64::MAX - 1, u64::MAX] {
        let state = used(&key, counter);
        assert!(!matches!(at(&key, &state, counter).0, Verdict::Accepted(_)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_counter_is_accepted_once_and_only_upwards_and_after_a_loss_only_in_a_row(
        start in 0..1_000_u64, resync: bool, presses in proptest::collection::vec((0..60_u64, 0..5_usize), 1..30),
    ) {
        let key = token(1, 0);
        let limits = Limits { wait: Wait::None, guesses: [60; 5], ..Limits::default() };
        let mut state = used(&key, start);
        state.keys[0].resync = resync;
        let (mut token, mut before) = (start, None);
        for (pressed, origin) in presses {
            let typed = token + pressed.saturating_sub(30); // now and then an old one
            token = token.max(typed);
            let (verdict, next) =
                decide(std::slice::from_ref(&key), &state, &limits, Attempt { code: &code_at(&key, typed), origin: Origin::ALL[origin], now: now(T) });
            let next = next.unwrap_or_else(|| state.clone());
            let (old, new) = (state.keys[0], next.keys[0]);
            prop_assert!(new.watermark >= old.watermark);
            prop_assert_eq!(matches!(verdict, Verdict::Accepted(_)), new.watermark > old.watermark);
            if new.watermark > old.watermark {
                prop_assert_eq!(new.watermark, Step(typed));
                let ahead = typed - old.watermark.0;
                prop_assert!(before == Some(typed - 1) || (!old.resync && ahead <= HOTP_AHEAD));
                prop_assert!(ahead <= HOTP_WIDEST + 1);
                prop_assert!(!new.resync && new.heard == 0);
            }
            before = match verdict { Verdict::Refused(RefusalReason::Resync) => Some(typed), Verdict::Accepted(_) => None, _ => before };
            state = next;
        }
    }
}
