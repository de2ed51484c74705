//! Root's note of the daemon's account, `/etc/otp/account`: to whom the vault must belong. The account database would say the same,
//! and every login would wait for it.

use crate::files::canonical::CanonicalReader;
use crate::policy::toml_table::quoted;

/// The account that the vault belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountNote {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: u32,
}

impl AccountNote {
    /// Largest file in bytes.
    pub const CAP: usize = 256;

    /// The uid that the text of the file gives to the account `name`; else what was found and what was wanted.
    pub(crate) fn parse(text: &[u8], name: &str) -> Result<u32, String> {
        let text = std::str::from_utf8(text).map_err(|_| "not UTF-8".to_owned())?;
        let mut reader = CanonicalReader::new(text, 0);
        let version = reader.number("version").map_err(|error| error.to_string())?;
        if version != 1 {
            return Err(format!("version is {version}; wanted 1"));
        }
        let found = reader.text("name").map_err(|error| error.to_string())?;
        let uid = reader.number("uid").map_err(|error| error.to_string())?;
        reader.end().map_err(|error| error.to_string())?;
        if found != name {
            return Err(format!("the account is {found:?}; wanted {name:?}"));
        }
        u32::try_from(uid).map_err(|_| format!("the uid is {uid}; wanted one below 2^32"))
    }

    /// The text of the file.
    pub fn to_toml(&self) -> String {
        format!("version = 1\nname = {}\nuid = {}\n", quoted(&self.name), self.uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<u32, String> {
        AccountNote::parse(text.as_bytes(), "otp-enrolld")
    }

    #[test]
    fn it_is_read_as_it_is_written() {
        let note = AccountNote { name: "otp-enrolld".to_owned(), uid: 999 };
        assert_eq!(note.to_toml(), "version = 1\nname = \"otp-enrolld\"\nuid = 999\n");
        assert_eq!(parse(&note.to_toml()), Ok(999));
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, why) in [
            ("", "line 1: wanted `version = ` and a value"),
            ("version = 2\nuid = 7\n", "version is 2; wanted 1"),
            ("version = 1\nname = \"root\"\nuid = 0\n", "the account is \"root\"; wanted \"otp-enrolld\""),
            ("version = 1\nname = \"otp-enrolld\"\nuid = 4294967296\n", "the uid is 4294967296; wanted one below 2^32"),
            (
                "version = 1\nname = \"otp-enrolld\"\nuid = 7\ngid = 7\n",
                "line 4: found the field \"gid\"; wanted the end of the file",
            ),
        ] {
            assert_eq!(parse(text), Err(why.to_owned()), "{text:?}");
        }
        assert_eq!(AccountNote::parse(b"\xff", "otp-enrolld"), Err("not UTF-8".to_owned()));
    }
}
