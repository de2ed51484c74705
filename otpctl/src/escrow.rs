//! /etc/otp/escrowed: that the host key of this vault was exported, when and by whom. A note for administrators; nothing is
//! decided by it.

use std::io;
use std::path::Path;

use data_encoding::HEXLOWER;
use otp_core::keys::seal::HostKeyId;
use otp_core::policy::toml_table::{Document, TableError, quoted};
use otp_core::root_file;
use otp_core::unix_time::UnixTime;
use otp_core::vault::{Readers, read_root_file};

/// One export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Escrow {
    /// Which host key.
    pub host_key: HostKeyId,
    /// When.
    pub exported: UnixTime,
    /// A note.
    pub by: String,
}

/// Beside the host key.
pub(crate) const ESCROWED: &str = "/etc/otp/escrowed";
const CAP: usize = 4096;

impl Escrow {
    /// The last export on record; none if the file is missing or cannot be read.
    pub(crate) fn last() -> Option<Self> {
        let text = read_root_file(Path::new(ESCROWED), CAP, Readers::Everybody).ok()?;
        Self::parse(std::str::from_utf8(&text).ok()?).ok()
    }

    /// Writes it over an earlier one. As root.
    pub(crate) fn write(&self) -> io::Result<()> {
        let path = Path::new(ESCROWED);
        root_file::replace(path, &path.with_file_name(".escrowed.new"), &self.to_toml(), 0o644)
    }

    fn parse(text: &str) -> Result<Self, TableError> {
        let document = Document::parse(text)?;
        let mut root = document.root();
        let top = root.start();
        let version = root.required_number("version")?;
        if version != 1 {
            return Err(top.error(format!("version is {version}; wanted 1")));
        }
        let id = HEXLOWER.decode(root.required_string("host_key")?.as_bytes()).ok();
        let id =
            id.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| top.error("host_key: not an id".to_owned()))?;
        let (exported, by) = (root.required_time("exported")?, root.required_string("by")?.to_owned());
        root.end()?;
        Ok(Self { host_key: HostKeyId(id), exported, by })
    }

    fn to_toml(&self) -> String {
        let id = quoted(&HEXLOWER.encode(&self.host_key.0));
        format!("version = 1\nhost_key = {id}\nexported = {}\nby = {}\n", self.exported, quoted(&self.by))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        let escrow = Escrow {
            host_key: HostKeyId([0xab; 8]),
            exported: UnixTime::new(1_795_301_571),
            by: "uid 0, \"x\"".to_owned(),
        };
        assert_eq!(Escrow::parse(&escrow.to_toml()), Ok(escrow));
        for wrong in ["", "version = 2\nhost_key = \"abababababababab\"\nexported = 1\nby = \"x\"\n"] {
            assert!(Escrow::parse(wrong).is_err());
        }
    }
}
