//! Who is at the other end: what the kernel says (SO_PEERCRED, fixed when the connection was made), never what a message says.

use std::io;
use std::os::unix::net::UnixStream;

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;

use crate::subuid;

/// The process at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its effective uid at `connect()`; seen from a client, that of whoever called `listen()`. Rights go by it.
    pub uid: u32,
    /// Its process id at that moment; may be gone or reused since, so it is for logs and for counting.
    pub pid: i32,
    /// On whose account its connections and log lines count: of a root-owned process the real uid, for somebody else may have
    /// started it (su, polkit's helper). Never a reason to allow anything.
    pub accountable_uid: u32,
    /// The first uid of the range in which its uid was lent to somebody (subuid(5)). Nor is this a reason to allow anything.
    pub subuid: Option<u32>,
}

impl Peer {
    /// Asks the kernel who is at the other end of `stream`.
    pub fn of(stream: &UnixStream) -> io::Result<Self> {
        let found = getsockopt(stream, PeerCredentials)?;
        let accountable_uid = match found.uid() {
            0 => real_uid(found.pid()).unwrap_or(0),
            uid => uid,
        };
        let subuid = if found.uid() == 0 { None } else { subuid::range_of(found.uid()) };
        Ok(Self { uid: found.uid(), pid: found.pid(), accountable_uid, subuid })
    }
}

/// The real uid of a process; none if it is gone or /proc does not show it.
fn real_uid(pid: i32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    uids.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_names_this_process() -> io::Result<()> {
        let (ours, _theirs) = UnixStream::pair()?;
        let found = Peer::of(&ours)?;
        assert_eq!(found.uid, nix::unistd::geteuid().as_raw());
        assert_eq!(found.pid, nix::unistd::getpid().as_raw());
        assert_eq!(found.accountable_uid, nix::unistd::getuid().as_raw());
        Ok(())
    }

    #[test]
    fn a_process_that_is_gone_has_no_real_uid() {
        assert_eq!(real_uid(0), None);
        assert_eq!(real_uid(i32::MAX), None);
    }
}
