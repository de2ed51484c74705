//! What no safe library offers: the socket that systemd hands over (sd_listen_fds(3)) and the kernel's word on the clock
//! (adjtimex(2)). The only file with unsafe code outside the module.

use std::fmt;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{AddressFamily, SockaddrLike, SockaddrStorage, getsockname, getsockopt, sockopt};
use nix::unistd::getpid;

/// First descriptor that is handed over.
const FIRST: RawFd = 3;

/// What was handed over is not what was wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongSocket(String);

/// The listening socket, if one was handed over to this process.
pub fn listener() -> Result<Option<UnixListener>, WrongSocket> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<i32>().ok();
    if number("LISTEN_PID") != Some(getpid().as_raw()) {
        return Ok(None);
    }
    match number("LISTEN_FDS") {
        Some(1) => {}
        found => return Err(WrongSocket(format!("LISTEN_FDS is {found:?}; wanted one socket"))),
    }
    let fd = take();
    let wrong =
        |what: &str| WrongSocket(format!("descriptor {FIRST} is {what}; wanted a listening Unix stream socket"));
    let address: SockaddrStorage = getsockname(FIRST).map_err(|_| wrong("no socket"))?;
    let listening = getsockopt(&fd, sockopt::AcceptConn).unwrap_or(false);
    if address.family() != Some(AddressFamily::Unix) || !listening {
        return Err(wrong("another kind of socket"));
    }
    fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map_err(|errno| wrong(errno.desc()))?;
    Ok(Some(UnixListener::from(fd)))
}

#[expect(unsafe_code, reason = "a descriptor that was inherited has no owner yet")]
fn take() -> OwnedFd {
    // SAFETY: LISTEN_PID and LISTEN_FDS say that systemd passed this descriptor to this process for it to own; it is taken
    // once, at the start, before anything else could have opened or taken it.
    unsafe { OwnedFd::from_raw_fd(FIRST) }
}

/// Does the kernel say that the wall clock is synchronised (STA_UNSYNC is not set)?
#[expect(unsafe_code, reason = "no safe library has adjtimex")]
pub fn clock_is_synchronised() -> bool {
    // SAFETY: `timex` is plain numbers, for which all zeros are values.
    let mut answer: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: `modes` is 0, so the call only fills the structure that it is given.
    let state = unsafe { libc::adjtimex(&raw mut answer) };
    state >= 0 && answer.status & libc::STA_UNSYNC == 0
}

impl fmt::Display for WrongSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongSocket {}
