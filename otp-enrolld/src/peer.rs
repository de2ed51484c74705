//! Who is at the other end: what the kernel says (SO_PEERCRED, fixed when the connection was made), never what a message says.

use std::io;
use std::os::unix::net::UnixStream;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

/// The process at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its effective uid at `connect()`; seen from a client, that of whoever called `listen()`.
    pub uid: u32,
    /// Its process id at that moment; may be gone or reused since, so it is for logs alone.
    pub pid: i32,
}

impl Peer {
    /// Asks the kernel who is at the other end of `stream`.
    pub fn of(stream: &UnixStream) -> io::Result<Self> {
        let found = getsockopt(stream, PeerCredentials)?;
        Ok(Self { uid: found.uid(), pid: found.pid() })
    }
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
        Ok(())
    }
}
