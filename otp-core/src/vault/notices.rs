//! Notices on disk: `notices/<uid>` for the user's own eyes, written by the one writer of key files under a lock on the
//! directory. A spooled notice is on disk before anybody hears of it; when it cannot be, the caller is told.

use std::path::Path;

use super::error::VaultError;
use super::open::{Lifetime, OpenedBy, TrustedDir, call_by};
use super::root_owned::RootDirs;
use super::{NOTICES, Vault, VaultPlace};
use crate::accounts::Account;
use crate::decision::origin::Origin;
use crate::files::notice::{Notice, NoticeEvent};
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

    /// Everybody who was told that their keys are disabled, by rising uid.
    pub fn told_of_disabling(&self) -> Result<Vec<u32>, VaultError> {
        let uid_of = |name: &str| name.strip_suffix(TOLD_DISABLED)?.parse().ok();
        self.dir.open_dir(NOTICES)?.uids(uid_of)
    }

    /// Was `uid` told so?
    pub fn is_told_of_disabling(&self, uid: u32) -> Result<bool, VaultError> {
        self.dir.open_dir(NOTICES)?.has(&told_disabled(uid))
    }

    /// `uid` was told so; on disk when this returns.
    pub fn note_disabling(&self, uid: u32) -> Result<(), VaultError> {
        let dir = self.dir.open_dir(NOTICES)?;
        let _lock = dir.lock()?;
        dir.replace(&told_disabled(uid), b"")
    }

    /// The keys of `uid` are others now. When these are disabled, too, that is to be told.
    pub fn forget_disabling(&self, uid: u32) -> Result<(), VaultError> {
        if !self.is_told_of_disabling(uid)? {
            return Ok(());
        }
        let dir = self.dir.open_dir(NOTICES)?;
        let _lock = dir.lock()?;
        dir.remove(&told_disabled(uid))?;
        dir.sync()
    }

    /// The wrong codes in a row that `uid` was told of, and where; of a file that nobody can read, none.
    pub fn told_of_wrong_codes(&self, uid: u32) -> Result<Option<(Origin, u32)>, VaultError> {
        let dir = self.dir.open_dir(NOTICES)?;
        let text = match dir.read(&told_wrong_codes(uid), TOLD_CAP) {
            Err(VaultError::Missing(_)) => return Ok(None),
            read => read?,
        };
        let told = || {
            let (origin, count) = std::str::from_utf8(&text).ok()?.strip_suffix('\n')?.split_once(' ')?;
            Some((Origin::parse(origin)?, count.parse().ok()?))
        };
        Ok(told())
    }

    /// `uid` was told of so many; on disk when this returns.
    pub fn note_wrong_codes(&self, uid: u32, origin: Origin, count: u32) -> Result<(), VaultError> {
        let dir = self.dir.open_dir(NOTICES)?;
        let _lock = dir.lock()?;
        dir.replace(&told_wrong_codes(uid), format!("{} {count}\n", origin.as_str()).as_bytes())
    }

    /// There are none in a row any more. The next ones are to be told.
    pub fn forget_wrong_codes(&self, uid: u32) -> Result<(), VaultError> {
        let dir = self.dir.open_dir(NOTICES)?;
        if !dir.has(&told_wrong_codes(uid))? {
            return Ok(());
        }
        let _lock = dir.lock()?;
        dir.remove(&told_wrong_codes(uid))?;
        dir.sync()
    }

    /// The notices of this event no longer hold. Nothing is written where there is none.
    pub fn unspool(&self, account: &Account, event: NoticeEvent) -> Result<(), VaultError> {
        let dir = self.dir.open_dir(NOTICES)?;
        let _lock = dir.lock()?;
        let Some(before) = read(&dir, account)? else { return Ok(()) };
        let mut after = before.clone();
        after.drop_event(event);
        if after == before { Ok(()) } else { write(&dir, &after) }
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
        dir.remove(&told_disabled(uid))?;
        dir.remove(&told_wrong_codes(uid))?;
        dir.sync()
    }

    /// The notices under `from` are those of `to`, too, whosever they were. Of another uid they go at once: after a crash this is
    /// done again, and nobody is to be told twice.
    pub(super) fn move_notices(&self, from: u32, to: &Account) -> Result<(), VaultError> {
        let dir = self.dir.open_dir(NOTICES)?;
        let _lock = dir.lock()?;
        for told in [told_disabled, told_wrong_codes] {
            if from != to.uid && dir.has(&told(from))? {
                dir.rename(&told(from), &told(to.uid))?;
            }
        }
        let Some(spool) = read_any(&dir, from)? else { return dir.sync() };
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

    /// Removes what a killed writer left half-made.
    pub(super) fn sweep_notices(&self) -> Result<(), VaultError> {
        let dir = self.dir.open_dir(NOTICES)?;
        let _lock = dir.lock()?;
        for name in dir.names()?.iter().filter(|name| name.starts_with('.')) {
            dir.remove(name)?;
        }
        Ok(())
    }
}

/// Are there notices for `uid`? Cheap, and without a lock: the daemon has the whole answer.
pub fn has_notices(place: &VaultPlace, uid: u32, opened_by: OpenedBy, roots: &RootDirs) -> Result<bool, VaultError> {
    let dir = || TrustedDir::open_for(Lifetime::OneCall, &place.dir, place.owner, roots);
    let has = || dir()?.open_dir(NOTICES)?.has(&name(uid));
    call_by(Some(opened_by), place.owner, has).unwrap_or(Ok(false))
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

/// Writes and syncs a file that nobody reads yet. A file that could not be written whole takes no room.
fn write_aside(dir: &TrustedDir, temporary: &str, spool: &Spool) -> Result<(), VaultError> {
    dir.remove(temporary)?; // left by a writer that was killed here
    let made = dir.create(temporary, spool.to_toml().as_bytes());
    made.map(drop).inspect_err(|_| drop(dir.remove(temporary)))
}

fn name(uid: u32) -> String {
    uid.to_string()
}

/// An empty file: the owner was told that the keys are disabled.
fn told_disabled(uid: u32) -> String {
    format!("{uid}{TOLD_DISABLED}")
}

const TOLD_DISABLED: &str = ".disabled";

/// The origin and how many: the owner was told of so many wrong codes.
fn told_wrong_codes(uid: u32) -> String {
    format!("{uid}.wrong-codes")
}

/// Largest such file in bytes.
const TOLD_CAP: usize = 64;
