//! A vault together with the host key that opens its seals.

use crate::keys::seal::HostKey;
use crate::site::{Unavailable, fits};
use crate::vault::{Vault, VaultError};

/// An open vault and its host key.
pub struct Unlocked {
    vault: Vault,
    host_key: HostKey,
}

impl Unlocked {
    /// Pairs the two; refused unless the seals of `vault` want this host key.
    pub fn new(vault: Vault, host_key: HostKey) -> Result<Self, Unavailable> {
        fits(&host_key, &vault)?;
        Ok(Self { vault, host_key })
    }

    /// Pairs the two without looking: a seal of the vault that opens proves it, and without one [`Self::prove`] does. For a login, which
    /// opens one almost always.
    pub fn presumed(vault: Vault, host_key: HostKey) -> Self {
        let host_key = host_key.presumed(vault.about().host_key);
        Self { vault, host_key }
    }

    /// Refused unless the seals of the vault want this host key.
    pub fn prove(&self) -> Result<(), VaultError> {
        self.vault.wants(&self.host_key)
    }

    /// The vault.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The host key.
    pub fn host_key(&self) -> &HostKey {
        &self.host_key
    }
}
