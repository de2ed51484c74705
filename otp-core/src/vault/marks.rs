//! Marks about users, beside their files: `gone/<uid>` and `suspended/<uid>`. A mark counts as soon as its file is there, and is
//! looked for under the user's lock. vault.toml names the kind while there is a mark of it (V9).

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::Vault;
use super::error::VaultError;
use super::needs::LockedVault;
use super::open::{Lifetime, TrustedDir};
use crate::files::user_mark::UserMark;
use crate::files::vault_file::Need;

/// Kinds of marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkKind {
    /// A local account was seen missing: refused until it is adopted or forgotten.
    Gone,
    /// The keys are suspended, and somebody held the lock of the state that should say so.
    Suspended,
}

impl MarkKind {
    fn need(self) -> Need {
        match self {
            Self::Gone => Need::Gone,
            Self::Suspended => Need::Suspended,
        }
    }
}

/// The marks that one user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UserMarks {
    pub(super) gone: bool,
    pub(super) suspended: bool,
}

impl Vault {
    /// Every mark of that kind by rising uid, with its content where that can be read.
    pub fn marked(&self, kind: MarkKind) -> Result<Vec<(u32, Option<UserMark>)>, VaultError> {
        let Some(dir) = self.marks(kind, &mut None)? else { return Ok(Vec::new()) };
        let uids = dir.uids(|name| name.parse().ok())?;
        Ok(uids.into_iter().map(|uid| (uid, mark_in(&dir, uid))).collect())
    }

    /// The content of the mark of `uid`; none where there is none, or it cannot be read.
    pub(super) fn mark_of(&self, kind: MarkKind, uid: u32) -> Result<Option<UserMark>, VaultError> {
        Ok(self.marks(kind, &mut None)?.and_then(|dir| mark_in(&dir, uid)))
    }

    /// Is `uid` marked? Whatever is there under that name is a mark.
    pub(super) fn is_marked(&self, kind: MarkKind, uid: u32) -> Result<bool, VaultError> {
        self.has_mark(kind, uid, &mut None)
    }

    /// Which marks `uid` has; vault.toml is read once for all kinds at the most. A word that is written after that has its directory by
    /// then, and the look for that comes later.
    pub(super) fn marks_of(&self, uid: u32) -> Result<UserMarks, VaultError> {
        let needs = &mut None;
        let gone = self.has_mark(MarkKind::Gone, uid, needs)?;
        Ok(UserMarks { gone, suspended: self.has_mark(MarkKind::Suspended, uid, needs)? })
    }

    fn has_mark(&self, kind: MarkKind, uid: u32, needs: &mut Option<BTreeSet<Need>>) -> Result<bool, VaultError> {
        self.marks(kind, needs)?.map_or(Ok(false), |dir| dir.has(&uid.to_string()))
    }

    /// Takes a mark away, if it is there. Says whether it was.
    pub(super) fn unmark(&self, kind: MarkKind, uid: u32) -> Result<bool, VaultError> {
        if !self.is_marked(kind, uid)? {
            return Ok(false);
        }
        self.lock_itself()?.unmark(kind, uid)
    }

    fn marks(&self, kind: MarkKind, needs: &mut Option<BTreeSet<Need>>) -> Result<Option<TrustedDir>, VaultError> {
        self.needed_dir(kind.need(), needs)
    }

    /// The directory that a word speaks of. A vault that needs it and does not have it is not whole. `needs` are those that vault.toml
    /// names by now; none if it was not read yet.
    pub(super) fn needed_dir(
        &self,
        need: Need,
        needs: &mut Option<BTreeSet<Need>>,
    ) -> Result<Option<TrustedDir>, VaultError> {
        let missing = match self.dir.open_dir(need.word()) {
            Err(missing @ VaultError::Missing(_)) => missing,
            opened => return opened.map(Some),
        };
        let needs = match needs {
            Some(needs) => needs,
            None if self.dir.lifetime() == Lifetime::OneCall => &self.about.needs, // read just before
            None => needs.insert(self.needs()?),
        };
        if needs.contains(&need) { Err(missing) } else { Ok(None) }
    }
}

impl LockedVault<'_> {
    /// Marks a user: the word first, then the file. One that is there stays as it is, unless the owner made it and this is somebody
    /// else's. Says whether it is new.
    pub(super) fn mark(&self, kind: MarkKind, mark: &UserMark) -> Result<bool, VaultError> {
        let (marks, name) = (self.dir_of(kind.need())?, mark.account.uid.to_string());
        let is_own = || mark_in(&marks, mark.account.uid).is_some_and(|old| old.lost.is_some());
        if marks.has(&name)? && (mark.lost.is_some() || !is_own()) {
            return Ok(false);
        }
        self.need(kind.need())?;
        marks.replace(&name, mark.to_toml().as_bytes())?;
        Ok(true)
    }

    /// Takes a mark away that is there. Says whether it was.
    pub(super) fn unmark(&self, kind: MarkKind, uid: u32) -> Result<bool, VaultError> {
        let Some(dir) = self.vault.marks(kind, &mut None)? else { return Ok(false) };
        dir.remove(&uid.to_string())?;
        dir.sync()?;
        self.drop_need_without_files(kind.need(), &dir)?;
        Ok(true)
    }

    /// Is there no file that a word speaks of as long as it is there?
    pub(super) fn has_no_files(&self) -> Result<bool, VaultError> {
        for need in Need::WHILE_THERE_IS_A_FILE {
            if !self.vault.needed_dir(need, &mut None)?.map_or(Ok(true), |dir| is_empty(&dir))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes what a killed writer left half-made, and words without a file.
    pub(super) fn sweep_files(&self) -> Result<(), VaultError> {
        for need in Need::WHILE_THERE_IS_A_FILE {
            let dir = match self.vault.dir.open_dir(need.word()) {
                Err(VaultError::Missing(_)) => continue, // if its word is there everybody is refused, and the log says why
                opened => opened?,
            };
            for name in dir.names()?.iter().filter(|name| name.starts_with('.')) {
                dir.remove(name)?;
            }
            self.drop_need_without_files(need, &dir)?;
        }
        Ok(())
    }

    /// A word goes with the last file.
    pub(super) fn drop_need_without_files(&self, need: Need, dir: &TrustedDir) -> Result<(), VaultError> {
        if is_empty(dir)? { self.need_no(need) } else { Ok(()) }
    }
}

/// The mark of `uid` in a directory of marks, where it can be read.
fn mark_in(dir: &TrustedDir, uid: u32) -> Option<UserMark> {
    dir.read(&uid.to_string(), UserMark::CAP).ok().and_then(|text| UserMark::parse(&text))
}

fn is_empty(dir: &TrustedDir) -> Result<bool, VaultError> {
    let mut empty = true;
    dir.each_name(&mut |_| {
        empty = false;
        ControlFlow::Break(())
    })?;
    Ok(empty)
}
