//! The way back in (R14): a root-owned mark that lets one user past the gate until its end, whatever else is broken.
//!
//! E1  a mark counts only if it is a regular file owned by root with one name that nobody else may write, below directories
//!     that nobody else may write, and names the uid that it is for and a user name that the account database gives to this uid
//! E2  it is read before everything else, and needs no policy, vault, host key, daemon or clock
//! E3  it is written whole or not at all: another name, fsync, rename, fsync of the directory
//! E4  it holds no secret and everybody may read it: a screen locker asks as its user and must find it too
//! E5  it ends after as long as it says, counted by CLOCK_BOOTTIME in the boot that wrote it and by wall time in later ones; a
//!     clock behind its making does not end it. One of version 1 has no end
//! E6  it is in one of two places: the first is kept; the second, for a host whose first cannot be written, is gone at a reboot.
//!     A mark that counts in either lets the user past

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::stat::lstat;
use nix::sys::statvfs::{FsFlags, statvfs};

use crate::accounts::Account;
use crate::environment::{Clock, Moment};
pub use crate::files::emergency_mark::{EmergencyMark, LONGEST_BYPASS_S, Lasting, Reason};
use crate::vault::{Readers, VaultError, read_root_file};
use crate::{public_dir, root_file};

/// A mark that is to be trusted, and whether it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bypass {
    /// The user is not asked.
    InForce(EmergencyMark),
    /// It has come to its end and opens nothing.
    Ended(EmergencyMark),
}

/// One directory of marks.
#[derive(Debug, Clone, Copy)]
pub struct EmergencyMarks<'a>(pub &'a Path);

/// Both directories of a host (E6).
#[derive(Debug, Clone, Copy)]
pub struct EmergencyPlaces<'a> {
    /// A mark stays here.
    pub kept: EmergencyMarks<'a>,
    /// A mark is gone from here at a reboot.
    pub until_reboot: EmergencyMarks<'a>,
}

/// Where a mark was written.
#[derive(Debug)]
pub enum MarkPlace {
    /// Where it stays.
    Kept,
    /// Where it is gone at a reboot, for this reason.
    UntilReboot(MarkError),
}

/// Why a mark was not written or taken away.
#[derive(Debug)]
pub enum MarkError {
    /// There is none.
    None,
    /// Written, it would not be honoured; it was taken away again.
    NotHonoured(VaultError),
    /// The system's reason.
    Failed {
        /// The path that could not be made or removed.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It could be written to neither place.
    Nowhere(Box<[MarkError; 2]>),
}

impl EmergencyPlaces<'_> {
    /// The mark of `account` (E6). An error is a mark that does not count, where no other lets the user past.
    pub fn of(&self, account: &Account, clock: &dyn Clock) -> Result<Option<Bypass>, VaultError> {
        match [self.kept, self.until_reboot].map(|place| place.of(account, clock)) {
            [Ok(Some(found @ Bypass::InForce(_))), _] | [_, Ok(Some(found @ Bypass::InForce(_)))] => Ok(Some(found)),
            [Err(error), _] | [_, Err(error)] => Err(error),
            [Ok(first), Ok(second)] => Ok(first.or(second)),
        }
    }

    /// Writes `mark`, where it stays if that is possible, and takes an earlier one away from the other place.
    pub fn write(&self, mark: &EmergencyMark, clock: &dyn Clock) -> Result<MarkPlace, MarkError> {
        match self.kept.write(mark, clock) {
            Ok(()) => match self.until_reboot.end(mark.account.uid) {
                Ok(()) | Err(MarkError::None) => Ok(MarkPlace::Kept),
                Err(error) => Err(error),
            },
            // On a read-only file system nobody can mend what is not trusted there.
            Err(why) if matches!(why, MarkError::Failed { .. }) || is_read_only(self.kept.0) => {
                match self.until_reboot.write(mark, clock) {
                    Ok(()) => Ok(MarkPlace::UntilReboot(why)),
                    Err(error) => Err(MarkError::Nowhere(Box::new([why, error]))),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Takes the marks of `uid` away. One that is over and cannot be taken away is no reason to fail if another one went.
    pub fn end(&self, uid: u32, clock: &dyn Clock) -> Result<(), MarkError> {
        match [self.kept, self.until_reboot].map(|place| (place, place.end(uid))) {
            [(_, Err(MarkError::None)), (_, other)] | [(_, other), (_, Err(MarkError::None))] => other,
            [(place, Err(error)), (_, Ok(()))] | [(_, Ok(())), (place, Err(error))] if place.lets_past(uid, clock) => {
                Err(error)
            }
            [(_, Err(error)), (_, Err(_))] => Err(error),
            _ => Ok(()),
        }
    }
}

impl EmergencyMarks<'_> {
    /// The mark of `account`, if there is one (E1), and whether it is over by `clock` (E5). An error is one that does not count;
    /// it opens nothing.
    pub fn of(&self, account: &Account, clock: &dyn Clock) -> Result<Option<Bypass>, VaultError> {
        let Some(mark) = self.read(account.uid)? else { return Ok(None) };
        account.owns(&mark.account).map_err(|why| VaultError::malformed(&self.path(account.uid), why.to_string()))?;
        let ended = mark.lasts.is_some() && mark.has_ended(&Moment::of(clock));
        Ok(Some(if ended { Bypass::Ended(mark) } else { Bypass::InForce(mark) }))
    }

    /// The uids that have a mark, whether it counts or not, in rising order.
    pub fn uids(&self) -> io::Result<Vec<u32>> {
        let names = match fs::read_dir(self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            names => names?,
        };
        let mut uids = Vec::new();
        for entry in names {
            uids.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
        }
        uids.sort_unstable();
        Ok(uids)
    }

    fn read(&self, uid: u32) -> Result<Option<EmergencyMark>, VaultError> {
        let path = self.path(uid);
        if is_missing(&path) {
            return Ok(None);
        }
        let bytes = read_root_file(&path, CAP, Readers::Everybody)?;
        let names = fs::symlink_metadata(&path).map_or(0, |about| about.nlink());
        if names != 1 {
            return Err(VaultError::untrusted(&path, format!("{names} names; wanted 1")));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| VaultError::malformed(&path, "not UTF-8"))?;
        let mark = EmergencyMark::parse(text).map_err(|error| VaultError::malformed(&path, error.to_string()))?;
        Ok(Some(mark))
    }

    /// Writes `mark` over an earlier one (E3), and makes sure that it will be honoured. As root.
    pub fn write(&self, mark: &EmergencyMark, clock: &dyn Clock) -> Result<(), MarkError> {
        self.make_dir()?;
        self.is_roots()?;
        let (path, aside) = (self.path(mark.account.uid), self.0.join(format!(".{}.new", mark.account.uid)));
        root_file::replace(&path, &aside, &mark.to_toml(), FILE_MODE).map_err(|error| failed(&path, error))?;
        self.of(&mark.account, clock).map(drop).map_err(|error| {
            drop(fs::remove_file(&path)); // or it would begin to count when somebody mends what is wrong
            MarkError::NotHonoured(error)
        })
    }

    /// Takes the mark of `uid` away, whatever it holds. As root.
    pub fn end(&self, uid: u32) -> Result<(), MarkError> {
        let path = self.path(uid);
        if is_missing(&path) {
            return Err(MarkError::None); // on a read-only file system to remove nothing is an error, too
        }
        fs::remove_file(&path).and_then(|()| sync(self.0)).map_err(|error| failed(&path, error))
    }

    /// Whether the mark under `uid` may let somebody past, whosever it is; one that cannot be read does not.
    fn lets_past(&self, uid: u32, clock: &dyn Clock) -> bool {
        matches!(self.read(uid), Ok(Some(mark)) if !mark.has_ended(&Moment::of(clock)))
    }

    fn path(&self, uid: u32) -> PathBuf {
        self.0.join(uid.to_string())
    }

    /// Before anything is written: a directory owned by root itself, not a link to one. Its mode is judged with the mark.
    fn is_roots(&self) -> Result<(), MarkError> {
        let about = fs::symlink_metadata(self.0).map_err(|error| failed(self.0, error))?;
        if about.is_dir() && about.uid() == 0 {
            return Ok(());
        }
        let found = format!("owner {}, mode {:06o}; wanted a directory owned by root", about.uid(), about.mode());
        Err(MarkError::NotHonoured(VaultError::untrusted(self.0, found)))
    }

    /// A directory that another hand made may be closed to the programs that ask as their user (E4). Where that cannot be changed,
    /// root's programs find the mark all the same.
    fn open_to_readers(&self) {
        let closed = |about: &fs::Metadata| about.is_dir() && about.uid() == 0 && about.mode() & READABLE != READABLE;
        if let Some(about) = fs::symlink_metadata(self.0).ok().filter(closed) {
            drop(fs::set_permissions(self.0, Permissions::from_mode(about.mode() & 0o7777 | READABLE)));
        }
    }

    fn make_dir(&self) -> Result<(), MarkError> {
        for dir in [self.0.parent().unwrap_or(Path::new("/")), self.0] {
            if dir == self.0 {
                self.open_to_readers();
            }
            public_dir::make(dir).map_err(|error| failed(dir, error))?;
        }
        Ok(())
    }
}

/// Itself, or the directory that it is in: it may be a link to anywhere.
fn is_read_only(dir: &Path) -> bool {
    let places = [Some(dir), dir.parent()].into_iter().flatten();
    places.filter_map(|place| statvfs(place).ok()).any(|about| about.flags().contains(FsFlags::ST_RDONLY))
}

fn is_missing(path: &Path) -> bool {
    matches!(lstat(path), Err(Errno::ENOENT | Errno::ENOTDIR))
}

fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn failed(path: &Path, error: io::Error) -> MarkError {
    MarkError::Failed { path: path.to_owned(), error }
}

impl std::fmt::Display for MarkError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("this user has no bypass"),
            Self::NotHonoured(error) => {
                write!(f, "nothing was written, because the bypass would not be honoured: {error}")
            }
            Self::Failed { path, error } => write!(f, "{}: {error}", path.display()),
            Self::Nowhere(why) => {
                let [kept, until_reboot] = &**why;
                write!(f, "{kept}; {until_reboot}")
            }
        }
    }
}

impl std::error::Error for MarkError {}

/// Largest mark in bytes.
const CAP: usize = 4096;
/// The bits of a directory by which everybody lists it and opens what is there.
const READABLE: u32 = 0o555;
const FILE_MODE: u32 = 0o644;
