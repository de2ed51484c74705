//! Files that belong to their user no longer or come from elsewhere: after an account was renamed, root has them adopted;
//! after a restore from a backup, root says so. None of this happens by itself.

use super::change::ChangeError;
use super::clock_mark::now;
use super::error::VaultError;
use super::locked_user::LockedUser;
use super::marks::MarkKind;
use super::tickets::StoredTickets;
use super::{Vault, record_name};
use crate::accounts::Account;
use crate::decision::state::{KeyState, RecoveryState, State};
use crate::environment::Environment;
use crate::files::key_file::{Key, RECORD_CAP, Record};
use crate::files::ticket::{TicketEndReason, TicketId};
use crate::keys::seal::{HostKey, Nonce, VaultId};
use crate::reasons::ChangeRefusal;

/// An adoption's needs besides the names.
pub struct Reseal<'a> {
    /// Opens and closes the seals.
    pub host_key: &'a HostKey,
    /// A fresh nonce for each key.
    pub nonce: &'a dyn Fn() -> Option<Nonce>,
}

impl Reseal<'_> {
    /// Opens the seal of a key, changes what it binds, and seals the key again, for the second of two accounts.
    pub(super) fn edit(
        &self,
        key: &mut Key,
        (from, to): (&Account, &Account),
        vault: VaultId,
        change: impl FnOnce(&mut Key),
    ) -> Result<(), ChangeError> {
        let opened = self.host_key.open(&key.sealed, &key.binding(from, vault));
        let secret = opened.map_err(|_| ChangeError::NotSealed)?;
        change(key);
        let nonce = (self.nonce)().ok_or(ChangeError::NotSealed)?;
        let sealed = self.host_key.seal(&secret, &key.binding(to, vault), &nonce);
        key.sealed = sealed.ok_or(ChangeError::NotSealed)?;
        Ok(())
    }
}

impl Vault {
    /// Whose key file there is under `uid`, whatever the account database says.
    pub fn owner_of(&self, uid: u32) -> Result<Option<Account>, VaultError> {
        Ok(self.record_under(uid)?.map(|record| record.account))
    }

    /// The key file under `uid`, whosever it is.
    pub(super) fn record_under(&self, uid: u32) -> Result<Option<Record>, VaultError> {
        let name = record_name(uid);
        let bytes = match self.keys.read(&name, RECORD_CAP) {
            Err(VaultError::Missing(_)) => return Ok(None),
            read => read?,
        };
        let malformed = |why: String| VaultError::malformed(&self.keys.path_of(&name), why);
        let text = std::str::from_utf8(&bytes).map_err(|_| malformed("not UTF-8".to_owned()))?;
        Record::read(text).map(Some).map_err(|error| malformed(error.to_string()))
    }

    /// Everybody who has a key file under this name. One that cannot be read is nobody's.
    pub fn owners_named(&self, name: &str) -> Result<Vec<Account>, VaultError> {
        Ok(self.owners()?.into_iter().filter(|owner| owner.name == name).collect())
    }

    /// Everybody who has a key file that can be read, by rising uid.
    pub fn owners(&self) -> Result<Vec<Account>, VaultError> {
        Ok(self.enrolled_uids()?.into_iter().filter_map(|uid| self.owner_of(uid).ok().flatten()).collect())
    }

    /// Makes the files of `from` those of `to`: name, uid or both have changed. The caller has made sure that `from` is
    /// nobody's account any more.
    pub fn adopt(
        &self,
        from: &Account,
        to: &Account,
        reseal: &Reseal<'_>,
        environment: &dyn Environment,
    ) -> Result<Record, ChangeError> {
        if from.uid == to.uid {
            self.move_tickets(from.uid, to, environment)?; // their lock comes before that of a user
        }
        let mut old = self.lock_even_gone(from, environment)?.ok_or(ChangeRefusal::NotEnrolled)?;
        self.drop_resets_of(from.uid)?; // they were asked for in another name
        if from == to {
            self.index_again(to)?; // before the mark goes: a look in between can only mark once more
            return match self.unmark(MarkKind::Gone, to.uid)? {
                true => Ok(old.enrolled()?.clone()),
                false => Err(ChangeRefusal::AlreadyAdopted.into()),
            };
        }
        if from.uid == to.uid {
            let mut record = self.resealed(&old, to, reseal)?;
            record.generation = old.next_record()?.generation;
            self.move_notices(from.uid, to)?;
            old.commit(&record, environment)?;
            self.unmark(MarkKind::Gone, to.uid)?;
            return Ok(record);
        }
        let record = self.move_record(&old, to, reseal, environment)?;
        drop(old);
        self.move_notices(from.uid, to)?;
        self.forget(from.uid)?;
        Ok(record)
    }

    /// To another uid. Until the old files are forgotten both are there, but only one has an account.
    fn move_record(
        &self,
        old: &LockedUser<'_>,
        to: &Account,
        reseal: &Reseal<'_>,
        environment: &dyn Environment,
    ) -> Result<Record, ChangeError> {
        let mut record = self.resealed(old, to, reseal)?;
        record.generation = 1;
        record.recovery.clear(); // their hashes hold the old uid, and nobody has the codes to make new ones
        self.make_state(to.uid, environment)?;
        let mut new = match self.lock_existing(to, environment) {
            Err(VaultError::Renamed { .. }) => return Err(ChangeRefusal::AlreadyEnrolled.into()), // somebody else's files
            locked => locked?,
        };
        match &new.record {
            Some(there) if same_keys(there, &record) => return Ok(there.clone()), // killed before the old ones were forgotten
            Some(_) => return Err(ChangeRefusal::AlreadyEnrolled.into()),
            None => {}
        }
        new.state = State { uid: to.uid, generation: 0, pending: None, enrolled: false, ..old.state.clone() };
        new.file.store_both(&new.state, environment)?; // marks and watermarks first: a crash must not free anybody
        new.commit(&record, environment)?;
        Ok(record)
    }

    /// The record of `old` for `to`. Used codes are burnt into the new seals.
    fn resealed(&self, old: &LockedUser<'_>, to: &Account, reseal: &Reseal<'_>) -> Result<Record, ChangeError> {
        let from = old.account();
        let mut record = old.enrolled()?.clone();
        for key in &mut record.keys {
            let used = old.state.key(key.id).map_or(key.floor, |entry| entry.watermark.max(key.floor));
            reseal.edit(key, (from, to), self.about.id, |key| {
                key.floor = used;
                if from.uid != to.uid {
                    key.made_in = 1;
                }
            })?;
        }
        record.account = to.clone();
        if from.uid != to.uid {
            record.recovery.clear(); // their hashes are over the old uid
        }
        Ok(record)
    }

    /// Root accepts restored files: the key file on disk is in force, whatever generation it is of, and what
    /// counts by counters is on again. TOTP codes of the time until now stay dead, and HOTP wants two in a row. A key that its
    /// owner has repudiated stays off, if the tickets still say so.
    pub fn restored(&self, account: &Account, environment: &dyn Environment) -> Result<(), ChangeError> {
        let StoredTickets { ticket_file, restored: tickets, .. } = self.restored_tickets(account, environment)?;
        let repudiated: Vec<TicketId> = ticket_file.ended(TicketEndReason::Repudiated).collect();
        match self.restored_keys(account, &repudiated, environment) {
            Err(ChangeError::Refused(ChangeRefusal::NotEnrolled | ChangeRefusal::NothingRestored)) if tickets => Ok(()),
            done => done,
        }
    }

    fn restored_keys(
        &self,
        account: &Account,
        repudiated: &[TicketId],
        environment: &dyn Environment,
    ) -> Result<(), ChangeError> {
        if !self.keys.has(&record_name(account.uid))? {
            return Err(ChangeRefusal::NotEnrolled.into());
        }
        self.make_state(account.uid, environment)?;
        match self.lock(account, environment) {
            Ok(Some(mut locked)) if locked.state().restored => {
                let mut next = State { restored: false, ..locked.state().clone() };
                if let Some(record) = locked.record() {
                    for ticket in repudiated {
                        next.repudiate(record, *ticket);
                    }
                }
                Ok(locked.store(next, environment)?)
            }
            Ok(_) => Err(ChangeRefusal::NothingRestored.into()),
            Err(VaultError::Malformed { .. }) => self.pair_anew(account, repudiated, environment),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the state that of the key file, where the two did not belong together.
    fn pair_anew(
        &self,
        account: &Account,
        repudiated: &[TicketId],
        environment: &dyn Environment,
    ) -> Result<(), ChangeError> {
        let locked = self.lock_state(account.uid)?.ok_or(ChangeRefusal::NotEnrolled)?;
        let (mut file, loaded) = self.read_state(locked, account.uid)?;
        let believed = loaded.believed(now(environment, file.known, file.mark));
        let mut state = loaded.state;
        let record = self.record_of(account)?.ok_or(ChangeRefusal::NotEnrolled)?;
        let elsewhere = |key: &Key| state.key(key.id).is_none() && self.is_anothers(key.fingerprint, account.uid);
        if record.keys.iter().any(elsewhere) {
            return Err(ChangeRefusal::SecretInUse.into()); // R4
        }
        let entry = |key: &Key| KeyState { pending: false, ..state.entry_or_new(key) };
        state.keys = record.keys.iter().map(entry).collect();
        (state.generation, state.pending, state.enrolled, state.restored) = (record.generation, None, true, false);
        if let Some(code) = record.recovery.first().filter(|code| code.set != state.recovery.set) {
            // Nobody knows which of them were used.
            state.recovery = RecoveryState { set: code.set, suspended: true, ..RecoveryState::default() };
        }
        for ticket in repudiated {
            state.repudiate(&record, *ticket);
        }
        state.distrust(&record, believed);
        Ok(file.store_both(&state, environment)?)
    }
}

/// The same devices, by their random ids.
fn same_keys(one: &Record, other: &Record) -> bool {
    one.keys.len() == other.keys.len() && one.keys.iter().zip(&other.keys).all(|(one, other)| one.id == other.id)
}
