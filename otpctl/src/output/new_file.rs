//! A file that holds a secret: made for its owner alone, never over or through something that is there, and gone again if what
//! it is for does not come about.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::output::escape::escaped;
use crate::output::failure::Failure;

/// A new file; removed on drop unless it is kept.
pub(crate) struct NewFile {
    path: PathBuf,
    /// Held open, so that what is removed is in the directory in which it was made.
    directory: OwnedFd,
    name: OsString,
    file: File,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Removed,
    Kept,
}

impl NewFile {
    /// Makes it, empty, mode 0600.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let shown = escaped(&path.to_string_lossy());
        let failed = |errno: Errno| match errno {
            Errno::EEXIST => {
                Failure::Usage(format!("{shown}: there is such a file, and it is not overwritten; give another name"))
            }
            errno => Failure::Usage(format!("{shown}: {}", errno.desc())),
        };
        let name = path.file_name().ok_or(Errno::EISDIR).map_err(failed)?.to_owned();
        let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = open(above, OFlag::O_RDONLY | flags, Mode::empty()).map_err(failed)?;
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(&directory, name.as_os_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR).map_err(failed)?;
        Ok(Self { path: path.to_owned(), directory, name, file: file.into(), fate: Fate::Removed })
    }

    /// The whole content at once.
    pub(crate) fn write(&mut self, text: &str) -> std::io::Result<()> {
        self.file.write_all(text.as_bytes())
    }

    /// On disk when it returns, and so is its name.
    pub(crate) fn sync(&self) -> std::io::Result<()> {
        self.file.sync_all()?;
        Ok(nix::unistd::fsync(&self.directory)?)
    }

    /// For writing in pieces.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Where it is, fit to be shown.
    pub(crate) fn shown(&self) -> String {
        escaped(&self.path.to_string_lossy())
    }

    /// Leaves it where it is.
    pub(crate) fn keep(mut self) {
        self.fate = Fate::Kept;
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if self.fate == Fate::Removed {
            // Anyone who removed it before us did what we want.
            let _ = unlinkat(&self.directory, self.name.as_os_str(), UnlinkatFlags::NoRemoveDir);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("otpctl-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("a directory");
        path
    }

    #[test]
    fn a_file_is_its_owners_alone_and_goes_unless_it_is_kept() {
        let directory = directory("kept");
        let path = directory.join("key.png");
        for kept in [false, true] {
            let mut file = NewFile::create(&path).expect("made");
            file.write("secret").expect("written");
            assert_eq!(fs::metadata(&path).expect("there").mode() & 0o7777, 0o600);
            if kept {
                file.keep();
            } else {
                drop(file);
            }
            assert_eq!(path.exists(), kept);
        }
        fs::remove_dir_all(directory).expect("removed");
    }

    #[test]
    fn nothing_that_is_there_is_written_to_or_removed() {
        let directory = directory("there");
        let (path, link, nowhere) = (directory.join("file"), directory.join("link"), directory.join("nowhere"));
        fs::write(&path, "mine").expect("written");
        symlink(&path, &link).expect("linked");
        symlink(directory.join("new"), &nowhere).expect("linked");
        for taken in [&path, &link, &nowhere, &directory] {
            let refused = NewFile::create(taken).map(drop).map_err(|failure| failure.code());
            assert_eq!(refused, Err(2), "{}", taken.display());
        }
        assert_eq!(fs::read_to_string(&path).expect("read"), "mine");
        assert!(!directory.join("new").exists() && link.is_symlink());
        fs::remove_dir_all(directory).expect("removed");
    }
}
