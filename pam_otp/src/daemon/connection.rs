//! One connection to the daemon, with a deadline for every message. Only root or the daemon's account may answer: the kernel
//! says who called listen() (SO_PEERCRED). It is closed when it is dropped.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, getsockopt, recv, send, socket, sockopt,
};
use nix::sys::stat::{fstat, stat};
use nix::unistd::User;
use otp_core::reasons::UnavailableReason;
use otp_core::site::Site;
use zeroize::Zeroizing;

use crate::daemon::json::Value;
use crate::reason::{LogReason, ModuleReason};

// The parts of the path of the socket, each opened by itself where a mount may hide it.
const RUN: &str = "/run";
const DIRECTORY: &str = "otp";
const NAME: &str = "otp.sock";
const REPLY_CAP: usize = 128 * 1024;
/// Room for a verdict, in bytes. A key with its QR codes needs more, which a larger buffer has then.
const USUAL_REPLY: usize = 1024;

/// An open connection.
pub(crate) struct Connection(OwnedFd);

/// Why there is no answer, or not the one that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DaemonError {
    /// Positively nobody listens: no socket, or nobody behind it, and no mount that hides it. The only case in which root may
    /// decide on the files.
    NotRunning,
    /// This process may not ask about that user.
    NotAllowed,
    /// The daemon says no.
    Denied(DaemonRefusal),
    /// Something else; why.
    Failed(String),
}

/// An error reply from the daemon, as far as it is of use here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DaemonRefusal {
    /// Nothing was changed, or the registration code is not good.
    Refused(LogReason),
    /// That is no code of the new key.
    Code {
        /// How many may still be tried.
        tries_left: u64,
        /// The key that the code would be a code of.
        diagnosis: Option<String>,
    },
    /// The new key is gone.
    EnrolmentExpired,
    /// Too many at once.
    Busy,
    /// It cannot do it now; its sentence.
    Unavailable(String),
    /// A daemon of an earlier version does not know the method.
    MethodNotFound,
    /// Something else; its name, without the interface.
    Other(String),
}

impl Connection {
    /// To a daemon that root or its own account started.
    pub(crate) fn open(deadline: Instant) -> Result<Self, DaemonError> {
        let fd = match connected(Site::STANDARD.socket, deadline)? {
            Some(fd) => fd,
            None => connected_past_mounts(deadline)?.ok_or(DaemonError::NotRunning)?,
        };
        let peer = getsockopt(&fd, sockopt::PeerCredentials).map_err(cannot("ask who listens"))?.uid();
        let own =
            || User::from_name(Site::STANDARD.account).ok().flatten().is_some_and(|user| user.uid.as_raw() == peer);
        if peer == 0 || own() {
            return Ok(Self(fd));
        }
        Err(DaemonError::Failed(format!("the socket belongs to uid {peer}; wanted root or the daemon's account")))
    }

    /// One call, one reply: its parameters. `fields` are those of the call, without the braces.
    pub(crate) fn call(&self, method: &str, fields: &str, deadline: Instant) -> Result<Value, DaemonError> {
        let head = format!("{{\"method\":\"io.pam-otp.Otp1.{method}\",\"parameters\":{{");
        let mut message = Zeroizing::new(Vec::with_capacity(head.len() + fields.len() + 3));
        message.extend_from_slice(head.as_bytes());
        message.extend_from_slice(fields.as_bytes());
        message.extend_from_slice(b"}}\0");
        self.write_all(&message, deadline)?;
        let reply = self.read_message(deadline)?;
        let text = std::str::from_utf8(&reply).map_err(|_| failed("a reply that is not UTF-8"))?;
        let reply = Value::parse(text).ok_or_else(|| failed("a reply that is not JSON"))?;
        match reply.get("error").and_then(Value::text) {
            None => reply.take("parameters").ok_or_else(|| failed("a reply without parameters")),
            Some("io.pam-otp.Otp1.NotAllowed") => Err(DaemonError::NotAllowed),
            Some(error) => Err(DaemonError::Denied(DaemonRefusal::read(error, reply.get("parameters")))),
        }
    }

    fn write_all(&self, mut bytes: &[u8], deadline: Instant) -> Result<(), DaemonError> {
        while !bytes.is_empty() {
            // Without SIGPIPE: the signals of the host are its own.
            match send(self.0.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(Errno::EAGAIN) => self.wait_for(PollFlags::POLLOUT, deadline)?,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(cannot("send")(errno)),
            }
        }
        Ok(())
    }

    /// Up to the NUL that ends a message.
    fn read_message(&self, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, DaemonError> {
        let mut message = Zeroizing::new(vec![0; USUAL_REPLY]);
        let mut length = 0;
        loop {
            if length == message.len() {
                message = larger(&message).ok_or_else(|| failed("a reply that is too long"))?;
            }
            match recv(self.0.as_raw_fd(), message.get_mut(length..).unwrap_or_default(), MsgFlags::empty()) {
                Ok(0) => return Err(failed("no whole reply")),
                Ok(count) => length += count,
                Err(Errno::EAGAIN) => self.wait_for(PollFlags::POLLIN, deadline)?,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(cannot("receive")(errno)),
            }
            if length > 0 && message.get(length - 1) == Some(&0) {
                message.truncate(length - 1);
                return Ok(message);
            }
        }
    }

    fn wait_for(&self, what: PollFlags, deadline: Instant) -> Result<(), DaemonError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).map_err(|_| failed("no time"))?;
        match poll(&mut [PollFd::new(self.0.as_fd(), what)], timeout) {
            Ok(0) => Err(DaemonError::Failed("no answer in time".to_owned())),
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(cannot("wait")(errno)),
        }
    }
}

impl DaemonRefusal {
    fn read(error: &str, parameters: Option<&Value>) -> Self {
        let text = |name: &str| parameters.and_then(|found| found.get(name)).and_then(Value::text);
        let number = |name: &str| parameters.and_then(|found| found.get(name)).and_then(Value::number).unwrap_or(0);
        let name = error.strip_prefix("io.pam-otp.Otp1.").unwrap_or(error);
        match (name, text("reason")) {
            ("NotPossible" | "RegistrationRefused", Some(reason)) => Self::Refused(LogReason::received(reason, 0)),
            ("CodeRefused", _) => {
                Self::Code { tries_left: number("tries_left"), diagnosis: text("diagnosis").map(str::to_owned) }
            }
            ("EnrolmentExpired", _) => Self::EnrolmentExpired,
            ("Busy", _) => Self::Busy,
            ("Unavailable", Some(sentence)) => Self::Unavailable(sentence.to_owned()),
            ("org.varlink.service.MethodNotFound", _) => Self::MethodNotFound,
            _ => Self::Other(name.to_owned()),
        }
    }

    /// For the log.
    pub(crate) fn reason(self) -> LogReason {
        match self {
            Self::Refused(reason) => reason,
            Self::Busy => ModuleReason::Busy.into(),
            Self::EnrolmentExpired => ModuleReason::TooLate.into(),
            Self::Unavailable(sentence) => UnavailableReason::of_sentence(&sentence)
                .map_or_else(|| ModuleReason::DaemonRefuses.into(), LogReason::Unavailable),
            Self::Code { .. } | Self::MethodNotFound | Self::Other(_) => ModuleReason::DaemonRefuses.into(),
        }
    }
}

/// Connects to the socket at `path`. `None`: there is none, or nobody listens on it.
fn connected(path: &str, deadline: Instant) -> Result<Option<OwnedFd>, DaemonError> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(AddressFamily::Unix, SockType::Stream, flags, None).map_err(cannot("make a socket"))?;
    let address = UnixAddr::new(path).map_err(cannot("name the socket"))?;
    loop {
        match connect(fd.as_raw_fd(), &address) {
            Ok(()) => return Ok(Some(fd)),
            Err(Errno::ENOENT | Errno::ECONNREFUSED) => return Ok(None),
            // The queue is full; a Unix socket does not wait for room when it must not block.
            Err(Errno::EAGAIN) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(20)),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(cannot("connect")(errno)),
        }
    }
}

/// The same, where no mount may stand in the way: with a set-uid tool that mounts for its caller, such as a sandbox, anybody
/// can hide a running daemon from su. Anything that is not positively without a listener is an error.
fn connected_past_mounts(deadline: Instant) -> Result<Option<OwnedFd>, DaemonError> {
    let beneath = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_XDEV;
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let opened = |dir: BorrowedFd<'_>, name: &str, how: OpenHow| openat2(dir, name, how.flags(flags));
    let run = opened(AT_FDCWD, RUN, OpenHow::new().resolve(ResolveFlag::RESOLVE_NO_SYMLINKS));
    let run = run.map_err(cannot("open /run"))?;
    let dir = opened(run.as_fd(), DIRECTORY, OpenHow::new().resolve(beneath));
    let dir = dir.map_err(cannot("open /run/otp as it is in /run, without a mount over it"))?;
    let about = fstat(&dir).map_err(cannot("look at /run/otp"))?;
    if about.st_uid != 0 || about.st_mode & 0o022 != 0 {
        return Err(DaemonError::Failed("/run/otp is not root's alone to write".to_owned()));
    }
    match opened(dir.as_fd(), NAME, OpenHow::new().resolve(beneath)) {
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(cannot("open the socket as it is in /run/otp, without a mount over it")(errno)),
        Ok(found) => match connected(&format!("/proc/self/fd/{}", found.as_raw_fd()), deadline)? {
            None if !is_shown(&found) => Err(DaemonError::Failed("/proc does not show what is in /run/otp".to_owned())),
            answer => Ok(answer),
        },
    }
}

/// Does /proc show this descriptor? If not, that nobody listens behind its name there says nothing.
fn is_shown(fd: &OwnedFd) -> bool {
    let shown = stat(format!("/proc/self/fd/{}", fd.as_raw_fd()).as_str());
    let about = fstat(fd);
    matches!((shown, about), (Ok(shown), Ok(about)) if (shown.st_dev, shown.st_ino) == (about.st_dev, about.st_ino))
}

/// Twice the room with the same bytes in it, unless that is more than a reply may need. The smaller buffer is wiped when it goes.
fn larger(message: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let room = message.len() * 2;
    let mut larger = Zeroizing::new(Vec::with_capacity(room));
    larger.extend_from_slice(message);
    larger.resize(room, 0);
    (room <= REPLY_CAP).then_some(larger)
}

fn cannot(what: &str) -> impl Fn(Errno) -> DaemonError + '_ {
    move |errno| DaemonError::Failed(format!("cannot {what}: {}", errno.desc()))
}

/// The daemon sent this instead of the reply that was wanted.
pub(crate) fn failed(what: &str) -> DaemonError {
    DaemonError::Failed(format!("the daemon sent {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_grows_up_to_the_longest_reply_and_no_further() {
        let sizes = std::iter::successors(Some(USUAL_REPLY), |size| larger(&vec![7; *size]).map(|larger| larger.len()));
        assert_eq!(sizes.last(), Some(REPLY_CAP));
        assert_eq!(larger(&[7; 3]).map(|larger| larger.to_vec()), Some(vec![7, 7, 7, 0, 0, 0]));
    }
}
