//! Notices on disk: `notices/<uid>` for the user's own eyes, written by the one writer of key files under a lock on the
//! directory. What is spooled is on disk before anybody hears of it; when it cannot be, the caller is told.

use std::path::Path;

use super::error::VaultError;
use super::open::{OpenedBy, TrustedDir};
use super::{NOTICES, OUTBOX, Vault, VaultPlace};
use crate::accounts::Account;
use crate::files::notice::Notice;
use crate::files::notice_file::{SPOOL_CAP, Showing, Spool, SpoolError, Spooled};

impl Vault {
    /// Keeps a notice for `account` until it was shown often enough.
    pub fn spool(&self, account: &Account, notice: Notice) -> Result<(), VaultError> {
        let dir = self.dir.open_dir(NOTICES)?;
        let _lock = dir.lock()?;
        let mut spool = read(&dir, account)?.unwrap_or_else(|| Spool::new(account));
        spool.add(notice);
        write(&dir, &spool)
    }

    /// The notices of `account`, oldest first.
    pub fn notices(&self, account: &Account) -> Result<Vec<Spooled>, VaultError> {
        let spool = read(&self.dir.open_dir(NOTICES)?, account)?;
        Ok(spool.map_or_else(Vec::new, |spool| spool.notices().to_vec()))
    }

    /// They were shown to `account`, up to and with the one numbered `last`.
    pub fn notices_shown(&self, account: &Account, last: u64, place: Showing) -> Result<(), VaultError> {
        let dir = self.dir.open_dir(NOTICES)?;
        let _lock = dir.lock()?;
        let Some(mut spool) = read(&dir, account)? else { return Ok(()) };
        spool.shown(last, place);
        write(&dir, &spool)
    }

    /// Is there a file of notices under `uid`, whosever it is?
    pub(super) fn has_spool(&self, uid: u32) -> Result<bool, VaultError> {
        self.dir.open_dir(NOTICES)?.has(&name(uid))
    }

    /// A user who is forgotten leaves no notices to the next one of that uid.
    pub(super) fn drop_notices(&self, uid: u32) -> Result<(), VaultError> {
        let dir = self.dir.open_dir(NOTICES)?;
        let _lock = dir.lock()?;
        dir.remove(&name(uid))?;
        dir.sync()
    }

    /// The notices under `from` are those of `to`, too, whosever they were. Of another uid they go at once: after a crash this is
    /// done again, and nobody is to be told twice.
    pub(super) fn move_notices(&self, from: u32, to: &Account) -> Result<(), VaultError> {
        let dir = self.dir.open_dir(NOTICES)?;
        let _lock = dir.lock()?;
        let Some(spool) = read_any(&dir, from)? else { return Ok(()) };
        if from == to.uid {
            return write(&dir, &spool.of(to));
        }
        let there = match read(&dir, to) {
            Err(VaultError::Malformed { .. }) => None, // somebody's who had the uid before
            read => read?,
        };
        write(&dir, &spool.and(there).of(to))?;
        dir.remove(&name(from))?;
        dir.sync()
    }

    /// Makes what vaults of an earlier version lack, and removes what a killed writer left half-made.
    pub(super) fn sweep_notices(&self) -> Result<(), VaultError> {
        let dir = self.dir.open_dir(NOTICES)?;
        let _lock = dir.lock()?;
        dir.make_dir(OUTBOX)?;
        for dir in [&dir, &dir.open_dir(OUTBOX)?] {
            for name in dir.names()?.iter().filter(|name| name.starts_with('.')) {
                dir.remove(name)?;
            }
        }
        Ok(())
    }
}

/// Are there notices for `uid`? Cheap, and without a lock: the daemon has the whole answer.
pub fn has_notices(place: &VaultPlace, uid: u32, opened_by: OpenedBy) -> Result<bool, VaultError> {
    TrustedDir::open_by(&place.dir, place.owner, opened_by)?.open_dir(NOTICES)?.has(&name(uid))
}

fn read(dir: &TrustedDir, account: &Account) -> Result<Option<Spool>, VaultError> {
    let spool = read_any(dir, account.uid)?;
    let wrong = |why: SpoolError| VaultError::malformed(&dir.path_of(&name(account.uid)), why.to_string());
    spool.map(|spool| spool.for_account(account)).transpose().map_err(wrong)
}

fn read_any(dir: &TrustedDir, uid: u32) -> Result<Option<Spool>, VaultError> {
    match dir.read(&name(uid), SPOOL_CAP) {
        Err(VaultError::Missing(_)) => Ok(None),
        read => parse(&read?, &dir.path_of(&name(uid))).map(Some),
    }
}

/// The spool in the file at `path`.
pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Spool, VaultError> {
    let text = std::str::from_utf8(bytes).map_err(|_| VaultError::malformed(path, "not UTF-8"))?;
    Spool::parse(text).map_err(|error| VaultError::malformed(path, error.to_string()))
}

/// Aside, synced, renamed, its directory synced. Without notices there is no file: that is how the module sees that there
/// is nothing to ask for.
fn write(dir: &TrustedDir, spool: &Spool) -> Result<(), VaultError> {
    let name = name(spool.account.uid);
    if spool.notices().is_empty() {
        dir.remove(&name)?;
        return dir.sync();
    }
    let temporary = format!(".{name}.new");
    write_aside(dir, &temporary, spool)?;
    dir.rename(&temporary, &name)?;
    dir.sync()
}

/// Writes and syncs a file that nobody reads yet. What could not be written whole takes no room.
pub(super) fn write_aside(dir: &TrustedDir, temporary: &str, spool: &Spool) -> Result<(), VaultError> {
    dir.remove(temporary)?; // left by a writer that was killed here
    let made = dir.create(temporary, spool.to_toml().as_bytes());
    made.map(drop).inspect_err(|_| drop(dir.remove(temporary)))
}

fn name(uid: u32) -> String {
    uid.to_string()
}
