//! Finds users by the names in their files while the account database does not know them.

use crate::accounts::{Account, numbered};
use crate::vault::{Vault, VaultError};

/// The only user whose key file has this name, or the one under this uid; `None` if there is none, or several have the name.
pub fn on_file(vault: &Vault, text: &str) -> Result<Option<Account>, VaultError> {
    let mut named = vault.owners_named(text)?.into_iter();
    match (named.next(), named.next()) {
        (Some(owner), None) => Ok(Some(owner)),
        (Some(_), Some(_)) => Ok(None),
        (None, _) => match numbered(text).or_else(|| text.parse().ok()) {
            Some(uid) => vault.owner_of(uid),
            None => Ok(None),
        },
    }
}
