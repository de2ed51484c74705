//! A vault together with the host key that opens its seals. The pair can only be had when the two belong together.

use crate::keys::seal::HostKey;
use crate::site::{Unavailable, fits};
use crate::vault::Vault;

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

    /// The vault.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The host key.
    pub fn host_key(&self) -> &HostKey {
        &self.host_key
    }
}
