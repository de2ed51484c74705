//! A PAM file in place of another: by a rename, so that every login finds the old one or the new one, with the owner, mode, label
//! and access lists of the old one. While a gate waits, the old file is kept under a second name: putting that back wants no room on the disk.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use otp_system::kernel::copy_attributes;

use super::marks::without_gate;
use super::planned_file::PlannedFile;

/// How a file is beside its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileState {
    /// As it was before the gate.
    Before,
    /// As the gate made it.
    Gated,
    /// Somebody has removed it since.
    Gone,
    /// No line is left in it but comments: to libpam there is nothing.
    Emptied,
    /// Somebody has changed it since; its text.
    Changed(String),
}

impl PlannedFile {
    pub(crate) fn state(&self) -> io::Result<FileState> {
        let text = read(&self.path)?;
        Ok(match text {
            text if text == self.before => FileState::Before,
            None => FileState::Gone,
            Some(text) if text == self.after => FileState::Gated,
            Some(text) if !has_rules(&text) => FileState::Emptied,
            Some(text) => FileState::Changed(text),
        })
    }

    /// Keeps the old file, if there is one, under a second name.
    pub(crate) fn keep(&self) -> io::Result<()> {
        self.forget()?;
        match self.before {
            Some(_) => fs::hard_link(&self.path, self.kept()),
            None => Ok(()),
        }
    }

    /// Takes away all that is beside the file.
    pub(crate) fn forget(&self) -> io::Result<()> {
        unless_gone(fs::remove_file(self.kept()))?;
        unless_gone(fs::remove_file(beside(&self.path, ASIDE)))
    }

    /// Puts the gated file in its place.
    pub(crate) fn gate(&self) -> io::Result<()> {
        put(&self.path, &self.after)
    }

    /// Takes our lines out: the old file comes back to the byte, also where the file is gone or empty, and of one that was changed
    /// since only our lines go.
    pub(crate) fn undo(&self) -> io::Result<()> {
        match self.state()? {
            FileState::Before => {}
            FileState::Gated | FileState::Gone | FileState::Emptied => self.restore()?,
            FileState::Changed(text) => match (&self.before, without_gate(&text, self.before.as_deref())) {
                (_, rest) if rest == text => {}
                (None, rest) if rest.trim().is_empty() => self.restore()?,
                (_, rest) => put(&self.path, &rest)?,
            },
        }
        self.forget()
    }

    /// Puts the old file, or none, in its place.
    fn restore(&self) -> io::Result<()> {
        match &self.before {
            None => unless_gone(fs::remove_file(&self.path)).and_then(|()| sync_above(&self.path)),
            Some(before) if read(&self.kept())?.as_ref() == Some(before) => {
                fs::rename(self.kept(), &self.path).and_then(|()| sync_above(&self.path))
            }
            Some(before) => put(&self.path, before),
        }
    }

    fn kept(&self) -> PathBuf {
        beside(&self.path, KEPT)
    }
}

/// Writes a file beside this one and renames it over it.
fn put(path: &Path, text: &str) -> io::Result<()> {
    let aside = beside(path, ASIDE);
    unless_gone(fs::remove_file(&aside))?; // left by a command that was killed here
    let written = write_like(path, &aside, text).and_then(|()| fs::rename(&aside, path));
    written.inspect_err(|_| drop(fs::remove_file(&aside)))?;
    sync_above(path)
}

fn write_like(path: &Path, aside: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(aside)?;
    let mode = match File::open(path) {
        // visudo wants its files so.
        Err(error) if error.kind() == ErrorKind::NotFound && path.starts_with("/etc/sudoers.d") => 0o440,
        Err(error) if error.kind() == ErrorKind::NotFound => 0o644,
        old => {
            let old = old?;
            let about = old.metadata()?;
            fchown(&file, Some(about.uid()), Some(about.gid()))?;
            copy_attributes(&old, &file)?;
            about.mode() & 0o7777
        }
    };
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn has_rules(text: &str) -> bool {
    text.lines().map(str::trim_start).any(|line| !line.is_empty() && !line.starts_with('#'))
}

/// No program has a service whose name begins so.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{ending}"))
}

fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => Ok(Some(String::from_utf8_lossy(&read?).into_owned())),
    }
}

fn unless_gone(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn sync_above(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

const KEPT: &str = "otp-gate-kept";
const ASIDE: &str = "otp-gate-new";
