//! Which files were looked at: inode, times and size of /etc/passwd and /etc/shadow. Where one is another by now, somebody has changed it since,
//! whatever clocks say.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::files::canonical::{CanonicalReader, NotCanonical};
use crate::policy::toml_table::quoted;
use crate::vault::{VaultError, unreadable};
use crate::watch::passwords::{PASSWD, SHADOW};

/// The marks of both files at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStamps {
    passwd: String,
    shadow: String,
}

impl FileStamps {
    /// As they are now.
    pub fn now() -> Result<Self, VaultError> {
        Ok(Self { passwd: stamp(Path::new(PASSWD))?, shadow: stamp(Path::new(SHADOW))? })
    }

    /// Reads both fields; none where the first is not there.
    pub(super) fn read(reader: &mut CanonicalReader<'_>) -> Result<Option<Self>, NotCanonical> {
        let Some(passwd) = reader.optional_text("passwd")? else { return Ok(None) };
        Ok(Some(Self { passwd: passwd.into_owned(), shadow: reader.text("shadow")?.into_owned() }))
    }

    /// These fields.
    pub(super) fn to_toml(&self) -> String {
        format!("passwd = {}\nshadow = {}\n", quoted(&self.passwd), quoted(&self.shadow))
    }
}

fn stamp(path: &Path) -> Result<String, VaultError> {
    match fs::symlink_metadata(path) {
        Ok(about) => Ok(format!(
            "inode {} ctime {}.{:09} mtime {}.{:09} size {}",
            about.ino(),
            about.ctime(),
            about.ctime_nsec(),
            about.mtime(),
            about.mtime_nsec(),
            about.size()
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok("absent".to_owned()),
        Err(error) => Err(unreadable(path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_written_or_replaced_has_another_stamp() {
        let path = std::env::temp_dir().join(format!("otp-stamp-{}", std::process::id()));
        let aside = path.with_extension("new");
        assert_eq!(stamp(&path), Ok("absent".to_owned()));
        fs::write(&path, "one").unwrap();
        let first = stamp(&path).unwrap();
        assert_eq!(stamp(&path), Ok(first.clone()));
        fs::write(&path, "longer").unwrap();
        let second = stamp(&path).unwrap();
        fs::write(&aside, "longer").unwrap();
        fs::rename(&aside, &path).unwrap();
        let third = stamp(&path).unwrap();
        assert!(first != second && second != third && first != third, "{first} {second} {third}");
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn it_is_read_as_it_is_written() {
        let stamps = FileStamps { passwd: "inode 1".to_owned(), shadow: "absent".to_owned() };
        let text = stamps.to_toml();
        assert_eq!(FileStamps::read(&mut CanonicalReader::new(&text, 0)), Ok(Some(stamps)));
        assert_eq!(FileStamps::read(&mut CanonicalReader::new("", 0)), Ok(None));
    }
}
