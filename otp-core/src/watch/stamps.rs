//! Stamps of the two files at the last look. /etc/shadow, which only root writes, has its inode, times and size: if they differ, the file
//! has changed since, whatever the clocks say. /etc/passwd is rewritten for anybody who runs chsh or chfn, so its stamp is a hash of the
//! columns that a fingerprint depends on.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::files::canonical::{CanonicalReader, NotCanonical};
use crate::policy::toml_table::quoted;
use crate::vault::{Readers, VaultError, read_root_file, unreadable};
use crate::watch::passwords::{CAP, PASSWD, SHADOW, is_about_account};

/// The marks of both files at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStamps {
    passwd: String,
    shadow: String,
}

impl FileStamps {
    /// As they are now.
    pub fn now() -> Result<Self, VaultError> {
        let passwd = match read_root_file(Path::new(PASSWD), CAP, Readers::Everybody) {
            Err(VaultError::Missing(_)) => ABSENT.to_owned(),
            text => columns(&text?),
        };
        Ok(Self { passwd, shadow: stamp(Path::new(SHADOW))? })
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

/// A hash of name, password and uid in each line about an account.
fn columns(passwd: &[u8]) -> String {
    let mut hash = Sha256::new();
    for line in passwd.split(|byte| *byte == b'\n').filter(|line| is_about_account(line)) {
        for field in line.split(|byte| *byte == b':').take(3) {
            hash.update(field);
            hash.update(b":");
        }
        hash.update(b"\n");
    }
    format!("columns {}", &data_encoding::HEXLOWER.encode(&hash.finalize())[..32])
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
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(ABSENT.to_owned()),
        Err(error) => Err(unreadable(path, &error)),
    }
}

const ABSENT: &str = "absent";

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
    fn shell_name_home_and_comments_of_passwd_do_not_matter() {
        let text = "root:x:0:0::/root:/bin/sh\nzoe:x:7100:7100:Zoe:/home/zoe:/bin/sh\n";
        let plain = columns(text.as_bytes());
        for (from, to) in
            [("/bin/sh\nz", "/bin/zsh\nz"), (":Zoe:", ":Z,,,:"), ("/home", "/srv"), ("\nzoe", "\n# x\nzoe")]
        {
            assert_eq!(columns(text.replace(from, to).as_bytes()), plain, "{to}");
        }
        for (from, to) in
            [("zoe:x", "amy:x"), ("zoe:x", "zoe:"), ("x:7100", "x:0"), ("zoe:x:", "zo:ex:"), ("\nzoe:x:7100", "")]
        {
            assert_ne!(columns(text.replace(from, to).as_bytes()), plain, "{to}");
        }
    }

    #[test]
    fn it_is_read_as_it_is_written() {
        let stamps = FileStamps { passwd: "columns 1".to_owned(), shadow: "absent".to_owned() };
        let text = stamps.to_toml();
        assert_eq!(FileStamps::read(&mut CanonicalReader::new(&text, 0)), Ok(Some(stamps)));
        assert_eq!(FileStamps::read(&mut CanonicalReader::new("", 0)), Ok(None));
    }
}
