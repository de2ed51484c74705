//! Asking the daemon, where this process may not decide on the files itself. One connection for one question, opened after
//! the prompt, with a deadline; nothing is left open. Only root or the daemon's account may answer: the kernel says who
//! called listen() (SO_PEERCRED).

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, getsockopt, recv, send, socket, sockopt,
};
use nix::unistd::User;
use otp_core::site::Site;
use otp_core::typed::Code;
use zeroize::Zeroizing;

use crate::json::{Value, quoted};

const SOCKET: &str = "/run/otp/otp.sock";
/// Longer than the daemon waits for a lock.
const PATIENCE: Duration = Duration::from_secs(15);
const REPLY_CAP: usize = 64 * 1024;

/// Who this process asks for; believed by the daemon from root only.
pub struct Caller {
    /// Real uid.
    pub real_uid: u32,
    /// PAM_SERVICE.
    pub service: Option<String>,
    /// PAM_RHOST.
    pub rhost: Option<String>,
    /// PAM_TTY.
    pub tty: Option<String>,
}

/// What the daemon says of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Accepted, and durable.
    pub accepted: bool,
    /// One word.
    pub reason: String,
    /// Label of the key, where the daemon tells it.
    pub key: Option<String>,
    /// Seconds until a code is looked at again.
    pub wait: u64,
}

/// What the daemon says of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Was a key ever enrolled?
    pub enrolled: bool,
    /// Suspended by an admin.
    pub suspended: bool,
    /// Disabled after too many wrong codes.
    pub disabled: bool,
    /// All keys have come to their end.
    pub expired: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Silence {
    /// Nobody listens: no socket, or nobody behind it. The only case in which root may decide on the files.
    NotRunning,
    /// This process may not ask about that user.
    NotAllowed,
    /// Something else; why.
    Failed(String),
}

/// Has the daemon check a code.
pub fn verify(user: &str, code: &Code, caller: &Caller) -> Result<Verdict, Silence> {
    let code = code.digits();
    let mut fields = Zeroizing::new(String::with_capacity(16 * 1024)); // never grows: no piece of a code is left behind
    fields.push_str(&format!("\"user\":{},\"real_uid\":{}", quoted(user), caller.real_uid));
    for (name, value) in [("service", &caller.service), ("rhost", &caller.rhost), ("tty", &caller.tty)] {
        if let Some(value) = value {
            let short: String = value.chars().take(60).collect();
            fields.push_str(&format!(",\"{name}\":{}", quoted(&short)));
        }
    }
    fields.push_str(",\"code\":\"");
    fields.push_str(&code);
    fields.push('"');
    let reply = call("Verify", &fields, Instant::now() + PATIENCE)?;
    let verdict = reply.get("verdict").ok_or_else(|| failed("a reply without a verdict"))?;
    Ok(Verdict {
        accepted: verdict
            .get("accepted")
            .and_then(Value::flag)
            .ok_or_else(|| failed("a verdict without an outcome"))?,
        reason: verdict.get("reason").and_then(Value::text).unwrap_or("refused").to_owned(),
        key: verdict.get("key").and_then(Value::text).map(str::to_owned),
        wait: verdict.get("wait").and_then(Value::number).unwrap_or(0),
    })
}

/// Asks how a user stands.
pub fn standing(user: &str) -> Result<Standing, Silence> {
    let reply = call("Status", &format!("\"user\":{}", quoted(user)), Instant::now() + PATIENCE)?;
    let status = reply.get("status").ok_or_else(|| failed("a reply without a status"))?;
    let flag = |name: &str| status.get(name).and_then(Value::flag).ok_or_else(|| failed("a status without its marks"));
    Ok(Standing {
        enrolled: flag("enrolled")?,
        suspended: flag("suspended")?,
        disabled: flag("disabled")?,
        expired: flag("expired")?,
    })
}

/// What a user has not seen often enough: the texts, and the number of the last one.
pub fn notices(user: &str, deadline: Instant) -> Result<(Vec<String>, u64), Silence> {
    let reply = call("Notices", &format!("\"user\":{}", quoted(user)), deadline)?;
    let notices = reply.get("notices").and_then(Value::list).ok_or_else(|| failed("a reply without notices"))?;
    let texts = notices.iter().filter_map(|one| one.get("text").and_then(Value::text).map(str::to_owned)).collect();
    let last = notices.iter().filter_map(|one| one.get("id").and_then(Value::number)).max();
    Ok((texts, last.unwrap_or(0)))
}

/// Says that they were shown, up to the one of this number.
pub fn notices_shown(user: &str, last: u64, deadline: Instant) -> Result<(), Silence> {
    call("NoticesShown", &format!("\"user\":{},\"last\":{last}", quoted(user)), deadline).map(drop)
}

/// One call, one reply: its parameters.
fn call(method: &str, fields: &str, deadline: Instant) -> Result<Value, Silence> {
    let socket = connected(deadline)?;
    let head = format!("{{\"method\":\"io.pam-otp.Otp1.{method}\",\"parameters\":{{");
    let mut message = Zeroizing::new(Vec::with_capacity(head.len() + fields.len() + 3));
    message.extend_from_slice(head.as_bytes());
    message.extend_from_slice(fields.as_bytes());
    message.extend_from_slice(b"}}\0");
    write_all(&socket, &message, deadline)?;
    let reply = read_message(&socket, deadline)?;
    let text = std::str::from_utf8(&reply).map_err(|_| failed("a reply that is not UTF-8"))?;
    let reply = Value::parse(text).ok_or_else(|| failed("a reply that is not JSON"))?;
    match reply.get("error").and_then(Value::text) {
        None => {}
        Some("io.pam-otp.Otp1.NotAllowed") => return Err(Silence::NotAllowed),
        Some(error) => return Err(Silence::Failed(format!("the daemon answers {error}"))),
    }
    reply.get("parameters").cloned().ok_or_else(|| failed("a reply without parameters"))
}

/// A connection to a daemon that root or its own account started.
fn connected(deadline: Instant) -> Result<OwnedFd, Silence> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(AddressFamily::Unix, SockType::Stream, flags, None).map_err(cannot("make a socket"))?;
    let address = UnixAddr::new(SOCKET).map_err(cannot("name the socket"))?;
    loop {
        match connect(fd.as_raw_fd(), &address) {
            Ok(()) => break,
            Err(Errno::ENOENT | Errno::ECONNREFUSED) => return Err(Silence::NotRunning),
            // The queue is full; a Unix socket does not wait for room when it must not block.
            Err(Errno::EAGAIN) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(20)),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(cannot("connect")(errno)),
        }
    }
    let peer = getsockopt(&fd, sockopt::PeerCredentials).map_err(cannot("ask who listens"))?;
    let own =
        || User::from_name(Site::STANDARD.account).ok().flatten().is_some_and(|user| user.uid.as_raw() == peer.uid());
    if peer.uid() == 0 || own() {
        Ok(fd)
    } else {
        Err(Silence::Failed(format!("the socket belongs to uid {}; wanted root or the daemon's account", peer.uid())))
    }
}

fn write_all(fd: &OwnedFd, mut bytes: &[u8], deadline: Instant) -> Result<(), Silence> {
    while !bytes.is_empty() {
        // Without SIGPIPE: the signals of the host are its own.
        match send(fd.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(Errno::EAGAIN) => wait_for(fd, PollFlags::POLLOUT, deadline)?,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(cannot("send")(errno)),
        }
    }
    Ok(())
}

/// Up to the NUL that ends a message.
fn read_message(fd: &OwnedFd, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, Silence> {
    let mut message = Zeroizing::new(Vec::with_capacity(REPLY_CAP));
    let mut piece = Zeroizing::new([0; 4096]);
    loop {
        match recv(fd.as_raw_fd(), piece.as_mut_slice(), MsgFlags::empty()) {
            Ok(0) => return Err(failed("no whole reply")),
            Ok(count) => message.extend_from_slice(piece.get(..count).unwrap_or_default()),
            Err(Errno::EAGAIN) => wait_for(fd, PollFlags::POLLIN, deadline)?,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(cannot("receive")(errno)),
        }
        if message.last() == Some(&0) {
            message.pop();
            return Ok(message);
        }
        if message.len() > REPLY_CAP - 4096 {
            return Err(failed("a reply that is too long"));
        }
    }
}

fn wait_for(fd: &OwnedFd, what: PollFlags, deadline: Instant) -> Result<(), Silence> {
    let left = deadline.saturating_duration_since(Instant::now());
    let timeout = PollTimeout::try_from(left).map_err(|_| failed("no time"))?;
    match poll(&mut [PollFd::new(fd.as_fd(), what)], timeout) {
        Ok(0) => Err(Silence::Failed("no answer in time".to_owned())),
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(cannot("wait")(errno)),
    }
}

fn cannot(what: &str) -> impl Fn(Errno) -> Silence + '_ {
    move |errno| Silence::Failed(format!("cannot {what}: {}", errno.desc()))
}

fn failed(what: &str) -> Silence {
    Silence::Failed(format!("the daemon sent {what}"))
}
