//! The password stage: a key is replaced, for a code of it, when the policy says that it is due, or when its owner changes
//! the password and the PAM line says that they are to be asked. The code is demanded although the host is root, and
//! whatever goes wrong leaves the old key as it is.
//!
//! libpam runs this twice. The first pass asks nobody anything; a failure in it ends the matter. The second comes even if the
//! first stood aside, so it looks at everything again.
//!
//! On the documented line a success ends the stage, so that the next modules want no new password when only the key was due.
//! When the UNIX password is due too, both passes stand aside after their work, and the next modules have their turn.

use std::ffi::CStr;
use std::time::Duration;

use otp_core::accounts::{Account, no_answer};
use otp_core::decision::input::Typed;
use otp_core::log_line::{LogLine, Urgency};
use otp_core::policy::rotation::Age;
use otp_core::reasons::{ChangeRefusal, RefusalReason, UnavailableReason};
use otp_core::site::Unavailable;
use pam::constants::PamResultCode;

use crate::account::who;
use crate::account_status::{AccountStatus, OldestKey};
use crate::check::{self, origin};
use crate::daemon::connection::{DaemonError, DaemonRefusal};
use crate::daemon::{self, EnrolmentSession};
use crate::host::{ConversationFailed, Host, Item};
use crate::login::{EndedMark, audience, bad_option, emergency, pause_after, refusal_text, settings};
use crate::lost;
use crate::options::{Echo, OptionError, Options, RotateWhen, whose};
use crate::person::Person;
use crate::printable::plain;
use crate::reason::{LogReason, ModuleReason};
use crate::rules::Rules;
use crate::show_key::{HandOverError, hand_over};
use crate::watch;

/// Which of the two passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// PAM_PRELIM_CHECK.
    Check,
    /// PAM_UPDATE_AUTHTOK.
    Change,
}

/// Why the host came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// PAM_CHANGE_EXPIRED_AUTHTOK: the account stage of some module said that something is due.
    Due,
    /// Somebody changes a password.
    Wish,
}

/// How it ends.
enum PasswordOutcome {
    /// The second pass may come.
    Ready(Next),
    /// The key is replaced; the label of the new one.
    Replaced(String, Next),
    /// Nothing to do here, which is no news.
    Nothing,
    /// Nothing is done here, and why.
    Left(LogReason),
    /// Refused, and why.
    Refused(LogReason),
    /// It could not be done.
    Failed(Unavailable),
    /// The host could not ask.
    NoConversation,
}

/// The work that is left to the modules after this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Nothing: only the key was due. PAM_SUCCESS.
    Nothing,
    /// The UNIX password is due as well. PAM_IGNORE.
    Password,
}

/// The key that is wanted.
enum KeyWanted {
    /// It is due: this one is replaced.
    Now(OldestKey, Occasion),
    /// Its owner is asked.
    Offered,
}

/// `pam_sm_chauthtok`.
pub(crate) fn change(host: &mut impl Host, arguments: &[&CStr], pass: Phase, occasion: Occasion) -> PamResultCode {
    let options = Options::parse(arguments);
    let whose = match whose(&options, arguments) {
        Ok(whose) => whose,
        Err(error) => return conclude(host, &PasswordOutcome::Failed(bad_option(&error)), None, None),
    };
    let (user, person) = who(host, whose);
    if let Ok(options) = &options
        && options.watch
    {
        return match (&person, pass) {
            (Some(Person::Known(account)), Phase::Check) => watch::check(host, options, account),
            (Some(Person::Known(account)), Phase::Change) => watch::change(host, account),
            (Some(Person::LookupFailed(errno)), Phase::Check) if watch::is_shortage(*errno) => {
                watch::unknown(host, *errno)
            }
            _ => PamResultCode::PAM_IGNORE, // other lines say that there is no such user
        };
    }
    let end = run(host, options, person.as_ref(), pass, occasion).unwrap_or_else(|end| end);
    conclude(host, &end, user.as_deref(), person.as_ref())
}

fn run(
    host: &mut impl Host,
    options: Result<Options, OptionError>,
    person: Option<&Person>,
    pass: Phase,
    occasion: Occasion,
) -> Result<PasswordOutcome, PasswordOutcome> {
    let account = match person {
        None => return Ok(PasswordOutcome::Nothing),
        Some(Person::Unknown) => return Err(PasswordOutcome::Refused(RefusalReason::UnknownUser.into())),
        Some(Person::LookupFailed(errno)) => {
            return Err(PasswordOutcome::Failed(Unavailable {
                reason: UnavailableReason::UserLookup,
                detail: no_answer(*errno),
            }));
        }
        Some(Person::Known(account)) => account,
    };
    if emergency(host, account, EndedMark::Silent).is_some() {
        return Ok(PasswordOutcome::Left(ModuleReason::Emergency.into()));
    }
    let (options, rules) = settings(host, options).map_err(PasswordOutcome::Failed)?;
    let wanted = wanted(host, account, options.rotate, &rules, occasion)?;
    let next = next(host, account, occasion);
    match daemon::answers(check::named_to_daemon(host, account)) {
        Ok(()) if pass == Phase::Change => {
            replace(host, account, &wanted, options.echo, &rules).map(|label| PasswordOutcome::Replaced(label, next))
        }
        Ok(()) => Ok(PasswordOutcome::Ready(next)),
        // No daemon, no new key; the password is changed all the same.
        Err(_) if matches!(wanted, KeyWanted::Offered) => Ok(PasswordOutcome::Left(UnavailableReason::NoDaemon.into())),
        Err(error) => Err(unanswered(error)),
    }
}

/// Anyone who changes a password by choice is asked for it by the next modules whatever this one answers.
fn next(host: &impl Host, account: &Account, occasion: Occasion) -> Next {
    let due = || host.password_age(account).is_some_and(|age| age.is_due(host.wall()));
    if occasion == Occasion::Due && due() { Next::Password } else { Next::Nothing }
}

/// Is there anything to do? An end if not.
fn wanted(
    host: &impl Host,
    account: &Account,
    rotate: RotateWhen,
    rules: &Rules,
    occasion: Occasion,
) -> Result<KeyWanted, PasswordOutcome> {
    let offered = occasion == Occasion::Wish && rotate == RotateWhen::Ask;
    if !offered && !rules.service.keys_age() {
        return Err(PasswordOutcome::Nothing);
    }
    // Root sets somebody's password: the owner of the key is not there.
    if occasion == Occasion::Wish && host.uids().real != account.uid {
        return Err(PasswordOutcome::Left(ModuleReason::NotTheOwner.into()));
    }
    if !audience(host, account, rules).asked {
        return Err(PasswordOutcome::Left(ModuleReason::Exempt.into()));
    }
    let due = |key: &OldestKey, now| matches!(rules.service.age(key.confirmed, now), Age::Due(_) | Age::Overdue);
    match check::account_status(host, account, rules.service.limits.clock) {
        Ok(AccountStatus::InOrder { oldest: Some(key), now, .. }) if due(&key, now) => {
            Ok(KeyWanted::Now(key, occasion))
        }
        Ok(AccountStatus::InOrder { .. }) if offered => Ok(KeyWanted::Offered),
        Ok(AccountStatus::InOrder { .. } | AccountStatus::NotBarred) => Err(PasswordOutcome::Nothing),
        Ok(AccountStatus::NeverEnrolled) => Err(PasswordOutcome::Nothing),
        Ok(AccountStatus::Barred(reason)) if occasion == Occasion::Wish => Err(PasswordOutcome::Left(reason)),
        Ok(AccountStatus::Barred(reason)) => Err(PasswordOutcome::Refused(reason)),
        Err(unavailable) => Err(PasswordOutcome::Failed(unavailable)),
    }
}

/// A code of the old key, then the new one, whose label is returned. Or the word of its owner that the device is gone.
fn replace(
    host: &mut impl Host,
    account: &Account,
    wanted: &KeyWanted,
    echo: Echo,
    rules: &Rules,
) -> Result<String, PasswordOutcome> {
    let (prompt, key, wish) = match wanted {
        KeyWanted::Now(key, occasion) => (
            format!("Code of the key \"{}\", to replace it", plain(&key.label)),
            Some(key.label.as_str()),
            *occasion == Occasion::Wish,
        ),
        KeyWanted::Offered => {
            ("Code of your one-time-code key to replace it, or Enter to keep it".to_owned(), None, true)
        }
    };
    // Not where something is due: that is a login, and nothing but a new key lets it go on.
    let lost = wish && lost::is_offered(host, account);
    let answer = host.ask(&format!("{prompt}{}: ", if lost { lost::OFFER } else { "" }), echo)?;
    if lost && lost::is_said(&answer) {
        lost::report(host, account).map_err(PasswordOutcome::Failed)?;
        return Err(PasswordOutcome::Left(ModuleReason::ReportedLost.into())); // the password is changed all the same
    }
    if answer.is_empty() && key.is_none() {
        return Err(PasswordOutcome::Nothing);
    }
    let typed = Typed::parse(&answer);
    // Anyone who found a recovery code must not get a key for it: a module before this one has checked the password, too.
    if matches!(typed, Typed::Recovery(_)) && !host.holds_old_password() {
        return Err(PasswordOutcome::Refused(ChangeRefusal::NeedsPassword.into()));
    }
    let Some(code) = typed.text() else { return Err(PasswordOutcome::Refused(RefusalReason::Junk.into())) };
    let new = rotated(host, account, &code, key, rules)?;
    match hand_over(host, &new, echo) {
        Ok(()) => Ok(new.label.clone()),
        Err(HandOverError::Conversation) => Err(PasswordOutcome::NoConversation),
        Err(HandOverError::ThrownAway(why)) => Err(PasswordOutcome::Refused(why.into())),
        Err(HandOverError::Daemon(error)) => Err(unanswered(error)),
    }
}

/// The new key. A recovery code does not tell which of several keys it is to replace; that is asked, and the code is not used up
/// before the answer is there.
fn rotated(
    host: &mut impl Host,
    account: &Account,
    code: &str,
    key: Option<&str>,
    rules: &Rules,
) -> Result<EnrolmentSession, PasswordOutcome> {
    let asked = daemon::rotate(&account.name, code, key, &check::caller(host, rules));
    match asked {
        Err(DaemonError::Denied(DaemonRefusal::Refused(LogReason::Change(ChangeRefusal::SeveralKeys)))) => {}
        answer => return answer.map_err(unanswered),
    }
    let answer = host.ask("Name of the key to replace: ", Echo::On)?;
    let name = std::str::from_utf8(&answer).map_err(|_| PasswordOutcome::Refused(ChangeRefusal::NoSuchKey.into()))?;
    daemon::rotate(&account.name, code, Some(name.trim()), &check::caller(host, rules)).map_err(unanswered)
}

fn unanswered(error: DaemonError) -> PasswordOutcome {
    match error {
        DaemonError::Denied(denial) => PasswordOutcome::Refused(denial.reason()),
        error => PasswordOutcome::Failed(check::unavailable(error)),
    }
}

/// Tells the person, the log and the host.
fn conclude(host: &mut impl Host, end: &PasswordOutcome, user: Option<&str>, person: Option<&Person>) -> PamResultCode {
    let (urgency, outcome, reason, detail, key): (_, _, LogReason, _, _) = match end {
        PasswordOutcome::Ready(next) => return next.code(),
        PasswordOutcome::Nothing => return PamResultCode::PAM_IGNORE,
        PasswordOutcome::Left(reason) => {
            let alert = *reason == LogReason::Module(ModuleReason::Emergency);
            (if alert { Urgency::Alert } else { Urgency::Info }, "ignored", reason.clone(), None, None)
        }
        PasswordOutcome::Replaced(label, _) => {
            (Urgency::Info, "accepted", ModuleReason::Rotated.into(), None, Some(label.as_str()))
        }
        PasswordOutcome::Refused(reason) => (Urgency::Notice, "refused", reason.clone(), None, None),
        PasswordOutcome::NoConversation => (Urgency::Notice, "failed", ModuleReason::Conversation.into(), None, None),
        PasswordOutcome::Failed(unavailable) => {
            (Urgency::Error, "failed", unavailable.reason.into(), Some(unavailable.detail.as_str()), None)
        }
    };
    let line = LogLine::default()
        .field("outcome", outcome)
        .field("stage", "password")
        .field("reason", reason.word())
        .optional("user", user)
        .service(host.item(Item::Service).as_deref())
        .optional("tty", host.item(Item::Tty).as_deref())
        .optional("rhost", host.item(Item::Rhost).as_deref())
        .optional("key", key)
        .optional("detail", detail);
    host.log(urgency, &line.finish());
    match end {
        PasswordOutcome::Replaced(_, next) => next.code(),
        PasswordOutcome::Left(_) => PamResultCode::PAM_IGNORE,
        PasswordOutcome::Refused(_) => {
            let origin = if let Some(Person::Known(account)) = person { Some(origin(host, account)) } else { None };
            host.delay_failure(pause_after(Duration::ZERO));
            if !reason.is_told() {
                let _ = host.show_error(&refusal_text(&reason, origin)); // nobody may see it, and it is refused all the same
            }
            PamResultCode::PAM_AUTHTOK_ERR
        }
        _ => PamResultCode::PAM_AUTHTOK_ERR,
    }
}

impl Next {
    fn code(self) -> PamResultCode {
        match self {
            Self::Nothing => PamResultCode::PAM_SUCCESS,
            Self::Password => PamResultCode::PAM_IGNORE,
        }
    }
}

impl From<ConversationFailed> for PasswordOutcome {
    fn from(_: ConversationFailed) -> Self {
        Self::NoConversation
    }
}
