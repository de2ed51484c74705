//! The account stage: may this user come in at all? It is cheap and never asks anything. It tells users about their own keys. sudo runs it
//! under NOPASSWD too.

use std::ffi::CStr;

use otp_core::accounts::{Account, no_answer};
use otp_core::emergency::Reason;
use otp_core::log_line::{LogLine, Urgency};
use otp_core::policy::rotation::Age;
use otp_core::reasons::UnavailableReason;
use otp_core::site::Unavailable;
use otp_core::unix_time::UnixTime;
use pam::constants::PamResultCode;

use crate::account_status::{AccountStatus, EndingKey, OldestKey, Untold};
use crate::host::{Host, Item};
use crate::login::{EndedMark, audience, emergency, settings};
use crate::options::{OptionError, Options, Whose, whose};
use crate::person::Person;
use crate::printable::plain;
use crate::reason::{LogReason, ModuleReason};
use crate::rules::Rules;
use crate::{check, daemon, notices, unasked};

/// The finding of the account stage.
#[derive(Debug, Clone, PartialEq, Eq)]
enum AccountOutcome {
    /// Nothing against it: not enrolled, or enrolled and in order.
    InOrder,
    /// In order, with something to say about the age of a key.
    Reminded(String),
    /// A key is due, and this service asks for a new one.
    Due(String),
    /// Suspended, disabled, expired, overdue, or without a key.
    Barred(LogReason),
    /// No such user.
    UnknownUser,
    /// Nothing can be said.
    Unavailable(Unavailable),
    /// Options or policy are wrong.
    Misconfigured(Unavailable),
    /// Root has written an emergency mark, for this reason.
    Emergency(Reason),
}

/// `pam_sm_acct_mgmt`.
pub(crate) fn manage(host: &mut impl Host, arguments: &[&CStr]) -> PamResultCode {
    let options = Options::parse(arguments);
    // Where nobody can tell whose code is wanted, the options refuse below.
    let (user, person) = whose(&options, arguments).map_or((None, None), |whose| who(host, whose));
    let (found, untold) = look(host, options, person.as_ref());
    let found = remind(host, found);
    if let (
        AccountOutcome::InOrder | AccountOutcome::Barred(_) | AccountOutcome::Due(_),
        Some(Person::Known(account)),
    ) = (&found, &person)
    {
        notices::show(host, account, untold);
    }
    let (reason, detail, code): (LogReason, _, _) = match &found {
        AccountOutcome::InOrder | AccountOutcome::Reminded(_) => return PamResultCode::PAM_SUCCESS,
        AccountOutcome::Due(_) => (ModuleReason::Due.into(), None, PamResultCode::PAM_NEW_AUTHTOK_REQD),
        AccountOutcome::Emergency(why) => {
            (ModuleReason::Emergency.into(), Some(why.as_str()), PamResultCode::PAM_SUCCESS)
        }
        AccountOutcome::Barred(reason) => (reason.clone(), None, PamResultCode::PAM_ACCT_EXPIRED),
        AccountOutcome::UnknownUser => return PamResultCode::PAM_AUTH_ERR, // authenticate has said so
        AccountOutcome::Unavailable(o) => {
            (o.reason.into(), Some(o.detail.as_str()), PamResultCode::PAM_AUTHINFO_UNAVAIL)
        }
        AccountOutcome::Misconfigured(o) => (o.reason.into(), Some(o.detail.as_str()), PamResultCode::PAM_SERVICE_ERR),
    };
    let (urgency, outcome) = match found {
        AccountOutcome::Emergency(_) => (Urgency::Alert, "ignored"),
        AccountOutcome::Due(_) => (Urgency::Notice, "due"),
        _ => (Urgency::Notice, "refused"),
    };
    let line = LogLine::default()
        .field("outcome", outcome)
        .field("stage", "account")
        .field("reason", reason.word())
        .optional("user", user.as_deref())
        .service(host.item(Item::Service).as_deref())
        .optional("tty", host.item(Item::Tty).as_deref())
        .optional("rhost", host.item(Item::Rhost).as_deref())
        .optional("detail", detail);
    host.log(urgency, &line.finish());
    code
}

/// Whose status counts: the one whose code `authenticate` asks for, by name and account.
pub(crate) fn who(host: &mut impl Host, whose: Whose) -> (Option<String>, Option<Person>) {
    if whose == Whose::User {
        let found = Person::of_user(host).ok();
        let (user, person) = found.map_or((None, Person::Unknown), |(user, person)| (Some(user), person));
        return (user, Some(person));
    }
    match host.uids().real {
        0 => (None, None),
        uid => match Person::of_uid(uid) {
            Person::Known(account) => (Some(account.name.clone()), Some(Person::Known(account))),
            person => (None, Some(person)),
        },
    }
}

/// Nobody: root is the invoker, who has no key as such. `authenticate` refuses root; if another module let root in, nothing here
/// objects.
fn look(host: &impl Host, options: Result<Options, OptionError>, person: Option<&Person>) -> (AccountOutcome, Untold) {
    let alone = |found| (found, Untold::Nothing);
    if let Some(Person::Known(account)) = person
        && let Some(reason) = emergency(host, account, EndedMark::Silent)
    {
        return alone(AccountOutcome::Emergency(reason));
    }
    let (_, rules) = match settings(host, options) {
        Ok(settings) => settings,
        Err(unavailable) => return alone(AccountOutcome::Misconfigured(unavailable)),
    };
    match person {
        None => alone(AccountOutcome::InOrder),
        Some(Person::Known(account)) => status_outcome(host, account, &rules),
        Some(Person::Unknown) => alone(AccountOutcome::UnknownUser),
        Some(Person::LookupFailed(errno)) => alone(AccountOutcome::Unavailable(Unavailable {
            reason: UnavailableReason::UserLookup,
            detail: no_answer(*errno),
        })),
    }
}

fn status_outcome(host: &impl Host, account: &Account, rules: &Rules) -> (AccountOutcome, Untold) {
    if !audience(host, account, rules).asked {
        return (AccountOutcome::InOrder, Untold::Nothing);
    }
    match check::account_status(host, account, rules.service.limits.clock) {
        Ok(AccountStatus::NeverEnrolled | AccountStatus::NotBarred) => (AccountOutcome::InOrder, Untold::Nothing),
        Ok(AccountStatus::InOrder { oldest, ending, untold, now }) => {
            let aged = oldest.map_or(AccountOutcome::InOrder, |key| aged(host, account, &key, rules, now));
            (with_end(aged, ending.as_ref(), now), untold)
        }
        Ok(AccountStatus::Barred(reason)) => (AccountOutcome::Barred(reason), Untold::Nothing),
        Err(unavailable) => (AccountOutcome::Unavailable(unavailable), Untold::Nothing),
    }
}

fn aged(host: &impl Host, account: &Account, key: &OldestKey, rules: &Rules, now: UnixTime) -> AccountOutcome {
    let label = plain(&key.label);
    match rules.service.age(key.confirmed, now) {
        Age::Young => AccountOutcome::InOrder,
        Age::DueIn(days) => AccountOutcome::Reminded(format!(
            "your one-time-code key \"{label}\" is due in {}: replace it with otpctl rotate",
            in_days(days)
        )),
        Age::Due(_) if can_rotate(host, account, rules) => AccountOutcome::Due(format!(
            "your one-time-code key \"{label}\" is due and is replaced now; have its app ready"
        )),
        Age::Due(days) => AccountOutcome::Reminded(format!(
            "your one-time-code key \"{label}\" is due: replace it with otpctl rotate; it stops working in {}",
            in_days(days)
        )),
        Age::Overdue => AccountOutcome::Barred(ModuleReason::Overdue.into()),
    }
}

/// A reminder of an end beside what is to be said of an age. A key that is replaced now, or lets nobody in, wants no other word.
fn with_end(aged: AccountOutcome, ending: Option<&EndingKey>, now: UnixTime) -> AccountOutcome {
    let reminder = ending.and_then(|key| Some(end_text(key, key.reminder(now)?)));
    match (aged, reminder) {
        (AccountOutcome::InOrder, Some(end)) => AccountOutcome::Reminded(end),
        (AccountOutcome::Reminded(age), Some(end)) => AccountOutcome::Reminded(format!("{age}\n{end}")),
        (aged, _) => aged,
    }
}

fn end_text(key: &EndingKey, days: u64) -> String {
    let way = if key.replaceable { "replace it with otpctl rotate" } else { "ask an admin for a new one" };
    format!("your one-time-code key \"{}\" ends in {}: {way}", plain(&key.label), in_days(days))
}

/// Is this a place where a due key can be replaced? Without the daemon it cannot, and due is not overdue.
fn can_rotate(host: &impl Host, account: &Account, rules: &Rules) -> bool {
    let here = rules.service.rotates && host.uids().effective == 0;
    here && daemon::answers(check::named_to_daemon(host, account)).is_ok()
}

fn in_days(days: u64) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

/// Says what is to be said of a key's age. Where nobody can hear that a key is due, nobody can be asked for a new one.
fn remind(host: &mut impl Host, found: AccountOutcome) -> AccountOutcome {
    let told = match &found {
        AccountOutcome::Reminded(text) | AccountOutcome::Due(text) => unasked::tell(host, text),
        AccountOutcome::Barred(LogReason::Module(ModuleReason::Overdue)) => host.show_error(OVERDUE),
        _ => Ok(()),
    };
    match found {
        AccountOutcome::Due(_) if told.is_err() => AccountOutcome::InOrder,
        AccountOutcome::Reminded(_) => AccountOutcome::InOrder,
        found => found,
    }
}

const OVERDUE: &str = "your one-time-code key is too old and no longer lets you in; replace it with otpctl rotate \
                       or ask an admin to invite you";
