//! The rules of otp.toml that decide, each with its line.

use std::slice;

use otp_core::accounts::Account;
use otp_core::environment::Clock as _;
use otp_core::files::date::utc;
use otp_core::policy::audience::{Candidate, Entry, audience as of_lists};
use otp_core::policy::directory::relation;
use otp_core::policy::service::Unenrolled;

use super::because::Because;
use super::policy_lines::PolicyLines;
use super::question::LoginQuestion;
use crate::machine::Machine;
use crate::rules::{Passage, Rules};

/// Is the user asked, and by which entries?
pub(super) fn audience(
    rules: &Rules,
    policy: &PolicyLines,
    question: &LoginQuestion,
    account: &Account,
) -> (bool, Vec<Because>) {
    let (service, rhost) = (&question.service, question.rhost.as_deref());
    let candidate = Candidate { rhost, relation: &|who| relation(who, account) };
    let exempts = |entry: &&Entry| !of_lists(slice::from_ref(*entry), &[], &candidate).asked;
    let requires = |entry: &&Entry| of_lists(&[], slice::from_ref(*entry), &candidate).asked;
    let told = |list: &'static str, entry: &str, rest: &str| {
        policy.entry(service, list, entry, format!("{list} has {entry:?}{rest}"))
    };
    let found = rules.audience(account, rhost);
    let unmatched = found.unmatched.iter().map(|one| {
        let rest = format!(", which matches nobody ({})", one.why.word());
        told(one.list, one.entry, &rest)
    });
    let mut because: Vec<Because> = unmatched.collect();
    let exempting = rules.exempt.iter().find(exempts).map(|entry| told("exempt", &entry.text, ""));
    let requiring = rules.service.require.iter().find(requires).map(|entry| told("require", &entry.text, ""));
    let nobody_requires = || policy.at(service, "require", format!("require has no entry for {}", account.name));
    match (found.asked, exempting) {
        (true, exempting) => because.extend(exempting.into_iter().chain(requiring)),
        (false, Some(exempting)) => because.push(exempting),
        (false, None) => because.push(nobody_requires()),
    }
    if found.asked {
        let ended = rules.service.exempt.iter().filter(|one| one.has_ended(Machine.wall()));
        because.extend(
            ended.filter(|one| exempts(&&one.entry)).map(|one| told("exempt", &one.entry.text, ", which has ended")),
        );
    }
    (found.asked, because)
}

/// The rule about users without a key; `line` is what the PAM line says of them.
pub(super) fn passage(rules: &Rules, line: Option<Unenrolled>, policy: &PolicyLines, service: &str) -> Because {
    let said = rules.service.unenrolled;
    let of_the_line = |text: &str| Because::plain(format!("an option of the PAM line says: {text}"));
    let (passed, refused) = ("users without a key are not asked", "users without a key are refused");
    match (rules.unenrolled, line, said) {
        (Passage::Tolerated, ..) if rules.service.report_only => {
            policy.at(service, "report_only", "users without a key pass, and the log records it")
        }
        (Passage::Tolerated, ..) => {
            let end = rules.service.allow_until.map(utc).unwrap_or_default();
            policy.at(service, "allow_until", format!("users without a key pass until {end}"))
        }
        (Passage::Enrol, ..) => policy.at(service, "unenrolled", "users without a key may type a registration code"),
        (Passage::Skip, _, Some(_)) => policy.at(service, "unenrolled", passed),
        (Passage::Skip, ..) => of_the_line(passed),
        (Passage::Deny, Some(Unenrolled::Deny), _) => of_the_line(refused),
        (Passage::Deny, _, None) if rules.service.allow_until.is_some() => {
            policy.at(service, "allow_until", format!("its day has come: {refused}"))
        }
        (Passage::Deny, _, Some(_)) => policy.at(service, "unenrolled", refused),
        (Passage::Deny, ..) => policy.default(refused),
    }
}
