//! A start: as root, open what only root can open; then become the daemon's account for good; then serve.

use std::convert::Infallible;
use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fmt, thread};

use nix::unistd::{Uid, User};
use otp_core::environment::PolicyClock;
use otp_core::keys::seal::HostKey;
use otp_core::public_dir;
use otp_core::reasons::UnavailableReason;
use otp_core::site::{Site, Unavailable};
use otp_core::unlocked::Unlocked;
use otp_core::vault::{Vault, VaultError};
use otp_protocol::server;
use otp_protocol::server::limits::ServerLimits;
use otp_system::kernel::{self, WrongSocket, ignore_hang_up};
use otp_system::privileges::{PrivilegesError, become_for_good, group_of};

use crate::daemon::Daemon;
use crate::enrolment::tokens::remove_assigned;
use crate::hardening::{close_up, end_when_told};
use crate::index;
use crate::log::events::say;
use crate::machine::System;
use crate::notices::housekeeping;
use crate::passwd_watch;
use crate::refusals::{log_obstacle, log_vault};
use crate::service_manager;

/// Why the daemon does not run.
#[derive(Debug)]
pub(crate) enum StartError {
    /// Neither root nor the daemon's own account.
    WrongAccount {
        /// Its uid.
        found: u32,
        /// The account's name.
        wanted: &'static str,
    },
    /// The account of that name does not exist.
    NoAccount(&'static str),
    /// Policy, vault or host key are not in order.
    Unavailable(Unavailable),
    /// The socket cannot be had.
    Socket {
        /// Where.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Giving up root or the terminal, or closing the process up, failed.
    Privileges(PrivilegesError),
    /// The listening socket is gone, or no thread could be started.
    Ended(io::Error),
}

/// Starts and serves for ever.
pub(crate) fn run() -> Result<Infallible, StartError> {
    ignore_hang_up().map_err(PrivilegesError::from)?;
    let site = Site::STANDARD;
    let user = daemon_account(site.account)?;
    let inherited = kernel::listener()?;
    let policy = site.policy()?;
    let host_key = host_key(&site)?;
    let listener = match inherited {
        Some(listener) => listener,
        None => bind(Path::new(site.socket))?,
    };
    make_outbox(&site).unwrap_or_else(|error| no_outbox(&site, &error));
    if Uid::effective().is_root() {
        let made = site.sudo_marks().make(user.gid.as_raw());
        made.unwrap_or_else(|error| say(&format!("{}: {error}; sudo's time stamps stay valid", site.sudo_marks)));
    }
    become_for_good(&user, &group_of(site.notifier))?;
    close_up().map_err(PrivilegesError::from)?;
    site.policy()?; // it is read at every call, no longer as root
    let vault = Vault::open(&site.place()?).map_err(Unavailable::from)?;
    let unlocked = Unlocked::new(vault, host_key)?;
    let vault = unlocked.vault();
    later(vault.sweep())?;
    vault.sweep_tokens().unwrap_or_else(|error| log_vault(&error));
    let fingerprints = index::rebuild(vault);
    remove_assigned(vault, &fingerprints).unwrap_or_else(|error| log_vault(&error));
    empty_former_outbox(&site, vault);
    let clock = PolicyClock { environment: &System, policy: policy.limits.clock };
    later(vault.move_clock_mark(&clock))?;
    end_when_told().map_err(StartError::Ended)?; // before any other thread
    let daemon = Arc::new(Daemon::new(site, unlocked, fingerprints));
    drop(daemon.note_delays()); // the log has what is wrong; too little counts then
    passwd_watch::begin(Arc::clone(&daemon)).map_err(StartError::Ended)?;
    housekeeping::begin(Arc::clone(&daemon)).map_err(StartError::Ended)?;
    service_manager::keep_watchdog(Path::new(site.socket)).map_err(StartError::Ended)?;
    say("ready");
    service_manager::ready();
    Err(StartError::Ended(server::serve(&listener, daemon, ServerLimits::default())))
}

/// The daemon's account; only root can become it, and only it needs not.
pub(crate) fn daemon_account(name: &'static str) -> Result<User, StartError> {
    let user = User::from_name(name).map_err(PrivilegesError::from)?.ok_or(StartError::NoAccount(name))?;
    match Uid::effective() {
        found if found.is_root() || found == user.uid => Ok(user),
        found => Err(StartError::WrongAccount { found: found.as_raw(), wanted: name }),
    }
}

/// Only root can, and only where tmpfiles.d(5) has not: the outbox, below a root-owned directory. Without its account there is
/// none.
pub(crate) fn make_outbox(site: &Site) -> std::io::Result<()> {
    let path = Path::new(site.outbox);
    let Some((place, above)) = site.outbox().ok().zip(path.parent()) else { return Ok(()) };
    if !Uid::effective().is_root() || path.exists() {
        return Ok(());
    }
    public_dir::make(above)?;
    DirBuilder::new().mode(0o700).create(path)?;
    std::os::unix::fs::chown(path, Some(place.owner), Some(place.group))?;
    fs::set_permissions(path, Permissions::from_mode(0o2770)) // last: a chown takes set-gid away
}

/// A full disk is no reason not to answer: an older clock mark only refuses more.
fn later(done: Result<(), VaultError>) -> Result<(), Unavailable> {
    match done {
        Err(error @ VaultError::CannotPersist { .. }) => {
            log_obstacle(&error.into());
            Ok(())
        }
        done => Ok(done?),
    }
}

/// Notices that cannot leave the host stay in the vault, and bar nothing.
pub(crate) fn no_outbox(site: &Site, error: &io::Error) {
    say(&format!("{}: {error}; no notice leaves this host", site.outbox));
}

/// A letter that cannot be moved now stays where it is, and the log says so.
fn empty_former_outbox(site: &Site, vault: &Vault) {
    let emptied = || match vault.has_former_outbox()? {
        true => Ok(vault.empty_former_outbox(&site.outbox()?)?),
        false => Ok(()),
    };
    if let Err(unavailable) = emptied() {
        log_obstacle(&unavailable);
    }
}

/// From systemd's credential, whose modes are systemd's; else from root's file.
fn host_key(site: &Site) -> Result<HostKey, StartError> {
    let Some(credentials) = std::env::var_os("CREDENTIALS_DIRECTORY") else {
        return Ok(site.host_key()?);
    };
    let path = Path::new(&credentials).join("host.key");
    let unavailable =
        |why: String| Unavailable { reason: UnavailableReason::HostKey, detail: format!("{}: {why}", path.display()) };
    let text = fs::read(&path).map(zeroize::Zeroizing::new).map_err(|error| unavailable(error.to_string()))?;
    Ok(HostKey::parse(&text).ok_or_else(|| unavailable(HostKey::complaint(&text)))?)
}

/// A daemon that was told to end may answer for so long: pidof(1) no longer finds it once its first thread is gone, but the
/// socket is open until its last one is.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Binds the socket in a root-owned directory. One that nobody answers on is left over from a daemon that died.
fn bind(path: &Path) -> Result<UnixListener, StartError> {
    let failed = |why: String| StartError::Socket { path: path.to_owned(), why };
    let dir = path.parent().unwrap_or(Path::new("/"));
    public_dir::make(dir).map_err(|error| failed(error.to_string()))?;
    let about = fs::symlink_metadata(dir).map_err(|error| failed(error.to_string()))?;
    if !about.is_dir() || about.uid() != 0 || about.mode() & 0o022 != 0 {
        return Err(failed("users other than root may write to its directory".to_owned()));
    }
    if about.mode() & 0o001 == 0 {
        say(&format!(
            "{}: mode {:04o}: nobody but root reaches the socket; wanted 0755",
            dir.display(),
            about.mode() & 0o7777
        ));
    }
    let deadline = Instant::now() + LAST_ANSWERS;
    loop {
        match UnixStream::connect(path) {
            Ok(_) if Instant::now() < deadline => thread::sleep(LAST_ANSWERS / 20),
            Ok(_) => return Err(failed("another daemon answers on it".to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => break,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                fs::remove_file(path).map_err(|error| failed(error.to_string()))?;
                break;
            }
            Err(error) => return Err(failed(error.to_string())),
        }
    }
    let listener = UnixListener::bind(path).map_err(|error| failed(error.to_string()))?;
    fs::set_permissions(path, Permissions::from_mode(0o666)).map_err(|error| failed(error.to_string()))?;
    Ok(listener)
}

impl From<Unavailable> for StartError {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl From<PrivilegesError> for StartError {
    fn from(error: PrivilegesError) -> Self {
        Self::Privileges(error)
    }
}

impl From<WrongSocket> for StartError {
    fn from(error: WrongSocket) -> Self {
        Self::Socket { path: PathBuf::from("inherited"), why: error.to_string() }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongAccount { found, wanted } => {
                write!(
                    f,
                    "started with uid {found}; wanted root, or {wanted} with a socket and a credential from systemd"
                )
            }
            Self::NoAccount(name) => no_account(f, name),
            // Only where something is missing: at a file that is not in order init would refuse, too.
            Self::Unavailable(unavailable) => match unavailable.reason {
                UnavailableReason::MissingFile | UnavailableReason::HostKey => {
                    write!(f, "{unavailable}; run `otp-enrolld init` once, which creates the host key and the vault")
                }
                _ => unavailable.fmt(f),
            },
            Self::Socket { path, why } => write!(f, "socket {}: {why}", path.display()),
            Self::Privileges(error) => error.fmt(f),
            Self::Ended(error) => write!(f, "cannot serve: {error}"),
        }
    }
}

/// The same advice at `init` and at a start.
pub(crate) fn no_account(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    write!(f, "account {name} does not exist; create it with `systemd-sysusers` and the packaged file, or with ")?;
    write!(
        f,
        "`useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin {name}`"
    )
}

impl std::error::Error for StartError {}
