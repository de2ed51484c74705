//! The directory of records about passwords: root writes, the daemon reads (W1). It has the daemon's group and the mark that gives that group to
//! every file made in it, so nobody has to hand a file over.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::unistd::{Gid, Uid, chown};

use crate::files::canonical::CanonicalReader;
use crate::files::password_announcement::PasswordAnnouncement;
use crate::files::password_record::{PasswordActor, PasswordRecord, SeenAt};
use crate::root_file;
use crate::unix_time::UnixTime;
use crate::vault::{Pauses, Readers, VaultError, errno_of, read_root_file, unreadable};
use crate::watch::stamps::FileStamps;

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

/// The last pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastLook {
    /// When it began.
    pub at: SeenAt,
    /// The files that it read; none where an earlier version made it.
    pub files: Option<FileStamps>,
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
        let copied = copied_at(&path, record.written)?;
        Ok(Some(KeptRecord { record, copied }))
    }

    /// The announcement about `uid`; none where it is not whole, is a copy or cannot be read: it only names somebody.
    pub(super) fn announcement(&self, uid: u32) -> Option<PasswordAnnouncement> {
        let path = self.announced(uid);
        let bytes = read_root_file(&path, PasswordAnnouncement::CAP, Readers::Everybody).ok()?;
        let found = PasswordAnnouncement::parse(&bytes, uid).ok()?;
        (copied_at(&path, found.at.wall).ok()?).is_none().then_some(found)
    }

    /// The uids with an announcement.
    pub(super) fn announced_uids(&self) -> Result<HashSet<u32>, VaultError> {
        let entries = fs::read_dir(self.dir).map_err(|error| unreadable(self.dir, &error))?;
        let names = entries.flatten().map(|entry| entry.file_name());
        Ok(names.filter_map(|name| name.to_str()?.strip_suffix(ANNOUNCED)?.parse().ok()).collect())
    }

    /// Leaves an announcement over an earlier one. It asks for no lock: the person who is named can stop the process here for ever.
    pub(super) fn announce(&self, one: &PasswordAnnouncement) -> Result<(), VaultError> {
        let (path, aside) = (self.announced(one.uid), self.aside(&format!("{}{ANNOUNCED}", one.uid)));
        root_file::replace(&path, &aside, &one.to_toml(), FILE_MODE).map_err(|error| not_written(&path, &error))
    }

    /// Removes the announcement about `uid`.
    pub(super) fn forget_announcement(&self, uid: u32) -> Result<(), VaultError> {
        let path = self.announced(uid);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(not_written(&path, &error)),
            _ => Ok(()),
        }
    }

    /// Was a first pass ever made? One that cannot be read counts as one.
    pub fn has_begun(&self) -> bool {
        !matches!(read_root_file(self.note, NOTE_CAP, Readers::Everybody), Err(VaultError::Missing(_)))
    }

    /// The last pass, if that is told.
    pub fn looked(&self) -> Option<LastLook> {
        let bytes = read_root_file(&self.dir.join(LOOKED), NOTE_CAP, Readers::Everybody).ok()?;
        let mut reader = CanonicalReader::new(std::str::from_utf8(&bytes).ok()?, 0);
        let (version, at) = (reader.number("version").ok()?, SeenAt::read(&mut reader, "looked").ok()?.ok()?);
        let files = FileStamps::read(&mut reader).ok()?;
        reader.end().ok().filter(|()| version == 1).map(|()| LastLook { at, files })
    }

    /// Are the passwords those that the last pass saw?
    pub fn is_up_to_date(&self) -> Result<bool, VaultError> {
        let files = self.looked().and_then(|look| look.files);
        Ok(files.is_some() && files == Some(FileStamps::now()?))
    }

    /// Keeps every other pass away until it is dropped. Only root ever holds it.
    pub(super) fn lock(&self) -> Result<Flock<File>, VaultError> {
        let path = self.dir.join(LOCK);
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.custom_flags(LOCK_FLAGS.bits()).open(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => VaultError::Missing(path.clone()),
            _ => unreadable(&path, &error),
        })?;
        let mut pauses = Pauses::of_a_lock();
        loop {
            file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(locked) => return Ok(locked),
                Err((file, Errno::EWOULDBLOCK | Errno::EINTR)) if pauses.pause() => file,
                Err((_, Errno::EWOULDBLOCK | Errno::EINTR)) => {
                    return Err(VaultError::LockTimeout { path, holder: None });
                }
                Err((_, errno)) => return Err(VaultError::Unreadable { path, errno }),
            };
        }
    }

    /// Writes a record over an earlier one.
    pub fn write(&self, record: &PasswordRecord) -> Result<(), VaultError> {
        let (path, aside) = (self.path(record.uid), self.aside(&record.uid.to_string()));
        root_file::replace(&path, &aside, &record.to_toml(), FILE_MODE).map_err(|error| not_written(&path, &error))
    }

    /// Removes the records of uids that no account has, and what a writer that was killed has left. Says how many records.
    pub(super) fn sweep(&self, is_there: impl Fn(u32) -> bool) -> Result<usize, VaultError> {
        let entries = fs::read_dir(self.dir).map_err(|error| unreadable(self.dir, &error))?;
        let mut removed = 0;
        for name in entries.flatten().map(|entry| entry.file_name()) {
            let Some(name) = name.to_str() else { continue };
            let of_nobody = name.parse().is_ok_and(|uid| !is_there(uid));
            let announces = name.trim_start_matches('.').trim_end_matches(".new").strip_suffix(ANNOUNCED);
            let is_left = match announces.map(str::parse) {
                Some(Ok(uid)) => !is_there(uid), // else somebody may be writing it: it has one name, which the next announcement takes
                _ => name.starts_with('.') && name.ends_with(".new"),
            };
            if of_nobody || is_left {
                fs::remove_file(self.dir.join(name)).map_err(|error| not_written(&self.dir.join(name), &error))?;
                removed += usize::from(of_nobody);
            }
        }
        Ok(removed)
    }

    /// Tells that a pass was made, which began then and read these files.
    pub(super) fn tell_looked(&self, began: &SeenAt, files: &FileStamps) -> Result<(), VaultError> {
        let (path, aside) = (self.dir.join(LOOKED), self.aside("looked"));
        let text = format!("version = 1\n{}{}", began.to_toml("looked"), files.to_toml());
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

    /// Where a file is written first.
    fn aside(&self, name: &str) -> PathBuf {
        self.dir.join(format!(".{name}.new"))
    }

    fn announced(&self, uid: u32) -> PathBuf {
        self.dir.join(format!("{uid}{ANNOUNCED}"))
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

/// When the file of `path` was put there, if that was long after it was written. To be asked after it was read: of two files in this place, the newer
/// one's.
fn copied_at(path: &Path, written: UnixTime) -> Result<Option<UnixTime>, VaultError> {
    let about = fs::symlink_metadata(path).map_err(|error| unreadable(path, &error))?;
    let ctime = UnixTime::from_kernel(about.ctime());
    Ok((ctime > written + SLACK_S).then_some(ctime))
}

fn not_written(path: &Path, error: &io::Error) -> VaultError {
    VaultError::CannotPersist { path: path.to_owned(), errno: errno_of(error) }
}

const ANNOUNCED: &str = ".announced";
const LOOKED: &str = ".looked";
const LOCK: &str = ".lock";
const LOCK_FLAGS: OFlag = OFlag::O_NOFOLLOW.union(OFlag::O_NONBLOCK).union(OFlag::O_NOCTTY);
const NOTE_CAP: usize = 1024;
const FILE_MODE: u32 = 0o640;
const DIR_MODE: u32 = 0o2750;
/// Between the clock's time in a file and its ctime, in seconds.
const SLACK_S: u64 = 60;

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_pass_waits_for_the_one_before_it() {
        let dir = std::env::temp_dir().join(format!("otp-watch-lock-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let place = WatchPlace { dir: &dir, note: &dir };
        let (tell, hear) = mpsc::channel();
        let first = place.lock().unwrap();
        std::thread::scope(|scope| {
            let second = tell.clone();
            scope.spawn(move || {
                second.send("second waits").unwrap();
                let _alone = place.lock().unwrap();
                second.send("second writes").unwrap();
            });
            assert_eq!(hear.recv(), Ok("second waits"));
            tell.send("first is done").unwrap();
            drop(first);
        });
        assert_eq!(hear.try_iter().collect::<Vec<_>>(), ["first is done", "second writes"]);
        fs::remove_dir_all(&dir).unwrap();
        assert!(matches!(place.lock(), Err(VaultError::Missing(_))));
    }
}
