//! The needs in `vault.toml`, and the lock under which that changes: every writer of that file, or of files that it names there, locks
//! the vault's own directory (V8, V9). A word is there before its files, so that an older program refuses the vault.

use std::collections::BTreeSet;
use std::fs::File;

use nix::fcntl::Flock;

use super::Vault;
use super::about::{self, about_in};
use super::error::VaultError;
use super::open::TrustedDir;
use crate::files::vault_file::Need;

/// A vault whose own directory is locked.
pub(super) struct LockedVault<'v> {
    pub(super) vault: &'v Vault,
    _lock: Flock<File>,
}

impl Vault {
    /// Locks the vault's own directory, after every other lock (V8).
    pub(super) fn lock_itself(&self) -> Result<LockedVault<'_>, VaultError> {
        Ok(LockedVault { vault: self, _lock: self.dir.lock()? })
    }

    /// The needs in vault.toml at this moment.
    pub fn needs(&self) -> Result<BTreeSet<Need>, VaultError> {
        about_in(&self.dir).map(|about| about.needs)
    }

    /// From now on a program need know of nothing: vault.toml is of version 1. Says no, and changes nothing, if there is a mark or a reset.
    pub fn need_nothing(&self) -> Result<bool, VaultError> {
        let locked = self.lock_itself()?;
        if !locked.has_no_files()? {
            return Ok(false);
        }
        let clear = |needs: &mut BTreeSet<Need>| !std::mem::take(needs).is_empty();
        locked.change(clear).map(|()| true)
    }

    /// Makes what vaults of an earlier version lack, and removes what a killed writer left half-made.
    pub(super) fn sweep_itself(&self) -> Result<(), VaultError> {
        let locked = self.lock_itself()?;
        about::sweep(&self.dir)?;
        locked.sweep_names()?;
        locked.sweep_files()
    }
}

impl LockedVault<'_> {
    /// From now on a program must know of `need`; that is on disk when this returns.
    pub(super) fn need(&self, need: Need) -> Result<(), VaultError> {
        self.change(|needs| needs.insert(need))
    }

    /// From now on a program need not know of it.
    pub(super) fn need_no(&self, need: Need) -> Result<(), VaultError> {
        self.change(|needs| needs.remove(&need))
    }

    /// The directory that a word speaks of. It is made unless the word is there already: then it was lost, and an empty one would hide that.
    pub(super) fn dir_of(&self, need: Need) -> Result<TrustedDir, VaultError> {
        let dir = &self.vault.dir;
        match dir.open_dir(need.word()) {
            Err(VaultError::Missing(_)) if !about_in(dir)?.needs.contains(&need) => {}
            opened => return opened,
        }
        dir.make_dir(need.word())?;
        dir.sync()?;
        dir.open_dir(need.word())
    }

    /// An empty directory of that name; files of a writer that was killed there go.
    pub(super) fn emptied(&self, name: &str) -> Result<TrustedDir, VaultError> {
        self.vault.dir.make_dir(name)?;
        let dir = self.vault.dir.open_dir(name)?;
        dir.names()?.iter().try_for_each(|file| dir.remove(file))?;
        Ok(dir)
    }

    /// Changes the words; `change` says whether it did.
    fn change(&self, change: impl FnOnce(&mut BTreeSet<Need>) -> bool) -> Result<(), VaultError> {
        let mut about = about_in(&self.vault.dir)?;
        match change(&mut about.needs) {
            true => about::write(&self.vault.dir, &about),
            false => Ok(()),
        }
    }
}
