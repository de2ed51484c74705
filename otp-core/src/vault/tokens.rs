//! Hardware tokens that nobody has yet, `tokens/<SHA-256>`. Nothing here decides about a login: vault.toml names no need of it (X2).
//! The directory is made with the first token.

use std::fs::File;

use super::error::VaultError;
use super::open::TrustedDir;
use super::{TOKENS, Vault};
use crate::files::unassigned_token::UnassignedToken;
use crate::keys::seal::Fingerprint;

impl Vault {
    /// The names of all files of tokens, in rising order.
    pub fn token_files(&self) -> Result<Vec<String>, VaultError> {
        let Some(dir) = self.tokens()? else { return Ok(Vec::new()) };
        let mut names = dir.names()?;
        names.retain(|name| !name.starts_with('.'));
        names.sort_unstable();
        Ok(names)
    }

    /// The token in the file of that name; `None` without one.
    pub fn token_in(&self, file: &str) -> Result<Option<UnassignedToken>, VaultError> {
        let Some(dir) = self.tokens()? else { return Ok(None) };
        let text = match dir.read(file, UnassignedToken::CAP) {
            Err(VaultError::Missing(_)) => return Ok(None),
            read => read?,
        };
        let token = UnassignedToken::parse(&text, file);
        token.map(Some).map_err(|why| VaultError::malformed(&dir.path_of(file), why.to_string()))
    }

    /// The fingerprint of the token in that file, if it can be read. One that cannot is nobody's key, and bars none.
    pub fn token_fingerprint(&self, file: &str) -> Option<Fingerprint> {
        self.token_in(file).ok().flatten().map(|token| token.fingerprint)
    }

    /// Stores a token, over one of the same name; on disk when this returns. Only the one writer of key files may call this (R7).
    pub fn store_token(&self, token: &UnassignedToken) -> Result<(), VaultError> {
        let dir = match self.tokens()? {
            Some(dir) => dir,
            None => {
                self.dir.make_dir(TOKENS)?;
                self.dir.sync()?;
                self.dir.open_dir(TOKENS)?
            }
        };
        let _lock = dir.lock()?;
        dir.replace(&token.name.file_name(), token.to_toml().as_bytes())
    }

    /// Removes the file of a token. Says whether it was there; that it is gone is on disk when this returns.
    pub fn remove_token(&self, file: &str) -> Result<bool, VaultError> {
        let Some(dir) = self.tokens()? else { return Ok(false) };
        let _lock = dir.lock()?;
        if !dir.has(file)? {
            return Ok(false);
        }
        dir.remove(file)?;
        dir.sync()?;
        Ok(true)
    }

    /// The directory of tokens, so that it can be watched; none before the first token.
    pub fn token_directory(&self) -> Result<Option<File>, VaultError> {
        self.tokens()?.map(|dir| dir.reopened()).transpose()
    }

    /// Removes what a killed writer left half-made. Apart from `sweep`, because no login needs this directory.
    pub fn sweep_tokens(&self) -> Result<(), VaultError> {
        let Some(dir) = self.tokens()? else { return Ok(()) };
        let _lock = dir.lock()?;
        dir.names()?.iter().filter(|name| name.starts_with('.')).try_for_each(|name| dir.remove(name))
    }

    fn tokens(&self) -> Result<Option<TrustedDir>, VaultError> {
        match self.dir.open_dir(TOKENS) {
            Err(VaultError::Missing(_)) => Ok(None),
            opened => opened.map(Some),
        }
    }
}
