//! One authentication, from the options to the PAM code:
//! user, emergency mark, options, policy, prompt, shape of what was typed, decision, log line, PAM code.

use std::ffi::CStr;

use otp_core::check::{Outcome, check, decoy};
use otp_core::decision::{Refusal, Verdict};
use otp_core::emergency::Reason;
use otp_core::limits::Limits;
use otp_core::log_line::LogLine;
use otp_core::origin::{Asker, Origin};
use otp_core::policy::Policy;
use otp_core::record::Account;
use otp_core::site::{Obstacle, Site, fits};
use otp_core::typed::Typed;
use otp_core::vault::Standing;
use pam::constants::PamResultCode;

use crate::host::{Host, Item, Urgency, UserError};
use crate::options::{Options, Unenrolled};
use crate::person::Person;

/// The one text for every refusal (R8).
pub const REFUSED: &str = "code refused; each code works once, wait for the next or use a recovery code";
/// Asked of libpam at every refusal; libpam makes it up to half longer or shorter.
const FAILURE_DELAY_US: u32 = 300_000;

/// Where the module finds what it needs.
pub(crate) const SITE: Site = Site::STANDARD;

/// How an authentication ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// A code was accepted, by the key of this label.
    Accepted(String),
    /// Refused; nothing is wrong with the host.
    Refused(&'static str, Option<Refusal>),
    /// Not asked: never enrolled, and the PAM line says skip.
    Skipped,
    /// Nothing could be decided.
    Failed(Obstacle),
    /// The host could not ask.
    NotAsked,
    /// Options or policy are wrong.
    Misconfigured(Obstacle),
    /// Not asked: root has written an emergency mark, for this reason.
    Emergency(Reason),
}

/// Authenticates PAM_USER.
pub fn authenticate(host: &mut impl Host, arguments: &[&CStr]) -> PamResultCode {
    let mut names = Names::default();
    let end = run(host, arguments, &mut names);
    conclude(host, &end, &names)
}

/// Who it turned out to be about; for the log line.
#[derive(Default)]
struct Names {
    user: Option<String>,
    uid: Option<u32>,
    origin: Option<Origin>,
}

fn run(host: &mut impl Host, arguments: &[&CStr], names: &mut Names) -> End {
    let person = match host.user() {
        Ok(name) => {
            names.user = Some(name.clone());
            Person::named(&name)
        }
        Err(UserError::Unusable) => Person::Unknown,
        Err(UserError::Conversation) => return End::NotAsked,
    };
    if let Person::Known(account) = &person {
        (names.user, names.uid) = (Some(account.name.clone()), Some(account.uid));
        names.origin = Some(origin(host, account));
        if let Some(reason) = emergency(host, account) {
            return End::Emergency(reason);
        }
    }
    let (options, policy) = match settings(arguments) {
        Ok(settings) => settings,
        Err(obstacle) => return End::Misconfigured(obstacle),
    };
    if let (Person::Known(account), Unenrolled::Skip) = (&person, options.unenrolled) {
        match standing(host, account, &policy.limits) {
            Ok(Standing::NeverEnrolled) => return End::Skipped,
            Ok(Standing::Enrolled) => {}
            Err(obstacle) => return End::Failed(obstacle),
        }
    }
    let Ok(answer) = host.ask(&options.prompt) else { return End::NotAsked };
    let typed = Typed::parse(&answer);
    drop(answer);
    if options.debug {
        let line = LogLine::default().field("debug", "asked").optional("user", names.user.as_deref());
        host.log(Urgency::Debug, &line.finish());
    }
    match &person {
        Person::Known(account) => decide(host, account, &typed, &policy.limits),
        Person::Unknown => {
            decoy(&typed, Origin::Console, &policy.limits, host);
            End::Refused("unknown-user", None)
        }
        Person::LookupFailed(errno) => End::Failed(Obstacle { reason: "user-lookup", detail: errno.desc().to_owned() }),
    }
}

fn settings(arguments: &[&CStr]) -> Result<(Options, Policy), Obstacle> {
    let bad_option = |error: crate::options::OptionError| Obstacle { reason: "bad-option", detail: error.to_string() };
    let options = Options::parse(arguments).map_err(bad_option)?;
    let policy = SITE.policy(options.config.as_deref())?;
    Ok((options, policy))
}

/// The reason of an emergency mark (R14). It is looked for before options and policy, which may be what is broken. A mark
/// that does not count is told to the log and opens nothing.
pub fn emergency(host: &impl Host, account: &Account) -> Option<Reason> {
    SITE.marks().of(account).map(|mark| mark.map(|mark| mark.reason)).unwrap_or_else(|error| {
        let line = LogLine::default()
            .field("emergency", "not-honoured")
            .field("user", &account.name)
            .field("reason", error.reason())
            .field("detail", &error.to_string());
        host.log(Urgency::Alert, &line.finish());
        None
    })
}

/// Where this guess comes from.
pub fn origin(host: &impl Host, account: &Account) -> Origin {
    let rhost = host.item(Item::Rhost);
    Origin::of_pam_host(Asker { real_uid: host.uids().real, rhost: rhost.as_deref() }, account.uid)
}

/// May this process decide on the files itself? Only root can read them, and nobody who could stop the process may hold a
/// lock on another person's state.
pub fn decides_itself(host: &impl Host, account: &Account) -> Result<(), Obstacle> {
    let wants_daemon = |detail: &str| Err(Obstacle { reason: "needs-daemon", detail: detail.to_owned() });
    match (host.uids().effective, origin(host, account)) {
        (0, Origin::Myself | Origin::Remote | Origin::Console) => Ok(()),
        (0, _) => wants_daemon("the process belongs to another person; this version cannot ask the daemon"),
        _ => wants_daemon("the process is not root; this version cannot ask the daemon"),
    }
}

fn standing(host: &impl Host, account: &Account, limits: &Limits) -> Result<Standing, Obstacle> {
    decides_itself(host, account)?;
    SITE.open_vault()?.standing(account, limits.window, host).map_err(Obstacle::from)
}

fn decide(host: &mut impl Host, account: &Account, typed: &Typed, limits: &Limits) -> End {
    let checked = decides_itself(host, account).and_then(|()| {
        let (vault, host_key) = (SITE.open_vault()?, SITE.host_key()?);
        fits(&host_key, &vault)?;
        Ok(check(&vault, &host_key, account, typed, origin(host, account), limits, host)?)
    });
    match checked {
        Ok(Outcome::Decided(Verdict::Accepted(label))) => End::Accepted(label.as_str().to_owned()),
        Ok(Outcome::Decided(Verdict::Refused(refusal))) => End::Refused(refusal.reason(), Some(refusal)),
        Ok(Outcome::Junk) => End::Refused("junk", None),
        Ok(Outcome::NotEnrolled) => End::Refused("not-enrolled", None),
        Err(obstacle) => End::Failed(obstacle),
    }
}

/// Tells the person, the log and the host.
fn conclude(host: &mut impl Host, end: &End, names: &Names) -> PamResultCode {
    if matches!(end, End::Refused(..) | End::Failed(_)) {
        host.delay_failure(FAILURE_DELAY_US);
        host.show_error(&refusal_text(end, names.origin));
    }
    let (urgency, outcome, reason, detail, key) = match end {
        End::Accepted(label) => (Urgency::Info, "accepted", "code", None, Some(label.as_str())),
        End::Skipped => (Urgency::Info, "ignored", "not-enrolled", None, None),
        End::Emergency(reason) => (Urgency::Alert, "ignored", "emergency", Some(reason.as_str()), None),
        End::Refused(reason, _) => (Urgency::Notice, "refused", *reason, None, None),
        End::NotAsked => (Urgency::Notice, "failed", "conversation", None, None),
        End::Failed(obstacle) | End::Misconfigured(obstacle) => {
            (Urgency::Error, "failed", obstacle.reason, Some(obstacle.detail.as_str()), None)
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
    code(end)
}

/// The table of DESIGN: what an outcome is in PAM.
fn code(end: &End) -> PamResultCode {
    match end {
        End::Accepted(_) => PamResultCode::PAM_SUCCESS,
        End::Refused(..) => PamResultCode::PAM_AUTH_ERR,
        End::Skipped | End::Emergency(_) => PamResultCode::PAM_IGNORE,
        End::Failed(_) => PamResultCode::PAM_AUTHINFO_UNAVAIL,
        End::NotAsked => PamResultCode::PAM_CONV_ERR,
        End::Misconfigured(_) => PamResultCode::PAM_SERVICE_ERR,
    }
}

/// The owner at their own session is told what `otpctl status` would tell; everybody else hears the one text (R8).
fn refusal_text(end: &End, origin: Option<Origin>) -> String {
    let own = match end {
        End::Refused(_, Some(refusal)) if origin == Some(Origin::Myself) => own_text(*refusal),
        _ => None,
    };
    own.unwrap_or_else(|| REFUSED.to_owned())
}

fn own_text(refusal: Refusal) -> Option<String> {
    match refusal {
        Refusal::Wrong | Refusal::Replayed | Refusal::NoKey | Refusal::Resync => None, // the next code is what helps
        Refusal::Waiting { left_ms } => {
            Some(format!("too many wrong codes; wait {} before the next try", duration(left_ms.div_ceil(1000))))
        }
        Refusal::Closed => Some("too many wrong codes from here: closed; an admin can reopen it".to_owned()),
        Refusal::Disabled => {
            Some("too many wrong codes in all: the keys are disabled; ask an admin for a new one".to_owned())
        }
        Refusal::Suspended => Some("your keys are suspended; ask an admin".to_owned()),
        Refusal::Expired => Some("your key has expired; ask an admin for a new one".to_owned()),
        Refusal::Restored => Some("your token's counter comes from a backup; ask an admin to confirm that".to_owned()),
        Refusal::ClockBehind => {
            Some("this machine's clock is behind your last code; ask an admin to set it".to_owned())
        }
        Refusal::ClockAhead => {
            Some("this machine's clock jumped ahead and nothing vouches for it; ask an admin".to_owned())
        }
    }
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        _ => format!("{} min", seconds.div_ceil(60)),
    }
}
