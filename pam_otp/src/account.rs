//! The account stage: may this user come in at all? Cheap, and it never asks anything. sudo runs it under NOPASSWD too.

use std::ffi::CStr;

use otp_core::limits::Window;
use otp_core::log_line::LogLine;
use otp_core::record::Account;
use otp_core::site::Obstacle;
use pam::constants::PamResultCode;

use crate::host::{Host, Item, Urgency};
use crate::login::{SITE, decides_itself};
use crate::options::Options;
use crate::person::Person;

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
}

/// `pam_sm_acct_mgmt`.
pub fn manage(host: &mut impl Host, arguments: &[&CStr]) -> PamResultCode {
    let user = host.user().ok();
    let found = look(host, arguments, user.as_deref());
    let (reason, detail, code) = match &found {
        Found::InOrder => return PamResultCode::PAM_SUCCESS,
        Found::Barred(reason) => (*reason, None, PamResultCode::PAM_ACCT_EXPIRED),
        Found::UnknownUser => return PamResultCode::PAM_AUTH_ERR, // authenticate has said so
        Found::Unavailable(o) => (o.reason, Some(o.detail.as_str()), PamResultCode::PAM_AUTHINFO_UNAVAIL),
        Found::Misconfigured(o) => (o.reason, Some(o.detail.as_str()), PamResultCode::PAM_SERVICE_ERR),
    };
    let line = LogLine::default()
        .field("outcome", "refused")
        .field("stage", "account")
        .field("reason", reason)
        .optional("user", user.as_deref())
        .optional("service", host.item(Item::Service).as_deref())
        .optional("tty", host.item(Item::Tty).as_deref())
        .optional("rhost", host.item(Item::Rhost).as_deref())
        .optional("detail", detail);
    host.log(Urgency::Notice, &line.finish());
    code
}

fn look(host: &impl Host, arguments: &[&CStr], user: Option<&str>) -> Found {
    let options = match Options::parse(arguments) {
        Ok(options) => options,
        Err(error) => return Found::Misconfigured(Obstacle { reason: "bad-option", detail: error.to_string() }),
    };
    let policy = match SITE.policy(options.config.as_deref(), None) {
        Ok(policy) => policy,
        Err(obstacle) => return Found::Misconfigured(obstacle),
    };
    match user.map_or(Person::Unknown, Person::named) {
        Person::Known(account) => standing(host, &account, policy.limits.window).unwrap_or_else(Found::Unavailable),
        Person::Unknown => Found::UnknownUser,
        Person::LookupFailed(errno) => {
            Found::Unavailable(Obstacle { reason: "user-lookup", detail: errno.desc().to_owned() })
        }
    }
}

fn standing(host: &impl Host, account: &Account, window: Window) -> Result<Found, Obstacle> {
    decides_itself(host, account)?;
    let vault = SITE.open_vault()?;
    let Some(held) = vault.hold(account, window, host)? else { return Ok(Found::InOrder) };
    let Some(record) = held.record() else { return Ok(Found::InOrder) };
    let now = held.now().wall;
    let all_over = !record.keys.is_empty() && record.keys.iter().all(|key| key.expires.is_some_and(|end| now > end));
    Ok(match held.state() {
        state if state.suspended => Found::Barred("suspended"),
        state if state.disabled => Found::Barred("disabled"),
        _ if all_over => Found::Barred("expired"),
        _ => Found::InOrder,
    })
}
