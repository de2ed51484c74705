//! The content of `vault.toml`: the proof that the vault is there, and the things that a program must know of before it may decide in it.

use std::collections::BTreeSet;

use crate::files::canonical::{CanonicalReader, NotCanonical};
use crate::files::hex::hex;
use crate::keys::seal::{HostKeyId, VaultId};
use crate::policy::toml_table::quoted;

/// The content of `vault.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Random name of this vault.
    pub id: VaultId,
    /// The host key that its seals want.
    pub host_key: HostKeyId,
    /// Rises when the whole vault is declared new.
    pub epoch: u64,
    /// The things that a program must know of; none in a vault of version 1.
    pub needs: BTreeSet<Need>,
}

/// Something in the vault that decides about logins or keys and that the first release does not look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// `names/` is whole: it says under which uid a name is enrolled.
    Names,
    /// There are marks in `gone/`: local accounts that were seen missing.
    Gone,
    /// There are marks in `suspended/`: suspensions that the state does not say yet.
    Suspended,
    /// There are files in `resets/`: past a reset that waits no code may be made.
    Resets,
}

impl Need {
    const ALL: [Self; 4] = [Self::Names, Self::Gone, Self::Suspended, Self::Resets];
    /// The directories whose word is there as long as they have a file.
    pub(crate) const WHILE_THERE_IS_A_FILE: [Self; 3] = [Self::Gone, Self::Suspended, Self::Resets];

    /// As the file has it; also the name of the directory that it speaks of.
    pub fn word(self) -> &'static str {
        match self {
            Self::Names => "names",
            Self::Gone => "gone",
            Self::Suspended => "suspended",
            Self::Resets => "resets",
        }
    }
}

impl About {
    /// Reads the text of `vault.toml`.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| "not UTF-8".to_owned())?;
        let place = |error: NotCanonical| error.to_string();
        let mut reader = CanonicalReader::new(text, 0);
        let version = reader.number("version").map_err(place)?;
        if !(1..=NEWEST_VERSION).contains(&version) {
            return Err(format!("version is {version}; wanted 1 or {NEWEST_VERSION}"));
        }
        let id = hex(&reader.text("id").map_err(place)?, "id").map_err(|e| e.to_string())?;
        let host_key = reader.text("host_key").map_err(place)?;
        let host_key = hex(&host_key, "host_key").map_err(|e| e.to_string())?;
        let epoch = reader.number("epoch").map_err(place)?;
        let words = if version == 1 { Vec::new() } else { reader.texts("needs").map_err(place)? };
        reader.end().map_err(place)?;
        let needs = words.iter().map(|word| need(word)).collect::<Result<BTreeSet<_>, _>>()?;
        if needs.len() != words.len() {
            return Err("needs has a word twice".to_owned());
        }
        Ok(Self { id: VaultId(id), host_key: HostKeyId(host_key), epoch, needs })
    }

    /// The text of the file, of the lowest version that can say it.
    pub(crate) fn to_toml(&self) -> String {
        let hex = |bytes: &[u8]| quoted(&data_encoding::HEXLOWER.encode(bytes));
        let (id, host_key) = (hex(&self.id.0), hex(&self.host_key.0));
        let rest = format!("id = {id}\nhost_key = {host_key}\nepoch = {}\n", self.epoch);
        if self.needs.is_empty() {
            return format!("version = 1\n{rest}");
        }
        let words: Vec<String> = self.needs.iter().map(|need| quoted(need.word())).collect();
        format!("version = {NEWEST_VERSION}\n{rest}needs = [{}]\n", words.join(", "))
    }
}

fn need(word: &str) -> Result<Need, String> {
    let known = Need::ALL.into_iter().find(|need| need.word() == word);
    known.ok_or_else(|| {
        let word: String = word.chars().take(LONGEST_WORD).collect();
        format!("needs {word:?}, which this program does not know; use a newer version")
    })
}

const NEWEST_VERSION: u64 = 2;
/// No more of an unknown word is told, in characters.
const LONGEST_WORD: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const REST: &str = "id = \"1ad3ae7cfc3614560eac4d76d6cb494e\"\nhost_key = \"c24fe835e9c5183c\"\nepoch = 1\n";

    fn parsed(version: u64, more: &str) -> Result<About, String> {
        About::parse(format!("version = {version}\n{REST}{more}").as_bytes())
    }

    #[test]
    fn each_version_is_written_as_it_was_read_and_the_lowest_that_can_say_it() {
        let old = parsed(1, "").unwrap();
        assert_eq!((old.to_toml(), old.needs.len()), (format!("version = 1\n{REST}"), 0));
        for need in Need::ALL {
            let needs = format!("needs = [{:?}]\n", need.word());
            let new = parsed(2, &needs).unwrap();
            assert_eq!(new.needs, BTreeSet::from([need]));
            assert_eq!(new.to_toml(), format!("version = 2\n{REST}{needs}"));
        }
    }

    #[test]
    fn a_word_that_is_not_known_refuses_by_its_name() {
        for words in ["\"colour\"", "\"names\", \"colour\"", "\"colour\", \"names\""] {
            let error = parsed(2, &format!("needs = [{words}]\n")).unwrap_err();
            assert_eq!(error, "needs \"colour\", which this program does not know; use a newer version");
        }
        let long = parsed(2, &format!("needs = [{:?}]\n", "x\n".repeat(3000))).unwrap_err();
        assert!(long.len() < 200 && !long.contains('\n'), "{long}");
    }

    #[test]
    fn what_no_version_has_refuses() {
        for (version, more, wanted) in [
            (0, "", "version is 0; wanted 1 or 2"),
            (3, "needs = [\"names\"]\n", "version is 3; wanted 1 or 2"),
            (1, "needs = [\"names\"]\n", "line 5: found the field \"needs\"; wanted the end of the file"),
            (2, "", "line 5: wanted `needs = ` and a value"),
            (2, "needs = []\n", "line 5: wanted a list of texts in brackets for needs"),
            (2, "needs = [\"names\", \"names\"]\n", "needs has a word twice"),
            (2, "needs = \"names\"\n", "wanted a list of texts in brackets for needs"),
            (2, "needs = [\"names\", 1]\n", "wanted a list of texts in brackets for needs"),
            (2, "colour = 1\n", "line 5: found the field \"colour\"; wanted `needs = ` and a value"),
        ] {
            let error = parsed(version, more).unwrap_err();
            assert!(error.contains(wanted), "{version} {more}: {error}");
        }
    }
}
