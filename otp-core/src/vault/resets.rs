//! Resets that wait: `resets/<id>`, each written whole. vault.toml names them while there is one (V9), so that no older program makes a
//! registration code past them.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;

use super::Vault;
use super::error::VaultError;
use super::needs::LockedVault;
use super::open::TrustedDir;
use super::read::{Access, errno_of, unreadable};
use super::tickets::is_restored;
use crate::codes::ids::ResetId;
use crate::environment::Clock;
use crate::files::reset::Reset;
use crate::files::ticket_file::Written;
use crate::files::vault_file::Need;

/// A file of a reset, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundReset {
    /// The name of the file.
    pub id: ResetId,
    /// Its content, or why that cannot be read.
    pub kept: Result<StoredReset, VaultError>,
}

/// A reset as it lies on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredReset {
    /// The reset.
    pub reset: Reset,
    /// The file is a copy from a backup: the reset may have been cancelled since.
    pub restored: bool,
}

impl Vault {
    /// Every reset that waits, by its id; one that cannot be read, too: it bars whatever a reset could bar.
    pub fn resets(&self) -> Result<Vec<FoundReset>, VaultError> {
        let Some(dir) = self.needed_dir(Need::Resets, &mut None)? else { return Ok(Vec::new()) };
        let mut ids: Vec<ResetId> = dir.names()?.iter().filter_map(|name| ResetId::parse(name)).collect();
        ids.sort_unstable();
        let read = |id| match read(&dir, id) {
            Err(VaultError::Missing(_)) => None, // it has ended meanwhile
            kept => Some(FoundReset { id, kept }),
        };
        Ok(ids.into_iter().filter_map(read).collect())
    }

    /// Stores a reset, over the one of that id; on disk when this returns. Only the one writer of key files may call this (R7).
    pub fn store_reset(&self, reset: &Reset, clock: &dyn Clock) -> Result<(), VaultError> {
        self.lock_itself()?.store_reset(reset, clock)
    }

    /// The reset of that id is over; on disk when this returns. Says whether there was one. Only the one writer of key files may call
    /// this (R7).
    pub fn drop_reset(&self, id: ResetId) -> Result<bool, VaultError> {
        let locked = self.lock_itself()?;
        let Some(dir) = self.needed_dir(Need::Resets, &mut None)? else { return Ok(false) };
        let there = dir.has(&id.hex())?;
        dir.remove(&id.hex())?;
        dir.sync()?;
        drop(locked.drop_need_without_files(Need::Resets, &dir)); // on a full disk the word waits for the next start
        Ok(there)
    }

    /// Has its owner got a key by this reset? Then it is over, also where a kill kept its file.
    pub fn is_used(&self, reset: &Reset) -> Result<bool, VaultError> {
        let keys = self.record_of(&reset.account)?.map_or(Vec::new(), |record| record.keys);
        Ok(keys.iter().filter_map(|key| key.redemption).any(|ticket| reset.tickets.contains(&ticket)))
    }

    /// The resets of this uid are over. One that cannot be read is left: nobody knows whose it is.
    pub(super) fn drop_resets_of(&self, uid: u32) -> Result<(), VaultError> {
        let theirs = |found: &FoundReset| found.kept.as_ref().is_ok_and(|kept| kept.reset.account.uid == uid);
        self.resets()?.iter().filter(|found| theirs(found)).try_for_each(|found| self.drop_reset(found.id).map(drop))
    }
}

impl LockedVault<'_> {
    /// The word first, then the file, which has to be there before it can name its own inode.
    fn store_reset(&self, reset: &Reset, clock: &dyn Clock) -> Result<(), VaultError> {
        let dir = self.dir_of(Need::Resets)?;
        self.need(Need::Resets)?;
        let (name, temporary) = (reset.id.hex(), format!(".{}.new", reset.id.hex()));
        dir.remove(&temporary)?; // left by a writer that was killed here
        let written = write_aside(&dir, &temporary, reset, clock).and_then(|()| dir.rename(&temporary, &name));
        written.inspect_err(|_| drop(dir.remove(&temporary)))?;
        dir.sync()
    }
}

fn write_aside(dir: &TrustedDir, temporary: &str, reset: &Reset, clock: &dyn Clock) -> Result<(), VaultError> {
    let path = dir.path_of(temporary);
    let mut file: File = dir.create_unsynced(temporary, &[])?;
    let inode = file.metadata().map_err(|error| unreadable(&path, &error))?.ino();
    let text = reset.to_toml(Written { inode, at: clock.wall() });
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|error| VaultError::cannot_persist(&path, errno_of(&error)))
}

fn read(dir: &TrustedDir, id: ResetId) -> Result<StoredReset, VaultError> {
    let name = id.hex();
    let about =
        dir.open_file(&name, Access::Read)?.metadata().map_err(|error| unreadable(&dir.path_of(&name), &error))?;
    let text = dir.read(&name, Reset::CAP)?;
    let (reset, written) =
        Reset::parse(&text, id).map_err(|why| VaultError::malformed(&dir.path_of(&name), why.to_string()))?;
    Ok(StoredReset { reset, restored: is_restored(&about, written) })
}
