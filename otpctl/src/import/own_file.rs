//! A file of a user's own, who may be hostile: read by a process that has become that user for good, so that no trick with paths reads
//! more than the user could. The process may be stopped or killed by its user; so it is waited for with a deadline.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::unistd::{Uid, User};
use otp_import::google_authenticator::FILE_CAP;
use zeroize::Zeroizing;

use crate::output::escape::escaped;
use crate::output::failure::Failure;

/// The outcome of an attempt to read a file.
pub(crate) enum OwnFile {
    /// There is none.
    None,
    /// Its content.
    Read(Zeroizing<Vec<u8>>),
    /// Why it is not read, on one line.
    Refused(String),
}

/// Reads `path` as `user`, in a process of its own.
pub(crate) fn read_as(user: &User, path: &Path) -> OwnFile {
    let mut command = Command::new("/proc/self/exe");
    command.args(["import", "own-file", "--"]).arg(path);
    command.env_clear().current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if Uid::effective().is_root() && !user.uid.is_root() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw()); // which takes the other groups of root away, too
    }
    match command.spawn() {
        Ok(child) => heard(child),
        Err(error) => OwnFile::Refused(format!("no process to read it: {error}")),
    }
}

/// Waits for what the process says, and for its end.
fn heard(mut child: Child) -> OwnFile {
    let (content, complaint) = (child.stdout.take().map(collected), child.stderr.take().map(collected));
    let (Some(content), Some(complaint)) = (content, complaint) else {
        return OwnFile::Refused("its reader has no pipe".to_owned());
    };
    let all = content.recv_timeout(DEADLINE).and_then(|content| Ok((content, complaint.recv_timeout(DEADLINE)?)));
    if all.is_err() {
        let _ = child.kill(); // it may be stopped by its user, or its file system may hang
    }
    let code = child.wait().ok().and_then(|status| status.code());
    match (all, code) {
        (Err(RecvTimeoutError::Timeout), _) => OwnFile::Refused("not read within 10 seconds".to_owned()),
        (Ok((content, _)), Some(0)) => OwnFile::Read(content),
        (Ok(_), Some(NO_FILE)) => OwnFile::None,
        (Ok((_, complaint)), _) => OwnFile::Refused(escaped(String::from_utf8_lossy(&complaint).trim_end())),
        (Err(RecvTimeoutError::Disconnected), _) => OwnFile::Refused("its reader ended early".to_owned()),
    }
}

/// All that comes, up to more than a file may have.
fn collected(pipe: impl Read + Send + 'static) -> mpsc::Receiver<Zeroizing<Vec<u8>>> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::with_capacity(MOST + 1)); // never grows
        if pipe.take(MOST as u64).read_to_end(&mut bytes).is_ok() {
            let _ = send.send(bytes); // nobody waits any more after the deadline
        }
    });
    receive
}

/// The work of that process: writes the file, if it is the caller's own and nobody else's.
pub(crate) fn write_out(path: &Path) -> Result<(), Failure> {
    match read(path) {
        Ok(bytes) => Ok(io::stdout().write_all(&bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => std::process::exit(NO_FILE),
        Err(error) => Err(Failure::Stopped(error.to_string())),
    }
}

fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    let about = file.metadata()?;
    let wrong = if !about.is_file() {
        Some("not a regular file".to_owned())
    } else if about.uid() != Uid::effective().as_raw() {
        Some(format!("owner {}; wanted {}", about.uid(), Uid::effective()))
    } else if about.nlink() != 1 {
        Some(format!("{} names; wanted one", about.nlink()))
    } else if about.mode() & 0o077 != 0 {
        let mode = about.mode() & 0o7777;
        Some(format!(
            "mode {mode:04o}: others may know the key; invite that user again, or make it 0600 if they do not"
        ))
    } else {
        None
    };
    if let Some(wrong) = wrong {
        return Err(io::Error::other(wrong));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_CAP + 1)); // never grows
    file.take(FILE_CAP as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > FILE_CAP {
        return Err(io::Error::other(format!("more than {FILE_CAP} bytes")));
    }
    Ok(bytes)
}

const DEADLINE: Duration = Duration::from_secs(10);
/// The exit code that says that there is no file.
const NO_FILE: i32 = 44;
/// More than a file, or a complaint, can have.
const MOST: usize = FILE_CAP + 1;
