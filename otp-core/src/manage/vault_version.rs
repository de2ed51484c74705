//! Goes back to a vault of version 1, for an older program: only if nothing is left that such a program would overlook.

use std::fmt;

use crate::accounts::{Account, named};
use crate::codes::ids::ResetId;
use crate::environment::Environment;
use crate::vault::{KeyUse, MarkKind, Vault, VaultError, short_lock_deadline};

/// Something that a program of version 1 would overlook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// Keys under another uid than the account has: to version 1 that account was never enrolled.
    Elsewhere {
        /// Whose keys, as the files say.
        owner: Account,
        /// The uid of that name by now.
        now: u32,
    },
    /// This uid is refused as that of an account that was seen missing.
    Gone(u32),
    /// The keys of this uid are suspended by a mark, while somebody holds the lock of their state.
    Suspended(u32),
    /// This reset waits: version 1 would make a registration code past it.
    Reset(ResetId),
    /// The account database does not say which uid the owner of these keys has.
    NotKnown(Account),
}

/// The outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WayBack {
    /// It was of version 1.
    Already,
    /// It is now.
    Done,
    /// Nothing was changed.
    Blocked(Vec<Obstacle>),
}

/// Makes vault.toml one of version 1, if nothing stands in the way.
pub fn back_to_1(vault: &Vault, environment: &dyn Environment) -> Result<WayBack, VaultError> {
    if vault.needs()?.is_empty() {
        return Ok(WayBack::Already);
    }
    let mut found = marks(vault, environment)?;
    for owner in vault.owners()? {
        match named(&owner.name) {
            Ok(Some(account)) if account.uid != owner.uid => {
                found.push(Obstacle::Elsewhere { owner, now: account.uid })
            }
            Ok(_) => {}
            Err(_) => found.push(Obstacle::NotKnown(owner)),
        }
    }
    if !found.is_empty() {
        return Ok(WayBack::Blocked(found));
    }
    match vault.need_nothing()? {
        true => Ok(WayBack::Done),
        false => Ok(WayBack::Blocked(marks(vault, environment)?)), // one has come meanwhile
    }
}

/// Marks and resets that are left. A suspension goes into the state first, where its lock is free by now.
fn marks(vault: &Vault, environment: &dyn Environment) -> Result<Vec<Obstacle>, VaultError> {
    for (_, mark) in vault.marked(MarkKind::Suspended)? {
        let Some(mark) = mark else { continue };
        if let Ok(Some(mut locked)) = vault.look(&mark.account, environment, short_lock_deadline()) {
            drop(locked.set_use(KeyUse::Suspended, environment)); // if it fails the mark is still there
        }
    }
    let gone = vault.marked(MarkKind::Gone)?.into_iter().map(|(uid, _)| Obstacle::Gone(uid));
    let suspended = vault.marked(MarkKind::Suspended)?.into_iter().map(|(uid, _)| Obstacle::Suspended(uid));
    let resets = vault.resets()?.into_iter().map(|found| Obstacle::Reset(found.id));
    Ok(gone.chain(suspended).chain(resets).collect())
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elsewhere { owner, now } => {
                write!(f, "{}: enrolled under uid {}, and has uid {now} now; adopt or forget", owner.name, owner.uid)
            }
            Self::Gone(uid) => write!(f, "uid {uid}: refused, for its account was seen missing; adopt or forget"),
            Self::Suspended(uid) => write!(f, "uid {uid}: suspended while a process holds the lock; end that process"),
            Self::Reset(id) => write!(f, "reset {}: waits; otpctl resets cancel {}", id.hex(), id.hex()),
            Self::NotKnown(owner) => write!(f, "{}: the account database does not answer", owner.name),
        }
    }
}
