use super::*;
use crate::system::System;

fn account(uid: u32) -> Account {
    Account { name: format!("user{uid}"), uid }
}

fn begin(underway: &Underway, uid: u32) -> Result<Pending, BeginError> {
    underway.begin(account(uid), Label::new("phone").unwrap(), Kind::Totp, NewKey::default(), &System)
}

fn code(pending: &Pending, offset: i64) -> Typed {
    let codes = Codes::new(&pending.secret, pending.new.algorithm, pending.new.digits).unwrap();
    let step = pending.new.period.step_at(System.wall()).0.checked_add_signed(offset).unwrap();
    Typed::parse(format!("{:06}", codes.at(Step(step)).unwrap()).as_bytes())
}

#[test]
fn one_enrolment_a_user_at_a_time() {
    let underway = Underway::default();
    let first = begin(&underway, 1000).ok().unwrap();
    assert_eq!(begin(&underway, 1000).err(), Some(BeginError::Underway));
    assert!(begin(&underway, 1001).is_ok());
    drop(first);
    assert!(begin(&underway, 1000).is_ok());
}

#[test]
fn a_code_of_the_key_confirms_and_tells_the_step_to_burn() {
    let mut pending = begin(&Underway::default(), 1000).ok().unwrap();
    let typed = code(&pending, 0);
    let Answer::Confirmed(step) = pending.answer(&typed, &Limits::default(), &System) else { panic!("refused") };
    let now = pending.new.period.step_at(System.wall());
    assert!(step == now || step.0 + 1 == now.0);
}

#[test]
fn wrong_codes_use_up_the_tries_and_junk_does_not() {
    let mut pending = begin(&Underway::default(), 1000).ok().unwrap();
    let near = |pending: &Pending, typed: &Typed| {
        let Typed::Code(typed) = typed else { return false };
        (-3..=3).any(|offset| matches!(code(pending, offset), Typed::Code(code) if code.value() == typed.value()))
    };
    let wrong = |pending: &Pending| {
        (0..).map(|n| Typed::parse(format!("{n:06}").as_bytes())).find(|typed| !near(pending, typed)).unwrap()
    };
    assert!(matches!(pending.answer(&Typed::Junk, &Limits::default(), &System), Answer::Junk(TRIES)));
    for left in (0..TRIES).rev() {
        let typed = wrong(&pending);
        let Answer::Wrong(found) = pending.answer(&typed, &Limits::default(), &System) else { panic!("not wrong") };
        assert_eq!(found, left);
    }
}

#[test]
fn two_keys_are_never_the_same() {
    let underway = Underway::default();
    let (first, second) = (begin(&underway, 1).ok().unwrap(), begin(&underway, 2).ok().unwrap());
    assert!(first.secret.expose() != second.secret.expose() && first.id != second.id);
    assert_eq!(first.secret.expose().len(), 20);
}

#[test]
fn a_token_is_confirmed_by_one_of_its_first_codes_and_that_counter_is_burnt() {
    let underway = Underway::default();
    for counter in [FIRST_COUNTER, 2, 10] {
        let label = Label::new("token").unwrap();
        let pending = underway.begin(account(1), label, Kind::Hotp, NewKey::default(), &System);
        let mut pending = pending.ok().unwrap();
        let codes = Codes::new(&pending.secret, pending.new.algorithm, pending.new.digits).unwrap();
        let typed = |counter| Typed::parse(format!("{:06}", codes.at(Step(counter)).unwrap()).as_bytes());
        assert!(matches!(pending.answer(&typed(11), &Limits::default(), &System), Answer::Wrong(_)));
        let Answer::Confirmed(step) = pending.answer(&typed(counter), &Limits::default(), &System) else { panic!() };
        assert_eq!(step, Step(counter));
    }
}
