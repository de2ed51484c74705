//! Where the policy, the vault and the host key of a host are, and how they are opened. Module and daemon use the same one.

use std::path::{Path, PathBuf};

use nix::unistd::User;

use crate::emergency::{EmergencyMarks, EmergencyPlaces};
use crate::keys::seal::HostKey;
use crate::policy::host::HostPolicy;
use crate::policy::service::ServicePolicy;
use crate::policy::toml_table::TableError;
use crate::policy::{POLICY_CAP, WholePolicy};
use crate::reasons::UnavailableReason;
use crate::vault::{OpenedBy, OutboxPlace, Readers, Vault, VaultError, VaultPlace, read_root_file};

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
    /// The directory of notices that are to leave this host.
    pub outbox: &'static str,
    /// The account that owns it, and hands them over.
    pub notifier: &'static str,
    /// The directories of emergency marks: where they stay, and where they are gone at a reboot.
    pub emergency: [&'static str; 2],
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
        outbox: "/var/lib/otp-notify/outbox",
        notifier: "otp-notify",
        emergency: ["/etc/otp/emergency", "/run/otp-emergency"],
    };

    /// Reads the rules of the host in the standard file. Without that file everything is at its default.
    pub fn policy(&self) -> Result<HostPolicy, Unavailable> {
        Ok(self.read_policy(None, HostPolicy::parse)?.unwrap_or_default())
    }

    /// Reads the rules of one PAM service, or for a caller that is none. A file that was `named` must be there.
    pub fn service_policy(&self, named: Option<&Path>, service: Option<&str>) -> Result<ServicePolicy, Unavailable> {
        Ok(self.read_policy(named, |text| ServicePolicy::parse(text, service))?.unwrap_or_default())
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
        let path = named.unwrap_or(Path::new(self.policy));
        let bad = |detail: String| Unavailable { reason: UnavailableReason::BadPolicy, detail };
        let bytes = match read_root_file(path, POLICY_CAP, Readers::Everybody) {
            Err(VaultError::Missing(_)) if named.is_none() => return Ok(None),
            read => read.map_err(|error| bad(error.to_string()))?,
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| bad(format!("{}: not UTF-8", path.display())))?;
        parse(text).map(Some).map_err(|error| bad(format!("{}: {error}", path.display())))
    }

    /// Where emergency marks are.
    pub fn marks(&self) -> EmergencyPlaces<'static> {
        let [kept, until_reboot] = self.emergency.map(|place| EmergencyMarks(Path::new(place)));
        EmergencyPlaces { kept, until_reboot }
    }

    /// Where the vault is and whose.
    pub fn place(&self) -> Result<VaultPlace, Unavailable> {
        Ok(VaultPlace { dir: PathBuf::from(self.vault), owner: system_account(self.account)?.uid.as_raw() })
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
    pub fn open_vault(&self, opened_by: OpenedBy) -> Result<Vault, Unavailable> {
        Ok(Vault::open_by(&self.place()?, opened_by)?)
    }

    /// Reads the host key, of root's and closed to everybody else.
    pub fn host_key(&self) -> Result<HostKey, Unavailable> {
        let [stored, unsealed] = self.host_keys.map(Path::new);
        let read = |path| read_root_file(path, HostKey::FILE_CAP, Readers::RootAlone);
        let (path, text) = match read(stored) {
            // Where neither is there, the first is the one to restore.
            Err(missing @ VaultError::Missing(_)) => match read(unsealed) {
                Err(VaultError::Missing(_)) => (stored, Err(missing)),
                found => (unsealed, found),
            },
            read => (stored, read),
        };
        let text = text.map_err(|error| no_host_key(&error.to_string()))?;
        HostKey::parse(&text).ok_or_else(|| no_host_key(&format!("{}: {}", path.display(), HostKey::complaint(&text))))
    }
}

fn system_account(name: &str) -> Result<User, Unavailable> {
    let missing =
        |why: &str| Unavailable { reason: UnavailableReason::NoAccount, detail: format!("account {name}: {why}") };
    match User::from_name(name) {
        Ok(Some(user)) => Ok(user),
        Ok(None) => Err(missing("does not exist")),
        Err(errno) => Err(missing(errno.desc())),
    }
}

/// Is this the host key that the seals of `vault` want?
pub fn fits(key: &HostKey, vault: &Vault) -> Result<(), Unavailable> {
    if key.id() == vault.about().host_key {
        return Ok(());
    }
    Err(no_host_key("the host key is not the one of this vault; restore the escrowed copy"))
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
