//! Every reason has a word of its own and a row in docs/locked-out.md. Those who may hear it are told, and nobody else.

use std::collections::BTreeSet;

use otp_core::decision::origin::Origin;
use otp_core::policy::audience::Unmatched;
use otp_core::reasons::words::{Received, Worded};
use otp_core::reasons::{ChangeRefusal, NOT_A_CODE, REFUSED, RefusalReason, UnavailableReason, Viewer};
use otp_core::repair::Repair;

const VIEWERS: [Viewer; 4] = [Viewer::Root, Viewer::Owner, Viewer::OwnerAtChange, Viewer::Other];

/// The reasons that an owner's own status tells, too.
const TOLD_TO_THE_OWNER: [&str; 8] =
    ["waiting", "closed", "disabled", "suspended", "expired", "clock-behind", "clock-ahead", "restored-copy"];

fn words_of<T: Worded + Copy + PartialEq>(list: &[T]) -> BTreeSet<&'static str> {
    let words: BTreeSet<_> = list.iter().map(Worded::word).collect();
    assert_eq!(words.len(), list.len(), "one word, one reason");
    for reason in list {
        let shape = |c: char| c == '-' || c.is_ascii_lowercase();
        assert!(reason.word().chars().all(shape), "{}", reason.word());
        assert!(T::parse(reason.word()) == Some(*reason), "{}", reason.word());
    }
    words
}

#[test]
fn every_reason_has_one_word_and_is_read_by_it() {
    words_of(RefusalReason::ALL);
    words_of(ChangeRefusal::ALL);
    words_of(UnavailableReason::ALL);
    words_of(Repair::ALL);
    words_of(Unmatched::ALL);
}

#[test]
fn a_word_that_nobody_knows_stays_as_it_came() {
    for word in ["", "moon-is-full", "Wrong", "wrong "] {
        let received = Received::<RefusalReason>::from(word.to_owned());
        assert_eq!((&received, received.word()), (&Received::Unknown(word.to_owned()), word));
    }
    assert_eq!(Received::from("wrong".to_owned()), Received::Known(RefusalReason::Wrong));
    assert_eq!(RefusalReason::received("waiting", 7), Some(RefusalReason::Waiting { left_ms: 7000 }));
    assert_eq!(
        RefusalReason::received("waiting", u64::MAX).map(RefusalReason::seconds_left),
        Some(u64::MAX.div_ceil(1000))
    );
}

#[test]
fn r8_the_owner_hears_what_their_status_would_tell_and_others_nothing() {
    for reason in RefusalReason::ALL {
        let owner = TOLD_TO_THE_OWNER.contains(&reason.word());
        let at_a_change = owner || *reason == RefusalReason::NoKey;
        let undisclosed = *reason == RefusalReason::Undisclosed;
        for (viewer, told) in VIEWERS.into_iter().zip([true, owner, at_a_change, false]) {
            assert_eq!(reason.visible_to(viewer), told || undisclosed, "{reason:?} {viewer:?}");
            let heard = reason.told_to(viewer).word();
            assert_eq!(heard, if told { reason.word() } else { "refused" }, "{reason:?} {viewer:?}");
            let own = told && viewer != Viewer::Root && !undisclosed;
            let text = reason.text_for(viewer);
            assert_eq!(
                text == NOT_A_CODE,
                *reason == RefusalReason::Junk,
                "{reason:?} {viewer:?}: from the input alone"
            );
            assert_eq!(![REFUSED, NOT_A_CODE].contains(&text.as_str()), own, "{reason:?} {viewer:?}");
        }
    }
    for reason in UnavailableReason::ALL {
        let adopted = ["uid-changed", "renamed", "account-gone"].contains(&reason.word());
        assert_eq!(
            (reason.owner_text().contains("otpctl adopt"), reason.remedy().is_some()),
            (adopted, adopted),
            "{reason:?}"
        );
    }
    assert!(ChangeRefusal::ALL.iter().all(|reason| !reason.text().is_empty()));
}

#[test]
fn nobody_is_sent_to_the_command_that_has_just_refused_them() {
    let closed = |viewer| RefusalReason::Closed.text_for(viewer);
    assert!(closed(Viewer::Owner).contains("`otpctl reopen` opens it again"));
    assert_eq!(closed(Viewer::OwnerAtChange), "too many wrong codes from here; ask an admin to reopen it");
}

#[test]
fn only_who_the_kernel_vouches_for_is_the_owner() {
    let owner = Origin::ALL.into_iter().filter(|origin| Viewer::at(*origin) == Viewer::Owner);
    assert_eq!(owner.collect::<Vec<_>>(), [Origin::Socket, Origin::Myself]);
    assert!(Origin::ALL.into_iter().all(|origin| matches!(Viewer::at(origin), Viewer::Owner | Viewer::Other)));
}

#[test]
fn a_wait_is_told_with_its_length_where_it_is_known() {
    let told = |left_ms| RefusalReason::Waiting { left_ms }.text_for(Viewer::Owner);
    assert_eq!(told(1), "too many wrong codes; wait 1 s before the next try");
    assert_eq!(told(119_000), "too many wrong codes; wait 119 s before the next try");
    assert_eq!(told(119_001), "too many wrong codes; wait 2 min before the next try");
    assert!(told(0).contains("otpctl status"));
}

#[test]
fn the_reason_in_the_daemons_sentence_is_found_again() {
    for reason in UnavailableReason::ALL {
        for note in ["", "; process 7 holds the user's lock"] {
            assert_eq!(UnavailableReason::of_sentence(&reason.sentence(note)), Some(*reason));
        }
    }
    let gone = "the vault cannot answer: account-gone; root runs `otpctl adopt` if it is the same person, \
                otherwise `otpctl forget`";
    assert_eq!(UnavailableReason::AccountGone.sentence(""), gone);
    for other in
        ["", "the vault cannot answer: ", "the vault cannot answer: moon-is-full; wait", "renamed", "not a change"]
    {
        assert_eq!(UnavailableReason::of_sentence(other), None, "{other:?}");
    }
}

#[test]
fn the_page_for_those_locked_out_says_what_helps() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/locked-out.md")).expect("the page");
    let table = page.split("\n| Reason | ").nth(1).unwrap().split("\n\n").next().unwrap();
    let cells: Vec<_> = table.lines().map(|row| row.split('|').nth(1).unwrap()).collect();
    let named: BTreeSet<_> = cells.iter().flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    let mut said = words_of(RefusalReason::ALL);
    said.extend(words_of(UnavailableReason::ALL));
    assert_eq!(said.difference(&named).collect::<Vec<_>>(), Vec::<&&str>::new(), "not on the page");
    // Of what only the module knows, some rows say what to do about it; its own test has the whole list.
    let of_the_module = ["overdue", "exempt", "not-enrolled-yet", "barred", "conversation", "emergency"];
    let unknown = named.difference(&said).filter(|word| !of_the_module.contains(word));
    assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&&str>::new(), "on the page alone");
}
