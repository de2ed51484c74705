//! Resolves an entry of `exempt` or `require` through NSS. A name means the account that NSS finds under it, however NSS spells it: where
//! NSS accepts `Carl` for `carl`, so does the policy.

use nix::errno::Errno;
use nix::unistd::{Gid, Group};

use crate::accounts::{Account, account_of, named};
use crate::membership::is_member;
use crate::policy::audience::{Relation, Unmatched, Who};

/// The account, group or network that an entry names.
#[derive(Debug)]
pub enum Found {
    /// This account.
    Account(Account),
    /// This group.
    Group(Group),
    /// A network; NSS has no say in it.
    Net,
}

/// Looks it up.
pub fn look_up(who: &Who) -> Result<Found, Unmatched> {
    match who {
        Who::User(name) => answer(named(name), Unmatched::NoAccount).map(Found::Account),
        Who::Uid(uid) => answer(account_of(*uid), Unmatched::NoAccount).map(Found::Account),
        Who::Group(name) => answer(Group::from_name(name), Unmatched::NoGroup).map(Found::Group),
        Who::Gid(gid) => answer(Group::from_gid(Gid::from_raw(*gid)), Unmatched::NoGroup).map(Found::Group),
        Who::Net(_) => Ok(Found::Net),
    }
}

/// The relation of this account to it. Accounts compare by uid, and by name as NSS spells it; groups by gid.
pub fn relation(who: &Who, account: &Account) -> Result<Relation, Unmatched> {
    match who {
        Who::User(name) if *name == account.name => return Ok(Relation::Same),
        Who::Uid(uid) if *uid == account.uid => return Ok(Relation::Same),
        _ => {}
    }
    match (look_up(who)?, who) {
        (Found::Account(_), Who::Uid(_)) | (Found::Net, _) => Ok(Relation::Another),
        (Found::Account(found), _) if found == *account => Ok(Relation::Same),
        (Found::Account(found), _) if found.uid == account.uid => Ok(Relation::SameUid),
        (Found::Account(_), _) => Ok(Relation::Another),
        (Found::Group(group), _) => is_member(account, &group).map(Relation::from).map_err(|_| Unmatched::NoAnswer),
    }
}

fn answer<T>(found: Result<Option<T>, Errno>, none: Unmatched) -> Result<T, Unmatched> {
    found.map_err(|_| Unmatched::NoAnswer)?.ok_or(none)
}
