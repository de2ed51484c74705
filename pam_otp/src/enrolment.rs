//! Enrolment at the prompt: a user who was never enrolled types a registration code instead of a one-time code, gets a first key, and this
//! login goes on. Only for services whose policy says `unenrolled = "enrol"`.
//!
//! Every other registration code ends in the usual refusal (R8). A root-owned process sends all of them to the daemon, those of enrolled
//! users too, so that the work is the same and a code that comes back is noticed. The daemon makes only first keys there.

use otp_core::accounts::Account;
use otp_core::codes::registration::RegistrationCode;
use otp_core::log_line::{LogLine, Urgency};
use otp_core::site::Unavailable;

use crate::account_status::AccountStatus;
use crate::daemon::connection::DaemonError;
use crate::host::Host;
use crate::options::Echo;
use crate::outcome::LoginOutcome;
use crate::reason::ModuleReason;
use crate::rules::Rules;
use crate::show_key::{HandOverError, hand_over};
use crate::{check, daemon};

/// Redeems the code and hands the key over.
pub(crate) fn at_the_prompt(
    host: &mut impl Host,
    account: &Account,
    code: &RegistrationCode,
    echo: Echo,
    rules: &Rules,
) -> LoginOutcome {
    let never_enrolled = match check::account_status(host, account, rules.service.limits.clock) {
        Ok(status) => status == AccountStatus::NeverEnrolled,
        Err(unavailable) => return unanswered(host, account, &unavailable), // a user who holds the own lock keeps the daemon waiting for it, too
    };
    let caller = check::caller(host, rules);
    if !never_enrolled && !caller.root {
        return refused(ModuleReason::Registration); // asked by the user's own process the daemon would replace a key
    }
    let key = match daemon::redeem(&account.name, &code.text(), &caller) {
        Ok(key) if never_enrolled => key,
        Ok(_) => return refused(ModuleReason::Registration),
        Err(error) => return unredeemed(host, account, error),
    };
    match hand_over(host, &key, echo) {
        Ok(()) => LoginOutcome::Enrolled(key.label.clone()),
        Err(HandOverError::Conversation) => LoginOutcome::NoConversation,
        Err(HandOverError::ThrownAway(why)) => refused(why),
        Err(HandOverError::Daemon(error)) => LoginOutcome::Failed(check::unavailable(error)),
    }
}

/// The daemon did not take it. Its own log has more.
fn unredeemed(host: &impl Host, account: &Account, error: DaemonError) -> LoginOutcome {
    match error {
        DaemonError::Denied(_) => refused(ModuleReason::Registration),
        error => unanswered(host, account, &check::unavailable(error)),
    }
}

/// Something is broken. The person hears the same as always (R8).
fn unanswered(host: &impl Host, account: &Account, unavailable: &Unavailable) -> LoginOutcome {
    let line = LogLine::default()
        .field("enrolment", "not-begun")
        .field("user", &account.name)
        .field("reason", unavailable.reason.word())
        .field("detail", &unavailable.detail);
    host.log(Urgency::Error, &line.finish());
    refused(ModuleReason::Registration)
}

fn refused(reason: ModuleReason) -> LoginOutcome {
    LoginOutcome::Refused(reason.into())
}
