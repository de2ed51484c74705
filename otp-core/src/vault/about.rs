//! The file `vault.toml`: read whole, and replaced in one step.

use super::error::VaultError;
use super::open::TrustedDir;
use crate::files::vault_file::About;

/// Reads the vault.toml in `dir`.
pub(super) fn about_in(dir: &TrustedDir) -> Result<About, VaultError> {
    About::parse(&dir.read(ABOUT, ABOUT_CAP)?).map_err(|why| VaultError::malformed(&dir.path_of(ABOUT), why))
}

/// Writes it again.
pub(super) fn write(dir: &TrustedDir, about: &About) -> Result<(), VaultError> {
    dir.replace(ABOUT, about.to_toml().as_bytes())
}

/// Removes one that a killed writer left half-made.
pub(super) fn sweep(dir: &TrustedDir) -> Result<(), VaultError> {
    dir.remove(TEMPORARY)
}

/// Writes the vault.toml of a new vault, last of all.
pub(super) fn write_first(dir: &TrustedDir, about: &About) -> Result<(), VaultError> {
    dir.remove(TEMPORARY)?; // left by an init that was killed here
    dir.create(TEMPORARY, about.to_toml().as_bytes())?;
    dir.rename_new(TEMPORARY, ABOUT)?;
    dir.sync()
}

const ABOUT: &str = "vault.toml";
const TEMPORARY: &str = ".vault.toml.new";
const ABOUT_CAP: usize = 4096;
