//! The directory of records about passwords: root writes, the daemon reads (W1). It has the daemon's group and the mark that gives that group to
//! every file made in it, so nobody has to hand a file over.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, chown};

use crate::files::canonical::CanonicalReader;
use crate::files::password_record::{PasswordActor, PasswordRecord, SeenAt};
use crate::root_file;
use crate::unix_time::UnixTime;
use crate::vault::{Readers, VaultError, errno_of, read_root_file, unreadable};

/// Where the records of a host are.
#[derive(Debug, Clone, Copy)]
pub struct WatchPlace<'a> {
    /// The directory.
    pub dir: &'a Path,
    /// Root's note that a first pass was made (W4).
    pub note: &'a Path,
}

/// A record with what its file says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRecord {
    /// The record.
    pub record: PasswordRecord,
    /// When it was put there, if it is a copy.
    pub copied: Option<UnixTime>,
}

impl WatchPlace<'_> {
    /// The record of `uid`, if there is one.
    pub fn record(&self, uid: u32) -> Result<Option<KeptRecord>, VaultError> {
        let path = self.path(uid);
        let bytes = match read_root_file(&path, PasswordRecord::CAP, Readers::Everybody) {
            Err(VaultError::Missing(_)) => return Ok(None),
            bytes => bytes?,
        };
        let record = PasswordRecord::parse(&bytes, uid).map_err(|why| VaultError::malformed(&path, why))?;
        // After it was read: of two files in this place, the newer one's.
        let about = fs::symlink_metadata(&path).map_err(|error| unreadable(&path, &error))?;
        let ctime = UnixTime::from_kernel(about.ctime());
        let copied = (ctime > record.written + SLACK_S).then_some(ctime);
        Ok(Some(KeptRecord { record, copied }))
    }

    /// Was a first pass ever made? One that cannot be read counts as one.
    pub fn has_begun(&self) -> bool {
        !matches!(read_root_file(self.note, NOTE_CAP, Readers::Everybody), Err(VaultError::Missing(_)))
    }

    /// When the last pass was made, if that is told.
    pub fn looked(&self) -> Option<SeenAt> {
        let bytes = read_root_file(&self.dir.join(LOOKED), NOTE_CAP, Readers::Everybody).ok()?;
        let mut reader = CanonicalReader::new(std::str::from_utf8(&bytes).ok()?, 0);
        let (version, seen) = (reader.number("version").ok()?, SeenAt::read(&mut reader, "looked").ok()?.ok()?);
        reader.end().ok().filter(|()| version == 1).map(|()| seen)
    }

    /// Writes a record over an earlier one.
    pub fn write(&self, record: &PasswordRecord) -> Result<(), VaultError> {
        let (path, aside) = (self.path(record.uid), self.dir.join(format!(".{}.new", record.uid)));
        root_file::replace(&path, &aside, &record.to_toml(), FILE_MODE).map_err(|error| not_written(&path, &error))
    }

    /// Removes the records of uids that no account has, and what a writer that was killed has left. Says how many records.
    pub(super) fn sweep(&self, is_there: impl Fn(u32) -> bool) -> Result<usize, VaultError> {
        let entries = fs::read_dir(self.dir).map_err(|error| unreadable(self.dir, &error))?;
        let mut removed = 0;
        for name in entries.flatten().map(|entry| entry.file_name()) {
            let Some(name) = name.to_str() else { continue };
            let of_nobody = name.parse().is_ok_and(|uid| !is_there(uid));
            if of_nobody || (name.starts_with('.') && name.ends_with(".new")) {
                fs::remove_file(self.dir.join(name)).map_err(|error| not_written(&self.dir.join(name), &error))?;
                removed += usize::from(of_nobody);
            }
        }
        Ok(removed)
    }

    /// Tells that a pass was made.
    pub(super) fn tell_looked(&self, now: &SeenAt) -> Result<(), VaultError> {
        let (path, aside) = (self.dir.join(LOOKED), self.dir.join(".looked.new"));
        let text = format!("version = 1\n{}", now.to_toml("looked"));
        root_file::replace(&path, &aside, &text, 0o644).map_err(|error| not_written(&path, &error))
    }

    /// Notes that a first pass was made.
    pub(super) fn tell_begun(&self, now: UnixTime) -> Result<(), VaultError> {
        let text = format!(
            "# Passwords are watched since then: a record that is missing is one that was lost. See otpctl(1).\nversion = 1\nbegun = {now}\n"
        );
        root_file::replace(self.note, &self.note.with_extension("new"), &text, 0o644)
            .map_err(|error| not_written(self.note, &error))
    }

    /// Makes the directory, or gives it back the owner, the group and the mode that it must have.
    pub(super) fn make(&self, group: u32) -> Result<(), VaultError> {
        let failed = |error: &io::Error| not_written(self.dir, error);
        match DirBuilder::new().mode(0o700).create(self.dir) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(&error)),
            _ => {}
        }
        let about = fs::symlink_metadata(self.dir).map_err(|error| failed(&error))?;
        if !about.is_dir() {
            return Err(VaultError::untrusted(self.dir, "not a directory; wanted one owned by root"));
        }
        if about.uid() != 0 || about.gid() != group {
            chown(self.dir, Some(Uid::from_raw(0)), Some(Gid::from_raw(group)))
                .map_err(|errno| failed(&errno.into()))?;
        }
        if about.mode() & 0o7777 != DIR_MODE || about.uid() != 0 || about.gid() != group {
            fs::set_permissions(self.dir, Permissions::from_mode(DIR_MODE)).map_err(|error| failed(&error))?;
            let above = self.dir.parent().unwrap_or(Path::new("/"));
            File::open(above).and_then(|dir| dir.sync_all()).map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    fn path(&self, uid: u32) -> PathBuf {
        self.dir.join(uid.to_string())
    }
}

impl KeptRecord {
    /// When the password was changed, as far as the record is to be believed (W3).
    pub fn changed(&self) -> SeenAt {
        match self.copied {
            None => self.record.changed.clone(),
            Some(copied) => SeenAt::wall(copied.max(self.record.changed.wall)),
        }
    }

    /// By this person, as far as the record is to be believed.
    pub fn by(&self) -> Option<PasswordActor> {
        self.record.by.filter(|_| self.copied.is_none())
    }
}

fn not_written(path: &Path, error: &io::Error) -> VaultError {
    VaultError::CannotPersist { path: path.to_owned(), errno: errno_of(error) }
}

const LOOKED: &str = ".looked";
const NOTE_CAP: usize = 1024;
const FILE_MODE: u32 = 0o640;
const DIR_MODE: u32 = 0o2750;
/// Between the clock's time in a file and its ctime, in seconds.
const SLACK_S: u64 = 60;
