//! Where a code is checked: on the files, by root's own processes and by those of the user; by the daemon, where the process
//! may not read the files, or where another person could stop it while it holds the user's lock.

use otp_core::accounts::Account;
use otp_core::check::{Outcome, check};
use otp_core::decision::input::{Guess, Typed};
use otp_core::decision::limits::{ClockPolicy, Limits};
use otp_core::decision::origin::{Asker, Origin};
use otp_core::decision::{Now, RefusalReason, Verdict};
use otp_core::environment::{Clock as _, PolicyClock};
use otp_core::files::key_file::Record;
use otp_core::keys::key::Kind;
use otp_core::site::{Site, Unavailable};
use otp_core::unlocked::Unlocked;
use otp_core::vault::{LockedUser, short_lock_deadline};

use crate::account_status::{AccountStatus, OldestKey, Recovery};
use crate::daemon::connection::DaemonError;
use crate::daemon::{self, Caller};
use crate::host::{Host, Item};
use crate::rules::Rules;

/// Where the module finds what it needs.
pub(crate) const SITE: Site = Site::STANDARD;

/// (uid_t) -1, which no account can have (chown(2)).
const NOBODYS_UID: u32 = u32::MAX;
/// LOGIN_NAME_MAX (limits.h).
const LONGEST_NAME: usize = 256;

/// What came of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Accepted, by the key of this label.
    Accepted(String),
    /// Refused, with the word for the log and the seconds that are left to wait.
    Refused(String, u64),
}

/// Who checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CheckedBy {
    /// This process, on the files.
    Files,
    /// The daemon; this process only if nobody listens.
    DaemonFirst,
    /// The daemon alone.
    Daemon,
}

/// Where this guess comes from, as far as this process can know.
pub(crate) fn origin(host: &impl Host, account: &Account) -> Origin {
    let uids = host.uids();
    let rhost = host.item(Item::Rhost);
    match uids.effective {
        0 => Origin::of_pam_host(Asker { real_uid: uids.real, rhost: rhost.as_deref() }, account.uid),
        _ => Origin::Socket,
    }
}

fn checked_by(host: &impl Host, account: &Account) -> CheckedBy {
    match (host.uids().effective, origin(host, account)) {
        (0, Origin::Other) => CheckedBy::DaemonFirst,
        (0, _) => CheckedBy::Files,
        _ => CheckedBy::Daemon,
    }
}

/// Has a code checked. Junk never leaves this process.
pub(crate) fn decide(
    host: &impl Host,
    account: &Account,
    typed: &Typed,
    rules: &Rules,
) -> Result<Finding, Unavailable> {
    match (checked_by(host, account), typed.text()) {
        (CheckedBy::Files, _) => on_files(host, account, typed, &rules.limits),
        (_, None) => Ok(Finding::Refused("junk".to_owned(), 0)),
        (checked_by, Some(code)) => {
            match daemon::verify(&account.name, &code, rules.config.as_deref(), &caller(host)) {
                Ok(daemon::DaemonVerdict { accepted: true, key, .. }) => Ok(Finding::Accepted(key.unwrap_or_default())),
                Ok(daemon::DaemonVerdict { reason, wait, .. }) => Ok(Finding::Refused(reason, wait)),
                Err(DaemonError::NotRunning) if checked_by == CheckedBy::DaemonFirst => {
                    on_files(host, account, typed, &rules.limits)
                }
                // The same code as for a user who does not exist (R8).
                Err(DaemonError::NotAllowed) => Ok(Finding::Refused("not-allowed".to_owned(), 0)),
                Err(error) => Err(unavailable(error)),
            }
        }
    }
}

/// The work of [`decide`] for a name that no account has, so that it goes the way of a user without a key (R8).
pub(crate) fn imitate(host: &impl Host, name: &str, typed: &Typed, rules: &Rules) {
    let name = if name.len() > LONGEST_NAME { "" } else { name }; // whole or not at all: its beginning may be somebody's
    let nobody = Account { name: name.to_owned(), uid: NOBODYS_UID };
    drop(decide(host, &nobody, typed, rules)); // it cannot be found; what else stands in the way is no concern of a stranger
}

fn on_files(host: &impl Host, account: &Account, typed: &Typed, limits: &Limits) -> Result<Finding, Unavailable> {
    let unlocked = Unlocked::new(SITE.open_vault()?, SITE.host_key()?)?;
    let guess = Guess { typed, origin: origin(host, account) };
    Ok(match check(&unlocked, account, guess, limits, host)? {
        Outcome::Decided(Verdict::Accepted(proof)) => Finding::Accepted(proof.to_string()),
        Outcome::Decided(Verdict::Refused(RefusalReason::Waiting { left_ms })) => {
            Finding::Refused("waiting".to_owned(), left_ms.div_ceil(1000))
        }
        outcome => Finding::Refused(outcome.reason().to_owned(), 0),
    })
}

/// How a user stands, without any code. `policy` says what the clock is worth.
pub(crate) fn account_status(
    host: &impl Host,
    account: &Account,
    policy: ClockPolicy,
) -> Result<AccountStatus, Unavailable> {
    let checked_by = checked_by(host, account);
    let clock = &PolicyClock { environment: host, policy };
    if checked_by == CheckedBy::Files {
        return status_on_files(account, clock);
    }
    match daemon::user_status(&account.name) {
        Ok(found) if !found.enrolled => Ok(AccountStatus::NeverEnrolled),
        Ok(found) if found.suspended => Ok(AccountStatus::Barred("suspended")),
        Ok(found) if found.disabled => Ok(AccountStatus::Barred("disabled")),
        Ok(found) if found.expired => Ok(AccountStatus::Barred("expired")),
        Ok(found) if found.keyless => Ok(AccountStatus::Barred("no-key")),
        Ok(found) => {
            let now = believed(host, clock);
            Ok(AccountStatus::InOrder { oldest: found.oldest, recovery: Recovery::Quiet, now }) // the daemon knows and has told
        }
        Err(DaemonError::NotRunning) if checked_by == CheckedBy::DaemonFirst => status_on_files(account, clock),
        Err(error) => Err(unavailable(error)),
    }
}

/// The time where it was the daemon that looked: by the clock mark, which root's processes can read.
fn believed(host: &impl Host, clock: &PolicyClock<'_>) -> u64 {
    let readable = host.uids().effective == 0 && !clock.vouched();
    let now = readable.then(|| SITE.open_vault().ok()?.now(clock).ok()).flatten();
    now.map_or_else(|| clock.wall(), Now::believed)
}

fn status_on_files(account: &Account, clock: &PolicyClock<'_>) -> Result<AccountStatus, Unavailable> {
    let vault = SITE.open_vault()?;
    let locked = vault.look(account, clock, short_lock_deadline())?;
    let Some((locked, record)) = locked.as_ref().and_then(|locked| Some((locked, locked.record()?))) else {
        vault.nowhere_else(account)?;
        return Ok(AccountStatus::NeverEnrolled);
    };
    let now = locked.now().believed();
    Ok(match locked.state() {
        state if state.is_suspended() => AccountStatus::Barred("suspended"),
        state if state.disabled => AccountStatus::Barred("disabled"),
        _ if record.has_expired(now) => AccountStatus::Barred("expired"),
        _ if record.keys.is_empty() => AccountStatus::Barred("no-key"),
        _ => AccountStatus::InOrder { oldest: oldest(record), recovery: recovery(locked), now },
    })
}

fn recovery(locked: &LockedUser<'_>) -> Recovery {
    locked.untold_recovery().map_or(Recovery::Quiet, |_| Recovery::Used)
}

fn oldest(record: &Record) -> Option<OldestKey> {
    let keys = record.keys.iter().filter(|key| key.kind == Kind::Totp);
    let key = keys.min_by_key(|key| key.confirmed)?;
    Some(OldestKey { label: key.label.as_str().to_owned(), confirmed: key.confirmed })
}

/// What the daemon is told of this process.
pub(crate) fn caller(host: &impl Host) -> Caller {
    Caller {
        root: host.uids().effective == 0,
        real_uid: host.uids().real,
        service: host.item(Item::Service),
        rhost: host.item(Item::Rhost),
        tty: host.item(Item::Tty),
    }
}

/// Why the daemon was of no help, for the log.
pub(crate) fn unavailable(error: DaemonError) -> Unavailable {
    let detail = match error {
        DaemonError::NotAllowed => "this process may not ask about that user".to_owned(),
        DaemonError::NotRunning => "nobody listens on the daemon's socket".to_owned(),
        DaemonError::Denied(denial) => format!("the daemon answers {}", denial.error),
        DaemonError::Failed(why) => why,
    };
    Unavailable { reason: "no-daemon", detail }
}
