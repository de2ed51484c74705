//! What no safe library offers: the socket that systemd hands over (sd_listen_fds(3)), the kernel's word on the clock
//! (adjtimex(2)), terminals and sessions (tty_ioctl(4)). Besides `pam_client` the only file with unsafe code outside the module.

use std::ffi::CStr;
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::socket::{AddressFamily, SockaddrLike, SockaddrStorage, getsockname, getsockopt, sockopt};
use nix::unistd::{dup3_raw, getpid, setsid};

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

/// From now on the process does not hear that its terminal hangs up (SIGHUP).
pub fn ignore_hang_up() -> nix::Result<()> {
    on_hang_up(&ignored()).map(drop)
}

fn ignored() -> SigAction {
    SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty())
}

/// Sets what SIGHUP does, and returns what it did before.
#[expect(unsafe_code, reason = "nix says unsafe of handlers")]
fn on_hang_up(action: &SigAction) -> nix::Result<SigAction> {
    // SAFETY: the action is to ignore the signal, or the one that was there before: no new handler is set.
    unsafe { sigaction(Signal::SIGHUP, action) }
}

/// Gives `to` the SELinux label of `from`, if it has one.
#[expect(unsafe_code, reason = "no safe library of ours has extended attributes")]
pub fn copy_label(from: impl AsFd, to: impl AsFd) -> nix::Result<()> {
    let mut label = [0_u8; LONGEST_LABEL];
    let (from, to) = (from.as_fd().as_raw_fd(), to.as_fd().as_raw_fd());
    // SAFETY: the descriptor is open, the name NUL-terminated, and the place as long as is said.
    let length = unsafe { libc::fgetxattr(from, LABEL.as_ptr(), label.as_mut_ptr().cast(), label.len()) };
    let length = match Errno::result(length) {
        Err(Errno::ENODATA | Errno::EOPNOTSUPP | Errno::ENOSYS) => return Ok(()),
        length => usize::try_from(length?).unwrap_or_default(),
    };
    // SAFETY: the descriptor is open, the name NUL-terminated, and so many bytes of the place are the label.
    Errno::result(unsafe { libc::fsetxattr(to, LABEL.as_ptr(), label.as_ptr().cast(), length, 0) }).map(drop)
}

const LABEL: &CStr = c"security.selinux";
/// In bytes; the kernel's own limit on contexts is a page.
const LONGEST_LABEL: usize = 4096;

/// The program will lead a session, and so a group of processes, of its own, without a controlling terminal (setsid(2)).
#[expect(unsafe_code, reason = "the standard library has no stable call for it")]
pub fn in_its_own_session(command: &mut Command) -> &mut Command {
    // SAFETY: between fork and exec there is one system call, and no memory is allocated.
    unsafe { command.pre_exec(|| setsid().map(drop).map_err(Into::into)) }
}

/// Gives the terminal up, if it is the controlling one (TIOCNOTTY); else ENOTTY. If this process leads the session, the kernel
/// sends SIGHUP to the group in the foreground; this process does not end by it.
#[expect(unsafe_code, reason = "no safe library has this request")]
pub(crate) fn give_terminal_up(terminal: impl AsFd) -> nix::Result<()> {
    let before = on_hang_up(&ignored())?;
    // SAFETY: the descriptor is open, and the request takes no argument.
    let given_up = Errno::result(unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCNOTTY) });
    on_hang_up(&before)?;
    given_up.map(drop)
}

/// Another descriptor for what `number` leads to, for this program alone, and the flags of the first; EBADF if it is not open.
#[expect(unsafe_code, reason = "a descriptor that was inherited is known by its number")]
pub(crate) fn duplicate(number: RawFd) -> nix::Result<(OwnedFd, FdFlag)> {
    // SAFETY: it is borrowed for these two calls, which say EBADF if nothing is open under the number.
    let inherited = unsafe { BorrowedFd::borrow_raw(number) };
    let flags = FdFlag::from_bits_retain(fcntl(inherited, FcntlArg::F_GETFD)?);
    let fd = fcntl(inherited, FcntlArg::F_DUPFD_CLOEXEC(FIRST))?;
    // SAFETY: the kernel has just made it, for nobody else.
    Ok((unsafe { OwnedFd::from_raw_fd(fd) }, flags))
}

/// From now on no program that this one starts inherits `number`.
#[expect(unsafe_code, reason = "a descriptor that was inherited is known by its number")]
pub(crate) fn keep_from_programs(number: RawFd) -> nix::Result<()> {
    // SAFETY: it is borrowed for this call, which says EBADF if nothing is open under the number.
    let inherited = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(inherited, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map(drop)
}

/// From now on `number` leads to where `to` does, here and in the programs that this one starts.
#[expect(unsafe_code, reason = "a descriptor that was inherited is known by its number")]
pub(crate) fn redirect(number: RawFd, to: impl AsFd) -> nix::Result<()> {
    // SAFETY: the number stays open, so whoever uses it goes on using an open descriptor; it is not owned here.
    let redirected = unsafe { dup3_raw(to, number, OFlag::empty()) }?;
    let _: RawFd = redirected.into_raw_fd();
    Ok(())
}

impl fmt::Display for WrongSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongSocket {}
