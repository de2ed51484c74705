//! Accounts in /etc/passwd itself: the local ones, whatever a directory adds.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::error::VaultError;
use super::root_owned::{Readers, read_root_file};
use crate::accounts::Account;

/// The account in a line of /etc/passwd.
#[derive(Debug, Clone, Copy)]
pub struct LocalAccount<'a> {
    name: &'a [u8],
    /// Its uid.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
}

impl LocalAccount<'_> {
    /// Is it this one, by name and uid?
    pub fn is(&self, account: &Account) -> bool {
        self.uid == account.uid && self.name == account.name.as_bytes()
    }
}

/// Tells of each account in /etc/passwd, for a question about one of many. An answer counts only after the last line: an error says that the
/// file is not whole.
pub fn each_local_account(tell: &mut dyn FnMut(LocalAccount<'_>)) -> Result<(), VaultError> {
    let path = Path::new(PASSWD);
    let bytes = read_root_file(path, CAP, Readers::Everybody)?;
    each_line(&bytes, tell).ok_or_else(|| VaultError::malformed(path, "not whole, or without uid 0"))
}

/// Tells of each account. `None` unless each line is whole and one has uid 0: a file that is being written cannot tell who is gone.
fn each_line(text: &[u8], tell: &mut dyn FnMut(LocalAccount<'_>)) -> Option<()> {
    let mut has_root = false;
    for line in text.strip_suffix(b"\n")?.split(|byte| *byte == b'\n') {
        match line.first() {
            None | Some(b'#' | b'+' | b'-') => continue, // blank, a comment, what NIS is asked
            Some(_) => {}
        }
        let mut fields = line.split(|byte| *byte == b':');
        let (name, _, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        if name.is_empty() || fields.count() != 3 {
            return None;
        }
        let account = LocalAccount { name, uid: number(uid)?, gid: number(gid)? };
        has_root |= account.uid == 0;
        tell(account);
    }
    has_root.then_some(())
}

/// A whole /etc/passwd, for questions about many accounts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Passwd {
    names: HashSet<Vec<u8>>,
    /// The first name of each uid.
    uids: HashMap<u32, Vec<u8>>,
    both: HashSet<(Vec<u8>, u32)>,
}

impl Passwd {
    /// Reads the file on this host.
    pub fn read() -> Result<Self, VaultError> {
        let mut found = Self::default();
        each_local_account(&mut |account| found.insert(account))?;
        Ok(found)
    }

    /// Reads its text, unless it is not whole.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut found = Self::default();
        each_line(text, &mut |account| found.insert(account))?;
        Some(found)
    }

    fn insert(&mut self, LocalAccount { name, uid, .. }: LocalAccount<'_>) {
        self.names.insert(name.to_vec());
        self.uids.entry(uid).or_insert_with(|| name.to_vec());
        self.both.insert((name.to_vec(), uid));
    }

    /// Does a line have name and uid of `account`?
    pub fn has(&self, account: &Account) -> bool {
        self.both.contains(&(account.name.clone().into_bytes(), account.uid))
    }

    /// The account of the first line with this uid, if its name is UTF-8.
    pub fn account_of(&self, uid: u32) -> Option<Account> {
        let name = String::from_utf8(self.uids.get(&uid)?.clone()).ok()?;
        Some(Account { name, uid })
    }

    /// Does a line have this uid?
    pub fn has_uid(&self, uid: u32) -> bool {
        self.uids.contains_key(&uid)
    }

    /// Does a line have its name, or its uid?
    pub fn has_either(&self, account: &Account) -> bool {
        self.names.contains(account.name.as_bytes()) || self.uids.contains_key(&account.uid)
    }
}

fn number(field: &[u8]) -> Option<u32> {
    let digits = !field.is_empty() && field.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(field).ok().filter(|_| digits)?.parse().ok()
}

const PASSWD: &str = "/etc/passwd";
/// Far above any file of local accounts, in bytes.
const CAP: usize = 32 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "root:x:0:0:root:/root:/bin/bash\n# admins\nzoe:x:7100:7100:,,,:/home/zoe:/bin/sh\n\nj\u{f6}rg:!:7101:100::/:\n+::::::\n";

    fn account(name: &str, uid: u32) -> Account {
        Account { name: name.to_owned(), uid }
    }

    #[test]
    fn a_line_has_name_and_uid_and_each_is_known_alone() {
        let passwd = Passwd::parse(WHOLE.as_bytes()).unwrap();
        assert!(passwd.has(&account("zoe", 7100)) && passwd.has(&account("j\u{f6}rg", 7101)));
        assert!(!passwd.has(&account("zoe", 7101)), "both, of two lines");
        assert_eq!([passwd.account_of(7100), passwd.account_of(1)], [Some(account("zoe", 7100)), None]);
        for (name, uid, either) in [("zoe", 1, true), ("amy", 7101, true), ("amy", 1, false), ("ZOE", 2, false)] {
            assert_eq!(passwd.has_either(&account(name, uid)), either, "{name} {uid}");
        }
    }

    #[test]
    fn a_file_that_is_being_written_says_nothing() {
        for end in 1..WHOLE.len() {
            let Some(part) = Passwd::parse(&WHOLE.as_bytes()[..end]) else { continue };
            assert_eq!(WHOLE.as_bytes()[end - 1], b'\n', "cut at a line's end it cannot be told: {part:?}");
        }
        for text in [
            "",
            "\n",
            "zoe:x:7100:7100::/:\n",
            "root:x:0:0::/\n",
            "root:x:0:0::/:",
            "root:x:zero:0::/:\n",
            ":x:0:0::/:\n",
            "root:x:0:0::/:\nzoe:x:71",
        ] {
            assert_eq!(Passwd::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn that_of_this_machine_is_whole() {
        assert!(Passwd::read().unwrap().has(&account("root", 0)));
    }
}
