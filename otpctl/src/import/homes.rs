//! Everybody whose home directory may have a file of google-authenticator, as the account database lists them.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use nix::unistd::User;

use crate::output::failure::Failure;

/// The file in a home directory.
pub(crate) fn file_of(user: &User) -> PathBuf {
    user.dir.join(".google_authenticator")
}

/// The users that getent(1) lists, one by one: there may be more than fit into memory at once.
pub(crate) struct EveryHome {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl EveryHome {
    pub(crate) fn begin() -> Result<Self, Failure> {
        let failed = |why: String| Failure::Stopped(format!("getent passwd: {why}; nothing was imported"));
        let started = Command::new("/usr/bin/getent").arg("passwd").stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = started.map_err(|error| failed(error.to_string()))?;
        let lines = child.stdout.take().map(BufReader::new).ok_or_else(|| failed("no pipe".to_owned()))?;
        Ok(Self { child, lines })
    }
}

impl Iterator for EveryHome {
    type Item = User;

    /// Those who have the file, as far as root can see; where it cannot, the user's own process looks.
    fn next(&mut self) -> Option<User> {
        loop {
            let mut line = Vec::new();
            if self.lines.read_until(b'\n', &mut line).ok()? == 0 {
                return None;
            }
            let Some(user) = user_in(&line) else { continue };
            match file_of(&user).symlink_metadata() {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                _ => return Some(user),
            }
        }
    }
}

impl Drop for EveryHome {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it has ended, unless the import was cut short
        let _ = self.child.wait();
    }
}

/// The account of a line. Its name is looked up, so that a line is no more than a hint.
fn user_in(line: &[u8]) -> Option<User> {
    let name = str::from_utf8(line).ok()?.split(':').next()?;
    let user = User::from_name(name).ok().flatten()?;
    (user.dir.is_absolute() && user.dir != Path::new("/nonexistent")).then_some(user)
}
