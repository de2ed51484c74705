//! Accounts: the user that a key belongs to, looked up with getpwnam_r(3). One uid is one person, however many names it has.

use std::fmt;

use nix::errno::Errno;
use nix::unistd::{Uid, User};

/// Whose record it is, as NSS spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Canonical user name; `uid:NUMBER`, which no name can be, where it is not UTF-8 or `may_log_in` says no.
    pub name: String,
    /// Its uid.
    pub uid: u32,
}

/// Why a file is not an account's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotOwner {
    /// It is somebody else's.
    Another {
        /// Name and uid in the file.
        found: Account,
        /// Name and uid it was opened for.
        wanted: Account,
    },
    /// The uid matches, and the account database cannot say whose the name is.
    NobodyCanSay {
        /// Name and uid in the file.
        found: Account,
        /// Its reason.
        errno: Errno,
    },
}

impl Account {
    /// Is a file that names `found` this account's? The uid must match, and the name must be one that the account database gives to
    /// this uid: this one or, where a uid has several, another.
    pub fn owns(&self, found: &Self) -> Result<(), NotOwner> {
        let another = || NotOwner::Another { found: found.clone(), wanted: self.clone() };
        if found == self {
            return Ok(());
        }
        if found.uid != self.uid {
            return Err(another());
        }
        match meant(&found.name) {
            Err(errno) => Err(NotOwner::NobodyCanSay { found: found.clone(), errno }),
            // A number counts only while the account has no name that a file could hold.
            Ok(Some(now)) if now.uid == self.uid && (found.is_named() || !now.is_named()) => Ok(()),
            Ok(_) => Err(another()),
        }
    }

    /// Has it a name that a file, a message and a login can hold?
    pub fn is_named(&self) -> bool {
        self.name != by_number(self.uid)
    }

    /// The account of this uid, whose name is of no use.
    pub fn without_a_name(uid: u32) -> Self {
        Self { name: by_number(uid), uid }
    }

    /// The account of a line of /etc/passwd, which has this uid; `None` where the line is a comment or of NIS, about which the C library
    /// knows more.
    pub fn of_passwd_line(line: &[u8], uid: u32) -> Option<Self> {
        let name = line
            .split(|byte| *byte == b':')
            .next()
            .filter(|name| !name.starts_with(b"+") && !name.starts_with(b"-"))?;
        let plain = !name.is_empty() && !name.starts_with(b"#") && line.split(|byte| *byte == b':').count() == FIELDS;
        plain.then(|| Self::called(String::from_utf8_lossy(name).into_owned(), uid))
    }

    fn of(user: User) -> Self {
        Self::called(user.name, user.uid.as_raw())
    }

    /// Bytes that are not UTF-8 are one character in the name.
    fn called(name: String, uid: u32) -> Self {
        let usable = may_log_in(&name) && !name.contains(char::REPLACEMENT_CHARACTER);
        if usable { Self { name, uid } } else { Self::without_a_name(uid) }
    }
}

/// Can somebody log in by this name? One that no passwd line can hold is not worth a question, and a path in it must not reach a naive
/// NSS module.
pub fn may_log_in(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len()) && !name.contains([':', '/', '\n', '\0'])
}

/// An account database that gave no answer, for people: its own word would read like that of a missing file.
pub fn no_answer(errno: Errno) -> String {
    format!("the account database (NSS) does not answer ({errno:?})")
}

/// The account of that name; `None` if there is positively none.
pub fn named(name: &str) -> Result<Option<Account>, Errno> {
    Ok(User::from_name(name)?.map(Account::of))
}

/// The account of that uid; `None` if there is positively none.
pub fn account_of(uid: u32) -> Result<Option<Account>, Errno> {
    Ok(User::from_uid(Uid::from_raw(uid))?.map(Account::of))
}

/// The account that a person means by a name or by `uid:NUMBER`.
pub fn meant(text: &str) -> Result<Option<Account>, Errno> {
    numbered(text).map_or_else(|| named(text), account_of)
}

/// The uid that `uid:NUMBER` says. No account has such a name: a colon ends it in /etc/passwd.
pub fn numbered(text: &str) -> Option<u32> {
    decimal(text.strip_prefix(NUMBERED)?)
}

/// The uid of that name or, if nobody has it and it is a number, that uid: of an account that is gone.
pub fn uid_named(name: &str) -> Result<Option<u32>, Errno> {
    match numbered(name) {
        Some(uid) => Ok(Some(uid)),
        None => Ok(named(name)?.map(|account| account.uid).or_else(|| decimal(name))),
    }
}

/// Could there have been a user of that name or uid? Anything else is a typing error.
pub fn may_have_been(text: &str) -> bool {
    let begins_as_a_name = |text: &str| text.starts_with(|first: char| first.is_alphabetic() || first == '_');
    match numbered(text).or_else(|| decimal(text)) {
        Some(uid) => uid != u32::MAX,
        None => begins_as_a_name(text) && may_log_in(text),
    }
}

fn by_number(uid: u32) -> String {
    format!("{NUMBERED}{uid}")
}

/// A number as it is written out, so that each has one form.
fn decimal(text: &str) -> Option<u32> {
    text.parse().ok().filter(|uid: &u32| uid.to_string() == text)
}

impl fmt::Display for NotOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Another { found, wanted } => write!(
                f,
                "belongs to {:?} (uid {}), not to {:?} (uid {})",
                found.name, found.uid, wanted.name, wanted.uid
            ),
            Self::NobodyCanSay { found, errno } => {
                write!(f, "belongs to {:?} (uid {}), and {}", found.name, found.uid, no_answer(*errno))
            }
        }
    }
}

impl std::error::Error for NotOwner {}

const NUMBERED: &str = "uid:";
/// Of a line of /etc/passwd (passwd(5)).
const FIELDS: usize = 7;
/// LOGIN_NAME_MAX (limits.h).
const LONGEST_NAME: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, uid: u32) -> Account {
        Account { name: name.to_owned(), uid }
    }

    #[test]
    fn a_uid_is_written_in_one_way() {
        assert_eq!([numbered("uid:0"), numbered("uid:4294967295")], [Some(0), Some(u32::MAX)]);
        for text in ["uid:", "uid:00", "uid:+1", "uid:-1", "uid: 1", "uid:1 ", "uid:4294967296", "UID:1", "1", "root"] {
            assert_eq!(numbered(text), None, "{text}");
        }
    }

    #[test]
    fn a_file_is_the_account_s_by_uid_and_by_a_name_of_that_uid() {
        let toor = account("toor", 0);
        assert_eq!(toor.owns(&toor), Ok(()));
        assert_eq!(toor.owns(&account("root", 0)), Ok(()), "another name of uid 0");
        for found in [account("root", 1), account("daemon", 0), account("no-such-name", 0), account("uid:0", 0)] {
            assert!(matches!(toor.owns(&found), Err(NotOwner::Another { .. })), "{found:?}");
        }
    }

    #[test]
    fn an_account_whose_name_is_not_utf_8_goes_by_its_number() {
        let nameless = Account::without_a_name(7);
        assert!(!nameless.is_named() && nameless.name == "uid:7");
        assert!(account("uid:8", 7).is_named());
    }

    #[test]
    fn no_login_has_a_path_or_a_field_for_a_name() {
        assert!(
            ["a", "a b", "EX\\\\bob", "bob@corp"].iter().all(|name| may_log_in(name)) && may_log_in(&"x".repeat(256))
        );
        assert!(
            !["", "corp/bob", "/", "a:b", "a\nb", "a\0b"].iter().any(|name| may_log_in(name))
                && !may_log_in(&"x".repeat(257))
        );
    }
    #[test]
    fn what_is_neither_a_name_nor_a_uid_was_never_a_user() {
        for text in ["alice", "_svc", "0", "7100", "uid:7100", "j\u{f6}rg", "web.admin"] {
            assert!(may_have_been(text), "{text}");
        }
        for text in ["", "-1", "4294967295", "4294967296", "0x1bbc", "07100", "7100.0", " 7100", "uid:", "+7"] {
            assert!(!may_have_been(text), "{text}");
        }
    }
}
