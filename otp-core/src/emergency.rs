//! The way back in (R14): a root-owned mark that lets one user past the gate until its end, whatever else is broken.
//!
//! E1  a mark counts only if it is a regular file owned by root with one name that nobody else may write, below directories
//!     that nobody else may write, and names both the user and the uid that it is for
//! E2  it is read before everything else, and needs no policy, vault, host key, daemon or clock
//! E3  it is written whole or not at all: another name, fsync, rename, fsync of the directory
//! E4  it holds no secret and everybody may read it: a screen locker asks as its user and must find it too
//! E5  it ends after as long as it says, counted by CLOCK_BOOTTIME in the boot that wrote it and by wall time in later ones; a
//!     clock behind its making does not end it. One of version 1 has no end

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::stat::lstat;

use crate::accounts::Account;
use crate::environment::{BootId, Clock, Moment};
use crate::policy::toml_table::{Document, Table, TableError, quoted};
use crate::vault::{Readers, VaultError, read_root_file};

/// A mark: who is let past the gate, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmergencyMark {
    /// For whom; both name and uid must match.
    pub account: Account,
    /// Why, in the words of whoever wrote it.
    pub reason: Reason,
    /// Who wrote it, as far as that could be told. A note, not a proof.
    pub by: String,
    /// When, in Unix seconds, by a clock that may be wrong.
    pub made: u64,
    /// How long it lasts; none in a mark of version 1, which has no end.
    pub lasts: Option<Lasting>,
}

/// How long a mark lasts (E5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lasting {
    /// Seconds from its making, 1 to [`LONGEST_BYPASS_S`].
    pub seconds: u64,
    /// The boot that wrote it, and what CLOCK_BOOTTIME said then, in milliseconds; none where the boot was not known.
    pub boot: Option<(BootId, u64)>,
}

/// A mark that is to be trusted, and whether it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bypass {
    /// The user is not asked.
    InForce(EmergencyMark),
    /// It has come to its end and opens nothing.
    Ended(EmergencyMark),
}

/// Why somebody is let past the gate: 1 to 128 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

/// The directory of marks on one host.
#[derive(Debug, Clone, Copy)]
pub struct EmergencyMarks<'a>(pub &'a Path);

/// Why a mark was not written or taken away.
#[derive(Debug)]
pub enum MarkError {
    /// There is none.
    None,
    /// Written, it would not be honoured; it was taken away again.
    NotHonoured(VaultError),
    /// The system's reason.
    Failed {
        /// What could not be made or removed.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl EmergencyMarks<'_> {
    /// The mark of `account`, if there is one (E1), and whether it is over by `clock` (E5). An error is one that does not count;
    /// it opens nothing.
    pub fn of(&self, account: &Account, clock: &dyn Clock) -> Result<Option<Bypass>, VaultError> {
        let Some(mark) = self.read(account.uid)? else { return Ok(None) };
        if mark.account != *account {
            let found = format!("for {:?} (uid {})", mark.account.name, mark.account.uid);
            let why = format!("{found}; wanted {:?}", account.name);
            return Err(VaultError::malformed(&self.path(account.uid), why));
        }
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
        if matches!(lstat(&path), Err(Errno::ENOENT | Errno::ENOTDIR)) {
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
        let (path, aside) = (self.path(mark.account.uid), self.0.join(format!(".{}.new", mark.account.uid)));
        let written = write_aside(&aside, &mark.to_toml()).and_then(|()| fs::rename(&aside, &path));
        written.and_then(|()| sync(self.0)).map_err(|error| failed(&path, error))?;
        self.of(&mark.account, clock).map(drop).map_err(|error| {
            drop(fs::remove_file(&path)); // or it would begin to count when somebody mends what is wrong
            MarkError::NotHonoured(error)
        })
    }

    /// Takes the mark of `uid` away, whatever it holds. As root.
    pub fn end(&self, uid: u32) -> Result<(), MarkError> {
        let path = self.path(uid);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(MarkError::None),
            removed => removed.and_then(|()| sync(self.0)).map_err(|error| failed(&path, error)),
        }
    }

    fn path(&self, uid: u32) -> PathBuf {
        self.0.join(uid.to_string())
    }

    fn make_dir(&self) -> Result<(), MarkError> {
        for dir in [self.0.parent().unwrap_or(Path::new("/")), self.0] {
            match DirBuilder::new().mode(DIR_MODE).create(dir) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => made
                    .and_then(|()| fs::set_permissions(dir, Permissions::from_mode(DIR_MODE))) // whatever the umask is
                    .and_then(|()| sync(dir.parent().unwrap_or(Path::new("/"))))
                    .map_err(|error| failed(dir, error))?,
            }
        }
        Ok(())
    }
}

impl EmergencyMark {
    fn parse(text: &str) -> Result<Self, TableError> {
        let document = Document::parse(text)?;
        let mut root = document.root();
        let version = root.required_number("version")?;
        if !(1..=NEWEST_VERSION).contains(&version) {
            return Err(root.error_here(format!("version is {version}; wanted 1 or {NEWEST_VERSION}")));
        }
        let (name, uid) = (root.required_string("user")?.to_owned(), root.required_number("uid")?);
        let uid = u32::try_from(uid).map_err(|_| root.error_here(format!("uid is {uid}; wanted 32 bits")))?;
        let reason = Reason::new(root.required_string("reason")?).map_err(|wanted| root.error_here(wanted.into()))?;
        let (by, made) = (root.required_string("by")?.to_owned(), root.required_number("made")?);
        let lasts = if version == 1 { None } else { Some(LastingFields::take(&mut root)?) };
        let start = root.start();
        root.end()?; // before a field is missed: what a later program has added says more
        let lasts = lasts.map(LastingFields::checked).transpose().map_err(|what| start.error(what))?;
        Ok(Self { account: Account { name, uid }, reason, by, made, lasts })
    }

    /// Is it over?
    pub fn has_ended(&self, now: &Moment) -> bool {
        self.left_ms(now).is_some_and(|left| left <= 0)
    }

    /// When it ends or has ended, in Unix seconds by the clock of `now`; none if it has no end.
    pub fn end(&self, now: &Moment) -> Option<u64> {
        let lasts = self.lasts.as_ref()?;
        let by_wall = self.made.saturating_add(lasts.seconds);
        let left = i64::try_from(self.left_ms(now)?.div_euclid(1000)).unwrap_or(i64::MAX);
        let by_boot = now.wall.saturating_add_signed(left);
        // Both round; where no clock was set they are the same moment.
        Some(if by_boot.abs_diff(by_wall) <= ROUNDED_S { by_wall } else { by_boot })
    }

    /// Milliseconds to its end, below 0 after it.
    fn left_ms(&self, now: &Moment) -> Option<i128> {
        let lasts = self.lasts.as_ref()?;
        let whole = i128::from(lasts.seconds) * 1000;
        let gone = match &lasts.boot {
            Some((boot, made_ms)) if now.boot.as_ref() == Some(boot) => i128::from(now.boot_ms) - i128::from(*made_ms),
            _ => (i128::from(now.wall) - i128::from(self.made)) * 1000,
        };
        Some(whole - gone)
    }

    fn to_toml(&self) -> String {
        let mut out = format!("version = {}\n", if self.lasts.is_some() { NEWEST_VERSION } else { 1 });
        let (user, reason, by) = (quoted(&self.account.name), quoted(&self.reason.0), quoted(&self.by));
        let (uid, made) = (self.account.uid, self.made);
        let written = write!(out, "user = {user}\nuid = {uid}\nreason = {reason}\nby = {by}\nmade = {made}\n");
        debug_assert!(written.is_ok(), "writing to a String does not fail");
        let Some(Lasting { seconds, boot }) = &self.lasts else { return out };
        let written = writeln!(out, "lasts = {seconds}").and_then(|()| match boot {
            Some((id, made_ms)) => write!(out, "boot = {}\nboot_ms = {made_ms}\n", quoted(id.as_str())),
            None => Ok(()),
        });
        debug_assert!(written.is_ok(), "writing to a String does not fail");
        out
    }
}

impl Lasting {
    /// From now on.
    pub fn from(now: &Moment, seconds: u64) -> Self {
        Self { seconds, boot: now.boot.clone().map(|boot| (boot, now.boot_ms)) }
    }
}

/// The fields of [`Lasting`] as the file has them.
struct LastingFields<'d> {
    seconds: Option<i64>,
    boot: Option<&'d str>,
    boot_ms: Option<i64>,
}

impl<'d> LastingFields<'d> {
    fn take(table: &mut Table<'d>) -> Result<Self, TableError> {
        Ok(Self {
            seconds: table.integer("lasts")?.map(|found| found.value),
            boot: table.string("boot")?.map(|found| found.value),
            boot_ms: table.integer("boot_ms")?.map(|found| found.value),
        })
    }

    fn checked(self) -> Result<Lasting, String> {
        let seconds = self.seconds.ok_or("the field lasts is missing")?;
        let wanted = || format!("lasts is {seconds}; wanted 1 to {LONGEST_BYPASS_S}");
        let in_range = |seconds: &u64| (1..=LONGEST_BYPASS_S).contains(seconds);
        let boot = match (self.boot, self.boot_ms) {
            (None, None) => None,
            (Some(id), Some(made_ms)) => {
                let id = BootId::parse(id).ok_or("boot is no boot id; wanted 36 hexadecimal digits and hyphens")?;
                Some((id, u64::try_from(made_ms).map_err(|_| "boot_ms is below 0")?))
            }
            _ => return Err("boot and boot_ms must both be there, or neither".to_owned()),
        };
        Ok(Lasting { seconds: u64::try_from(seconds).ok().filter(in_range).ok_or_else(wanted)?, boot })
    }
}

impl Reason {
    /// Checks length and characters; the error says what was wanted.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let good = (1..=128).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        let good = good && !text.trim().is_empty();
        good.then(|| Self(text.to_owned()))
            .ok_or("the reason must have 1 to 128 characters, none of them a control character")
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn write_aside(aside: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {} // left by a writer that was killed here
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(aside)?;
    file.set_permissions(Permissions::from_mode(FILE_MODE))?; // whatever the umask is
    file.write_all(text.as_bytes())?;
    file.sync_all()
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
            Self::None => f.write_str("there is no emergency mark for this user"),
            Self::NotHonoured(error) => write!(f, "no mark was written, for it would not be honoured: {error}"),
            Self::Failed { path, error } => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for MarkError {}

/// No mark lasts longer, in seconds: 30 days.
pub const LONGEST_BYPASS_S: u64 = 30 * 24 * 3600;
/// The version of a mark that has an end.
const NEWEST_VERSION: u64 = 2;
/// Two clocks in whole seconds that differ by no more are the same.
const ROUNDED_S: u64 = 2;
/// Largest mark in bytes.
const CAP: usize = 4096;
const DIR_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;
