//! Going back to a vault of version 1, for a program that knows no other: only when nothing is left that such a program could not see.

use std::fmt;

use crate::accounts::{Account, named};
use crate::vault::{Vault, VaultError};

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
pub fn back_to_1(vault: &Vault) -> Result<WayBack, VaultError> {
    if vault.needs()?.is_empty() {
        return Ok(WayBack::Already);
    }
    let mut found = Vec::new();
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
    vault.need_nothing()?;
    Ok(WayBack::Done)
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elsewhere { owner, now } => {
                write!(f, "{}: enrolled under uid {}, and has uid {now} now; adopt or forget", owner.name, owner.uid)
            }
            Self::NotKnown(owner) => write!(f, "{}: the account database does not answer", owner.name),
        }
    }
}
