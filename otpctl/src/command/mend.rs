//! `otpctl --offline mend`: corrects owners, modes and link counts of a vault that was copied carelessly, or to a server where the daemon's
//! account has another uid. It runs as root, because only root can give files away, in a directory that somebody else may write to: so
//! every step uses a descriptor that was checked, and follows no link. It changes no content and accepts no restored copy.

use std::fmt;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2, renameat};
use nix::libc::nlink_t;
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, User, fchown, fsync, unlinkat};
use otp_core::log_line::LogLine;
use otp_core::site::Site;
use otp_core::vault::root_directory;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::arguments::MendArgs;
use crate::command::emergency::who;
use crate::output::alert::alert;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::stderr;
use crate::output::terminal::Terminal;

pub(crate) fn run(terminal: &mut Terminal, options: &MendArgs) -> Result<(), Failure> {
    if !Uid::effective().is_root() {
        return Err(stopped("only root can mend the vault; run this as root"));
    }
    let (mut done, mut left) = (Vec::new(), Vec::new());
    go_round(Doing::of(options), &mut |path, outcome| match outcome {
        MendOutcome::OwnerOrMode(all) => {
            let all: Vec<String> = all.iter().map(|one| format!("{}, now {}", one.found, one.wanted)).collect();
            done.push(told(path, &all.join("; ")));
        }
        MendOutcome::Linked(count) => done.push(told(path, &format!("link count {count}, now a file of its own"))),
        MendOutcome::AccountNoted(uid) => {
            done.push(told(path, &format!("the daemon's account, now noted with uid {uid}")))
        }
        MendOutcome::LeftAlone(why) => left.push(told(path, &why)),
    })?;
    tell(terminal, options, &done, &left)
}

/// Tells of everything in the vault that would be mended or left alone, and changes nothing. As root.
pub(crate) fn look(tell: &mut dyn FnMut(&Path, MendOutcome)) -> Result<(), Failure> {
    go_round(Doing::Told, tell)
}

/// The outcome for one file or directory.
pub(crate) enum MendOutcome {
    /// Its owner or mode was not right.
    OwnerOrMode(Vec<OwnerOrMode>),
    /// It had so many names.
    Linked(nlink_t),
    /// The note of the daemon's account did not say this uid.
    AccountNoted(u32),
    /// It stays as it is, for this reason.
    LeftAlone(String),
}

/// An owner or a mode, in words.
pub(crate) struct OwnerOrMode {
    pub found: String,
    pub wanted: String,
}

fn go_round(doing: Doing, tell: &mut dyn FnMut(&Path, MendOutcome)) -> Result<(), Failure> {
    let site = Site::STANDARD;
    let user = User::from_name(site.account).map_err(|errno| stopped(errno.desc()))?;
    let user = user.ok_or_else(|| stopped(&format!("account {} does not exist", site.account)))?;
    let top = Path::new(site.vault);
    root_directory(top.parent().unwrap_or(Path::new("/"))).map_err(|error| stopped(&error.to_string()))?;
    let dir = opened(AT_FDCWD, top, DIRECTORY).map_err(|errno| failed(top, errno))?;
    let before = fstat(&dir).map_err(|errno| failed(top, errno))?;
    let wanted = Wanted { uid: user.uid, gid: user.gid };
    let mut round = Round { wanted, former: Uid::from_raw(before.st_uid), doing, tell };
    round.directory(&dir, top, DEEPEST);
    round.note_account(&site);
    Ok(())
}

/// The owner that everything is to have.
#[derive(Clone, Copy)]
struct Wanted {
    uid: Uid,
    gid: Gid,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    Told,
    Done,
}

/// One walk through the vault.
struct Round<'a> {
    wanted: Wanted,
    /// The owner of the vault's directory, who is the daemon's account of another host where files came from there.
    former: Uid,
    doing: Doing,
    tell: &'a mut dyn FnMut(&Path, MendOutcome),
}

/// A file or directory of the vault, and what was done to it or keeps it from being mended.
#[derive(Serialize)]
struct MendedPath {
    path: String,
    what: String,
}

#[derive(Serialize)]
struct MendTold<'a> {
    changed: bool,
    mended: &'a [MendedPath],
    left: &'a [MendedPath],
}

impl Doing {
    fn of(options: &MendArgs) -> Self {
        if options.dry_run { Self::Told } else { Self::Done }
    }
}

impl Round<'_> {
    fn directory(&mut self, dir: &OwnedFd, path: &Path, deepest: usize) {
        self.outcome(path, fstat(dir).and_then(|about| self.owner_and_mode(dir, &about, DIRECTORY_MODE)));
        let names = match names(dir) {
            Ok(names) => names,
            Err(errno) => return self.left_alone(path, errno.desc()),
        };
        for name in names {
            let path = path.join(&name);
            let about = match fstatat(dir, name.as_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
                Ok(about) => about,
                Err(Errno::ENOENT) => continue, // the daemon has replaced it meanwhile
                Err(errno) => {
                    self.left_alone(&path, errno.desc());
                    continue;
                }
            };
            match kind(&about) {
                SFlag::S_IFREG => {
                    let outcome = self.file(dir, &name);
                    self.outcome(&path, outcome);
                }
                SFlag::S_IFDIR if deepest > 0 => match opened(dir.as_fd(), Path::new(&name), DIRECTORY) {
                    Ok(below) => self.directory(&below, &path, deepest - 1),
                    Err(errno) => self.left_alone(&path, errno.desc()),
                },
                _ => self.left_alone(&path, "does not belong in a vault: left alone"),
            }
        }
    }

    /// The note by which every login knows whose the vault must be. One that is not there yet misleads nobody.
    fn note_account(&mut self, site: &Site) {
        let (path, uid) = (Path::new(site.account_note), self.wanted.uid.as_raw());
        let noted = match self.doing {
            Doing::Told => Ok(path.exists() && !site.has_noted_account(uid)),
            Doing::Done => site.note_account(uid),
        };
        match noted {
            Ok(true) => (self.tell)(path, MendOutcome::AccountNoted(uid)),
            Ok(false) => {}
            Err(error) => self.left_alone(path, &error.to_string()),
        }
    }

    fn outcome(&mut self, path: &Path, outcome: nix::Result<Option<MendOutcome>>) {
        match outcome {
            Ok(Some(outcome)) => (self.tell)(path, outcome),
            Ok(None) | Err(Errno::ENOENT) => {}
            Err(Errno::EMLINK) => self.left_alone(
                path,
                "a hard link to a file with another owner than the vault: left alone, as it may not belong here; \
                 remove it, or replace it with a copy",
            ),
            Err(errno) => self.left_alone(path, errno.desc()),
        }
    }

    fn left_alone(&mut self, path: &Path, why: &str) {
        (self.tell)(path, MendOutcome::LeftAlone(why.to_owned()));
    }

    /// EMLINK where the file may belong to another account.
    fn file(&self, dir: &OwnedFd, name: &str) -> nix::Result<Option<MendOutcome>> {
        let file = opened(dir.as_fd(), Path::new(name), FILE)?;
        let about = fstat(&file)?;
        match about.st_nlink {
            _ if kind(&about) != SFlag::S_IFREG => Err(Errno::EINVAL),
            0 => Ok(None),
            1 => self.owner_and_mode(&file, &about, FILE_MODE),
            _ if !self.is_the_vaults(&about) => Err(Errno::EMLINK),
            count => {
                if self.doing == Doing::Done {
                    self.copy(dir, name, file)?;
                }
                Ok(Some(MendOutcome::Linked(count)))
            }
        }
    }

    /// A file of another owner that has two names may have been put here to be given away or shown.
    fn is_the_vaults(&self, about: &FileStat) -> bool {
        let owner = Uid::from_raw(about.st_uid);
        owner == self.wanted.uid || (owner == self.former && !owner.is_root())
    }

    fn owner_and_mode(&self, fd: &OwnedFd, about: &FileStat, mode: Mode) -> nix::Result<Option<MendOutcome>> {
        let found = Mode::from_bits_truncate(about.st_mode);
        let mut what = Vec::new();
        if (about.st_uid, about.st_gid) != (self.wanted.uid.as_raw(), self.wanted.gid.as_raw()) {
            let (uid, gid) = (self.wanted.uid, self.wanted.gid);
            let found = format!("owner {}:{}", about.st_uid, about.st_gid);
            what.push(OwnerOrMode { found, wanted: format!("{uid}:{gid}") });
        }
        if found != mode {
            let found = format!("mode {:04o}", found.bits());
            what.push(OwnerOrMode { found, wanted: format!("{:04o}", mode.bits()) });
        }
        if self.doing == Doing::Done && !what.is_empty() {
            fchown(fd, Some(self.wanted.uid), Some(self.wanted.gid))?;
            fchmod(fd, mode)?; // after the owner: a change of owner takes bits away
        }
        Ok((!what.is_empty()).then_some(MendOutcome::OwnerOrMode(what)))
    }

    /// The same bytes in an inode of their own.
    fn copy(&self, dir: &OwnedFd, name: &str, from: OwnedFd) -> nix::Result<()> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(LARGEST));
        File::from(from).take(LARGEST as u64).read_to_end(&mut bytes).map_err(|error| errno(&error))?;
        if bytes.len() == LARGEST {
            return Err(Errno::EFBIG);
        }
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let aside = format!(".{name}.mend");
        match unlinkat(dir, aside.as_str(), UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno),
        }
        let made = openat(dir, aside.as_str(), flags, FILE_MODE)?;
        fchown(&made, Some(self.wanted.uid), Some(self.wanted.gid))?;
        fchmod(&made, FILE_MODE)?;
        let mut made = File::from(made);
        made.write_all(&bytes).and_then(|()| made.sync_all()).map_err(|error| errno(&error))?;
        renameat(dir, aside.as_str(), dir, name)?;
        fsync(dir)
    }
}

fn tell(terminal: &mut Terminal, options: &MendArgs, done: &[MendedPath], left: &[MendedPath]) -> Result<(), Failure> {
    let (count, is_done, format) = (done.len(), Doing::of(options) == Doing::Done, OutputFormat::of(options.json));
    if is_done && count > 0 {
        let done = format!("mend: {count} of the vault's files and directories");
        alert(&LogLine::default().field("event", "offline").field("done", &done).field("by", &who()).finish());
    }
    for one in left.iter().filter(|_| format == OutputFormat::Text) {
        stderr::wrong(&one.to_string());
    }
    let would = if is_done { "" } else { "would be " };
    let lines: String = done.iter().map(|one| format!("{one}\n")).collect();
    let text = format!(
        "{lines}{count} {would}mended; files that were copied or touched count as restored from a backup until you \
         run `otpctl accept-restore --all`\n"
    );
    let object = MendTold { changed: is_done && count > 0, mended: done, left };
    terminal.tell(format, &object, &text)?;
    match left.len() {
        0 => Ok(()),
        1 => Err(stopped("1 file or directory was left unchanged; see above")),
        left => Err(stopped(&format!("{left} were left unchanged; see above"))),
    }
}

impl fmt::Display for MendedPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&escaped(&format!("{}: {}", self.path, self.what)))
    }
}

fn opened(dir: impl std::os::fd::AsFd, name: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
    let flags = flags | OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let resolve = match name.is_absolute() {
        true => ResolveFlag::RESOLVE_NO_SYMLINKS,
        false => ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_XDEV,
    };
    match openat2(&dir, name, OpenHow::new().flags(flags).resolve(resolve)) {
        Err(Errno::ENOSYS | Errno::EPERM) => openat(&dir, name, flags, Mode::empty()), // one component, or a root-owned path
        answer => answer,
    }
}

fn names(dir: &OwnedFd) -> nix::Result<Vec<String>> {
    let again = openat(dir, ".", DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    let mut names = Vec::new();
    for entry in Dir::from_fd(again)?.iter() {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| name != "." && name != "..");
    names.sort();
    Ok(names)
}

fn kind(about: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(about.st_mode) & SFlag::S_IFMT
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32))
}

fn told(path: &Path, what: &str) -> MendedPath {
    MendedPath { path: path.display().to_string(), what: what.to_owned() }
}

fn failed(path: &Path, errno: Errno) -> Failure {
    stopped(&format!("{}: {}", PathBuf::from(path).display(), errno.desc()))
}

fn stopped(text: &str) -> Failure {
    Failure::Stopped(escaped(text))
}

const DIRECTORY: OFlag = OFlag::O_DIRECTORY;
const FILE: OFlag = OFlag::O_NOCTTY;
const DIRECTORY_MODE: Mode = Mode::S_IRWXU;
const FILE_MODE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR);
/// Directories below the vault's: notices/outbox is the second one down.
const DEEPEST: usize = 2;
/// More than any file of a vault has.
const LARGEST: usize = 4 << 20;
