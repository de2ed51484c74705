//! Where the policy, the vault and the host key of a host are, and how to open them. Module and daemon share this.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::unistd::User;

use crate::emergency::{EmergencyMarks, EmergencyPlaces};
use crate::files::account_note::AccountNote;
use crate::keys::seal::HostKey;
use crate::policy::host::HostPolicy;
use crate::policy::service::ServicePolicy;
use crate::policy::toml_table::TableError;
use crate::policy::{POLICY_CAP, WholePolicy};
use crate::reasons::UnavailableReason;
use crate::root_file;
use crate::sudo_marks::SudoMarks;
use crate::vault::{OpenedBy, OutboxPlace, Readers, RootDirs, Vault, VaultError, VaultPlace, has_notices};
use crate::watch::WatchPlace;

/// The places of one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Site {
    /// The policy file.
    pub policy: &'static str,
    /// The host key, stored or unsealed at boot; the first that exists counts.
    pub host_keys: [&'static str; 2],
    /// The vault's directory.
    pub vault: &'static str,
    /// Where the daemon listens.
    pub socket: &'static str,
    /// The account that the vault belongs to.
    pub account: &'static str,
    /// Root's note of its uid, so that a login need not ask the account database for it.
    pub account_note: &'static str,
    /// The directory of notices that are to leave this host.
    pub outbox: &'static str,
    /// The account that owns it, and hands them over.
    pub notifier: &'static str,
    /// The directories of emergency marks: where they stay, and where they are gone at a reboot.
    pub emergency: [&'static str; 2],
    /// The directory of records about passwords.
    pub watch: &'static str,
    /// Root's note that these are kept.
    pub watch_note: &'static str,
    /// The directory of marks about users whom sudo is to ask again.
    pub sudo_marks: &'static str,
}

/// Why nothing can be decided, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    /// Of the list.
    pub reason: UnavailableReason,
    /// Which file and why; never contents.
    pub detail: String,
}

impl Site {
    /// Where everything is on a real host.
    pub const STANDARD: Self = Self {
        policy: "/etc/otp/otp.toml",
        host_keys: ["/etc/otp/host.key", "/run/otp-key/host.key"],
        vault: "/var/lib/otp",
        socket: "/run/otp/otp.sock",
        account: "otp-enrolld",
        account_note: "/etc/otp/account",
        outbox: "/var/lib/otp-notify/outbox",
        notifier: "otp-notify",
        emergency: ["/etc/otp/emergency", "/run/otp-emergency"],
        watch: "/var/lib/otp-watch",
        watch_note: "/etc/otp/watch",
        sudo_marks: "/run/otp-sudo",
    };

    /// Reads the rules of the host in the standard file. Without that file everything is at its default.
    pub fn policy(&self) -> Result<HostPolicy, Unavailable> {
        Ok(self.read_policy(None, HostPolicy::parse)?.unwrap_or_default())
    }

    /// Reads the rules of one PAM service, or for a caller that is none. A file that was `named` must be there.
    pub fn service_policy(&self, named: Option<&Path>, service: Option<&str>) -> Result<ServicePolicy, Unavailable> {
        self.visit().service_policy(named, service)
    }

    /// For one call of PAM.
    pub fn visit(self) -> SiteVisit {
        SiteVisit { site: self, roots: RootDirs::default() }
    }

    /// Reads the policy with every service in it; `None` without the standard file.
    pub fn whole_policy(&self, named: Option<&Path>) -> Result<Option<WholePolicy>, Unavailable> {
        self.read_policy(named, WholePolicy::parse)
    }

    fn read_policy<P>(
        &self,
        named: Option<&Path>,
        parse: impl FnOnce(&str) -> Result<P, TableError>,
    ) -> Result<Option<P>, Unavailable> {
        self.visit().read_policy(named, parse)
    }

    /// Where emergency marks are.
    pub fn marks(&self) -> EmergencyPlaces<'static> {
        let [kept, until_reboot] = self.emergency.map(|place| EmergencyMarks(Path::new(place)));
        EmergencyPlaces { kept, until_reboot }
    }

    /// Where the records about passwords are.
    pub fn watch(&self) -> WatchPlace<'static> {
        WatchPlace { dir: Path::new(self.watch), note: Path::new(self.watch_note) }
    }

    /// Where marks for sudo are left.
    pub fn sudo_marks(&self) -> SudoMarks<'static> {
        SudoMarks(Path::new(self.sudo_marks))
    }

    /// Where the vault is and whose, as the account database has it.
    pub fn place(&self) -> Result<VaultPlace, Unavailable> {
        Ok(VaultPlace { dir: PathBuf::from(self.vault), owner: system_account(self.account)?.uid.as_raw() })
    }

    /// Notes the uid of the daemon's account for logins, as root. Says no where the note says so already.
    pub fn note_account(&self, uid: u32) -> io::Result<bool> {
        if self.has_noted_account(uid) {
            return Ok(false);
        }
        let path = Path::new(self.account_note);
        root_file::replace(path, &path.with_extension("new"), &self.account_note_of(uid), 0o644).map(|()| true)
    }

    /// Does the note give this uid to the daemon's account, in a file that logins read?
    pub fn has_noted_account(&self, uid: u32) -> bool {
        let path = Path::new(self.account_note);
        let says_so = fs::read(path).is_ok_and(|there| there == self.account_note_of(uid).as_bytes());
        says_so
            && fs::symlink_metadata(path)
                .is_ok_and(|about| about.is_file() && about.uid() == 0 && about.mode() & 0o777 == 0o644)
    }

    fn account_note_of(&self, uid: u32) -> String {
        AccountNote { name: self.account.to_owned(), uid }.to_toml()
    }

    /// Where the outbox is and whose.
    pub fn outbox(&self) -> Result<OutboxPlace, Unavailable> {
        let (notifier, daemon) = (system_account(self.notifier)?, system_account(self.account)?);
        Ok(OutboxPlace {
            dir: PathBuf::from(self.outbox),
            owner: notifier.uid.as_raw(),
            group: notifier.gid.as_raw(),
            writer: daemon.uid.as_raw(),
        })
    }

    /// Opens the vault, which must belong to the daemon's account.
    pub fn open_vault(&self) -> Result<Vault, Unavailable> {
        Ok(Vault::open(&self.place()?)?)
    }

    /// Reads the host key, which is root-owned and closed to everybody else.
    pub fn host_key(&self) -> Result<HostKey, Unavailable> {
        self.visit().host_key()
    }

    /// The same, and why not by kind.
    pub fn find_host_key(&self) -> Result<HostKey, HostKeyError> {
        self.visit().find_host_key()
    }
}

/// A site during one call of PAM in a host program: a directory that is root's alone is looked at once.
#[derive(Debug)]
pub struct SiteVisit {
    site: Site,
    roots: RootDirs,
}

impl SiteVisit {
    /// Of which site.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// As [`Site::service_policy`].
    pub fn service_policy(&self, named: Option<&Path>, service: Option<&str>) -> Result<ServicePolicy, Unavailable> {
        Ok(self.read_policy(named, |text| ServicePolicy::parse(text, service))?.unwrap_or_default())
    }

    fn read_policy<P>(
        &self,
        named: Option<&Path>,
        parse: impl FnOnce(&str) -> Result<P, TableError>,
    ) -> Result<Option<P>, Unavailable> {
        let path = named.unwrap_or(Path::new(self.site.policy));
        let bad = |detail: String| Unavailable { reason: UnavailableReason::BadPolicy, detail };
        let bytes = match self.roots.read(path, POLICY_CAP, Readers::Everybody) {
            Err(VaultError::Missing(_)) if named.is_none() => return Ok(None),
            read => read.map_err(|error| match error.reason() {
                UnavailableReason::OutOfResources => error.into(),
                _ => bad(error.to_string()),
            })?,
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| bad(format!("{}: not UTF-8", path.display())))?;
        parse(text).map(Some).map_err(|error| bad(format!("{}: {error}", path.display())))
    }

    /// Where the vault is and whose: by root's note of the daemon's account, or by the account database where there is none.
    pub fn place(&self) -> Result<VaultPlace, Unavailable> {
        let path = Path::new(self.site.account_note);
        match self.roots.read(path, AccountNote::CAP, Readers::Everybody) {
            Err(VaultError::Missing(_)) => self.site.place(),
            read => {
                let owner = AccountNote::parse(&read?, self.site.account).map_err(|why| bad_note(path, &why))?;
                Ok(VaultPlace { dir: PathBuf::from(self.site.vault), owner })
            }
        }
    }

    /// Opens the vault, which must belong to the daemon's account.
    pub fn open_vault(&self, opened_by: OpenedBy) -> Result<Result<Vault, VaultError>, Unavailable> {
        Ok(Vault::open_by(&self.place()?, opened_by, &self.roots))
    }

    /// Are there notices for `uid`?
    pub fn has_notices(&self, uid: u32, opened_by: OpenedBy) -> Result<bool, Unavailable> {
        Ok(has_notices(&self.place()?, uid, opened_by, &self.roots)?)
    }

    /// As [`Site::host_key`].
    pub fn host_key(&self) -> Result<HostKey, Unavailable> {
        self.find_host_key().map_err(|error| no_host_key(&error.to_string()))
    }

    fn find_host_key(&self) -> Result<HostKey, HostKeyError> {
        let [stored, unsealed] = self.site.host_keys.map(Path::new);
        let read = |path| self.roots.read(path, HostKey::FILE_CAP, Readers::RootAlone);
        let (path, text) = match read(stored) {
            // Where neither is there, the first is the one to restore.
            Err(missing @ VaultError::Missing(_)) => match read(unsealed) {
                Err(VaultError::Missing(_)) => (stored, Err(missing)),
                found => (unsealed, found),
            },
            read => (stored, read),
        };
        let text = text.map_err(HostKeyError::File)?;
        HostKey::parse(&text)
            .ok_or_else(|| HostKeyError::Damaged { path: path.to_owned(), complaint: HostKey::complaint(&text) })
    }
}

/// Why there is no host key to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostKeyError {
    /// The file, or a directory above it.
    File(VaultError),
    /// The file holds none.
    Damaged {
        /// Which file.
        path: PathBuf,
        /// The complaint about it; never its content.
        complaint: String,
    },
}

impl std::fmt::Display for HostKeyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Damaged { path, complaint } => write!(f, "{}: {complaint}", path.display()),
        }
    }
}

impl std::error::Error for HostKeyError {}

fn system_account(name: &str) -> Result<User, Unavailable> {
    let missing =
        |why: &str| Unavailable { reason: UnavailableReason::NoAccount, detail: format!("account {name}: {why}") };
    match User::from_name(name) {
        Ok(Some(user)) => Ok(user),
        Ok(None) => Err(missing("does not exist")),
        Err(errno) => Err(missing(errno.desc())),
    }
}

fn bad_note(path: &Path, why: &str) -> Unavailable {
    let detail = format!("{}: {why}; `otpctl --offline mend` writes it again", path.display());
    Unavailable { reason: UnavailableReason::NoAccount, detail }
}

/// Is this the host key that the seals of `vault` want?
pub fn fits(key: &HostKey, vault: &Vault) -> Result<(), Unavailable> {
    Ok(vault.wants(key)?)
}

fn no_host_key(detail: &str) -> Unavailable {
    Unavailable { reason: UnavailableReason::HostKey, detail: detail.to_owned() }
}

impl From<VaultError> for Unavailable {
    fn from(error: VaultError) -> Self {
        Self { reason: error.reason(), detail: error.to_string() }
    }
}

impl std::fmt::Display for Unavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Unavailable {}
