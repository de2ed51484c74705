//! Is an account in a group? A no can let somebody pass, and getgrouplist(3) silently leaves out what it cannot read. So a no counts only
//! from a database that demonstrably answers.

use std::ffi::CString;

use nix::errno::Errno;
use nix::unistd::{Group, Uid, User, getgrouplist};

use crate::accounts::Account;

/// The answer of NSS; an error where it cannot say.
pub fn is_member(account: &Account, group: &Group) -> Result<bool, Errno> {
    let user = match account.is_named() {
        true => User::from_name(&account.name)?,
        false => User::from_uid(Uid::from_raw(account.uid))?,
    };
    let user = user.ok_or(Errno::ENOENT)?;
    if user.gid == group.gid || (account.is_named() && group.mem.contains(&account.name)) {
        return Ok(true);
    }
    if !account.is_named() {
        return Err(Errno::EILSEQ); // nobody can be asked about a name that is not UTF-8
    }
    let name = CString::new(account.name.as_str()).map_err(|_| Errno::EINVAL)?;
    Errno::clear();
    let groups = getgrouplist(&name, user.gid)?;
    let left = Errno::last();
    if groups.contains(&group.gid) {
        return Ok(true);
    }
    if UNREACHABLE.contains(&left) {
        return Err(left); // of a source that was asked before one that answers
    }
    // A source that is down, or a process without a descriptor left, makes an error of it. Caches know the name: it is always the same.
    Group::from_name(NO_GROUP).map(|_| false)
}

const NO_GROUP: &str = "otp-no-such-group";

/// Left behind by sources that could not be reached. Not every errno is: some are left behind by those that answer.
const UNREACHABLE: [Errno; 6] =
    [Errno::ECONNREFUSED, Errno::ECONNRESET, Errno::EPIPE, Errno::ETIMEDOUT, Errno::EMFILE, Errno::ENFILE];

/// Has this machine itself the group? `None` where /etc/group cannot be read. Of other groups nobody can say who is in them: some
/// databases do not list it.
pub fn is_local_group(group: &str) -> Option<bool> {
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    Some(groups.lines().any(|line| line.split(':').next() == Some(group)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_primary_group_and_a_listed_name_are_memberships_and_another_group_is_not() {
        let root = Account { name: "root".to_owned(), uid: 0 };
        let group = |name: &str| Group::from_name(name).unwrap().unwrap();
        assert_eq!(is_member(&root, &group("root")), Ok(true));
        assert_eq!(is_member(&root, &group("daemon")), Ok(false));
        let listed = Group { mem: vec!["root".to_owned()], ..group("daemon") };
        assert_eq!(is_member(&root, &listed), Ok(true));
    }

    #[test]
    fn of_an_account_that_is_not_there_nobody_can_say() {
        let nobody = Account { name: "no-such-account".to_owned(), uid: 12 };
        assert_eq!(is_member(&nobody, &Group::from_name("daemon").unwrap().unwrap()), Err(Errno::ENOENT));
    }
}
