//! What a decision needs from this host: the policy, the vault, the host key. Where they are is written here and nowhere else.

use std::path::{Path, PathBuf};

use nix::unistd::User;
use otp_core::policy::{POLICY_CAP, Policy};
use otp_core::seal::HostKey;
use otp_core::vault::{Place, Vault, VaultError, read_root_file};

const POLICY: &str = "/etc/otp/otp.toml";
const HOST_KEYS: [&str; 2] = ["/etc/otp/host.key", "/run/otp-key/host.key"];
const VAULT: &str = "/var/lib/otp";
/// The daemon's account: it owns the vault.
const ACCOUNT: &str = "otp-enrolld";

/// Why nothing can be decided, as a word and a text for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// One word.
    pub reason: &'static str,
    /// Which file and why; never contents.
    pub detail: String,
}

/// Reads the policy. Without the default file everything is at its default; a file that was named must be there.
pub fn policy(config: Option<&Path>) -> Result<Policy, Obstacle> {
    let path = config.unwrap_or(Path::new(POLICY));
    let bad = |detail: String| Obstacle { reason: "bad-policy", detail };
    let bytes = match read_root_file(path, POLICY_CAP, false) {
        Err(VaultError::Missing(_)) if config.is_none() => return Ok(Policy::default()),
        read => read.map_err(|error| bad(error.to_string()))?,
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| bad(format!("{}: not UTF-8", path.display())))?;
    Policy::parse(text).map_err(|error| bad(format!("{}: {error}", path.display())))
}

/// Opens the vault, which must belong to the daemon's account.
pub fn vault() -> Result<Vault, Obstacle> {
    let no_account = |why: &str| Obstacle { reason: "no-account", detail: format!("account {ACCOUNT}: {why}") };
    let owner = match User::from_name(ACCOUNT) {
        Ok(Some(user)) => user.uid.as_raw(),
        Ok(None) => return Err(no_account("does not exist")),
        Err(errno) => return Err(no_account(errno.desc())),
    };
    Vault::open(&Place { dir: PathBuf::from(VAULT), owner }).map_err(Obstacle::from)
}

/// Opens the host key, which must be the one that the vault's seals want.
pub fn host_key(vault: &Vault) -> Result<HostKey, Obstacle> {
    let obstacle = |detail: String| Obstacle { reason: "host-key", detail };
    let read = |path: &str| read_root_file(Path::new(path), HostKey::FILE_CAP, true);
    let [stored, unsealed] = HOST_KEYS;
    let (path, text) = match read(stored) {
        Err(VaultError::Missing(_)) => (unsealed, read(unsealed)),
        read => (stored, read),
    };
    let text = text.map_err(|error| obstacle(error.to_string()))?;
    let key = HostKey::parse(&text).ok_or_else(|| obstacle(format!("{path}: not a host key of version 1")))?;
    if key.id() == vault.about().host_key {
        Ok(key)
    } else {
        Err(obstacle(format!("{path}: not the host key of this vault; restore the escrowed copy")))
    }
}

impl From<VaultError> for Obstacle {
    fn from(error: VaultError) -> Self {
        Self { reason: error.reason(), detail: error.to_string() }
    }
}
