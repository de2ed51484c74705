use otp_core::unix_time::UnixTime;

use super::*;
use crate::machine::System;

fn account(uid: u32) -> Account {
    Account { name: format!("user{uid}"), uid }
}

fn plan(uid: u32, kind: Kind) -> Plan {
    let purpose = EnrolmentPurpose {
        event: NoticeEvent::KeyEnrolled,
        grounds: Grounds::FirstKey,
        replaces: Replaces::Nothing,
        recovery: false,
        ticket: None,
        redemption: None,
    };
    Plan {
        account: account(uid),
        label: Label::new("phone").unwrap(),
        kind,
        new: NewKey::default(),
        expires: None,
        purpose,
    }
}

fn begin(pending_enrolments: &PendingEnrolments, uid: u32) -> Result<PendingEnrolment, BeginError> {
    pending_enrolments.begin(plan(uid, Kind::Totp), Earlier::Stays, &System)
}

fn code(pending: &PendingEnrolment, offset: i64) -> Typed {
    let codes = Codes::new(&pending.secret, pending.plan.new.algorithm, pending.plan.new.digits).unwrap();
    let step = pending.plan.new.period.step_at(System.wall()).0.checked_add_signed(offset).unwrap();
    Typed::parse(format!("{:06}", codes.at(Step(step)).unwrap()).as_bytes())
}

#[test]
fn one_enrolment_a_user_at_a_time() {
    let pending_enrolments = PendingEnrolments::default();
    let first = begin(&pending_enrolments, 1000).ok().unwrap();
    assert_eq!(begin(&pending_enrolments, 1000).err(), Some(BeginError::AlreadyPending));
    assert!(begin(&pending_enrolments, 1001).is_ok());
    drop(first);
    assert!(begin(&pending_enrolments, 1000).is_ok());
}

#[test]
fn a_code_of_the_key_confirms_and_tells_the_step_to_burn() {
    let mut pending = begin(&PendingEnrolments::default(), 1000).ok().unwrap();
    let typed = code(&pending, 0);
    let CodeOutcome::Confirmed(step) = pending.answer(&typed, &Limits::default(), &System) else { panic!("refused") };
    let now = pending.plan.new.period.step_at(System.wall());
    assert!(step == now || step.0 + 1 == now.0);
}

#[test]
fn wrong_codes_use_up_the_tries_and_junk_does_not() {
    let mut pending = begin(&PendingEnrolments::default(), 1000).ok().unwrap();
    let near = |pending: &PendingEnrolment, typed: &Typed| {
        let Typed::Code(typed) = typed else { return false };
        (-3..=3).any(|offset| matches!(code(pending, offset), Typed::Code(code) if code.value() == typed.value()))
    };
    let wrong = |pending: &PendingEnrolment| {
        (0..).map(|n| Typed::parse(format!("{n:06}").as_bytes())).find(|typed| !near(pending, typed)).unwrap()
    };
    assert!(matches!(pending.answer(&Typed::Junk, &Limits::default(), &System), CodeOutcome::Junk(TRIES)));
    for left in (0..TRIES).rev() {
        let typed = wrong(&pending);
        let CodeOutcome::Wrong(found, _) = pending.answer(&typed, &Limits::default(), &System) else {
            panic!("not wrong")
        };
        assert_eq!(found, left);
    }
}

/// System, so many milliseconds later.
struct Later(u64);

impl Clock for Later {
    fn wall(&self) -> UnixTime {
        System.wall() + self.0 / 1000
    }

    fn boot_ms(&self) -> u64 {
        System.boot_ms() + self.0
    }

    fn vouched(&self) -> bool {
        true
    }
}

#[test]
fn a_key_waits_fifteen_minutes_and_no_longer() {
    let mut pending = begin(&PendingEnrolments::default(), 1000).ok().unwrap();
    let limits = Limits::default();
    let of_then = |pending: &PendingEnrolment, clock: &Later| {
        let codes = Codes::new(&pending.secret, pending.plan.new.algorithm, pending.plan.new.digits).unwrap();
        Typed::parse(format!("{:06}", codes.at(pending.plan.new.period.step_at(clock.wall())).unwrap()).as_bytes())
    };
    let (just, over) = (Later(15 * 60 * 1000 - 5000), Later(15 * 60 * 1000 + 1));
    assert!(pending.lasts(&just) && pending.time_left(&just) <= Duration::from_secs(5));
    let typed = of_then(&pending, &over);
    assert!(matches!(pending.answer(&typed, &limits, &over), CodeOutcome::Expired));
    let typed = of_then(&pending, &just);
    assert!(matches!(pending.answer(&typed, &limits, &just), CodeOutcome::Confirmed(_)));
}

#[test]
fn two_keys_are_never_the_same() {
    let pending_enrolments = PendingEnrolments::default();
    let (first, second) = (begin(&pending_enrolments, 1).ok().unwrap(), begin(&pending_enrolments, 2).ok().unwrap());
    assert!(first.secret.expose() != second.secret.expose() && first.id != second.id);
    assert_eq!(first.secret.expose().len(), 20);
}

#[test]
fn a_token_is_confirmed_by_one_of_its_first_codes_and_that_counter_is_burnt() {
    let pending_enrolments = PendingEnrolments::default();
    for counter in [FIRST_COUNTER, 2, 10] {
        let pending = pending_enrolments.begin(plan(1, Kind::Hotp), Earlier::Stays, &System);
        let mut pending = pending.ok().unwrap();
        let codes = Codes::new(&pending.secret, pending.plan.new.algorithm, pending.plan.new.digits).unwrap();
        let typed = |counter| Typed::parse(format!("{:06}", codes.at(Step(counter)).unwrap()).as_bytes());
        assert!(matches!(pending.answer(&typed(11), &Limits::default(), &System), CodeOutcome::Half(_)));
        let CodeOutcome::Confirmed(step) = pending.answer(&typed(counter), &Limits::default(), &System) else {
            panic!()
        };
        assert_eq!(step, Step(counter));
    }
}

#[test]
fn two_codes_in_a_row_find_the_counter_of_a_device_that_was_used_before() {
    let secret = Secret::new(zeroize::Zeroizing::new(vec![7; 20])).ok().unwrap();
    let pending = PendingEnrolments::default().begin_with(plan(1, Kind::Hotp), secret, &System);
    let mut pending = pending.ok().unwrap();
    let codes = Codes::new(&pending.secret, pending.plan.new.algorithm, pending.plan.new.digits).unwrap();
    let typed = |counter| Typed::parse(format!("{:06}", codes.at(Step(counter)).unwrap()).as_bytes());
    let mut answer = |counter| pending.answer(&typed(counter), &Limits::default(), &System);
    assert!(matches!(answer(30), CodeOutcome::Half(TRIES)));
    assert!(matches!(answer(33), CodeOutcome::Half(TRIES)));
    assert!(matches!(answer(34), CodeOutcome::Confirmed(Step(34))));
}

#[test]
fn of_two_redemptions_the_later_one_counts_though_the_earlier_one_begins_last() {
    let pending_enrolments = PendingEnrolments::default();
    let (first, second) = (pending_enrolments.next_start_number(), pending_enrolments.next_start_number());
    let later = pending_enrolments.begin(plan(1, Kind::Totp), Earlier::EndsIfOlder(second), &System).ok().unwrap();
    let earlier = pending_enrolments.begin(plan(1, Kind::Totp), Earlier::EndsIfOlder(first), &System);
    assert_eq!(earlier.err(), Some(BeginError::AlreadyPending));
    assert!(later.lasts(&System));
    let third = pending_enrolments.next_start_number();
    assert!(
        pending_enrolments.begin(plan(1, Kind::Totp), Earlier::EndsIfOlder(third), &System).is_ok()
            && !later.lasts(&System)
    );
}

#[test]
fn a_later_enrolment_ends_the_earlier_one_where_it_may_and_a_repudiation_ends_any() {
    let pending_enrolments = PendingEnrolments::default();
    let mut first = begin(&pending_enrolments, 1000).ok().unwrap();
    let mut second = pending_enrolments.begin(plan(1000, Kind::Totp), Earlier::Ends, &System).ok().unwrap();
    let typed = code(&first, 0);
    assert!(matches!(first.answer(&typed, &Limits::default(), &System), CodeOutcome::Expired));
    drop(first);
    assert!(second.lasts(&System) && begin(&pending_enrolments, 1000).err() == Some(BeginError::AlreadyPending));
    pending_enrolments.end(1000);
    let typed = code(&second, 0);
    assert!(matches!(second.answer(&typed, &Limits::default(), &System), CodeOutcome::Expired));
}

#[test]
fn what_an_invitation_did_not_begin_does_not_end_with_it() {
    let pending_enrolments = PendingEnrolments::default();
    for (ticket, lasts) in [(None, true), (Some(TicketId::new([7; 16])), false)] {
        let plan = plan(1000, Kind::Totp);
        let purpose = EnrolmentPurpose { ticket, ..plan.purpose };
        let pending = pending_enrolments.begin(Plan { purpose, ..plan }, Earlier::Stays, &System).ok().unwrap();
        pending_enrolments.end_of_an_invitation(1000);
        assert_eq!(pending.lasts(&System), lasts);
    }
}
