//! The index `names/`: under which uid a name is enrolled, so that an account whose uid has changed is not taken for one that was
//! never enrolled. An entry is written and synced before the key file that it speaks of, and proves something only while
//! that file is there and names the user.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use super::error::VaultError;
use super::needs::LockedVault;
use super::open::TrustedDir;
use super::passwd::{Passwd, each_local_account};
use super::{Vault, record_name};
use crate::accounts::Account;
use crate::files::key_file::Record;
use crate::files::name_entry::NameEntry;
use crate::files::vault_file::Need;

/// The outcome of making the index.
#[derive(Debug, Default)]
pub struct IndexReport {
    /// Entries that were written or removed.
    pub changed: usize,
    /// Uids whose key file cannot be read, and why: until they are mended or forgotten, an index that was not whole stays so.
    pub unreadable: Vec<(u32, VaultError)>,
}

/// Owners of key files by the name of the entry that leads to them.
type Owners = BTreeMap<String, Vec<Account>>;

/// When entries reach the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Syncing {
    /// One by one.
    Each,
    /// All of them at the end: until then the index does not count.
    Together,
}

/// Where an index is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IndexPlace {
    /// In the one that is there.
    There,
    /// Beside it: there is none.
    Aside,
}

impl Vault {
    /// The rest of the proof that `account`, of which there is no trace under its uid, was never enrolled (R6): nor is it under another
    /// uid. A vault without an index says nothing about that.
    pub fn nowhere_else(&self, account: &Account) -> Result<(), VaultError> {
        if !self.needs()?.contains(&Need::Names) {
            return Ok(());
        }
        let names = self.dir.open_dir(NAMES)?;
        match read(&names, &NameEntry::file_name(&account.name))? {
            Some(entry) if entry.account.uid != account.uid && self.is_live(&entry)? => {
                Err(VaultError::UidChanged(self.keys.path_of(&record_name(entry.account.uid))))
            }
            _ => Ok(()),
        }
    }

    /// Before the key file of `account` is written. An entry that leads to other files of that name proves more until they are gone.
    pub(super) fn index_before(&self, account: &Account) -> Result<(), VaultError> {
        let locked = self.lock_itself()?;
        let names = locked.dir_of(Need::Names)?;
        let elsewhere = match read(&names, &NameEntry::file_name(&account.name)) {
            Ok(None) => false,
            Ok(Some(entry)) => entry.account.uid != account.uid && self.is_live(&entry).unwrap_or(true),
            Err(_) => self.another_of_that_name(account)?.is_some(),
        };
        if elsewhere { Ok(()) } else { locked.enter(&names, account) }
    }

    /// After the commit: the name leads to these files, and a former name to none of them.
    pub(super) fn index_after(&self, account: &Account, former: Option<&Account>) -> Result<(), VaultError> {
        let locked = self.lock_itself()?;
        let names = self.dir.open_dir(NAMES)?;
        locked.enter(&names, account)?;
        match former.filter(|former| former.name != account.name) {
            Some(former) => locked.leave(&names, former),
            None => Ok(()),
        }
    }

    /// Root says that this account is the one in the files: whether /etc/passwd has it is looked up again.
    pub(super) fn index_again(&self, account: &Account) -> Result<(), VaultError> {
        let locked = self.lock_itself()?;
        let names = match self.dir.open_dir(NAMES) {
            Err(VaultError::Missing(_)) => return Ok(()),
            opened => opened?,
        };
        match read(&names, &NameEntry::file_name(&account.name)) {
            Ok(Some(entry)) if entry.account == *account => locked.enter(&names, account),
            _ => Ok(()),
        }
    }

    /// Before the key file of `uid` goes: other files of that name take its place in the index. Says the name.
    pub(super) fn index_without(&self, uid: u32) -> Result<Option<String>, VaultError> {
        let names = match self.dir.open_dir(NAMES) {
            Err(VaultError::Missing(_)) => return Ok(None),
            opened => opened?,
        };
        let Ok(Some(owner)) = self.owner_of(uid) else { return Ok(None) }; // an entry without a key file proves nothing
        let account = Account { name: owner.name, uid };
        if let Some(other) = self.another_of_that_name(&account)? {
            self.lock_itself()?.enter(&names, &other)?;
        }
        Ok(Some(account.name))
    }

    /// After the key file of `uid` has gone.
    pub(super) fn unindex(&self, name: Option<&str>, uid: u32) -> Result<(), VaultError> {
        let Some(name) = name else { return Ok(()) };
        self.lock_itself()?.leave(&self.dir.open_dir(NAMES)?, &Account { name: name.to_owned(), uid })
    }

    /// Makes the index again from the key files. vault.toml names it once it is whole. Only the one writer of key files may call this (R7).
    /// `seen` gets each key file by the way, with the uid that it is under.
    pub fn rebuild_names(&self, seen: &mut dyn FnMut(u32, &Record)) -> Result<IndexReport, VaultError> {
        let locked = self.lock_itself()?;
        let needed = self.needs()?.contains(&Need::Names);
        match self.dir.open_dir(NAMES) {
            // With many users the look takes long. An index that counts is kept up by every other writer meanwhile.
            Ok(names) if needed => {
                drop(locked);
                self.renew_names(&names, seen)
            }
            Err(VaultError::Missing(_)) => {
                let aside = locked.emptied(ASIDE)?;
                locked.make_names(&aside, (IndexPlace::Aside, needed), seen)
            }
            opened => locked.make_names(&opened?, (IndexPlace::There, needed), seen),
        }
    }

    /// Brings an index that counts up to date; the vault is locked for each entry that differs, which is looked at again then.
    fn renew_names(&self, names: &TrustedDir, seen: &mut dyn FnMut(u32, &Record)) -> Result<IndexReport, VaultError> {
        let mut report = IndexReport::default();
        let owners = self.owners_by_name(seen, &mut report)?;
        let local = Passwd::read().unwrap_or_default();
        for (file, owners) in &owners {
            let old = read(names, file).ok().flatten();
            let Some(new) = chosen(owners, old.as_ref(), &local).filter(|new| old.as_ref() != Some(new)) else {
                continue;
            };
            let _locked = self.lock_itself()?;
            if read(names, file).ok().flatten() == old && self.is_live(&new).unwrap_or(false) {
                report.changed += 1;
                write(names, file, &new, Syncing::Each)?;
            }
        }
        for file in stale(names, &owners, &report)? {
            let _locked = self.lock_itself()?;
            let entry = read(names, &file).ok().flatten();
            if !entry.is_some_and(|entry| self.is_live(&entry).unwrap_or(true)) {
                names.remove(&file)?;
                names.sync()?;
                report.changed += 1;
            }
        }
        Ok(report)
    }

    /// Whose key files there are, by the names of their entries; those that cannot be read go to the report.
    fn owners_by_name(
        &self,
        seen: &mut dyn FnMut(u32, &Record),
        report: &mut IndexReport,
    ) -> Result<Owners, VaultError> {
        let mut owners = Owners::new();
        for uid in self.enrolled_uids()? {
            let record = self.record_under(uid);
            if let Ok(Some(record)) = &record {
                seen(uid, record);
            }
            match record.map(|record| record.map(|record| record.account)) {
                Ok(Some(owner)) if owner.uid == uid => {
                    owners.entry(NameEntry::file_name(&owner.name)).or_default().push(owner);
                }
                Ok(None) => {}
                Ok(Some(owner)) => {
                    let path = self.keys.path_of(&record_name(uid));
                    report.unreadable.push((uid, VaultError::malformed(&path, format!("names uid {}", owner.uid))));
                }
                Err(error) => report.unreadable.push((uid, error)),
            }
        }
        Ok(owners)
    }

    /// Entries of which `wanted` says yes; one that cannot be read is passed over.
    pub(super) fn entries_where(&self, wanted: &dyn Fn(&NameEntry) -> bool) -> Result<Vec<NameEntry>, VaultError> {
        let names = match self.dir.open_dir(NAMES) {
            Err(VaultError::Missing(_)) => return Ok(Vec::new()),
            opened => opened?,
        };
        let mut found = Vec::new();
        names.each_name(&mut |file| {
            found.extend(read(&names, file).ok().flatten().filter(|entry| wanted(entry)));
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// Is that entry in the index as it is?
    pub(super) fn is_entered(&self, entry: &NameEntry) -> bool {
        let names = self.dir.open_dir(NAMES).ok();
        let found = names.and_then(|names| read(&names, &NameEntry::file_name(&entry.account.name)).ok().flatten());
        found.as_ref() == Some(entry)
    }

    /// Is the key file there that an entry speaks of? One that cannot be read does not say no.
    pub(super) fn is_live(&self, entry: &NameEntry) -> Result<bool, VaultError> {
        Ok(self.owner_of(entry.account.uid)?.is_some_and(|owner| owner.name == entry.account.name))
    }

    /// Files of that name under another uid.
    fn another_of_that_name(&self, account: &Account) -> Result<Option<Account>, VaultError> {
        Ok(self.owners_named(&account.name)?.into_iter().find(|other| other.uid != account.uid))
    }
}

impl LockedVault<'_> {
    /// Makes an index that does not count yet, or is lost.
    fn make_names(
        &self,
        names: &TrustedDir,
        (place, needed): (IndexPlace, bool),
        seen: &mut dyn FnMut(u32, &Record),
    ) -> Result<IndexReport, VaultError> {
        let mut report = IndexReport::default();
        let owners = self.vault.owners_by_name(seen, &mut report)?;
        let local = Passwd::read().unwrap_or_default();
        for (file, owners) in &owners {
            let old = read(names, file).ok().flatten();
            let Some(new) = chosen(owners, old.as_ref(), &local) else { continue };
            if old.as_ref() != Some(&new) {
                report.changed += 1;
                write(names, file, &new, Syncing::Together)?;
            }
        }
        for file in stale(names, &owners, &report)? {
            names.remove(&file)?;
            report.changed += 1;
        }
        let whole = report.unreadable.is_empty();
        names.sync_file_system()?;
        // One that was whole and is lost comes back whole or not at all: until then nobody counts as never enrolled.
        if place == IndexPlace::Aside && (whole || !needed) {
            self.vault.dir.rename(ASIDE, NAMES)?;
            self.vault.dir.sync()?;
        }
        if whole && !needed {
            self.need(Need::Names)?;
        }
        Ok(report)
    }

    /// Makes the entry of `account`, unless it is there.
    fn enter(&self, names: &TrustedDir, account: &Account) -> Result<(), VaultError> {
        let file = NameEntry::file_name(&account.name);
        let old = read(names, &file).ok().flatten();
        let kept = old.as_ref().is_some_and(|old| old.account == *account && old.local);
        let mut local = false;
        let told = each_local_account(&mut |line| local |= line.is(account));
        let local = told.map_or(kept, |()| local);
        let new = NameEntry { account: account.clone(), local };
        if old.as_ref() == Some(&new) { Ok(()) } else { write(names, &file, &new, Syncing::Each) }
    }

    /// Removes the entry of a name that leads to `former`; one that leads elsewhere stays.
    fn leave(&self, names: &TrustedDir, former: &Account) -> Result<(), VaultError> {
        let file = NameEntry::file_name(&former.name);
        if read(names, &file)?.is_none_or(|entry| entry.account.uid != former.uid) {
            return Ok(());
        }
        names.remove(&file)?;
        names.sync()
    }

    /// Removes what a killed writer left half-made.
    pub(super) fn sweep_names(&self) -> Result<(), VaultError> {
        let names = match self.vault.dir.open_dir(NAMES) {
            Err(VaultError::Missing(_)) => return Ok(()),
            opened => opened?,
        };
        for name in names.names()?.iter().filter(|name| name.starts_with('.')) {
            names.remove(name)?;
        }
        Ok(())
    }
}

/// Whose files an entry is to lead to, where a name has several: those that it leads to already. An entry
/// that was local stays so: the daemon looks for such users in /etc/passwd, and must miss one who is no longer there.
fn chosen(owners: &[Account], old: Option<&NameEntry>, passwd: &Passwd) -> Option<NameEntry> {
    let old = old.filter(|old| owners.contains(&old.account));
    let account = old.map(|old| &old.account).or(owners.first())?.clone();
    let local = passwd.has(&account) || old.is_some_and(|old| old.local);
    Some(NameEntry { account, local })
}

/// Entries that lead to no key file. Those of files that cannot be read stay.
fn stale(names: &TrustedDir, owners: &Owners, report: &IndexReport) -> Result<Vec<String>, VaultError> {
    let damaged: BTreeSet<u32> = report.unreadable.iter().map(|(uid, _)| *uid).collect();
    let stays = |file: &str| match read(names, file) {
        Ok(entry) => entry.is_some_and(|entry| damaged.contains(&entry.account.uid)),
        Err(_) => !damaged.is_empty(),
    };
    let mut found = Vec::new();
    names.each_name(&mut |file| {
        if !owners.contains_key(file) && !stays(file) {
            found.push(file.to_owned());
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// Tells of every entry below the vault's directory that cannot be read.
pub(super) fn unreadable_in(vault: &TrustedDir, tell: &mut dyn FnMut(VaultError)) -> Result<(), VaultError> {
    let names = match vault.open_dir(NAMES) {
        Err(VaultError::Missing(_)) => return Ok(()),
        opened => opened?,
    };
    for file in names.names()?.iter().filter(|file| !file.starts_with('.')) {
        if let Err(error) = read(&names, file) {
            tell(error);
        }
    }
    Ok(())
}

fn read(names: &TrustedDir, file: &str) -> Result<Option<NameEntry>, VaultError> {
    let bytes = match names.read(file, NameEntry::CAP) {
        Err(VaultError::Missing(_)) => return Ok(None),
        read => read?,
    };
    let entry = NameEntry::parse(&bytes, file);
    entry.map(Some).map_err(|why| VaultError::malformed(&names.path_of(file), why.to_string()))
}

fn write(names: &TrustedDir, file: &str, entry: &NameEntry, syncing: Syncing) -> Result<(), VaultError> {
    let text = entry.to_toml();
    if syncing == Syncing::Each {
        return names.replace(file, text.as_bytes());
    }
    let temporary = format!(".{file}.new");
    names.remove(&temporary)?;
    names.create_unsynced(&temporary, text.as_bytes())?;
    names.rename(&temporary, file)
}

/// Where the entries are.
const NAMES: &str = "names";
const ASIDE: &str = ".names.new";
