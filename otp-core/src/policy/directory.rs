//! Whom an entry of `exempt` or `require` means, as NSS says it. A name means the account that NSS finds under it, however NSS
//! spells that one: where it takes `Carl` for `carl`, so does the policy.

use nix::errno::Errno;
use nix::unistd::{Gid, Group, User, getgrouplist};

use crate::accounts::{Account, account_of, named};
use crate::policy::audience::{Unmatched, Who};

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

/// Does it mean this account? Accounts compare by name as NSS spells it or by uid, groups by gid.
pub fn means(who: &Who, account: &Account) -> Result<bool, Unmatched> {
    match who {
        Who::User(name) if *name == account.name => return Ok(true),
        Who::Uid(uid) if *uid == account.uid => return Ok(true),
        _ => {}
    }
    match (look_up(who)?, who) {
        (Found::Account(_), Who::Uid(_)) | (Found::Net, _) => Ok(false),
        (Found::Account(found), _) => Ok(found.name == account.name),
        (Found::Group(group), _) => is_member(account, group.gid),
    }
}

/// getgrouplist(3) leaves out what it cannot read without a word; a group that was found shows that the database answers.
fn is_member(account: &Account, gid: Gid) -> Result<bool, Unmatched> {
    let user = answer(User::from_name(&account.name), Unmatched::NoAnswer)?;
    let name = std::ffi::CString::new(account.name.as_str()).map_err(|_| Unmatched::NoAnswer)?;
    Ok(getgrouplist(&name, user.gid).map_err(|_| Unmatched::NoAnswer)?.contains(&gid))
}

fn answer<T>(found: Result<Option<T>, Errno>, none: Unmatched) -> Result<T, Unmatched> {
    found.map_err(|_| Unmatched::NoAnswer)?.ok_or(none)
}
