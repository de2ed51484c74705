//! The interface file, and for codes the page about it, name the words of the reasons, neither more nor fewer.

#![expect(clippy::expect_used, reason = "what is not there must fail the test")]

use std::collections::BTreeSet;

use otp_core::reasons::words::Worded;
use otp_core::reasons::{ChangeRefusal, RefusalReason, Viewer};
use otp_protocol::interface::{DEFINITION, NotPossibleReason, Refusal, RegistrationReason};

/// The comment before an error of the interface, on one line.
fn comment(error: &str) -> String {
    let before = DEFINITION.split(&format!("\nerror {error} ")).next().expect("the error");
    let lines: Vec<_> = before.lines().rev().take_while(|line| line.starts_with("# ")).collect();
    lines.iter().rev().map(|line| line.trim_start_matches('#')).collect::<String>().trim().to_owned()
}

fn page() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/protocol.md")).expect("the page")
}

fn in_backticks(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn words<'a, T: Worded + 'a>(reasons: impl IntoIterator<Item = &'a T>) -> BTreeSet<&'static str> {
    reasons.into_iter().map(Worded::word).collect()
}

fn told_to(viewer: Viewer) -> BTreeSet<&'static str> {
    let told = RefusalReason::ALL.iter().filter(|reason| reason.visible_to(viewer));
    words(told.filter(|reason| **reason != RefusalReason::Undisclosed))
}

#[test]
fn the_interface_lists_why_nothing_was_changed() {
    let comment = comment("NotPossible");
    let lists: Vec<_> = comment.split(": ").skip(1).map(|list| list.split('.').next().unwrap_or(list)).collect();
    let listed: BTreeSet<_> = lists.iter().flat_map(|list| list.split(", ")).collect();
    let said = words(ChangeRefusal::ALL).union(&told_to(Viewer::OwnerAtChange)).copied().collect();
    assert_eq!(listed, said);
}

#[test]
fn the_interface_lists_why_a_registration_code_is_refused() {
    assert_eq!(in_backticks(&comment("RegistrationRefused")), words(RegistrationReason::ALL));
}

#[test]
fn the_page_says_what_the_owner_hears_of_a_code() {
    let page = page();
    let row = page.lines().find(|line| line.starts_with("| the user | `socket` |")).expect("the row of the user");
    let told = in_backticks(row.split(" | ").nth(2).expect("what is told"));
    let mut said = told_to(Viewer::Owner);
    said.extend(["code", "recovery-code", RefusalReason::Undisclosed.word()]);
    assert_eq!(told, said);
}

#[test]
fn a_reason_goes_over_the_wire_as_its_word_and_an_unknown_word_stays() {
    let every = ChangeRefusal::ALL.iter().copied().map(NotPossibleReason::from);
    let every = every.chain(RefusalReason::ALL.iter().copied().map(NotPossibleReason::from));
    for reason in every {
        let wire = serde_json::to_value(Refusal::not_possible("alice", reason)).expect("JSON");
        assert_eq!(wire["parameters"]["reason"], reason.word());
    }
    for reason in RegistrationReason::ALL {
        let refusal = Refusal::registration(*reason);
        let wire = serde_json::to_value(&refusal).expect("JSON");
        assert_eq!(wire["parameters"], serde_json::json!({ "reason": reason.word(), "wait": 0 }));
        assert_eq!(serde_json::from_value::<Refusal>(wire).expect("read"), refusal);
    }
    let newer = r#"{"error":"io.pam-otp.Otp1.NotPossible","parameters":{"user":"alice","reason":"moon-is-full"}}"#;
    let read: Refusal = serde_json::from_str(newer).expect("a word of a newer daemon is no error");
    assert_eq!(serde_json::to_string(&read).expect("JSON"), newer);
}
