use proptest::prelude::*;

use super::*;
use crate::files::notice::Severity;
use crate::files::notice::tests::{any_notice, told_to};

fn alice() -> Account {
    Account { name: "alice".into(), uid: 1000 }
}

fn notice(event: NoticeEvent, at: u64) -> Notice {
    Notice { event, at: UnixTime::new(at), by: 0, from: Where::default(), key: None }
}

fn spool(events: &[NoticeEvent]) -> Spool {
    let mut spool = Spool::new(&alice());
    (1..).zip(events).for_each(|(at, event)| spool.add(notice(*event, at)));
    spool
}

proptest! {
    #[test]
    fn n3_n6_whatever_happens_it_is_bounded_and_survives_the_round_trip(
        steps in proptest::collection::vec((any_notice(), proptest::option::of(0..40_u64)), 0..60),
    ) {
        let mut spool = Spool::new(&alice());
        for (notice, shown) in steps {
            spool.add(notice);
            shown.iter().for_each(|last| spool.shown(*last, Showing::AtALogin));
            prop_assert!(spool.notices().len() <= MOST);
        }
        let text = spool.to_toml();
        prop_assert!(text.len() <= SPOOL_CAP);
        prop_assert_eq!(Spool::parse(&text), Ok(spool));
    }

    #[test]
    fn n5_every_notice_is_counted_whatever_a_program_says_that_it_has_shown(
        notices in proptest::collection::vec(any_notice(), 0..80),
    ) {
        let mut spool = Spool::new(&alice());
        for notice in &notices {
            spool.add(notice.clone());
            spool.shown(u64::MAX, Showing::OnRequest);
        }
        for word in notices.iter().map(|notice| notice.event.word()) {
            let added = notices.iter().filter(|notice| notice.event.word() == word).count();
            let kept = spool.notices().iter().filter(|one| one.notice.event.word() == word);
            prop_assert_eq!(kept.map(|one| one.times as usize).sum::<usize>(), added);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        let _ = Spool::parse(&text);
        let _ = Spool::parse(&format!("{}{text}", checksum::line(&text)));
    }
}

#[test]
fn n4_a_notice_is_shown_three_times_and_then_gone() {
    let mut spool = spool(&[NoticeEvent::KeyAdded]);
    for shown in 0..SHOWINGS {
        assert_eq!(spool.notices()[0].shown, shown);
        spool.shown(1, Showing::AtALogin);
    }
    assert!(spool.notices().is_empty());
    spool.add(notice(NoticeEvent::KeyAdded, 9));
    assert_eq!(spool.notices()[0].id, 2, "a number is never given twice");
}

#[test]
fn what_came_after_the_one_that_was_shown_is_not_counted() {
    let mut spool = spool(&[NoticeEvent::KeyAdded, NoticeEvent::KeyRevoked]);
    spool.shown(1, Showing::AtALogin);
    assert_eq!(spool.notices().iter().map(|one| one.shown).collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn n5_two_of_the_same_event_become_one_with_the_details_of_the_first() {
    let mut spool = spool(&[NoticeEvent::RecoveryCodeUsed { left: 5 }; MOST]);
    spool.add(Notice { by: 7, ..notice(NoticeEvent::RecoveryCodeUsed { left: 4 }, 50) });
    let first = &spool.notices()[0];
    assert_eq!((first.id, first.times, first.notice.at, first.last), (2, 2, UnixTime::new(1), UnixTime::new(2)));
    assert_eq!(spool.notices().len(), MOST);
    assert_eq!(spool.notices()[MOST - 1].notice.event.left(), Some(4));
    let text = told_to(1000, |telling| first.text(telling));
    assert!(text.ends_with("It happened 2 times, last at 1970-01-01T00:00:02Z."));
}

#[test]
fn n5_an_alarm_is_not_crowded_out_by_what_matters_less() {
    let mut spool = spool(&[NoticeEvent::Disabled, NoticeEvent::RegistrationCodeReplayed]);
    spool.shown(2, Showing::AtALogin); // even when it was shown already
    let alarms = spool.notices().to_vec();
    for at in 0..500 {
        let event = if at % 2 == 0 { NoticeEvent::KeyAdded } else { NoticeEvent::RegistrationCodeIssued };
        spool.add(notice(event, at));
    }
    assert_eq!(spool.notices()[..2], alarms);
    assert!(alarms.iter().all(|one| one.notice.event.severity() == Severity::Alarm));
}

#[test]
fn n1_n2_what_is_not_this_users_whole_file_is_refused() {
    let text = spool(&[NoticeEvent::KeyAdded, NoticeEvent::KeyRevoked]).to_toml();
    let with = |from: &str, to: &str| {
        let rest = text.split_once('\n').unwrap().1.replace(from, to);
        Spool::parse(&format!("{}{rest}", checksum::line(&rest)))
    };
    assert!(with("", "").is_ok());
    assert_eq!(Spool::parse(&text.replace("key-added", "key-addee")).ok(), None, "checksum");
    let bob = Account { name: "bob".into(), uid: 1000 };
    assert_eq!(
        Spool::parse(&text).unwrap().for_account(&bob),
        Err(SpoolError::Owner(NotOwner::Another { found: alice(), wanted: bob.clone() }))
    );
    for (from, to) in [
        ("version = 1", "version = 2"),
        ("next = 3", "next = 2"),
        ("id = 2", "id = 1"),
        ("id = 2", "id = 2\nsecret = \"x\""),
        ("key-added", "key-eaten"),
        ("key-added", "recovery-code-used"),
        ("by = 0", "by = 4294967296"),
        ("by = 0", "by = 0\nrhost = \"a b\""),
        ("by = 0", "by = 0\nkey = \"a:b\""),
        ("shown = 0", "shown = 256"),
    ] {
        assert!(with(from, to).is_err(), "{from} -> {to}");
    }
}
