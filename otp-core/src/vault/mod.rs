//! The vault: where records and states live on this host. Load, decide under exclusion, store; a vault for a fleet would
//! offer the same three.
//!
//! V1  every file is opened from a trusted directory descriptor, without links, and must be regular, have one name, belong
//!     to the daemon's account and to nobody else's reach (`open`)
//! V2  a reader or writer of a state holds the lock of its user, and the path still names the locked inode (`lock`)
//! V3  a state is written in place, the older slot first, and synced before anybody hears of it (`state_file`)
//! V4  key file and state change together; what a crash leaves behind is finished or undone by the next one who locks
//!     (`locked_user`, `commit`)
//! V6  the clock mark is the newest time that is known to have passed (`clock_mark`)
//! V5  "never enrolled" needs proof: a valid vault.toml, directories that open, and no trace of the user
//! V7  a notice is on disk before anybody hears of it (`notices`, `outbox`)
//! V8  locks are taken in this order: tickets, the directory of states, a user's state, notices, the vault itself
//! V9  a file that older programs would overlook is named in vault.toml before it counts (`needs`)

mod about;
mod adopt;
mod change;
mod clock_mark;
mod commit;
mod error;
mod examine;
mod expiry;
mod gone;
mod lock;
mod locked_user;
mod lost;
mod marks;
mod names;
mod needs;
mod notices;
mod open;
mod outbox;
mod ownership;
mod passwd;
mod read;
mod resets;
mod root_owned;
mod state_file;
mod suspended;
mod tickets;
mod tokens;

use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::PathBuf;

use crate::accounts::Account;
use crate::environment::Environment;
use crate::files::key_file::RecordError;
use crate::keys::seal::{Fingerprint, HostKey};

pub use adopt::Reseal;
pub use change::{ChangeError, Grounds, KeyAddition, KeyUse, Replaces, RepudiationOutcome};
pub use clock_mark::ClockMark;
pub use error::VaultError;
pub(crate) use lock::Pauses;
pub use lock::short_lock_deadline;
pub use locked_user::{LockedUser, UserView};
pub use marks::MarkKind;
pub use names::IndexReport;
pub use notices::has_notices;
use open::{Lifetime, call_by};
pub use open::{OpenedBy, TrustedDir};
pub use outbox::{OUTBOX_CAP, Outbox, OutboxNotice, OutboxPlace, Posted};
pub use passwd::{Passwd, each_local_account};
pub(crate) use read::{errno_of, unreadable};
pub use resets::{FoundReset, StoredReset};
pub use root_owned::{Readers, RootDirs, read_root_file, root_directory, root_program};
pub use tickets::{SeenTicket, StoredTickets, Tickets};

pub use crate::files::vault_file::{About, Need};

/// Where a vault is and whose it must be. Values, so that nothing weakens a check in tests (R13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultPlace {
    /// The vault's directory; everything above it belongs to root.
    pub dir: PathBuf,
    /// The daemon's account.
    pub owner: u32,
}

/// An open vault.
#[derive(Clone)]
pub struct Vault {
    dir: TrustedDir,
    keys: TrustedDir,
    state: TrustedDir,
    about: About,
}

/// Is there anything on record about a user?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrolmentStatus {
    /// Positively never enrolled (R6).
    NeverEnrolled,
    /// Enrolled, whatever became of the keys.
    Enrolled,
}

/// Where key files are.
const KEYS: &str = "keys";
/// Where state files are.
const STATE: &str = "state";
/// Where unread notices are.
const NOTICES: &str = "notices";
/// Where tickets are.
const TICKETS: &str = "tickets";
/// Where tokens are that nobody has yet.
const TOKENS: &str = "tokens";
/// Directories of a vault, besides its vault.toml.
const DIRS: [&str; 5] = [KEYS, STATE, NOTICES, TICKETS, "audit"];

impl Vault {
    /// Opens the vault at `place`. Fails unless a valid vault.toml proves that it is there.
    pub fn open(place: &VaultPlace) -> Result<Self, VaultError> {
        Self::opened(place, Lifetime::Long, &RootDirs::default())
    }

    /// The same for one call, by a caller that may change its file system uid for it.
    pub fn open_by(place: &VaultPlace, opened_by: OpenedBy, roots: &RootDirs) -> Result<Self, VaultError> {
        let opened = call_by(Some(opened_by), place.owner, || Self::opened(place, Lifetime::OneCall, roots));
        Ok(opened.unwrap_or_else(|| Err(VaultError::Missing(place.dir.clone())))?.with(Some(opened_by)))
    }

    fn opened(place: &VaultPlace, lifetime: Lifetime, roots: &RootDirs) -> Result<Self, VaultError> {
        let dir = TrustedDir::open_for(lifetime, &place.dir, place.owner, roots)?;
        let about = about::about_in(&dir)?;
        Ok(Self { keys: dir.open_dir(KEYS)?, state: dir.open_dir(STATE)?, dir, about })
    }

    fn with(self, opened_by: Option<OpenedBy>) -> Self {
        let Self { dir, keys, state, about } = self;
        let [dir, keys, state] = [dir, keys, state].map(|dir| dir.opened_by(opened_by));
        Self { dir, keys, state, about }
    }

    /// Makes `call` as whatever opens this vault does, and gives it the vault in which nothing more is needed for that.
    fn make_call<T>(&self, call: impl FnOnce(&Self) -> Result<T, VaultError>) -> Result<T, VaultError> {
        match self.dir.lifetime() {
            Lifetime::Long => call(self),
            Lifetime::OneCall => self.dir.make_call(|| call(&self.clone().with(None))),
        }
    }

    /// Makes a new vault in the directory at `place`, which must exist and hold no vault.toml. Run as the vault's owner.
    pub fn create(place: &VaultPlace, about: &About) -> Result<Self, VaultError> {
        let dir = TrustedDir::open(&place.dir, place.owner)?;
        for name in DIRS {
            dir.make_dir(name)?;
        }
        about::write_first(&dir, about)?;
        Ok(Self { keys: dir.open_dir(KEYS)?, state: dir.open_dir(STATE)?, dir, about: about.clone() })
    }

    /// The content of vault.toml.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Is this the host key that the seals in here want?
    pub fn wants(&self, key: &HostKey) -> Result<(), VaultError> {
        if key.is(self.about.host_key) { Ok(()) } else { Err(VaultError::WrongHostKey) }
    }

    /// Is `account` positively never enrolled? Locks the user's state, if there is one.
    pub fn enrolment_status(
        &self,
        account: &Account,
        environment: &dyn Environment,
    ) -> Result<EnrolmentStatus, VaultError> {
        if self.lock(account, environment)?.is_some_and(|locked| locked.record().is_some()) {
            return Ok(EnrolmentStatus::Enrolled);
        }
        self.nowhere_else(account).map(|()| EnrolmentStatus::NeverEnrolled)
    }

    /// Uids that have a key file, in rising order.
    pub fn enrolled_uids(&self) -> Result<Vec<u32>, VaultError> {
        self.keys.uids(|name| name.strip_suffix(".toml")?.parse().ok())
    }

    /// Fingerprints of the keys in the key file under `uid`, whosever it is (R4); none without a file.
    pub fn fingerprints_under(&self, uid: u32) -> Result<Vec<Fingerprint>, VaultError> {
        Ok(self.record_under(uid)?.map_or(Vec::new(), |record| record.fingerprints()))
    }

    /// The open directory of key files, so that it can be watched.
    pub fn key_directory(&self) -> Result<BorrowedFd<'_>, VaultError> {
        self.keys.fd().map(|fd| fd.as_fd())
    }

    /// Has anybody but `uid` a key with this secret, as far as files can be read?
    fn is_anothers(&self, fingerprint: Fingerprint, uid: u32) -> bool {
        let others = self.enrolled_uids().unwrap_or_default().into_iter().filter(|other| *other != uid);
        let mut records = others.filter_map(|other| self.record_under(other).ok().flatten());
        records.any(|record| record.fingerprints().contains(&fingerprint))
    }

    /// Removes what a killed writer left half-made, and makes what an older vault lacks. Only the one writer of key files may call this (R7).
    pub fn sweep(&self) -> Result<(), VaultError> {
        let _lock = self.state.lock()?;
        for dir in [&self.keys, &self.state] {
            for name in dir.names()?.iter().filter(|name| name.starts_with('.')) {
                dir.remove(name)?;
            }
        }
        self.sweep_tickets()?;
        self.sweep_notices()?;
        self.sweep_itself()
    }

    pub(crate) fn malformed_record(&self, account: &Account, error: &RecordError) -> VaultError {
        VaultError::malformed(&self.keys.path_of(&record_name(account.uid)), error.to_string())
    }
}

/// Name of a user's key file.
fn record_name(uid: u32) -> String {
    format!("{uid}.toml")
}

#[cfg(test)]
mod tests;
