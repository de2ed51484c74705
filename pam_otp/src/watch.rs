//! The line `password requisite pam_otp.so watch`: notes who changes a password and, after a key was replaced by a registration code, lets nobody but
//! its owner change the password for a time. Where it cannot read a file it lets the change go on: root can set a password past it anyhow, and the next
//! pass over /etc/shadow sees what it missed. Not so where this process has no descriptors or memory left, for which its caller may have seen.

use nix::errno::Errno;
use otp_core::accounts::{Account, no_answer};
use otp_core::environment::Moment;
use otp_core::files::date::utc;
use otp_core::files::password_record::PasswordActor;
use otp_core::log_line::{LogLine, Urgency};
use otp_core::reasons::UnavailableReason;
use otp_core::site::Unavailable;
use otp_core::unix_time::UnixTime;
use otp_core::watch::{NotedChange, closed_until, note};
use pam::constants::PamResultCode;

use crate::check::open_vault;
use crate::host::{Host, Item};
use crate::options::Options;
use crate::printable::plain;
use crate::reason::ModuleReason;

/// The first pass: may this person change the password?
pub(crate) fn check(host: &mut impl Host, options: &Options, account: &Account) -> PamResultCode {
    let by = actor(host);
    if host.uids().effective != 0 || by.is(account.uid) {
        return PamResultCode::PAM_IGNORE;
    }
    match barred_until(host, options, account) {
        Ok(None) => {}
        Ok(Some(until)) => return refuse(host, account, by, until),
        Err(why) => {
            tell_failure(host, account, &why);
            if why.reason == UnavailableReason::OutOfResources {
                return PamResultCode::PAM_AUTHTOK_ERR;
            }
        }
    }
    PamResultCode::PAM_IGNORE
}

/// No descriptors or no memory are left.
pub(crate) fn is_shortage(errno: Errno) -> bool {
    matches!(errno, Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM)
}

/// Nobody can say whose password it is, for want of them.
pub(crate) fn unknown(host: &impl Host, errno: Errno) -> PamResultCode {
    let line = LogLine::default().field("outcome", "failed").field("stage", "password");
    let line = line.field("reason", UnavailableReason::OutOfResources.word()).field("detail", &no_answer(errno));
    host.log(Urgency::Error, &line.finish());
    PamResultCode::PAM_AUTHTOK_ERR
}

/// The second pass: notes the change.
pub(crate) fn change(host: &impl Host, account: &Account) -> PamResultCode {
    let by = actor(host);
    if host.uids().effective == 0 {
        match noted(host, account, by) {
            Ok(NotedChange::Left) => {}
            Ok(noted) => tell_noted(host, account, by, noted),
            Err(why) => tell_failure(host, account, &why),
        }
    }
    PamResultCode::PAM_IGNORE
}

fn actor(host: &impl Host) -> PasswordActor {
    PasswordActor { uid: host.uids().real, login_uid: login_uid() }
}

/// Until when nobody but its owner may change the password.
fn barred_until(host: &impl Host, options: &Options, account: &Account) -> Result<Option<UnixTime>, Unavailable> {
    let policy = host.site().service_policy(options.config.as_deref(), host.item(Item::Service).as_deref())?;
    if policy.cool_down.hours == 0 {
        return Ok(None);
    }
    let replaced = open_vault(host)?.last_replacement(account)?;
    Ok(closed_until(replaced, &Moment::of(host), policy.cool_down))
}

fn noted(host: &impl Host, account: &Account, by: PasswordActor) -> Result<NotedChange, Unavailable> {
    let place = host.site().site().watch();
    if !place.has_begun() {
        return Ok(NotedChange::Left);
    }
    Ok(note(&place, account.uid, by, &host.site().host_key()?, host)?)
}

/// Root and the owner are told why; anybody else sees a change that failed.
fn refuse(host: &mut impl Host, account: &Account, by: PasswordActor, until: UnixTime) -> PamResultCode {
    let until = utc(until);
    let told = line("refused", account, host).field("reason", ModuleReason::KeyReplaced.word());
    host.log(Urgency::Warning, &signed(told, by).field("until", &until).finish());
    if by.uid == 0 && by.login_uid.is_none_or(|login| login == 0 || login == account.uid) {
        let name = plain(&account.name);
        let text = format!(
            "the one-time-code key of {name} was replaced: until {until} nobody but {name} can change this password"
        );
        let _ = host.show_error(&text); // it is refused all the same
    }
    PamResultCode::PAM_AUTHTOK_ERR
}

fn tell_noted(host: &impl Host, account: &Account, by: PasswordActor, noted: NotedChange) {
    let reason = match noted {
        NotedChange::Changed => ModuleReason::PasswordChanged,
        NotedChange::Announced | NotedChange::Left => ModuleReason::PasswordChanging,
    };
    host.log(Urgency::Info, &signed(line("noted", account, host).field("reason", reason.word()), by).finish());
}

fn tell_failure(host: &impl Host, account: &Account, why: &Unavailable) {
    let line = line("failed", account, host).field("reason", why.reason.word()).field("detail", &why.detail);
    host.log(Urgency::Error, &line.finish());
}

fn line(outcome: &str, account: &Account, host: &impl Host) -> LogLine {
    LogLine::default()
        .field("outcome", outcome)
        .field("stage", "password")
        .field("user", &account.name)
        .optional("service", host.item(Item::Service).as_deref())
}

fn signed(line: LogLine, by: PasswordActor) -> LogLine {
    line.field("by", &by.uid.to_string()).optional("login_uid", by.login_uid.map(|uid| uid.to_string()).as_deref())
}

/// The uid that began the login session; none where the kernel has none.
fn login_uid() -> Option<u32> {
    std::fs::read_to_string("/proc/self/loginuid").ok()?.trim().parse().ok().filter(|uid| *uid != u32::MAX)
}
