//! The vault as a command without a daemon opens it, and the notes and log lines of such a command.

use nix::sys::prctl;
use nix::unistd::{Uid, User};
use otp_core::accounts::Account;
use otp_core::decision::limits::Limits;
use otp_core::files::notice::Notice;
use otp_core::keys::seal::HostKey;
use otp_core::log_line::LogLine;
use otp_core::manage::notify_owner::{self, Outbound};
use otp_core::manage::on_file::on_file;
use otp_core::policy::cool_down::CoolDown;
use otp_core::site::{Site, fits};
use otp_core::vault::{ChangeError, Posted, Vault};
use otp_system::privileges::{become_for_good, group_of};

use crate::command::emergency::{named, no_such_user, who};
use crate::output::alert::alert;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::stderr;

/// The commands without a daemon.
pub(super) struct Offline {
    pub(super) vault: Vault,
    pub(super) limits: Limits,
    pub(super) cool_down: CoolDown,
    /// None if it is lost or of another vault.
    pub(super) host_key: Option<HostKey>,
    pub(super) out: Outbound,
}

/// As root what only root can; then the vault as its own account.
pub(super) fn open() -> Result<Offline, Failure> {
    if !Uid::effective().is_root() {
        return Err(stopped("--offline is for root; leave it out to ask the daemon"));
    }
    let site = Site::STANDARD;
    let user = User::from_name(site.account).map_err(|errno| stopped(errno.desc()))?;
    let user = user.ok_or_else(|| stopped(&format!("account {} does not exist", site.account)))?;
    let host_key = site.host_key();
    let policy = site.policy();
    prctl::set_dumpable(false).map_err(|errno| stopped(errno.desc()))?;
    become_for_good(&user, &group_of(site.notifier)).map_err(|error| stopped(&error.to_string()))?;
    let vault = site.open_vault().map_err(|unavailable| stopped(&unavailable.detail))?;
    let host_key = host_key.and_then(|key| fits(&key, &vault).map(|()| key));
    note(host_key.as_ref().err());
    note(policy.as_ref().err());
    let out = Outbound::of(&policy, &site);
    let (limits, cool_down) = policy.map_or_else(|_| Default::default(), |policy| (policy.limits, policy.cool_down));
    Ok(Offline { vault, limits, cool_down, host_key: host_key.ok(), out })
}

impl Offline {
    /// Whom a name or `uid:NUMBER` means: an account or, where there is none now, whose files have it.
    pub(super) fn account(&self, name: &str) -> Result<Account, Failure> {
        match named(name) {
            Ok(Some(account)) => Ok(account),
            known => {
                let owner = on_file(&self.vault, name).map_err(|error| stopped(&error.to_string()))?;
                owner.ok_or_else(|| known.err().unwrap_or_else(|| no_such_user(name)))
            }
        }
    }

    /// Offline is for emergencies: the change counts, a notice that has no room is only told.
    pub(super) fn keep(&self, account: &Account, notice: Notice) {
        note(match notify_owner::keep(&self.vault, account, notice, &self.out) {
            Ok(posted) => not_posted(posted),
            Err(error) => Some(error.to_string()),
        });
    }
}

/// Logs a change of the vault past the daemon.
pub(super) fn log(done: &str) {
    alert(&LogLine::default().field("event", "offline").field("done", done).field("by", &who()).finish());
}

/// Other faults, which do not stop this.
pub(super) fn note(found: Option<impl std::fmt::Display>) {
    if let Some(found) = found {
        stderr::note(&escaped(&found.to_string()));
    }
}

/// Why a notice does not leave this host.
pub(super) fn not_posted(posted: Posted) -> Option<String> {
    match posted {
        Posted::Kept => None,
        Posted::Full => Some("the outbox is full, so no notice of this leaves the host".to_owned()),
        Posted::Failed(detail) => Some(detail),
    }
}

pub(super) fn not_done(error: &ChangeError) -> Failure {
    stopped(&error.to_string())
}

pub(super) fn stopped(text: &str) -> Failure {
    Failure::Stopped(escaped(text))
}
