//! One entry of the index `names/`: under which uid a user name is enrolled.
//!
//! I1  TOML 1.0, at most 4 KiB, version 1, the first line a checksum; an unknown or repeated field refuses
//! I2  the file is named after the SHA-256 of the user name, in hexadecimal, and names the user itself
//! I3  it proves something only while the secret file of its uid is there and names the same user
//! I4  writing and reading are each other's inverse

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::accounts::Account;
use crate::files::checksum;
use crate::policy::toml_table::{Document, TableError, quoted};

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameEntry {
    /// The user, and the uid that the name is enrolled under.
    pub account: Account,
    /// /etc/passwd itself had name and uid.
    pub local: bool,
}

/// Why a file is no entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotAnEntry(String);

impl NameEntry {
    /// Largest size in bytes.
    pub(crate) const CAP: usize = 4096;

    /// The name of the file for `user`.
    pub(crate) fn file_name(user: &str) -> String {
        data_encoding::HEXLOWER.encode(&Sha256::digest(user))
    }

    /// Reads the text of the file `file_name`.
    pub(crate) fn parse(text: &[u8], file_name: &str) -> Result<Self, NotAnEntry> {
        let not = |why: &str| NotAnEntry(why.to_owned());
        let text = std::str::from_utf8(text).map_err(|_| not("not UTF-8"))?;
        let text =
            checksum::checked(text).ok_or_else(|| not("the checksum in the first line is not that of the rest"))?;
        let document = Document::parse(text)?;
        let mut root = document.root();
        let version = root.required_number("version")?;
        if version != 1 {
            return Err(NotAnEntry(format!("version is {version}; wanted 1")));
        }
        let (name, uid) = (root.required_string("user")?.to_owned(), root.required_number("uid")?);
        let uid = u32::try_from(uid).map_err(|_| not("uid is above 32 bits"))?;
        let local = root.boolean("local")?.ok_or_else(|| not("the field local is missing"))?.value;
        root.end()?;
        if Self::file_name(&name) != file_name {
            return Err(not("it is not named after the user in it"));
        }
        Ok(Self { account: Account { name, uid }, local })
    }

    /// The text of the file.
    pub(crate) fn to_toml(&self) -> String {
        let (user, uid) = (quoted(&self.account.name), self.account.uid);
        let rest = format!("version = 1\nuser = {user}\nuid = {uid}\nlocal = {}\n", self.local);
        format!("{}{rest}", checksum::line(&rest))
    }
}

impl From<TableError> for NotAnEntry {
    fn from(error: TableError) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for NotAnEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str) -> NameEntry {
        NameEntry { account: Account { name: name.to_owned(), uid: 1000 }, local: true }
    }

    #[test]
    fn i2_a_file_is_named_after_the_sha_256_of_the_name() {
        // printf alice | sha256sum
        let known = "2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90";
        assert_eq!(NameEntry::file_name("alice"), known);
        assert!(NameEntry::parse(entry("bob").to_toml().as_bytes(), known).is_err());
    }

    #[test]
    fn i4_what_was_written_is_read() {
        let elsewhere = NameEntry { local: false, ..entry("CORP\\al \"ice\"@corp") };
        for one in [entry("alice"), elsewhere, entry("\u{fc}")] {
            let name = NameEntry::file_name(&one.account.name);
            assert_eq!(NameEntry::parse(one.to_toml().as_bytes(), &name), Ok(one));
        }
    }

    #[test]
    fn i1_a_flipped_bit_another_version_or_an_unknown_field_refuses() {
        let name = NameEntry::file_name("alice");
        let good = entry("alice").to_toml();
        for at in 0..good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[at] ^= 1;
            assert!(NameEntry::parse(&bytes, &name).is_err(), "byte {at}");
        }
        let (_, rest) = good.split_once('\n').unwrap();
        for changed in [
            rest.replace("version = 1", "version = 2"),
            format!("{rest}colour = 1\n"),
            rest.replace("local = true\n", ""),
        ] {
            let text = format!("{}{changed}", checksum::line(&changed));
            assert!(NameEntry::parse(text.as_bytes(), &name).is_err(), "{changed}");
        }
    }
}
