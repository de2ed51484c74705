//! A mark about one user, in a file of its own: that the account was seen missing, or that the keys are suspended.
//!
//! M1  a file of that name marks its uid, whatever is in it: what cannot be read refuses
//! M2  TOML 1.0, at most 4 KiB, version 1, the first line a checksum; written and never changed until it is removed

use crate::accounts::Account;
use crate::files::checksum;
use crate::policy::toml_table::{Document, quoted};
use crate::unix_time::UnixTime;

/// The content of a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserMark {
    /// The user, as known when it was made.
    pub account: Account,
    /// When it was made.
    pub since: UnixTime,
}

impl UserMark {
    /// Largest size in bytes.
    pub(crate) const CAP: usize = 4096;

    /// Reads the text of a mark.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let document = Document::parse(checksum::checked(std::str::from_utf8(text).ok()?)?).ok()?;
        let mut root = document.root();
        let version = root.required_number("version").ok()?;
        let name = root.required_string("user").ok()?.to_owned();
        let uid = u32::try_from(root.required_number("uid").ok()?).ok()?;
        let since = root.required_time("since").ok()?;
        root.end().ok()?;
        (version == 1).then_some(Self { account: Account { name, uid }, since })
    }

    /// The text of the file.
    pub(crate) fn to_toml(&self) -> String {
        let (user, uid) = (quoted(&self.account.name), self.account.uid);
        let rest = format!("version = 1\nuser = {user}\nuid = {uid}\nsince = {}\n", self.since);
        format!("{}{rest}", checksum::line(&rest))
    }
}
