//! Safe opening (V1): no symlinks, trusted parents. Every path starts at a descriptor that is already trusted, no link is followed,
//! no mount crossed, nothing blocks, and what was opened is looked at before it is read.

use std::borrow::Cow;
use std::fs::{File, Metadata};
use std::io::Write;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, RenameFlags, ResolveFlag, openat, openat2, renameat, renameat2};
use nix::sys::stat::{FileStat, Mode, fchmod, fstat, fstatat, lstat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use zeroize::Zeroizing;

use super::error::VaultError;
use super::ownership::{check_dir, check_kind, check_owner_and_mode, not_opened};
use super::read::{Access, errno_of, file_flags, read_capped, unreadable};
use super::root_owned::{RootDirs, root_directory};

/// A directory that only its owner and root can change, and the rule for what lies in it.
#[derive(Clone)]
pub struct TrustedDir {
    handle: Handle,
    path: PathBuf,
    owner: u32,
    /// Set where two accounts share it: one writes files, the other reads and removes them.
    writer: Option<u32>,
    opened_by: Option<OpenedBy>,
    lifetime: Lifetime,
}

/// How long an open vault is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lifetime {
    /// For one call of PAM in a host program. Directories in it are reached through the vault's descriptor.
    OneCall,
    /// By the daemon or otpctl. Directories in it have descriptors of their own.
    Long,
}

/// Makes a call that opens or looks up names in the vault, given the uid of the vault's owner. A root-owned process may lack the
/// capability to pass by the modes; with the file system uid of the owner (setfsuid(2)) it needs none. That takes kernel calls
/// which are unsafe code, so it comes in as a value.
pub type OpenedBy = fn(owner: u32, call: &mut dyn FnMut());

/// How names in a directory are reached.
#[derive(Clone)]
enum Handle {
    /// Through its descriptor.
    Own(Arc<OwnedFd>),
    /// Through that of the directory above, by a path of which openat2(2) follows no link. Whatever else is done in it opens it.
    Above { above: Arc<OwnedFd>, name: String, own: OnceLock<Arc<OwnedFd>> },
}

impl TrustedDir {
    /// Opens `path`, absolute and without links: every directory above it must belong to root and be writable by root
    /// alone, and it itself must belong to `owner` and be closed to everybody else.
    pub fn open(path: &Path, owner: u32) -> Result<Self, VaultError> {
        Self::open_for(Lifetime::Long, path, owner, &RootDirs::default())
    }

    /// The same, for so long.
    pub(super) fn open_for(lifetime: Lifetime, path: &Path, owner: u32, roots: &RootDirs) -> Result<Self, VaultError> {
        roots.above(path)?;
        let how = OpenHow::new()
            .flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW)
            .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
        let fd = match openat2(AT_FDCWD, path, how) {
            Err(Errno::ENOSYS | Errno::EPERM) => openat(AT_FDCWD, path, DIRECTORY, Mode::empty()),
            answer => answer,
        };
        let fd = fd.map_err(|errno| not_opened(path, errno, || lstat(path), owner))?;
        check_dir(&fd, path, owner)?;
        let (handle, path) = (Handle::Own(Arc::new(fd)), path.to_owned());
        Ok(Self { handle, path, owner, writer: None, opened_by: None, lifetime })
    }

    /// The same directory, in which everything is opened by this caller from now on. Within a call of it nobody is to be asked again.
    pub(super) fn opened_by(self, opened_by: Option<OpenedBy>) -> Self {
        Self { opened_by, ..self }
    }

    /// How long it is used.
    pub(super) fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    /// Makes `call` as the caller does that opens what is in here.
    pub(super) fn make_call<T>(&self, call: impl FnOnce() -> Result<T, VaultError>) -> Result<T, VaultError> {
        call_by(self.opened_by, self.owner, call).unwrap_or_else(|| Err(VaultError::Missing(self.path.clone())))
    }

    /// Opens the directory `path`, below root-owned ones, that `owner` shares with those in its group: mode 2770, so that
    /// what is made in it is of that group. Only files of `writer` in it are trusted.
    pub(super) fn open_shared(path: &Path, owner: (u32, u32), writer: u32) -> Result<Self, VaultError> {
        root_directory(path.parent().unwrap_or(path))?;
        let fd = openat(AT_FDCWD, path, DIRECTORY, Mode::empty()); // the parents are root's, and the last part is no link
        let fd = fd.map_err(|errno| VaultError::opening(path, errno))?;
        let stat = fstat(&fd).map_err(|errno| VaultError::Unreadable { path: path.to_owned(), errno })?;
        let (uid, gid, mode) = (stat.st_uid, stat.st_gid, stat.st_mode & 0o7777);
        if ((uid, gid), mode) != (owner, SHARED_DIR) {
            let wanted = format!("wanted {}:{}, mode {SHARED_DIR:04o}", owner.0, owner.1);
            return Err(VaultError::untrusted(path, format!("owner {uid}:{gid}, mode {mode:04o}; {wanted}")));
        }
        let handle = Handle::Own(Arc::new(fd));
        let (owner, path) = (owner.0, path.to_owned());
        Ok(Self { handle, path, owner, writer: Some(writer), opened_by: None, lifetime: Lifetime::Long })
    }

    /// The whole path of `name` in it, for messages.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Opens the regular file `name`, checked as V1 says.
    pub fn open_file(&self, name: &str, access: Access) -> Result<File, VaultError> {
        let (file, about) = self.opened(name, access)?;
        self.check_file(&about, name)?;
        Ok(file)
    }

    /// Opens what is called `name`, which the caller must look at: [`Self::check_file`].
    pub(super) fn open_unchecked(&self, name: &str, access: Access) -> Result<File, VaultError> {
        self.open_beneath(name, file_flags(access)).map(File::from)
    }

    /// Reads the file `name` whole; a file above `cap` bytes is not trusted.
    pub fn read(&self, name: &str, cap: usize) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let (file, about) = self.opened(name, Access::Read)?;
        self.check_file(&about, name)?;
        read_capped(file, &about, &self.path_of(name), cap)
    }

    /// Opens the directory `name` in this one, checked like this one.
    pub fn open_dir(&self, name: &str) -> Result<Self, VaultError> {
        let path = self.path_of(name);
        let handle = match self.lifetime {
            Lifetime::Long => {
                let fd = self.open_beneath(name, DIRECTORY)?;
                check_dir(&fd, &path, self.owner)?;
                Handle::Own(Arc::new(fd))
            }
            Lifetime::OneCall => {
                let about = self.stat(name).map_err(|errno| VaultError::opening(&path, errno))?;
                check_kind(&path, about.st_mode)?;
                check_owner_and_mode(&path, (about.st_uid, about.st_mode), self.owner)?;
                Handle::Above { above: Arc::clone(self.fd()?), name: name.to_owned(), own: OnceLock::new() }
            }
        };
        let (owner, opened_by, lifetime) = (self.owner, self.opened_by, self.lifetime);
        Ok(Self { handle, path, owner, writer: None, opened_by, lifetime })
    }

    /// Its descriptor, which is opened now if that was not done before.
    pub(super) fn fd(&self) -> Result<&Arc<OwnedFd>, VaultError> {
        let (above, name, own) = match &self.handle {
            Handle::Own(fd) => return Ok(fd),
            Handle::Above { above, name, own } => (above, name, own),
        };
        if let Some(fd) = own.get() {
            return Ok(fd);
        }
        let fd = self.open_at(above, name, DIRECTORY).map_err(|errno| VaultError::opening(&self.path, errno))?;
        check_dir(&fd, &self.path, self.owner)?;
        Ok(own.get_or_init(|| Arc::new(fd)))
    }

    /// A descriptor and a path from it that lead to `name` in this directory.
    fn reach<'n>(&self, name: &'n str) -> (&Arc<OwnedFd>, Cow<'n, str>) {
        match &self.handle {
            Handle::Own(fd) => (fd, Cow::Borrowed(name)),
            Handle::Above { above, name: dir, own } => match own.get() {
                Some(fd) => (fd, Cow::Borrowed(name)),
                None => (above, Cow::Owned(format!("{dir}/{name}"))),
            },
        }
    }

    /// Another descriptor of this directory, with a position and a lock of its own.
    pub(super) fn reopened(&self) -> Result<File, VaultError> {
        let fd = self.fd()?;
        let again = self.as_owner(|| openat(fd, ".", DIRECTORY, Mode::empty()));
        again.map(File::from).map_err(|errno| VaultError::Unreadable { path: self.path.clone(), errno })
    }

    /// Names in this directory, without `.` and `..`.
    pub fn names(&self) -> Result<Vec<String>, VaultError> {
        let mut names = Vec::new();
        self.each_name(&mut |name| {
            names.push(name.to_owned());
            ControlFlow::Continue(())
        })?;
        Ok(names)
    }

    /// Hands on each of them until one is enough, so that nobody needs room for all.
    pub(super) fn each_name(&self, take: &mut dyn FnMut(&str) -> ControlFlow<()>) -> Result<(), VaultError> {
        let unreadable = |errno| VaultError::Unreadable { path: self.path.clone(), errno };
        let mut dir = Dir::from_fd(self.reopened()?.into()).map_err(unreadable)?;
        for entry in dir.iter() {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().to_string_lossy();
            if name != "." && name != ".." && take(&name).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The uids that `uid_of` finds in the names, in rising order.
    pub(super) fn uids(&self, uid_of: impl Fn(&str) -> Option<u32>) -> Result<Vec<u32>, VaultError> {
        let mut uids = Vec::new();
        self.each_name(&mut |name| {
            uids.extend(uid_of(name));
            ControlFlow::Continue(())
        })?;
        uids.sort_unstable();
        Ok(uids)
    }

    /// Makes the directory `name`, mode 0700, unless it is there.
    pub fn make_dir(&self, name: &str) -> Result<(), VaultError> {
        match mkdirat(self.fd()?, name, Mode::S_IRWXU) {
            Ok(()) | Err(Errno::EEXIST) => self.open_dir(name).map(drop),
            Err(errno) => Err(VaultError::cannot_persist(&self.path_of(name), errno)),
        }
    }

    /// Makes the file `name`, mode 0600, or 0640 where the directory is shared, which must not exist, writes `bytes` and syncs it.
    pub fn create(&self, name: &str, bytes: &[u8]) -> Result<File, VaultError> {
        let file = self.create_unsynced(name, bytes)?;
        file.sync_all().map_err(|error| VaultError::cannot_persist(&self.path_of(name), errno_of(&error)))?;
        Ok(file)
    }

    /// The same for one of many files, which are synced together ([`Self::sync_file_system`]).
    pub(super) fn create_unsynced(&self, name: &str, bytes: &[u8]) -> Result<File, VaultError> {
        let path = self.path_of(name);
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let fd = openat(self.fd()?, name, flags, Mode::S_IRUSR | Mode::S_IWUSR);
        let mut file = File::from(fd.map_err(|errno| VaultError::cannot_persist(&path, errno))?);
        if self.writer.is_some() {
            // Whatever the umask is.
            fchmod(&file, SHARED_FILE).map_err(|errno| VaultError::cannot_persist(&path, errno))?;
        }
        file.write_all(bytes).map_err(|error| VaultError::cannot_persist(&path, errno_of(&error)))?;
        Ok(file)
    }

    /// Syncs all that was written to its file system.
    pub(super) fn sync_file_system(&self) -> Result<(), VaultError> {
        nix::unistd::syncfs(self.fd()?).map_err(|errno| VaultError::cannot_persist(&self.path, errno))
    }

    /// Writes a file whole, over the one that is there: aside, synced, renamed, this directory synced.
    pub(super) fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), VaultError> {
        let temporary = format!(".{name}.new");
        self.remove(&temporary)?; // left by a writer that was killed here
        let written = self.create(&temporary, bytes).and_then(|_| self.rename(&temporary, name));
        written.inspect_err(|_| drop(self.remove(&temporary)))?;
        self.sync()
    }

    /// Renames within this directory, replacing what is there.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), VaultError> {
        let fd = self.fd()?;
        renameat(fd, from, fd, to).map_err(|errno| VaultError::cannot_persist(&self.path_of(to), errno))
    }

    /// Renames within this directory; fails with EEXIST if the name is taken.
    pub fn rename_new(&self, from: &str, to: &str) -> Result<(), VaultError> {
        let fd = self.fd()?;
        renameat2(fd, from, fd, to, RenameFlags::RENAME_NOREPLACE)
            .map_err(|errno| VaultError::cannot_persist(&self.path_of(to), errno))
    }

    /// The entry of that name, whatever it is.
    pub(super) fn stat(&self, name: &str) -> nix::Result<FileStat> {
        let (fd, name) = self.reach(name);
        self.as_owner(|| fstatat(fd, name.as_ref(), AtFlags::AT_SYMLINK_NOFOLLOW))
    }

    /// Is there anything of that name, whatever it is?
    pub(super) fn has(&self, name: &str) -> Result<bool, VaultError> {
        match self.stat(name) {
            Ok(_) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(errno) => Err(VaultError::Unreadable { path: self.path_of(name), errno }),
        }
    }

    /// Removes the file `name`, if it is there.
    pub fn remove(&self, name: &str) -> Result<(), VaultError> {
        match unlinkat(self.fd()?, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(VaultError::cannot_persist(&self.path_of(name), errno)),
        }
    }

    /// Removes the empty directory `name`.
    pub(super) fn remove_dir(&self, name: &str) -> Result<(), VaultError> {
        unlinkat(self.fd()?, name, UnlinkatFlags::RemoveDir)
            .map_err(|errno| VaultError::cannot_persist(&self.path_of(name), errno))
    }

    /// Syncs this directory itself: what was renamed in it stays renamed.
    pub fn sync(&self) -> Result<(), VaultError> {
        nix::unistd::fsync(self.fd()?.as_fd()).map_err(|errno| VaultError::cannot_persist(&self.path, errno))
    }

    /// Where it is, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// openat2 where the kernel has it.
    fn open_beneath(&self, name: &str, flags: OFlag) -> Result<OwnedFd, VaultError> {
        if name.is_empty() || name.contains('/') || name == ".." {
            return Err(VaultError::untrusted(&self.path_of(name), "not a plain name"));
        }
        let (fd, path) = self.reach(name);
        let answer = match self.open_at(fd, &path, flags) {
            Err(NO_OPENAT2) if path != name => self.open_at(self.fd()?, name, flags),
            answer => answer,
        };
        answer.map_err(|errno| not_opened(&self.path_of(name), errno, || self.stat(name), self.owner))
    }

    /// openat2 where the kernel has it. Without it a path of two names is not opened.
    fn open_at(&self, fd: &Arc<OwnedFd>, path: &str, flags: OFlag) -> nix::Result<OwnedFd> {
        let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_XDEV;
        self.as_owner(|| match openat2(fd, path, OpenHow::new().flags(flags).resolve(resolve)) {
            Err(Errno::ENOSYS | Errno::EPERM) if path.contains('/') => Err(NO_OPENAT2),
            // The name has one component, so only a link or a mount that root made could lead elsewhere.
            Err(Errno::ENOSYS | Errno::EPERM) => openat(fd, path, flags | OFlag::O_NOFOLLOW, Mode::empty()),
            answer => answer,
        })
    }

    fn as_owner<T>(&self, call: impl FnOnce() -> nix::Result<T>) -> nix::Result<T> {
        call_by(self.opened_by, self.owner, call).unwrap_or(Err(Errno::EIO))
    }

    /// Opened and looked at, but not judged. If its name was just given to a newer file, that one is opened.
    fn opened(&self, name: &str, access: Access) -> Result<(File, Metadata), VaultError> {
        let mut left = RENAMED;
        loop {
            let file = self.open_unchecked(name, access)?;
            let about = file.metadata().map_err(|error| unreadable(&self.path_of(name), &error))?;
            if about.nlink() > 0 || left == 0 {
                return Ok((file, about));
            }
            left -= 1;
        }
    }

    /// Is this a file of this directory's owner, with one name and closed to others (V1)?
    pub(super) fn check_file(&self, about: &Metadata, name: &str) -> Result<(), VaultError> {
        let path = self.path_of(name);
        match about {
            about if !about.is_file() => Err(VaultError::untrusted(&path, "not a regular file")),
            about if about.nlink() != 1 => Err(VaultError::untrusted(
                &path,
                format!(
                    "link count {}: a hard-linked copy; wanted 1; `otpctl --offline mend` fixes that",
                    about.nlink()
                ),
            )),
            about => match self.writer {
                Some(writer) => check_owner_and_mode(&path, (about.uid(), about.mode() & !SHARED_FILE.bits()), writer),
                None => check_owner_and_mode(&path, (about.uid(), about.mode()), self.owner),
            },
        }
    }
}

/// Makes `call` by way of `opened_by`; `None` if that did not make it.
pub(super) fn call_by<T>(opened_by: Option<OpenedBy>, owner: u32, call: impl FnOnce() -> T) -> Option<T> {
    let Some(opened_by) = opened_by else { return Some(call()) };
    let (mut call, mut answer) = (Some(call), None);
    opened_by(owner, &mut || answer = call.take().map(|call| call()));
    answer
}

/// Of a directory that two accounts share, and of the files in it.
const SHARED_DIR: u32 = 0o2770;
const SHARED_FILE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR).union(Mode::S_IRGRP);
/// Stands for a kernel or a sandbox without openat2(2).
const NO_OPENAT2: Errno = Errno::ENOSYS;
/// How often a file may be renamed away under the opener.
const RENAMED: usize = 4;
const DIRECTORY: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC).union(OFlag::O_NOFOLLOW);
