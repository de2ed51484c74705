//! Notices on their way out of this host, in a directory apart from the vault, one file for each: put there by the daemon and
//! taken by `otp-enrolld notify`, whose account owns that directory and may not touch the vault. A file's name says when
//! it is to be tried and how often it was: to put one off is a rename, which works on a full disk.

use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::Flock;

use super::error::VaultError;
use super::notices::parse;
use super::open::TrustedDir;
use super::{NOTICES, Vault};
use crate::accounts::Account;
use crate::files::notice::Notice;
use crate::files::notice_file::{SPOOL_CAP, Spool, Spooled};
use crate::unix_time::UnixTime;

/// Where the outbox is, and whose. Values, so that nothing weakens a check in tests (R13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxPlace {
    /// Its directory; everything above it belongs to root.
    pub dir: PathBuf,
    /// The account that empties it.
    pub owner: u32,
    /// The group that may write into it: that of this account.
    pub group: u32,
    /// The daemon's account, whose files alone count.
    pub writer: u32,
}

/// The outbox, for the one who empties it.
pub struct Outbox(TrustedDir);

/// One notice in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutboxNotice {
    number: u64,
    /// How often it was tried.
    pub tries: u32,
    /// Not to be tried again before this time.
    pub not_before: UnixTime,
}

/// The fate of a notice that was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Posted {
    /// It is in the outbox, on disk.
    Kept,
    /// It is not: so many are waiting that nobody seems to take them.
    Full,
    /// It is not, for this reason. The outbox is another account's, so this bars nothing.
    Failed(String),
}

/// Most notices in the outbox.
pub const OUTBOX_CAP: usize = 10_000;
/// Below the notices of a vault, in earlier versions.
const FORMER_OUTBOX: &str = "outbox";

impl Vault {
    /// Puts a notice about `account` into the outbox at `place`.
    pub fn post(&self, place: &OutboxPlace, account: &Account, notice: Notice) -> Result<Posted, VaultError> {
        let _lock = self.dir.open_dir(NOTICES)?.lock()?; // not one in the outbox, which others could hold
        let dir = place.open()?;
        let letters = letters(&dir)?;
        if letters.len() >= OUTBOX_CAP {
            return Ok(Posted::Full);
        }
        let number = letters.last().map_or(1, |letter| letter.number.saturating_add(1));
        let number = number.max(notice.at.seconds().saturating_mul(MILLION));
        let letter = OutboxNotice { number, tries: 0, not_before: UnixTime::EPOCH };
        let mut spool = Spool::new(account);
        spool.add(notice);
        put(&dir, &letter, spool.to_toml().as_bytes())
    }

    /// Has this vault an outbox inside, as vaults of an earlier version have?
    pub fn has_former_outbox(&self) -> Result<bool, VaultError> {
        self.dir.open_dir(NOTICES)?.has(FORMER_OUTBOX)
    }

    /// Moves what is in the outbox that vaults of an earlier version have inside into the one at `place`, and the earlier one
    /// away.
    pub fn empty_former_outbox(&self, place: &OutboxPlace) -> Result<(), VaultError> {
        let notices = self.dir.open_dir(NOTICES)?;
        let _lock = notices.lock()?;
        let former = match notices.open_dir(FORMER_OUTBOX) {
            Err(VaultError::Missing(_)) => return Ok(()),
            opened => opened?,
        };
        let dir = place.open()?;
        for letter in letters(&former)? {
            let bytes = former.read(&letter.name(), SPOOL_CAP)?;
            match put(&dir, &letter, &bytes) {
                Err(VaultError::CannotPersist { errno: Errno::EEXIST, .. }) => {} // killed here before
                put => drop(put?),
            }
            former.remove(&letter.name())?;
        }
        for name in former.names()? {
            former.remove(&name)?; // half-made
        }
        notices.remove_dir(FORMER_OUTBOX)
    }
}

impl OutboxPlace {
    fn open(&self) -> Result<TrustedDir, VaultError> {
        TrustedDir::open_shared(&self.dir, (self.owner, self.group), self.writer)
    }
}

/// Aside, synced, renamed, its directory synced. The name aside is a new one each time: the account that shares the directory must not
/// stand in the way.
fn put(dir: &TrustedDir, letter: &OutboxNotice, bytes: &[u8]) -> Result<Posted, VaultError> {
    let temporary = format!(".{}.new", letter.number);
    dir.remove(&temporary)?; // left by a writer that was killed here
    let made = dir.create(&temporary, bytes).and_then(|_| dir.rename_new(&temporary, &letter.name()));
    made.inspect_err(|_| drop(dir.remove(&temporary)))?; // what could not be written whole takes no room
    dir.sync()?;
    Ok(Posted::Kept)
}

impl Outbox {
    /// Opens the outbox at `place`; `None` where there is none.
    pub fn open(place: &OutboxPlace) -> Result<Option<Self>, VaultError> {
        match place.open() {
            Err(VaultError::Missing(_)) => Ok(None),
            opened => opened.map(|dir| Some(Self(dir))),
        }
    }

    /// One at a time empties it.
    pub fn lock(&self) -> Result<impl Sized + use<>, VaultError> {
        let lock: Flock<std::fs::File> = self.0.lock()?;
        Ok(lock)
    }

    /// Oldest first.
    pub fn letters(&self) -> Result<Vec<OutboxNotice>, VaultError> {
        letters(&self.0)
    }

    /// Whom a letter is about, and what it says.
    pub fn read(&self, letter: &OutboxNotice) -> Result<(Account, Spooled), VaultError> {
        let (bytes, path) = (self.0.read(&letter.name(), SPOOL_CAP)?, self.0.path_of(&letter.name()));
        let spool = parse(&bytes, &path)?;
        let only = spool.notices().first().ok_or_else(|| VaultError::malformed(&path, "without a notice"))?;
        Ok((spool.account.clone(), only.clone()))
    }

    /// Takes a letter out.
    pub fn remove(&self, letter: &OutboxNotice) -> Result<(), VaultError> {
        self.0.remove(&letter.name())?;
        self.0.sync()
    }

    /// Counts a try, and puts the next one off until `not_before`.
    pub fn put_off(&self, letter: &OutboxNotice, not_before: UnixTime) -> Result<(), VaultError> {
        let later = OutboxNotice { tries: letter.tries.saturating_add(1), not_before, ..*letter };
        self.0.rename(&letter.name(), &later.name())?;
        self.0.sync()
    }
}

impl OutboxNotice {
    fn name(&self) -> String {
        format!("{:020}.{}.{}", self.number, self.tries, self.not_before)
    }

    /// Reads back what `name` gave, and nothing else.
    fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split('.');
        let (number, tries, not_before) = (parts.next()?, parts.next()?, parts.next()?);
        let (number, tries) = (number.parse().ok()?, tries.parse().ok()?);
        let letter = Self { number, tries, not_before: UnixTime::new(not_before.parse().ok()?) };
        (letter.name() == name).then_some(letter)
    }
}

fn letters(dir: &TrustedDir) -> Result<Vec<OutboxNotice>, VaultError> {
    let mut letters: Vec<OutboxNotice> = dir.names()?.iter().filter_map(|name| OutboxNotice::parse(name)).collect();
    letters.sort_unstable();
    Ok(letters)
}

/// Numbers begin at the microsecond, so that one is not given again after the outbox was empty.
const MILLION: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_a_letter_is_one() {
        let letter = OutboxNotice { number: 7, tries: 2, not_before: UnixTime::new(99) };
        assert_eq!(letter.name(), "00000000000000000007.2.99");
        assert_eq!(OutboxNotice::parse(&letter.name()), Some(letter));
        for bad in [
            "",
            ".new",
            "7.2.99",
            "00000000000000000007.2",
            "00000000000000000007.2.99.1",
            "00000000000000000007.02.99",
        ] {
            assert_eq!(OutboxNotice::parse(bad), None, "{bad:?}");
        }
    }
}
