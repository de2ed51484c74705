//! Accounts: the user that a key belongs to, and the system's word on who that is (getpwnam_r(3)).

use nix::errno::Errno;
use nix::unistd::{Uid, User};

/// Whose record it is, as NSS spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Canonical user name.
    pub name: String,
    /// Its uid.
    pub uid: u32,
}

/// The account of that name; `None` if there is positively none.
pub fn named(name: &str) -> Result<Option<Account>, Errno> {
    let found = User::from_name(name)?;
    Ok(found.map(|user| Account { name: user.name, uid: user.uid.as_raw() }))
}

/// The account of that uid; `None` if there is positively none.
pub fn account_of(uid: u32) -> Result<Option<Account>, Errno> {
    let found = User::from_uid(Uid::from_raw(uid))?;
    Ok(found.map(|user| Account { name: user.name, uid: user.uid.as_raw() }))
}

/// The uid of that name or, if nobody has it and it is a number, that uid: of an account that is gone.
pub fn uid_named(name: &str) -> Result<Option<u32>, Errno> {
    let number = || name.parse().ok().filter(|uid: &u32| uid.to_string() == name);
    Ok(named(name)?.map(|account| account.uid).or_else(number))
}
