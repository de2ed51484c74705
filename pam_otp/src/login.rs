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
use otp_core::reasons::{RefusalReason, UnavailableReason, Viewer};
use otp_core::site::Unavailable;
use pam::constants::PamResultCode;

use crate::account_status::AccountStatus;
use crate::check::{self, origin};
use crate::host::{ConversationFailed, Host, Item, UserError};
use crate::options::{FirstPass, OptionError, Options, Whose, whose};
use crate::outcome::{Finding, LoginOutcome, code};
use crate::person::Person;
use crate::reason::{LogReason, ModuleReason};
use crate::rules::{Contradiction, Passage, Rules, Today};
use crate::{answer, enrolment};

/// From the answer to the refusal, on average: libpam makes its part of it up to half longer or shorter.
const FAILURE_PAUSE: Duration = Duration::from_millis(300);
/// Told with `debug`, and found in the file by `otpctl doctor`.
const VERSION: &str = concat!("(pam_otp version ", env!("CARGO_PKG_VERSION"), ")");

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

/// The person that it turned out to be about, for the log line, and when an answer was there.
#[derive(Default)]
struct Names {
    user: Option<String>,
    uid: Option<u32>,
    origin: Option<Origin>,
    answered: Option<Instant>,
    /// Was there one that has not the shape of a code?
    answer_is_junk: bool,
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
    let given = match answer::given(host, &options, &rules) {
        Ok(given) => given,
        Err(ConversationFailed) => return LoginOutcome::NoConversation,
    };
    if let Some(typed) = given {
        let end = judged(host, &person, &typed, (&options, &rules), names);
        if options.first_pass == FirstPass::Use || code(&end) == PamResultCode::PAM_SUCCESS {
            return end;
        }
        log(host, &end, names); // it counts, and for everybody alike the person is asked next (R8)
    }
    match answer::asked(host, &options, &rules) {
        Ok(typed) => judged(host, &person, &typed, (&options, &rules), names),
        Err(ConversationFailed) => LoginOutcome::NoConversation,
    }
}

/// One answer, given to a module before this one or at the prompt.
fn judged(
    host: &mut impl Host,
    person: &Person,
    typed: &Typed,
    settings: (&Options, &Rules),
    names: &mut Names,
) -> LoginOutcome {
    let (options, rules) = settings;
    names.answered = Some(Instant::now());
    let enrols = matches!(typed, Typed::Registration(_)) && rules.unenrolled == Passage::Enrol;
    names.answer_is_junk = !(typed.opens() || enrols);
    if options.debug {
        let line = LogLine::default().field("debug", "answered").optional("user", names.user.as_deref());
        host.log(Urgency::Debug, &line.field("module", VERSION).finish());
    }
    match person {
        Person::Known(account) => match typed {
            Typed::Registration(code) if enrols => enrolment::at_the_prompt(host, account, code, options.echo, rules),
            _ => decide(host, account, typed, rules),
        },
        Person::Unknown => {
            check::imitate(host, names.user.as_deref().unwrap_or_default(), typed, rules);
            LoginOutcome::Refused(RefusalReason::UnknownUser.into())
        }
        Person::LookupFailed(errno) => {
            LoginOutcome::Failed(Unavailable { reason: UnavailableReason::UserLookup, detail: no_answer(*errno) })
        }
    }
}

/// Something on the PAM line.
pub(crate) fn bad_option(error: &OptionError) -> Unavailable {
    Unavailable { reason: UnavailableReason::BadOption, detail: error.to_string() }
}

/// The PAM line and the policy for this service.
pub(crate) fn settings(
    host: &impl Host,
    options: Result<Options, OptionError>,
) -> Result<(Options, Rules), Unavailable> {
    let options = options.map_err(|error| bad_option(&error))?;
    if options.watch {
        let detail = "watch: only on a password line".to_owned();
        return Err(Unavailable { reason: UnavailableReason::BadOption, detail });
    }
    let policy = host.site().service_policy(options.config.as_deref(), host.item(Item::Service).as_deref())?;
    let today = today(host, &policy);
    let rules = Rules::new(&options, policy, today)
        .map_err(|Contradiction(detail)| Unavailable { reason: UnavailableReason::Contradiction, detail })?;
    Ok((options, rules))
}

/// The time by which a day in the policy is judged. A clock that fell back, as one with an empty battery does, brings back no
/// day that this vault knows to have passed.
fn today(host: &impl Host, policy: &ServicePolicy) -> Today {
    let wall = host.wall();
    if !policy.has_days() || host.uids().effective != 0 {
        return Today { now: wall, certain: true };
    }
    let known = check::open_vault(host).ok().and_then(|vault| vault.clock_mark().ok());
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
    match host.site().site().marks().of(account, host) {
        Ok(Some(Bypass::InForce(mark))) => return Some(mark.reason),
        Ok(Some(Bypass::Ended(mark))) if ended == EndedMark::Logged => {
            let end = mark.end(&Moment::of(host)).map(utc);
            let line = line("ended").optional("ended", end.as_deref()).field("by", &mark.by);
            host.log(Urgency::Notice, &line.field("detail", mark.reason.as_str()).finish());
        }
        Ok(_) => {}
        Err(error) => {
            let line = line("not-honoured").field("reason", error.reason().word()).field("detail", &error.to_string());
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

/// Users who are not asked: the exempt, and those who were never enrolled where that is allowed.
fn not_wanted(host: &impl Host, account: &Account, rules: &Rules) -> Option<LoginOutcome> {
    let audience = audience(host, account, rules);
    for entry in &audience.unmatched {
        host.log(Urgency::Warning, &unmatched_line(host, account, entry));
    }
    if !audience.asked {
        return Some(LoginOutcome::NotWanted(ModuleReason::Exempt.into()));
    }
    let reason = match rules.unenrolled {
        Passage::Deny | Passage::Enrol => return None,
        Passage::Skip => RefusalReason::NotEnrolled.into(),
        Passage::Tolerated => ModuleReason::NotEnrolledYet.into(),
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
        .field("reason", found.why.word())
        .field("user", &account.name)
        .service(host.item(Item::Service).as_deref())
        .finish()
}

fn decide(host: &impl Host, account: &Account, typed: &Typed, rules: &Rules) -> LoginOutcome {
    match check::decide(host, account, typed, rules) {
        Ok(Finding::Accepted(label)) => LoginOutcome::Accepted(label),
        Ok(Finding::Refused(reason)) => LoginOutcome::Refused(reason),
        Err(unavailable) => LoginOutcome::Failed(unavailable),
    }
}

fn log(host: &impl Host, end: &LoginOutcome, names: &Names) {
    let (urgency, outcome, detail, key) = match end {
        LoginOutcome::Accepted(label) | LoginOutcome::Enrolled(label) => {
            (Urgency::Info, "accepted", None, Some(label.as_str()))
        }
        LoginOutcome::NotWanted(_) => (Urgency::Info, "ignored", None, None),
        LoginOutcome::Emergency(why) => (Urgency::Alert, "ignored", Some(why.as_str()), None),
        LoginOutcome::Refused(_) => (Urgency::Notice, "refused", None, None),
        LoginOutcome::NoConversation => (Urgency::Notice, "failed", None, None),
        LoginOutcome::Failed(unavailable) | LoginOutcome::Misconfigured(unavailable) => {
            (Urgency::Error, "failed", Some(unavailable.detail.as_str()), None)
        }
    };
    let reason = end.reason();
    let line = LogLine::default()
        .field("outcome", outcome)
        .field("reason", reason.word())
        .optional("user", names.user.as_deref())
        .optional("uid", names.uid.map(|uid| uid.to_string()).as_deref())
        .optional("origin", names.origin.map(Origin::as_str))
        .service(host.item(Item::Service).as_deref())
        .optional("tty", host.item(Item::Tty).as_deref())
        .optional("rhost", host.item(Item::Rhost).as_deref())
        .optional("key", key)
        .optional("detail", detail);
    host.log(urgency, &line.finish());
}

/// Tells the log, the person and the host.
fn conclude(host: &mut impl Host, end: &LoginOutcome, names: &Names) -> PamResultCode {
    log(host, end, names);
    // After the log: the reader of the text may never take it, and end the program meanwhile.
    if matches!(end, LoginOutcome::Refused(_) | LoginOutcome::Failed(_)) {
        host.delay_failure(pause_after(names.answered.map_or(Duration::ZERO, |answered| answered.elapsed())));
        let reason = if names.answer_is_junk { RefusalReason::Junk.into() } else { end.reason() };
        if !reason.is_told() {
            let _ = host.show_error(&refusal_text(&reason, names.origin)); // nobody may see it, and it is refused all the same
        }
    }
    code(end)
}

/// The pause takes up what the work has `used`, so that the refusal comes as late whatever its cause was (R8). In microseconds.
pub(crate) fn pause_after(used: Duration) -> u32 {
    u32::try_from(FAILURE_PAUSE.saturating_sub(used).as_micros()).unwrap_or(0)
}

/// The text of a refusal. The owner at their own session is told more than others (R8).
pub(crate) fn refusal_text(reason: &LogReason, origin: Option<Origin>) -> String {
    reason.text_for(origin.map_or(Viewer::Other, Viewer::at))
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
