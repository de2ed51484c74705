//! The accounts that the account database lists, one by one: there may be more than fit into memory at once. getent(1) asks, in a process that
//! can be ended where a directory hangs.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use crate::output::failure::Failure;

/// An account as a line of passwd(5) has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LoginAccount {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    shell: String,
}

impl LoginAccount {
    /// Of a line; none of one that is not whole, or whose name no login takes.
    pub(super) fn of_line(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line.trim_ascii_end()).ok()?;
        let mut fields = line.split(':');
        let (name, _, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let shell = fields.nth(2)?;
        let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
        let is_one = !name.is_empty() && !name.starts_with(['+', '-']);
        is_one.then(|| Self { name: name.to_owned(), uid, gid, shell: shell.to_owned() })
    }

    /// Of an account that is known by its name alone.
    pub(super) fn named(name: String, uid: u32) -> Self {
        Self { name, uid, gid: u32::MAX, shell: String::new() }
    }

    /// An account that it makes sense to enrol.
    pub(super) fn is_a_persons(&self) -> bool {
        let logs_in = !["nologin", "false"].contains(&self.shell.rsplit('/').next().unwrap_or_default());
        (self.uid == 0 || self.uid >= FIRST_UID) && logs_in
    }
}

/// Hands on every account that is listed.
pub(super) fn each_account(take: &mut dyn FnMut(LoginAccount) -> Result<(), Failure>) -> Result<(), Failure> {
    let failed = |why: &str| Failure::Stopped(format!("getent passwd: {why}"));
    let begun = Command::new("/usr/bin/getent").arg("passwd").stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut getent = Running(begun.map_err(|error| failed(&error.to_string()))?);
    let lines = getent.0.stdout.take().ok_or_else(|| failed("no pipe"))?;
    let (tell, told) = sync_channel(LINES_AHEAD);
    thread::spawn(move || {
        for line in BufReader::new(lines).split(b'\n').map_while(Result::ok) {
            if tell.send(line).is_err() {
                break; // nobody listens any more
            }
        }
    });
    loop {
        match told.recv_timeout(SILENCE) {
            Ok(line) => LoginAccount::of_line(&line).map_or(Ok(()), &mut *take)?,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {
                let seconds = SILENCE.as_secs();
                return Err(failed(&format!(
                    "the account database has not answered for {seconds} seconds; the list is incomplete"
                )));
            }
        }
    }
}

/// The process, which ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill(); // it has ended, unless nobody waited for the rest
        let _ = self.0.wait();
    }
}

/// Below it are accounts of the system, as adduser(8) and useradd(8) give uids out.
const FIRST_UID: u32 = 1000;
const LINES_AHEAD: usize = 1024;
const SILENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    fn account(line: &str) -> Option<LoginAccount> {
        LoginAccount::of_line(line.as_bytes())
    }

    #[test]
    fn a_whole_line_is_an_account() {
        let alice = account("alice:x:1000:100:Alice,,,:/home/alice:/bin/bash\n").expect("an account");
        assert_eq!((alice.name.as_str(), alice.uid, alice.gid), ("alice", 1000, 100));
        for odd in
            ["", "alice:x:1000", "alice:x:-1:0::/:/bin/sh", "+::::::", ":x:0:0::/:/bin/sh", "+@staff:x:5:5::/:/bin/sh"]
        {
            assert_eq!(account(odd), None, "{odd}");
        }
        assert_eq!(LoginAccount::of_line(b"al\xffice:x:1000:100::/:/bin/sh"), None);
    }

    #[test]
    fn root_and_who_logs_in_are_persons() {
        for (line, is) in [
            ("root:x:0:0::/root:/bin/bash", true),
            ("daemon:x:1:1::/:/usr/sbin/nologin", false),
            ("sync:x:4:65534::/bin:/bin/sync", false),
            ("alice:x:1000:100::/home/alice:", true),
            ("nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin", false),
            ("mail:x:2000:100::/:/bin/false", false),
            ("ada:x:1894600001:513::/home/ada:/bin/zsh", true),
        ] {
            assert_eq!(account(line).map(|account| account.is_a_persons()), Some(is), "{line}");
        }
    }
}
