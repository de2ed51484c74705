//! How a user stands with their keys: on the files for root, by the daemon's word for anybody else. Nothing is changed.

use std::path::PathBuf;

use nix::unistd::Uid;
use otp_core::accounts::Account;
use otp_core::decision::limits::Limits;
use otp_core::decision::origin::Origin;
use otp_core::decision::refuses_every_code;
use otp_core::environment::{Clock as _, PolicyClock};
use otp_core::files::key_file::{Key, Record};
use otp_core::keys::key::Kind;
use otp_core::keys::open_key::KeyFacts;
use otp_core::reasons::RefusalReason;
use otp_core::site::{Site, Unavailable, fits};
use otp_core::unix_time::UnixTime;
use otp_core::vault::{UserView, short_lock_deadline};
use otp_protocol::interface::{KeyStatus, Status, UserName, UserStatus};

use crate::connect::connect;
use crate::machine::Machine;
use crate::output::failure::{Failure, told};

/// How a user stands.
pub(crate) enum KeyStanding {
    /// It may not be read by this account; why.
    NotRead(String),
    /// The module can say nothing either, and refuses.
    Unusable(Unavailable),
    NeverEnrolled {
        /// The end of a registration code that is good.
        invited: Option<UnixTime>,
    },
    Enrolled(EnrolledStanding),
}

/// Of somebody with a key file.
pub(crate) struct EnrolledStanding {
    /// Why the account stage refuses as well.
    pub barred: Option<RefusalReason>,
    /// Why every code from this origin is refused now.
    pub refused: Option<RefusalReason>,
    /// The key that is due first, and when it was confirmed.
    pub oldest: Option<(String, UnixTime)>,
    /// The key that comes to its end first, and its last second.
    pub ending: Option<(String, UnixTime)>,
    /// The time, as far as the clock is believed.
    pub now: UnixTime,
    /// The file that says so, where it was read.
    pub file: Option<PathBuf>,
}

/// The standing of `account` for guesses from this origin.
pub(crate) fn standing(account: &Account, limits: &Limits, origin: Origin) -> KeyStanding {
    if !Uid::effective().is_root() {
        return by_daemon(account, origin);
    }
    on_files(account, limits, origin).unwrap_or_else(KeyStanding::Unusable)
}

fn on_files(account: &Account, limits: &Limits, origin: Origin) -> Result<KeyStanding, Unavailable> {
    let vault = Site::STANDARD.open_vault()?;
    let clock = &PolicyClock { environment: &Machine, policy: limits.clock };
    let view = vault.peek(account, clock, short_lock_deadline())?;
    let Some((record, view)) = view.and_then(|mut view| Some((view.record.take()?, view))) else {
        vault.nowhere_else(account)?;
        let invited = vault.invitation(account, Machine.wall()).unwrap_or(None);
        return Ok(KeyStanding::NeverEnrolled { invited });
    };
    Ok(KeyStanding::Enrolled(enrolled(&record, &view, limits, origin)))
}

fn enrolled(record: &Record, view: &UserView, limits: &Limits, origin: Origin) -> EnrolledStanding {
    let UserView { state, now, .. } = view;
    let facts: Vec<KeyFacts> = record.keys.iter().map(KeyFacts::from).collect();
    let barred = match record.keys.is_empty() {
        _ if state.is_suspended() => Some(RefusalReason::Suspended),
        _ if state.disabled => Some(RefusalReason::Disabled),
        _ if record.has_expired(state, *now) => Some(RefusalReason::Expired),
        true => Some(RefusalReason::NoKey),
        false => None,
    };
    let works = |key: &&Key| !state.is_key_off(key.id);
    let replaceable = record.keys.iter().filter(works).filter(|key| key.kind == Kind::Totp && !key.has_ended(*now));
    let oldest = replaceable.min_by_key(|key| key.confirmed);
    EnrolledStanding {
        barred,
        refused: refuses_every_code(&facts, state, limits, origin, *now),
        oldest: oldest.map(|key| (key.label.as_str().to_owned(), key.confirmed)),
        ending: first_end(
            record.keys.iter().filter(works).map(|key| (key.label.as_str(), key.expires)),
            now.for_ends(),
        ),
        now: now.believed(),
        file: Some(PathBuf::from(format!("{}/state/{}", Site::STANDARD.vault, record.account.uid))),
    }
}

/// Why a program that reads the files itself can check no code, whosever it is.
pub(crate) fn unchecked() -> Option<Unavailable> {
    let site = Site::STANDARD;
    let vault = site.open_vault();
    vault.and_then(|vault| fits(&site.host_key()?, &vault)).err().filter(|_| Uid::effective().is_root())
}

/// As far as the daemon tells this account.
fn by_daemon(account: &Account, origin: Origin) -> KeyStanding {
    let asked = || -> Result<UserStatus, Failure> {
        let user = Some(UserName::new(&account.name)?);
        Ok(connect()?.call(&Status { user, cool_down: None })?.status)
    };
    match asked() {
        Ok(status) if !status.enrolled => KeyStanding::NeverEnrolled { invited: None },
        Ok(status) => KeyStanding::Enrolled(of_status(&status, origin)),
        Err(Failure::Refused(refusal)) => KeyStanding::NotRead(told(&refusal)),
        Err(failure) => KeyStanding::NotRead(failure.to_string()),
    }
}

fn of_status(status: &UserStatus, origin: Origin) -> EnrolledStanding {
    let barred = match status {
        UserStatus { suspended: true, .. } => Some(RefusalReason::Suspended),
        UserStatus { disabled: true, .. } => Some(RefusalReason::Disabled),
        UserStatus { expired: true, .. } => Some(RefusalReason::Expired),
        UserStatus { keys, .. } if keys.is_empty() => Some(RefusalReason::NoKey),
        _ => None,
    };
    let here = status.origins.iter().find(|one| one.origin == origin.as_str());
    let held = here.and_then(|one| match one.closed {
        true => Some(RefusalReason::Closed),
        false => (one.wait > 0).then(|| RefusalReason::Waiting { left_ms: one.wait.saturating_mul(1000) }),
    });
    let wall = Machine.wall();
    let lasts = |key: &&KeyStatus| key.expires.is_none_or(|end| wall <= end);
    let replaceable = status.keys.iter().filter(|key| key.kind == Kind::Totp.as_str()).filter(lasts);
    let oldest = replaceable.min_by_key(|key| key.confirmed);
    EnrolledStanding {
        barred,
        refused: barred.or(held),
        oldest: oldest.map(|key| (key.label.clone(), key.confirmed)),
        ending: first_end(status.keys.iter().map(|key| (key.label.as_str(), key.expires)), wall),
        now: wall,
        file: None,
    }
}

/// Of the ends that are to come.
fn first_end<'a>(keys: impl Iterator<Item = (&'a str, Option<UnixTime>)>, now: UnixTime) -> Option<(String, UnixTime)> {
    let ends = keys.filter_map(|(label, end)| Some((label, end.filter(|end| now <= *end)?)));
    ends.min_by_key(|(_, end)| *end).map(|(label, end)| (label.to_owned(), end))
}
