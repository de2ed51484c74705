//! The account stage: may this user come in at all? Cheap, and it never asks anything. What the user must hear about the keys is
//! shown here. sudo runs it under NOPASSWD too.

use std::ffi::CStr;

use otp_core::emergency::Reason;
use otp_core::log_line::LogLine;
use otp_core::record::Account;
use otp_core::site::Obstacle;
use pam::constants::PamResultCode;

use crate::decider::{self, Standing};
use crate::host::{Host, Item, Urgency};
use crate::login::{emergency, settings};
use crate::notices;
use crate::options::{OptionError, Options, Whose};
use crate::person::Person;
use crate::rules::Rules;

/// What the account stage finds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    /// Nothing against it: not enrolled, or enrolled and in order.
    InOrder,
    /// Suspended, disabled or expired.
    Barred(&'static str),
    /// No such user.
    UnknownUser,
    /// Nothing can be said.
    Unavailable(Obstacle),
    /// Options or policy are wrong.
    Misconfigured(Obstacle),
    /// Root has written an emergency mark, for this reason.
    Emergency(Reason),
}

/// `pam_sm_acct_mgmt`.
pub fn manage(host: &mut impl Host, arguments: &[&CStr]) -> PamResultCode {
    let options = Options::parse(arguments);
    let whose = options.as_ref().map_or(Whose::User, |options| options.whose);
    let (user, person) = who(host, whose);
    let found = look(host, options, person.as_ref());
    if let (Found::InOrder | Found::Barred(_), Some(Person::Known(account))) = (&found, &person) {
        notices::show(host, account);
    }
    let (reason, detail, code) = match &found {
        Found::InOrder => return PamResultCode::PAM_SUCCESS,
        Found::Emergency(reason) => ("emergency", Some(reason.as_str()), PamResultCode::PAM_SUCCESS),
        Found::Barred(reason) => (*reason, None, PamResultCode::PAM_ACCT_EXPIRED),
        Found::UnknownUser => return PamResultCode::PAM_AUTH_ERR, // authenticate has said so
        Found::Unavailable(o) => (o.reason, Some(o.detail.as_str()), PamResultCode::PAM_AUTHINFO_UNAVAIL),
        Found::Misconfigured(o) => (o.reason, Some(o.detail.as_str()), PamResultCode::PAM_SERVICE_ERR),
    };
    let (urgency, outcome) = match found {
        Found::Emergency(_) => (Urgency::Alert, "ignored"),
        _ => (Urgency::Notice, "refused"),
    };
    let line = LogLine::default()
        .field("outcome", outcome)
        .field("stage", "account")
        .field("reason", reason)
        .optional("user", user.as_deref())
        .optional("service", host.item(Item::Service).as_deref())
        .optional("tty", host.item(Item::Tty).as_deref())
        .optional("rhost", host.item(Item::Rhost).as_deref())
        .optional("detail", detail);
    host.log(urgency, &line.finish());
    code
}

/// Whose standing counts: the one whose code `authenticate` asks for, by name and account.
fn who(host: &mut impl Host, whose: Whose) -> (Option<String>, Option<Person>) {
    if whose == Whose::User {
        let user = host.user().ok();
        let person = user.as_deref().map_or(Person::Unknown, Person::named);
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

/// Nobody: root is the invoker, who has no key as such. `authenticate` refuses him; if another module let him in, nothing here
/// stands against him.
fn look(host: &impl Host, options: Result<Options, OptionError>, person: Option<&Person>) -> Found {
    if let Some(Person::Known(account)) = person
        && let Some(reason) = emergency(host, account)
    {
        return Found::Emergency(reason);
    }
    let (_, rules) = match settings(host, options) {
        Ok(settings) => settings,
        Err(obstacle) => return Found::Misconfigured(obstacle),
    };
    match person {
        None => Found::InOrder,
        Some(Person::Known(account)) => standing(host, account, &rules),
        Some(Person::Unknown) => Found::UnknownUser,
        Some(Person::LookupFailed(errno)) => {
            Found::Unavailable(Obstacle { reason: "user-lookup", detail: errno.desc().to_owned() })
        }
    }
}

fn standing(host: &impl Host, account: &Account, rules: &Rules) -> Found {
    if !rules.ask(account, host.item(Item::Rhost).filter(|rhost| !rhost.is_empty()).as_deref()) {
        return Found::InOrder;
    }
    match decider::standing(host, account) {
        Ok(Standing::NeverEnrolled | Standing::InOrder) => Found::InOrder,
        Ok(Standing::Barred(reason)) => Found::Barred(reason),
        Err(obstacle) => Found::Unavailable(obstacle),
    }
}
