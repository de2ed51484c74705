//! The process at the other end, as the kernel says (SO_PEERCRED, fixed when the connection was made) and never a message.

use std::fs::File;
use std::io::{self, IoSliceMut, Read as _};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use nix::cmsg_space;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, UnixCredentials, getsockopt, recvmsg};

use crate::subuid;

/// The process at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its effective uid at `connect()`; seen from a client, that of the process that called `listen()`. Rights go by it.
    pub uid: u32,
    /// Its process id at that moment; may be gone or reused since, so it is for logs and for counting.
    pub pid: i32,
    /// On whose account its connections and log lines count: of a root-owned process the real uid, because somebody else may have
    /// started it (su, polkit's helper), or [`UNKNOWN_UID`] if that cannot be seen; of a subordinate uid the user to whom it was
    /// lent (subuid(5)). It may narrow what root is believed, and is never by itself a reason to allow anything.
    pub accountable_uid: u32,
    /// Is that because it was lent? Nor is this a reason to allow anything.
    pub is_subuid: bool,
}

/// (uid_t) -1, which no account can have (chown(2)): who started a root-owned process cannot be seen, because /proc hides it
/// (hidepid=2) or it is gone.
pub const UNKNOWN_UID: u32 = u32::MAX;

impl Peer {
    /// Asks the kernel who is at the other end of `stream`.
    pub fn of(stream: &UnixStream) -> io::Result<Self> {
        let found = getsockopt(stream, PeerCredentials)?;
        let person = match found.uid() {
            0 => real_uid(found.pid()).unwrap_or(UNKNOWN_UID),
            uid => uid,
        };
        Ok(Self { uid: found.uid(), pid: found.pid(), accountable_uid: person, is_subuid: false }.counted_for(person))
    }

    /// The same peer, once it has sent something: with each message the kernel notes the real uid of its sender, where the
    /// receiver has asked for that (SO_PASSCRED, unix(7)). Waits for the first byte, which stays there, as long as the stream
    /// waits for anything.
    pub(crate) fn introduced(self, stream: &UnixStream) -> io::Result<Self> {
        let (mut byte, mut space) = ([0], cmsg_space!(UnixCredentials));
        let mut pieces = [IoSliceMut::new(&mut byte)];
        let message = recvmsg::<()>(
            stream.as_raw_fd(),
            &mut pieces,
            Some(&mut space),
            MsgFlags::MSG_PEEK | MsgFlags::MSG_CMSG_CLOEXEC,
        )?;
        let real_uid = message.cmsgs()?.find_map(|one| match one {
            ControlMessageOwned::ScmCredentials(sender) => Some(sender.uid()),
            _ => None,
        });
        let real_uid = real_uid.filter(|uid| message.bytes > 0 && *uid != NOBODY); // at the end there is no sender
        Ok(real_uid.map_or(self, |uid| self.counted_for(uid)))
    }

    fn counted_for(self, person: u32) -> Self {
        let lent_to = subuid::account_of(person);
        Self { accountable_uid: lent_to.unwrap_or(person), is_subuid: lent_to.is_some(), ..self }
    }

    /// The person who did it, as its owner and the log are told: the uid itself where it cannot be seen who started the process.
    pub fn person(&self) -> u32 {
        if self.accountable_uid == UNKNOWN_UID { self.uid } else { self.accountable_uid }
    }
}

impl Peer {
    /// The account whose login the process descends from (pam_loginuid(8)), through sudo and su, where one is noted, is not root's and
    /// can be seen. A reason to see one person behind two accounts, and never one to allow anything: root can change it.
    pub fn login_uid(&self) -> Option<u32> {
        let text = std::fs::read_to_string(format!("/proc/{}/loginuid", self.pid)).ok()?;
        text.trim().parse().ok().filter(|uid| ![0, UNKNOWN_UID].contains(uid))
    }
}

/// The kernel's word for a uid that it does not have (/proc/sys/kernel/overflowuid).
const NOBODY: u32 = 65534;

/// On whose account calls count that a root peer makes for `uid`.
pub fn accountable_for(uid: u32) -> u32 {
    subuid::account_of(uid).unwrap_or(uid)
}

/// The real uid of a process; none if it is gone or /proc does not show it.
fn real_uid(pid: i32) -> Option<u32> {
    let mut status = [0; STATUS_BYTES]; // the kernel makes it at the first read: in one piece it costs one
    let mut file = File::open(format!("/proc/{pid}/status")).ok()?;
    let length = file.read(&mut status).ok()?;
    let uids = status.get(..length)?.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"Uid:"))?;
    std::str::from_utf8(uids).ok()?.split_whitespace().next()?.parse().ok()
}

/// The line with the uids is the ninth.
const STATUS_BYTES: usize = 2048;

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use nix::sys::socket::setsockopt;
    use nix::sys::socket::sockopt::PassCred;

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
    fn what_it_sends_tells_who_it_is_and_stays_there() -> io::Result<()> {
        let (mut ours, mut theirs) = UnixStream::pair()?;
        setsockopt(&ours, PassCred, &true)?;
        theirs.write_all(b"x")?;
        let unknown = Peer { uid: 0, pid: 1, accountable_uid: UNKNOWN_UID, is_subuid: false };
        assert_eq!(unknown.introduced(&ours)?.accountable_uid, nix::unistd::getuid().as_raw());
        let mut byte = [0];
        ours.read_exact(&mut byte)?;
        assert_eq!(byte, *b"x");
        drop(theirs);
        assert_eq!(unknown.introduced(&ours)?, unknown);
        Ok(())
    }

    #[test]
    fn a_process_that_is_gone_has_no_real_uid() {
        assert_eq!(real_uid(0), None);
        assert_eq!(real_uid(i32::MAX), None);
    }
}
