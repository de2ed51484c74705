//! Safe opening (V1): no symlinks, trusted parents. Every path starts at a descriptor that is already trusted, no link is followed,
//! no mount crossed, nothing blocks, and what was opened is looked at before it is read.

use std::fs::{File, Metadata};
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, RenameFlags, ResolveFlag, openat, openat2, renameat, renameat2};
use nix::sys::stat::{FileStat, Mode, fchmod, fstat, fstatat, lstat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};
use zeroize::Zeroizing;

use super::error::VaultError;
use super::read::{Access, errno_of, file_flags, read_capped, unreadable};
use super::root_owned::{root_alone_may_write, root_directory};

/// A directory that only its owner and root can change, and the rule for what lies in it.
pub struct TrustedDir {
    fd: OwnedFd,
    path: PathBuf,
    owner: u32,
    /// Set where two accounts share it: one writes files, the other reads and removes them.
    writer: Option<u32>,
    opened_by: OpenedBy,
}

/// Makes a call that opens or looks up a name in the vault, given the uid of the vault's owner. A root-owned process may lack the
/// capability to pass by the modes; with the file system uid of the owner (setfsuid(2)) it needs none. That takes kernel calls
/// which are unsafe code, so it comes in as a value.
pub type OpenedBy = fn(owner: u32, call: &mut dyn FnMut());

/// With the file system uid that this process has.
pub fn as_it_is(_owner: u32, call: &mut dyn FnMut()) {
    call();
}

impl TrustedDir {
    /// Opens `path`, absolute and without links: every directory above it must belong to root and be writable by root
    /// alone, and it itself must belong to `owner` and be closed to everybody else.
    pub fn open(path: &Path, owner: u32) -> Result<Self, VaultError> {
        Self::open_by(path, owner, as_it_is)
    }

    /// The same, and everything in it, by this caller.
    pub fn open_by(path: &Path, owner: u32, opened_by: OpenedBy) -> Result<Self, VaultError> {
        for above in path.ancestors().skip(1) {
            root_alone_may_write(above)?;
        }
        let how = OpenHow::new()
            .flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW)
            .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
        let fd = call_by(opened_by, owner, || match openat2(AT_FDCWD, path, how) {
            Err(Errno::ENOSYS | Errno::EPERM) => openat(AT_FDCWD, path, DIRECTORY, Mode::empty()),
            answer => answer,
        });
        let fd = fd.map_err(|errno| not_opened(path, errno, lstat(path), owner))?;
        let dir = Self { fd, path: path.to_owned(), owner, writer: None, opened_by };
        dir.check_dir()?;
        Ok(dir)
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
        Ok(Self { fd, path: path.to_owned(), owner: owner.0, writer: Some(writer), opened_by: as_it_is })
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

    /// Reads the file `name` whole; a file above `cap` bytes is not trusted.
    pub fn read(&self, name: &str, cap: usize) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let (file, about) = self.opened(name, Access::Read)?;
        self.check_file(&about, name)?;
        read_capped(file, &about, &self.path_of(name), cap)
    }

    /// Opens the directory `name` in this one, checked like this one.
    pub fn open_dir(&self, name: &str) -> Result<Self, VaultError> {
        let fd = self.open_beneath(name, DIRECTORY)?;
        let dir = Self { fd, path: self.path_of(name), owner: self.owner, writer: None, opened_by: self.opened_by };
        dir.check_dir()?;
        Ok(dir)
    }

    /// Another descriptor of this directory, with a position and a lock of its own.
    pub(super) fn reopened(&self) -> Result<File, VaultError> {
        let again = self.as_owner(|| openat(&self.fd, ".", DIRECTORY, Mode::empty()));
        again.map(File::from).map_err(|errno| VaultError::Unreadable { path: self.path.clone(), errno })
    }

    /// Names in this directory, without `.` and `..`.
    pub fn names(&self) -> Result<Vec<String>, VaultError> {
        let unreadable = |errno| VaultError::Unreadable { path: self.path.clone(), errno };
        let mut dir = Dir::from_fd(self.reopened()?.into()).map_err(unreadable)?;
        let mut names = Vec::new();
        for entry in dir.iter() {
            let name = entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Makes the directory `name`, mode 0700, unless it is there.
    pub fn make_dir(&self, name: &str) -> Result<(), VaultError> {
        match mkdirat(&self.fd, name, Mode::S_IRWXU) {
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
        let fd = openat(&self.fd, name, flags, Mode::S_IRUSR | Mode::S_IWUSR);
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
        nix::unistd::syncfs(&self.fd).map_err(|errno| VaultError::cannot_persist(&self.path, errno))
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
        renameat(&self.fd, from, &self.fd, to).map_err(|errno| VaultError::cannot_persist(&self.path_of(to), errno))
    }

    /// Renames within this directory; fails with EEXIST if the name is taken.
    pub fn rename_new(&self, from: &str, to: &str) -> Result<(), VaultError> {
        renameat2(&self.fd, from, &self.fd, to, RenameFlags::RENAME_NOREPLACE)
            .map_err(|errno| VaultError::cannot_persist(&self.path_of(to), errno))
    }

    /// The entry of that name, whatever it is.
    pub(super) fn stat(&self, name: &str) -> nix::Result<FileStat> {
        self.as_owner(|| fstatat(&self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW))
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
        match unlinkat(&self.fd, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(VaultError::cannot_persist(&self.path_of(name), errno)),
        }
    }

    /// Removes the empty directory `name`.
    pub(super) fn remove_dir(&self, name: &str) -> Result<(), VaultError> {
        unlinkat(&self.fd, name, UnlinkatFlags::RemoveDir)
            .map_err(|errno| VaultError::cannot_persist(&self.path_of(name), errno))
    }

    /// Syncs this directory itself: what was renamed in it stays renamed.
    pub fn sync(&self) -> Result<(), VaultError> {
        nix::unistd::fsync(self.fd.as_fd()).map_err(|errno| VaultError::cannot_persist(&self.path, errno))
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
        let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_XDEV;
        let answer = self.as_owner(|| match openat2(&self.fd, name, OpenHow::new().flags(flags).resolve(resolve)) {
            // The name has one component, so nothing but a link or a mount of root's could lead elsewhere.
            Err(Errno::ENOSYS | Errno::EPERM) => openat(&self.fd, name, flags | OFlag::O_NOFOLLOW, Mode::empty()),
            answer => answer,
        });
        answer.map_err(|errno| not_opened(&self.path_of(name), errno, self.stat(name), self.owner))
    }

    fn as_owner<T>(&self, call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
        call_by(self.opened_by, self.owner, call)
    }

    fn check_dir(&self) -> Result<(), VaultError> {
        let stat = fstat(&self.fd).map_err(|errno| VaultError::Unreadable { path: self.path.clone(), errno })?;
        check_owner_and_mode(&self.path, (stat.st_uid, stat.st_mode), self.owner)
    }

    /// Opened and looked at, but not judged. Opened just as its name was given to a newer file, that one is meant.
    fn opened(&self, name: &str, access: Access) -> Result<(File, Metadata), VaultError> {
        let mut left = RENAMED;
        loop {
            let file = File::from(self.open_beneath(name, file_flags(access))?);
            let about = file.metadata().map_err(|error| unreadable(&self.path_of(name), &error))?;
            if about.nlink() > 0 || left == 0 {
                return Ok((file, about));
            }
            left -= 1;
        }
    }

    fn check_file(&self, about: &Metadata, name: &str) -> Result<(), VaultError> {
        let path = self.path_of(name);
        match about {
            about if !about.is_file() => Err(VaultError::untrusted(&path, "not a regular file")),
            about if about.nlink() != 1 => Err(VaultError::untrusted(
                &path,
                format!(
                    "link count {}: a hard-linked copy; wanted 1, which `otpctl --offline mend` makes",
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

fn call_by<T>(opened_by: OpenedBy, owner: u32, mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    let mut answer = Err(Errno::EIO);
    opened_by(owner, &mut || answer = call());
    answer
}

/// Why it could not be opened. With the owner's uid a foreign file is closed, and is to be called foreign all the same.
fn not_opened(path: &Path, errno: Errno, about: nix::Result<FileStat>, owner: u32) -> VaultError {
    match (errno, about.map(|about| (about.st_uid, about.st_mode))) {
        (Errno::EXDEV, Ok((uid, mode))) if is_hidden(uid, mode, owner) => VaultError::opening(path, Errno::EACCES),
        (Errno::EACCES | Errno::EPERM, Ok(found)) => {
            check_owner_and_mode(path, found, owner).err().unwrap_or_else(|| VaultError::opening(path, errno))
        }
        _ => VaultError::opening(path, errno),
    }
}

/// A path that a sandbox hides (InaccessiblePaths= of systemd) shows a root-owned stand-in that is closed to all: no foreign
/// file, but one that this process may not see.
fn is_hidden(uid: u32, mode: u32, owner: u32) -> bool {
    uid == 0 && owner != 0 && mode & 0o7777 == 0
}

/// The error says what was found and what was wanted.
fn check_owner_and_mode(path: &Path, (uid, mode): (u32, u32), owner: u32) -> Result<(), VaultError> {
    if is_hidden(uid, mode, owner) {
        return Err(VaultError::opening(path, Errno::EACCES));
    }
    if uid != owner {
        return Err(VaultError::untrusted(
            path,
            format!("owner {uid}; wanted {owner}, which `otpctl --offline mend` makes it"),
        ));
    }
    if mode & 0o077 != 0 {
        let why = format!(
            "mode {:04o}; wanted none for group and others, which `otpctl --offline mend` makes it",
            mode & 0o7777
        );
        return Err(VaultError::untrusted(path, why));
    }
    Ok(())
}

/// Of a directory that two accounts share, and of the files in it.
const SHARED_DIR: u32 = 0o2770;
const SHARED_FILE: Mode = Mode::S_IRUSR.union(Mode::S_IWUSR).union(Mode::S_IRGRP);
/// How often a file may be renamed away under the opener.
const RENAMED: usize = 4;
const DIRECTORY: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_CLOEXEC).union(OFlag::O_NOFOLLOW);
