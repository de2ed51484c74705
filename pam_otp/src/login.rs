//! One authentication, from the options to the PAM code:
//! user, emergency mark, options, policy, prompt, shape of what was typed, decision, log line, PAM code.

use std::ffi::CStr;
use std::time::{Duration, Instant};

use otp_core::accounts::{Account, no_answer};
use otp_core::decision::input::Typed;
use otp_core::decision::origin::Origin;
use otp_core::emergency::{Bypass, Reason};
use otp_core::environment::Moment;
use otp_core::files::date::utc;
use otp_core::log_line::{LogLine, Urgency};
use otp_core::policy::audience::{Audience, UnmatchedEntry};
use otp_core::policy::service::ServicePolicy;
use otp_core::site::Unavailable;
use pam::constants::PamResultCode;

use crate::account_status::AccountStatus;
use crate::check::{self, Finding, SITE, origin};
use crate::file_uid::as_owner;
use crate::host::{Host, Item, UserError};
use crate::options::{OptionError, Options, Whose, whose};
use crate::outcome::{LoginOutcome, code};
use crate::person::Person;
use crate::rules::{Contradiction, Passage, Rules, Today};
use crate::{answer, enrolment};

/// The one text for every refusal (R8).
pub(crate) const REFUSED: &str = "code refused; each code works once, wait for the next or use a recovery code";
/// From the answer to the refusal, on average: libpam makes its part of it up to half longer or shorter.
const FAILURE_PAUSE: Duration = Duration::from_millis(300);

/// Authenticates PAM_USER.
pub(crate) fn authenticate(host: &mut impl Host, arguments: &[&CStr]) -> PamResultCode {
    let mut names = Names::default();
    let options = Options::parse(arguments);
    let end = run(host, options.clone(), arguments, &mut names);
    let code = conclude(host, &end, &names);
    // After the log, too: the program may be ended at this prompt.
    if let LoginOutcome::NotWanted(_) | LoginOutcome::Emergency(_) = end {
        answer::forward_password(host, &options, arguments);
    }
    code
}

/// Who it turned out to be about, for the log line, and when an answer was there.
#[derive(Default)]
struct Names {
    user: Option<String>,
    uid: Option<u32>,
    origin: Option<Origin>,
    answered: Option<Instant>,
}

fn run(
    host: &mut impl Host,
    options: Result<Options, OptionError>,
    arguments: &[&CStr],
    names: &mut Names,
) -> LoginOutcome {
    let whose = match whose(&options, arguments) {
        Ok(whose) => whose,
        Err(error) => return LoginOutcome::Misconfigured(bad_option(&error)),
    };
    let person = match person(host, whose, names) {
        Ok(person) => person,
        Err(UserError::Unusable) => Person::Unknown,
        Err(UserError::Conversation) => return LoginOutcome::NoConversation,
    };
    if let Person::Known(account) = &person {
        (names.user, names.uid) = (Some(account.name.clone()), Some(account.uid));
        names.origin = Some(origin(host, account));
        if let Some(reason) = emergency(host, account, EndedMark::Logged) {
            return LoginOutcome::Emergency(reason);
        }
    }
    let (options, rules) = match settings(host, options) {
        Ok(settings) => settings,
        Err(unavailable) => return LoginOutcome::Misconfigured(unavailable),
    };
    names.origin = names.origin.map(|origin| rules.service.origin(origin));
    if let Person::Known(account) = &person
        && let Some(end) = not_wanted(host, account, &rules)
    {
        return end;
    }
    let Ok(typed) = answer::obtain(host, &options, &rules) else { return LoginOutcome::NoConversation };
    names.answered = Some(Instant::now());
    if options.debug {
        let line = LogLine::default().field("debug", "answered").optional("user", names.user.as_deref());
        host.log(Urgency::Debug, &line.finish());
    }
    match &person {
        Person::Known(account) => match &typed {
            Typed::Registration(code) if rules.unenrolled == Passage::Enrol => {
                enrolment::at_the_prompt(host, account, code, options.echo, &rules)
            }
            _ => decide(host, account, &typed, &rules),
        },
        Person::Unknown => {
            check::imitate(host, names.user.as_deref().unwrap_or_default(), &typed, &rules);
            LoginOutcome::Refused("unknown-user".to_owned(), 0)
        }
        Person::LookupFailed(errno) => {
            LoginOutcome::Failed(Unavailable { reason: "user-lookup", detail: no_answer(*errno) })
        }
    }
}

/// Something on the PAM line.
pub(crate) fn bad_option(error: &OptionError) -> Unavailable {
    Unavailable { reason: "bad-option", detail: error.to_string() }
}

/// The PAM line and the policy for this service.
pub(crate) fn settings(
    host: &impl Host,
    options: Result<Options, OptionError>,
) -> Result<(Options, Rules), Unavailable> {
    let options = options.map_err(|error| bad_option(&error))?;
    let policy = SITE.service_policy(options.config.as_deref(), host.item(Item::Service).as_deref())?;
    let today = today(host, &policy);
    let rules = Rules::new(&options, policy, today)
        .map_err(|Contradiction(detail)| Unavailable { reason: "contradiction", detail })?;
    Ok((options, rules))
}

/// The time by which a day in the policy is judged. A clock that fell back, as one with an empty battery does, brings back no
/// day that this vault knows to have passed.
fn today(host: &impl Host, policy: &ServicePolicy) -> Today {
    let wall = host.wall();
    if !policy.has_days() || host.uids().effective != 0 {
        return Today { now: wall, certain: true };
    }
    let known = SITE.open_vault(as_owner).ok().and_then(|vault| vault.clock_mark().ok());
    Today { now: wall.max(known.unwrap_or(wall)), certain: known.is_some() }
}

/// Whether the log is told of a mark that has ended: once a login is enough.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndedMark {
    Logged,
    Silent,
}

/// The reason of an emergency mark that is in force (R14). It is looked for before options and policy, which may be what is
/// broken. A mark that does not count is told to the log and opens nothing.
pub(crate) fn emergency(host: &impl Host, account: &Account, ended: EndedMark) -> Option<Reason> {
    let line = |word| LogLine::default().field("emergency", word).field("user", &account.name);
    match SITE.marks().of(account, host) {
        Ok(Some(Bypass::InForce(mark))) => return Some(mark.reason),
        Ok(Some(Bypass::Ended(mark))) if ended == EndedMark::Logged => {
            let end = mark.end(&Moment::of(host)).map(utc);
            let line = line("ended").optional("ended", end.as_deref()).field("by", &mark.by);
            host.log(Urgency::Notice, &line.field("detail", mark.reason.as_str()).finish());
        }
        Ok(_) => {}
        Err(error) => {
            let line = line("not-honoured").field("reason", error.reason()).field("detail", &error.to_string());
            host.log(Urgency::Alert, &line.finish());
        }
    }
    None
}

/// Whose code is asked for.
fn person(host: &mut impl Host, whose: Whose, names: &mut Names) -> Result<Person, UserError> {
    if whose == Whose::Invoker {
        return Ok(Person::of_uid(host.uids().real));
    }
    let (name, person) = Person::of_user(host)?;
    names.user = Some(name);
    Ok(person)
}

/// Who is not asked: the exempt, and those who were never enrolled where that is allowed.
fn not_wanted(host: &impl Host, account: &Account, rules: &Rules) -> Option<LoginOutcome> {
    let audience = audience(host, account, rules);
    for entry in &audience.unmatched {
        host.log(Urgency::Warning, &unmatched_line(host, account, entry));
    }
    if !audience.asked {
        return Some(LoginOutcome::NotWanted("exempt"));
    }
    let reason = match rules.unenrolled {
        Passage::Deny | Passage::Enrol => return None,
        Passage::Skip => "not-enrolled",
        Passage::Tolerated => "not-enrolled-yet",
    };
    match check::account_status(host, account, rules.service.limits.clock) {
        Ok(AccountStatus::NeverEnrolled) => Some(LoginOutcome::NotWanted(reason)),
        Ok(_) => None,
        Err(unavailable) => Some(LoginOutcome::Failed(unavailable)),
    }
}

/// Is this user asked, coming from where the host says?
pub(crate) fn audience<'r>(host: &impl Host, account: &Account, rules: &'r Rules) -> Audience<'r> {
    rules.audience(account, host.item(Item::Rhost).filter(|rhost| !rhost.is_empty()).as_deref())
}

fn unmatched_line(host: &impl Host, account: &Account, found: &UnmatchedEntry<'_>) -> String {
    LogLine::default()
        .field("policy", "unmatched")
        .field("list", found.list)
        .field("entry", found.entry)
        .field("reason", found.why.reason())
        .field("user", &account.name)
        .optional("service", host.item(Item::Service).as_deref())
        .finish()
}

fn decide(host: &impl Host, account: &Account, typed: &Typed, rules: &Rules) -> LoginOutcome {
    match check::decide(host, account, typed, rules) {
        Ok(Finding::Accepted(label)) => LoginOutcome::Accepted(label),
        Ok(Finding::Refused(reason, wait)) => LoginOutcome::Refused(reason, wait),
        Err(unavailable) => LoginOutcome::Failed(unavailable),
    }
}

/// Tells the log, the person and the host.
fn conclude(host: &mut impl Host, end: &LoginOutcome, names: &Names) -> PamResultCode {
    let (urgency, outcome, reason, detail, key) = match end {
        LoginOutcome::Accepted(label) => (Urgency::Info, "accepted", "code", None, Some(label.as_str())),
        LoginOutcome::Enrolled(label) => (Urgency::Info, "accepted", "enrolled", None, Some(label.as_str())),
        LoginOutcome::NotWanted(reason) => (Urgency::Info, "ignored", *reason, None, None),
        LoginOutcome::Emergency(reason) => (Urgency::Alert, "ignored", "emergency", Some(reason.as_str()), None),
        LoginOutcome::Refused(reason, _) => (Urgency::Notice, "refused", reason.as_str(), None, None),
        LoginOutcome::NoConversation => (Urgency::Notice, "failed", "conversation", None, None),
        LoginOutcome::Failed(unavailable) | LoginOutcome::Misconfigured(unavailable) => {
            (Urgency::Error, "failed", unavailable.reason, Some(unavailable.detail.as_str()), None)
        }
    };
    let line = LogLine::default()
        .field("outcome", outcome)
        .field("reason", reason)
        .optional("user", names.user.as_deref())
        .optional("uid", names.uid.map(|uid| uid.to_string()).as_deref())
        .optional("origin", names.origin.map(Origin::as_str))
        .optional("service", host.item(Item::Service).as_deref())
        .optional("tty", host.item(Item::Tty).as_deref())
        .optional("rhost", host.item(Item::Rhost).as_deref())
        .optional("key", key)
        .optional("detail", detail);
    host.log(urgency, &line.finish());
    // After the log: whoever reads the text may never take it, and end the program meanwhile.
    if matches!(end, LoginOutcome::Refused(..) | LoginOutcome::Failed(_)) {
        host.delay_failure(pause_after(names.answered.map_or(Duration::ZERO, |answered| answered.elapsed())));
        let refused = match end {
            LoginOutcome::Refused(reason, wait) => Some((reason.as_str(), *wait)),
            LoginOutcome::Failed(unavailable) => Some((unavailable.reason, 0)),
            _ => None,
        };
        let _ = host.show_error(&refusal_text(refused, names.origin)); // nobody may see it, and it is refused all the same
    }
    code(end)
}

/// The pause takes up what the work has `used`, so that the refusal comes as late whatever its cause was (R8). In microseconds.
pub(crate) fn pause_after(used: Duration) -> u32 {
    u32::try_from(FAILURE_PAUSE.saturating_sub(used).as_micros()).unwrap_or(0)
}

/// The owner at their own session is told what `otpctl status` would tell; everybody else hears the one text (R8).
pub(crate) fn refusal_text(refused: Option<(&str, u64)>, origin: Option<Origin>) -> String {
    let own = match (refused, origin) {
        (Some((reason, wait)), Some(Origin::Myself | Origin::Socket)) => owner_advice(reason, wait),
        _ => None,
    };
    own.unwrap_or_else(|| REFUSED.to_owned())
}

fn owner_advice(reason: &str, wait: u64) -> Option<String> {
    let text = match reason {
        "waiting" if wait == 0 => "too many wrong codes; wait before the next try",
        "waiting" => return Some(format!("too many wrong codes; wait {} before the next try", duration(wait))),
        "closed" => "too many wrong codes from here: closed; a recovery code or `otpctl reopen` opens it again",
        "disabled" => "too many wrong codes in all: the keys are disabled; ask an admin for a new one",
        "suspended" => "your keys are suspended; ask an admin",
        "expired" => "your key has expired; ask an admin for a new one",
        "uid-changed" => "your keys are stored under the uid that you had before; ask root to run `otpctl adopt`",
        "renamed" => "the keys of your uid are stored under another name; ask root to run `otpctl adopt`",
        "account-gone" => "your account was deleted and made again; ask root to run `otpctl adopt`",
        "several-keys" => "you have several keys, and none was named",
        "no-such-key" => "you have no key of that name; `otpctl status` lists them",
        "restored-copy" => {
            "the file of your keys was put back from a backup, or another program has touched it: recovery codes and tokens \
             with a counter are off until an admin runs otpctl accept-restore"
        }
        "clock-behind" => {
            "this machine's clock is behind your last code; ask an admin to set it, or for a new key if it is right"
        }
        "clock-ahead" => "this machine's clock jumped ahead and nothing vouches for it; ask an admin",
        _ => return None,
    };
    Some(text.to_owned())
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        _ => format!("{} min", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r8_work_and_pause_together_are_the_same_for_every_cause() {
        for used in [0, 80, 900, 12_000, 300_000] {
            assert_eq!(used + pause_after(Duration::from_micros(u64::from(used))), 300_000);
        }
        assert_eq!(pause_after(Duration::from_secs(11)), 0);
    }
}
