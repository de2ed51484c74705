//! The members of one group, for a list. The group's own names and the primary groups of local accounts are known from the start. The
//! account database is asked about all others, one by one, until it fails to answer.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::sync::Arc;

use nix::unistd::Group;
use otp_core::accounts::{Account, no_answer};
use otp_core::membership::is_member;
use otp_protocol::database::{ask, asks_a_directory, meant};
use otp_protocol::interface::{Unreadable, UserList};
use otp_protocol::status::without_account;

use crate::command::list_accounts::LoginAccount;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::stderr;

/// A group whose members are listed.
pub(super) struct ListedGroup {
    group: Arc<Group>,
    /// The names that the group has.
    names: HashSet<String>,
    /// Primary groups of accounts of this machine.
    local: HashMap<u32, u32>,
    asks: bool,
    /// Names that were among the listed accounts.
    listed: HashSet<String>,
    /// Of so many users nobody says whether they are members.
    unsure: usize,
}

impl ListedGroup {
    /// The group of that name.
    pub(super) fn named(name: &str) -> Result<Self, Failure> {
        let wanted = name.to_owned();
        let found =
            ask(move || Group::from_name(&wanted)).map_err(|_| stopped("the account database does not answer"))?;
        let group = found.map_err(|errno| stopped(&no_answer(errno)))?;
        let group = group.ok_or_else(|| stopped(&format!("no group has the name {name}")))?;
        let names = group.mem.iter().cloned().collect();
        let passwd = fs::read("/etc/passwd").unwrap_or_default();
        let local = passwd.split(|byte| *byte == b'\n').filter_map(LoginAccount::of_line);
        let local = local.map(|account| (account.uid, account.gid)).collect();
        let (asks, listed) = (asks_a_directory(), HashSet::new());
        Ok(Self { group: Arc::new(group), names, local, asks, listed, unsure: 0 })
    }

    /// The members among these users.
    pub(super) fn only(&mut self, page: UserList) -> UserList {
        let users = page.users.into_iter().filter(|user| self.has(&user.user, user.uid)).collect();
        let unreadable = page.unreadable.into_iter().filter(|one| self.has_unreadable(one)).collect();
        UserList { users, unreadable }
    }

    /// Is this account that the account database lists a member?
    pub(super) fn has_listed(&mut self, account: &LoginAccount) -> bool {
        let named = self.names.contains(&account.name);
        if named {
            self.listed.insert(account.name.clone());
        }
        named || account.gid == self.group.gid.as_raw()
    }

    /// Members whom the account database knows by name and does not list.
    pub(super) fn each_unlisted(
        &self,
        take: &mut dyn FnMut(LoginAccount) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for name in self.group.mem.iter().filter(|name| !self.listed.contains(*name)) {
            match meant(name) {
                Ok(Some(account)) => take(LoginAccount::named(account.name, account.uid))?,
                Ok(None) => stderr::note(&format!("no account has the name {}, which the group lists", escaped(name))),
                Err(errno) => return Err(stopped(&format!("{name}: {}; the list is incomplete", no_answer(errno)))),
            }
        }
        Ok(())
    }

    /// An error if somebody may be missing.
    pub(super) fn is_whole(&self) -> Result<(), Failure> {
        match self.unsure {
            0 => Ok(()),
            count => Err(stopped(&format!(
                "users for whom the account database cannot say whether they are in the group: {count}"
            ))),
        }
    }

    /// Is this user a member? Where nobody says it is counted.
    pub(super) fn has(&mut self, name: &str, uid: u32) -> bool {
        if self.names.contains(name) || self.local.get(&uid) == Some(&self.group.gid.as_raw()) {
            return true;
        }
        if !self.asks || self.local.contains_key(&uid) {
            return false;
        }
        if self.unsure > 0 {
            self.unsure += 1;
            return false; // the others would wait as long
        }
        let (group, account) = (Arc::clone(&self.group), Account { name: name.to_owned(), uid });
        let answer = ask(move || is_member(&account, &group));
        let is_member = answer.ok().and_then(Result::ok);
        self.unsure += usize::from(is_member.is_none());
        is_member == Some(true)
    }

    /// An account that is gone has no groups. While the name is in the group, it is told.
    fn has_unreadable(&mut self, one: &Unreadable) -> bool {
        match (&one.user, without_account(one)) {
            (Some(name), false) => self.has(name, one.uid),
            (name, _) => name.as_ref().is_some_and(|name| self.names.contains(name)),
        }
    }
}

fn stopped(text: &str) -> Failure {
    Failure::Stopped(escaped(text))
}
