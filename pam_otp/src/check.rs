//! Where a code is checked: on the files, by root's own processes and by those of the user; by the daemon, where the process
//! may not read the files, or where another person could stop it while it holds the user's lock.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;

use otp_core::accounts::Account;
use otp_core::check::check;
use otp_core::decision::input::{Guess, Typed};
use otp_core::decision::limits::ClockPolicy;
use otp_core::decision::origin::{Asker, Origin};
use otp_core::decision::state::State;
use otp_core::decision::{Now, Verdict};
use otp_core::environment::{Clock as _, PolicyClock};
use otp_core::files::key_file::{Key, Record};
use otp_core::keys::key::Kind;
use otp_core::keys::seal::HostKey;
use otp_core::reasons::{RefusalReason, UnavailableReason};
use otp_core::site::Unavailable;
use otp_core::unix_time::UnixTime;
use otp_core::unlocked::Unlocked;
use otp_core::vault::{LockedUser, Vault, VaultError, short_lock_deadline};

use crate::account_status::{AccountStatus, EndingKey, KeyDates, OldestKey, Untold};
use crate::daemon::connection::{DaemonError, DaemonRefusal};
use crate::daemon::{self, Caller};
use crate::file_uid::as_owner;
use crate::host::{Host, Item, Uids};
use crate::outcome::Finding;
use crate::reason::ModuleReason;
use crate::rules::Rules;

/// (uid_t) -1, which no account can have (chown(2)).
const NOBODYS_UID: u32 = u32::MAX;
/// LOGIN_NAME_MAX (limits.h).
const LONGEST_NAME: usize = 256;

/// The place of the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CheckedBy {
    /// This process, on the files.
    Files,
    /// The daemon; this process only if nobody listens.
    DaemonFirst,
    /// The daemon alone.
    Daemon,
}

/// Where this guess comes from, as far as this process can know, whatever the policy says about the service.
pub(crate) fn origin(host: &impl Host, account: &Account) -> Origin {
    let uids = host.uids();
    let (rhost, tty) = (host.item(Item::Rhost), host.item(Item::Tty));
    let asker = Asker { real_uid: uids.real, rhost: rhost.as_deref(), tty: tty.as_deref() };
    match uids.effective {
        0 => Origin::of_pam_host(asker, account.uid),
        _ => Origin::Socket,
    }
}

fn checked_by(host: &impl Host, account: &Account) -> CheckedBy {
    match host.uids() {
        Uids { effective: 0, real } if real == 0 || real == account.uid => CheckedBy::Files,
        Uids { effective: 0, .. } => CheckedBy::DaemonFirst,
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
    match checked_by(host, account) {
        CheckedBy::Files => match on_files(host, account, typed, rules) {
            Err(FilesError::Confined(why)) => by_daemon(host, account, typed, rules).map_err(|error| both(why, error)),
            found => Ok(found?),
        },
        CheckedBy::DaemonFirst => match by_daemon(host, account, typed, rules) {
            Err(DaemonError::NotRunning) => Ok(on_files(host, account, typed, rules)?),
            found => found.map_err(unavailable),
        },
        CheckedBy::Daemon => by_daemon(host, account, typed, rules).map_err(unavailable),
    }
}

fn by_daemon(host: &impl Host, account: &Account, typed: &Typed, rules: &Rules) -> Result<Finding, DaemonError> {
    let Some(code) = typed.text() else { return Ok(Finding::Refused(RefusalReason::Junk.into())) };
    match daemon::verify(named_to_daemon(host, account), &code, &caller(host, rules)) {
        // The same code as for a user who does not exist (R8).
        Err(DaemonError::NotAllowed) => Ok(Finding::Refused(ModuleReason::NotAllowed.into())),
        found => found,
    }
}

/// The work of [`decide`] for a name that no account has, so that it goes the way of a user without a key (R8).
pub(crate) fn imitate(host: &impl Host, name: &str, typed: &Typed, rules: &Rules) {
    let name = if name.len() > LONGEST_NAME { "" } else { name }; // whole or not at all: its beginning may be somebody's
    let nobody = Account { name: name.to_owned(), uid: NOBODYS_UID };
    drop(decide(host, &nobody, typed, rules)); // it cannot be found; what else stands in the way is no concern of a stranger
}

/// Why the files told nothing.
pub(crate) enum FilesError {
    /// This process is confined, and the daemon is not: it can be asked instead.
    Confined(Unavailable),
    /// Nobody may go by these files.
    Failed(Unavailable),
}

impl From<VaultError> for FilesError {
    fn from(error: VaultError) -> Self {
        if error.is_confinement() { Self::Confined(error.into()) } else { Self::Failed(error.into()) }
    }
}

impl From<Unavailable> for FilesError {
    fn from(unavailable: Unavailable) -> Self {
        Self::Failed(unavailable)
    }
}

impl From<FilesError> for Unavailable {
    fn from(error: FilesError) -> Self {
        let (FilesError::Confined(unavailable) | FilesError::Failed(unavailable)) = error;
        unavailable
    }
}

pub(crate) fn open_vault(host: &impl Host) -> Result<Vault, FilesError> {
    Ok(host.site().open_vault(as_owner)??)
}

/// Where this process cannot read it, or its sandbox hides it (InaccessiblePaths= of systemd: a file closed to all), the daemon can.
fn host_key(host: &impl Host) -> Result<HostKey, FilesError> {
    let closed = |path: &&str| match File::open(path) {
        Ok(file) => file.metadata().is_ok_and(|about| about.mode() & 0o7777 == 0),
        Err(error) => error.kind() == ErrorKind::PermissionDenied,
    };
    host.site().host_key().map_err(|unavailable| match host.site().site().host_keys.iter().any(closed) {
        true => FilesError::Confined(unavailable),
        false => FilesError::Failed(unavailable),
    })
}

fn on_files(host: &impl Host, account: &Account, typed: &Typed, rules: &Rules) -> Result<Finding, FilesError> {
    let unlocked = Unlocked::presumed(open_vault(host)?, host_key(host)?);
    let guess = Guess { typed, origin: rules.service.origin(origin(host, account)) };
    Ok(match check(&unlocked, account, guess, &rules.service.limits, host)? {
        Verdict::Accepted(proof) => Finding::Accepted(proof.to_string()),
        Verdict::Refused(reason) => Finding::Refused(reason.into()),
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
    match checked_by {
        CheckedBy::Files => match status_on_files(host, account, clock) {
            Err(FilesError::Confined(why)) => status_by_daemon(host, account, clock).map_err(|error| both(why, error)),
            found => Ok(found?),
        },
        CheckedBy::DaemonFirst => match status_by_daemon(host, account, clock) {
            Err(DaemonError::NotRunning) => Ok(status_on_files(host, account, clock)?),
            found => found.map_err(unavailable),
        },
        CheckedBy::Daemon => status_without_root(host, account, clock).map_err(unavailable),
    }
}

/// A service that runs as an account of its own may hear of others no more than yes or no.
fn status_without_root(
    host: &impl Host,
    account: &Account,
    clock: &PolicyClock<'_>,
) -> Result<AccountStatus, DaemonError> {
    if host.uids().real != account.uid {
        match daemon::barred(&account.name) {
            Ok(Some(true)) => return Ok(AccountStatus::Barred(ModuleReason::Barred.into())),
            Ok(Some(false)) => return Ok(AccountStatus::NotBarred),
            Ok(None) | Err(DaemonError::NotAllowed) => {}
            Err(error) => return Err(error),
        }
    }
    status_by_daemon(host, account, clock)
}

fn status_by_daemon(
    host: &impl Host,
    account: &Account,
    clock: &PolicyClock<'_>,
) -> Result<AccountStatus, DaemonError> {
    Ok(match daemon::user_status(named_to_daemon(host, account))? {
        found if !found.enrolled => AccountStatus::NeverEnrolled,
        found if found.suspended => AccountStatus::Barred(RefusalReason::Suspended.into()),
        found if found.disabled => AccountStatus::Barred(RefusalReason::Disabled.into()),
        found if found.expired => AccountStatus::Barred(RefusalReason::Expired.into()),
        found if found.keyless => AccountStatus::Barred(RefusalReason::NoKey.into()),
        found => {
            let now = believed(host, clock);
            in_order(&found.keys, Untold::Nothing, now) // the daemon knows and has told
        }
    })
}

/// The time where it was the daemon that looked: by the clock mark, which root's processes can read.
fn believed(host: &impl Host, clock: &PolicyClock<'_>) -> UnixTime {
    let readable = host.uids().effective == 0;
    let now = readable.then(|| open_vault(host).ok()?.now(clock).ok()).flatten();
    now.map_or_else(|| clock.wall(), Now::believed)
}

fn status_on_files(host: &impl Host, account: &Account, clock: &PolicyClock<'_>) -> Result<AccountStatus, FilesError> {
    let vault = open_vault(host)?;
    let locked = vault.look(account, clock, short_lock_deadline())?;
    let Some((locked, record)) = locked.as_ref().and_then(|locked| Some((locked, locked.record()?))) else {
        vault.nowhere_else(account)?;
        return Ok(AccountStatus::NeverEnrolled);
    };
    let now = locked.now();
    Ok(match locked.state() {
        state if state.is_suspended() => AccountStatus::Barred(RefusalReason::Suspended.into()),
        state if state.disabled => AccountStatus::Barred(RefusalReason::Disabled.into()),
        _ if record.has_expired(locked.state(), now) => AccountStatus::Barred(RefusalReason::Expired.into()),
        _ if record.keys.is_empty() => AccountStatus::Barred(RefusalReason::NoKey.into()),
        _ => in_order(&dates(record, locked.state()), untold(locked), now.for_ends()),
    })
}

fn untold(locked: &LockedUser<'_>) -> Untold {
    match locked.untold_recovery().is_some() || locked.untold_wrong_codes() {
        true => Untold::Something,
        false => Untold::Nothing,
    }
}

fn in_order(keys: &[KeyDates], untold: Untold, now: UnixTime) -> AccountStatus {
    AccountStatus::InOrder { oldest: OldestKey::of(keys, now), ending: EndingKey::of(keys, now), untold, now }
}

/// Of the keys that work: one that its owner has repudiated is neither replaced nor missed.
fn dates(record: &Record, state: &State) -> Vec<KeyDates> {
    let works = |key: &&Key| !state.is_key_off(key.id);
    let dates = |key: &Key| KeyDates {
        label: key.label.as_str().to_owned(),
        replaceable: key.kind == Kind::Totp,
        confirmed: key.confirmed,
        expires: key.expires,
    };
    record.keys.iter().filter(works).map(dates).collect()
}

/// How the daemon is told whom a question is about. A process of the user's own names nobody: the kernel says whose it is, by a uid,
/// which may have several names.
pub(crate) fn named_to_daemon<'a>(host: &impl Host, account: &'a Account) -> Option<&'a str> {
    let own = host.uids().effective != 0 && host.uids().effective == account.uid;
    (!own).then_some(account.name.as_str())
}

/// The facts about this process for the daemon.
pub(crate) fn caller<'a>(host: &impl Host, rules: &'a Rules) -> Caller<'a> {
    Caller {
        config: rules.config.as_deref(),
        root: host.uids().effective == 0,
        real_uid: host.uids().real,
        service: host.item(Item::Service),
        rhost: host.item(Item::Rhost),
        tty: host.item(Item::Tty),
    }
}

/// Neither the files nor the daemon told anything. The files come first: they are what is to be put right, or opened to this host.
fn both(files: Unavailable, daemon: DaemonError) -> Unavailable {
    let detail = format!("{}; asked instead of the files, {}", files.detail, unavailable(daemon).detail);
    Unavailable { detail, ..files }
}

/// Why the daemon was of no help, for the log.
pub(crate) fn unavailable(error: DaemonError) -> Unavailable {
    let detail = match error {
        DaemonError::NotAllowed => "this process may not ask about that user".to_owned(),
        DaemonError::NotRunning => "nobody listens on the daemon's socket".to_owned(),
        DaemonError::Denied(refusal) => {
            let said = match refusal {
                DaemonRefusal::Unavailable(text) | DaemonRefusal::Other(text) => text,
                other => other.reason().word().to_owned(),
            };
            let reason = UnavailableReason::of_sentence(&said).unwrap_or(UnavailableReason::NoDaemon);
            return Unavailable { reason, detail: format!("the daemon answers: {said}") };
        }
        DaemonError::Failed(why) => why,
    };
    Unavailable { reason: UnavailableReason::NoDaemon, detail }
}
