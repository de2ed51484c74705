//! The process at the other end, as the kernel says (SO_PEERCRED, fixed when the connection was made) and never a message.

use std::fs::File;
use std::io::{self, IoSliceMut, Read as _};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, UnixCredentials, getsockopt, recvmsg};
use nix::unistd::{Pid, getpgid};

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
    /// The account whose login the process descends from (pam_loginuid(8)), through sudo and su, as it was when the connection was
    /// accepted; none where none is noted or it cannot be seen, and [`UNKNOWN_UID`] where the process was gone or another one had its
    /// pid. A reason to see one person behind two accounts, and never one to allow anything: root can change it.
    pub login_uid: Option<u32>,
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
        let peer =
            Self { uid: found.uid(), pid: found.pid(), accountable_uid: person, is_subuid: false, login_uid: None };
        Ok(peer.counted_for(person))
    }

    /// The same peer with its login, for a connection that was accepted just now. `inherited` is that of this process itself.
    #[must_use]
    pub(crate) fn with_login(self, inherited: Option<u32>) -> Self {
        Self { login_uid: login_behind(self.uid, seen(self.pid), inherited), ..self }
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

/// A process, as /proc shows it.
#[derive(Clone, Copy)]
enum PeerProcess {
    Seen {
        effective_uid: u32,
        login_uid: u32,
    },
    /// It is there, and not for these eyes (hidepid), or in a namespace from which it has no pid here.
    Hidden,
    Gone,
}

fn seen(pid: i32) -> PeerProcess {
    let found = || Some(PeerProcess::Seen { effective_uid: uids(pid)?.1, login_uid: noted_login(&pid.to_string())? });
    let is_gone = || pid > 0 && getpgid(Some(Pid::from_raw(pid))) == Err(Errno::ESRCH); // hidepid=2 hides what is there as well
    found().unwrap_or_else(|| if is_gone() { PeerProcess::Gone } else { PeerProcess::Hidden })
}

/// The login behind a peer that connected as `uid`. Root may have taken on that uid for the call alone; any other process got a pid
/// that was free again. A login that this process has itself, `inherited` by all that the same parent started, says nothing, nor
/// does root's.
fn login_behind(uid: u32, sight: PeerProcess, inherited: Option<u32>) -> Option<u32> {
    match sight {
        PeerProcess::Seen { effective_uid, login_uid } if [0, uid].contains(&effective_uid) => {
            Some(login_uid).filter(|login| ![0, UNKNOWN_UID].contains(login) && Some(*login) != inherited)
        }
        PeerProcess::Seen { .. } | PeerProcess::Gone => Some(UNKNOWN_UID),
        PeerProcess::Hidden => None,
    }
}

/// The login that this process descends from.
pub(crate) fn own_login() -> Option<u32> {
    noted_login("self")
}

fn noted_login(process: &str) -> Option<u32> {
    std::fs::read_to_string(format!("/proc/{process}/loginuid")).ok()?.trim().parse().ok()
}

/// The kernel's word for a uid that it does not have (/proc/sys/kernel/overflowuid).
const NOBODY: u32 = 65534;

/// On whose account calls count that a root peer makes for `uid`.
pub fn accountable_for(uid: u32) -> u32 {
    subuid::account_of(uid).unwrap_or(uid)
}

/// The real uid of a process; none if it is gone or /proc does not show it.
fn real_uid(pid: i32) -> Option<u32> {
    uids(pid).map(|(real, _)| real)
}

/// Its real and its effective uid.
fn uids(pid: i32) -> Option<(u32, u32)> {
    let mut status = [0; STATUS_BYTES]; // the kernel makes it at the first read: in one piece it costs one
    let mut file = File::open(format!("/proc/{pid}/status")).ok()?;
    let length = file.read(&mut status).ok()?;
    let uids = status.get(..length)?.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"Uid:"))?;
    let mut uids = std::str::from_utf8(uids).ok()?.split_whitespace().map_while(|uid| uid.parse().ok());
    uids.next().zip(uids.next())
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
        let unknown = Peer { uid: 0, pid: 1, accountable_uid: UNKNOWN_UID, is_subuid: false, login_uid: None };
        assert_eq!(unknown.introduced(&ours)?.accountable_uid, nix::unistd::getuid().as_raw());
        let mut byte = [0];
        ours.read_exact(&mut byte)?;
        assert_eq!(byte, *b"x");
        drop(theirs);
        assert_eq!(unknown.introduced(&ours)?, unknown);
        Ok(())
    }

    #[test]
    fn a_login_counts_where_the_process_is_that_of_the_peer_and_it_is_not_our_own() {
        let seen = |effective_uid, login_uid| PeerProcess::Seen { effective_uid, login_uid };
        for (uid, sight, inherited, login) in [
            (1000, seen(1000, 3001), None, Some(3001)),
            (0, seen(0, 3001), Some(UNKNOWN_UID), Some(3001)),
            (1000, seen(0, 3001), Some(3002), Some(3001)),
            (1000, seen(1000, 3001), Some(3001), None),
            (1000, seen(1000, UNKNOWN_UID), None, None),
            (1000, seen(1000, 0), None, None),
            (1000, seen(1001, 3001), None, Some(UNKNOWN_UID)),
            (1000, seen(1001, UNKNOWN_UID), None, Some(UNKNOWN_UID)),
            (0, seen(1001, 3001), None, Some(UNKNOWN_UID)),
            (1000, PeerProcess::Gone, Some(3001), Some(UNKNOWN_UID)),
            (1000, PeerProcess::Hidden, None, None),
        ] {
            assert_eq!(login_behind(uid, sight, inherited), login, "{uid} {inherited:?} {login:?}");
        }
    }

    #[test]
    fn a_process_that_is_gone_is_told_from_one_that_is_hidden() {
        assert!(matches!(seen(i32::MAX), PeerProcess::Gone));
        assert!(matches!(seen(0), PeerProcess::Hidden), "it is in another namespace");
        assert!(!matches!(seen(nix::unistd::getpid().as_raw()), PeerProcess::Gone));
    }

    #[test]
    fn a_process_that_is_gone_has_no_real_uid() {
        assert_eq!(real_uid(0), None);
        assert_eq!(real_uid(i32::MAX), None);
    }
}
