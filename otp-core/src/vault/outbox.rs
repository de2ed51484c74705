//! Notices on their way out of this host: `notices/outbox`, one file for each, put there by the daemon and taken by
//! `otp-enrolld notify`, which may see nothing else of the vault. A file's name says when it is to be tried and how often it
//! was: to put one off is a rename, which works on a full disk.

use nix::fcntl::Flock;

use super::error::VaultError;
use super::notices::{parse, write_aside};
use super::open::TrustedDir;
use super::{NOTICES, OUTBOX, Vault, VaultPlace};
use crate::accounts::Account;
use crate::files::notice::Notice;
use crate::files::notice_file::{SPOOL_CAP, Spool, Spooled};

/// The outbox of a vault, for the one who empties it.
pub struct Outbox(TrustedDir);

/// One notice in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutboxNotice {
    number: u64,
    /// How often it was tried.
    pub tries: u32,
    /// Not to be tried again before this time, in Unix seconds.
    pub not_before: u64,
}

/// What became of a notice that was posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// It is in the outbox, on disk.
    Kept,
    /// It is not: so many are waiting that nobody seems to take them.
    Full,
}

/// Most notices in the outbox.
pub const OUTBOX_CAP: usize = 10_000;
const TEMPORARY: &str = ".new";

impl Vault {
    /// Puts a notice about `account` into the outbox.
    pub fn post(&self, account: &Account, notice: Notice) -> Result<Posted, VaultError> {
        let notices = self.dir.open_dir(NOTICES)?;
        let _lock = notices.lock()?;
        notices.make_dir(OUTBOX)?;
        let dir = notices.open_dir(OUTBOX)?;
        let letters = letters(&dir)?;
        if letters.len() >= OUTBOX_CAP {
            return Ok(Posted::Full);
        }
        let number = letters.last().map_or(1, |letter| letter.number.saturating_add(1));
        let letter = OutboxNotice { number: number.max(notice.at.saturating_mul(MILLION)), tries: 0, not_before: 0 };
        let mut spool = Spool::new(account);
        spool.add(notice);
        write_aside(&dir, TEMPORARY, &spool)?;
        dir.rename_new(TEMPORARY, &letter.name())?;
        dir.sync()?;
        Ok(Posted::Kept)
    }
}

impl Outbox {
    /// Opens the outbox of the vault at `place`; `None` before its first notice.
    pub fn open(place: &VaultPlace) -> Result<Option<Self>, VaultError> {
        let vault = TrustedDir::open(&place.dir, place.owner)?;
        match vault.open_dir(NOTICES)?.open_dir(OUTBOX) {
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
    pub fn put_off(&self, letter: &OutboxNotice, not_before: u64) -> Result<(), VaultError> {
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
        let letter =
            Self { number: number.parse().ok()?, tries: tries.parse().ok()?, not_before: not_before.parse().ok()? };
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
        let letter = OutboxNotice { number: 7, tries: 2, not_before: 99 };
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
