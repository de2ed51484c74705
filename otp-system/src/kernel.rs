//! Calls that no safe library offers: the socket that systemd hands over (sd_listen_fds(3)), the kernel's word on the clock
//! (adjtimex(2)), extended attributes, time zones, terminals and sessions (tty_ioctl(4)). Besides `pam_client` the only file with unsafe code outside the module.

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

/// The descriptor that was handed over is not the one that was wanted.
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

/// Gives `to` the extended attributes of `from`: the label of SELinux, access lists, what users have put there. Those that vouch for
/// the contents of a file stay behind.
pub fn copy_attributes(from: impl AsFd, to: impl AsFd) -> nix::Result<()> {
    let (from, to) = (from.as_fd(), to.as_fd());
    let mut names = vec![0; LONGEST_ATTRIBUTE];
    match attribute_names(from, &mut names) {
        Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => return Ok(()),
        length => names.truncate(length?),
    }
    for name in names.split_inclusive(|byte| *byte == 0).filter_map(|name| CStr::from_bytes_with_nul(name).ok()) {
        let wanted = attribute(from, name)?.filter(|_| !OF_CONTENTS.contains(&name));
        if let Some(wanted) = wanted.filter(|wanted| !matches!(attribute(to, name), Ok(Some(same)) if same == *wanted))
        {
            set_attribute(to, name, &wanted)?;
        }
    }
    Ok(())
}

/// How many bytes of the place are names, each with its NUL.
#[expect(unsafe_code, reason = "no safe library of ours has extended attributes")]
fn attribute_names(file: BorrowedFd<'_>, names: &mut [u8]) -> nix::Result<usize> {
    // SAFETY: the descriptor is open, and the place as long as is said.
    let length = unsafe { libc::flistxattr(file.as_raw_fd(), names.as_mut_ptr().cast(), names.len()) };
    Ok(usize::try_from(Errno::result(length)?).unwrap_or_default())
}

/// None if the file has none of that name.
#[expect(unsafe_code, reason = "no safe library of ours has extended attributes")]
fn attribute(file: BorrowedFd<'_>, name: &CStr) -> nix::Result<Option<Vec<u8>>> {
    let mut value = vec![0; LONGEST_ATTRIBUTE];
    // SAFETY: the descriptor is open, the name NUL-terminated, and the place as long as is said.
    let length = unsafe { libc::fgetxattr(file.as_raw_fd(), name.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
    match Errno::result(length) {
        Err(Errno::ENODATA) => return Ok(None),
        length => value.truncate(usize::try_from(length?).unwrap_or_default()),
    }
    Ok(Some(value))
}

#[expect(unsafe_code, reason = "no safe library of ours has extended attributes")]
fn set_attribute(file: BorrowedFd<'_>, name: &CStr, value: &[u8]) -> nix::Result<()> {
    // SAFETY: the descriptor is open, the name NUL-terminated, and the value as long as is said.
    Errno::result(unsafe { libc::fsetxattr(file.as_raw_fd(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0) })
        .map(drop)
}

/// The kernel's own limit on a value, and on the names of all attributes of a file (XATTR_SIZE_MAX, XATTR_LIST_MAX).
const LONGEST_ATTRIBUTE: usize = 65536;
/// Sums over the contents (IMA, EVM), which are others in the new file.
const OF_CONTENTS: [&CStr; 2] = [c"security.ima", c"security.evm"];

/// A moment by the clock on the wall of this machine, with the name of its zone: `2026-11-29 15:43:10 CET`. `None` past the years
/// that the C library knows.
#[expect(unsafe_code, reason = "no library of ours knows the zones")]
pub fn local_time(seconds: u64) -> Option<String> {
    let seconds = libc::time_t::try_from(seconds).ok()?;
    // SAFETY: `tm` is plain numbers and a pointer, for which all zeros are values.
    let mut time: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both places are valid; the call only fills the structure.
    if unsafe { libc::localtime_r(&raw const seconds, &raw mut time) }.is_null() || time.tm_zone.is_null() {
        return None;
    }
    // SAFETY: after success it is the NUL-terminated name of a zone, which the C library keeps.
    let zone = unsafe { CStr::from_ptr(time.tm_zone) }.to_string_lossy();
    let (year, month) = (i64::from(time.tm_year) + 1900, time.tm_mon + 1);
    let (day, hour, minute, second) = (time.tm_mday, time.tm_hour, time.tm_min, time.tm_sec);
    Some(format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} {zone}"))
}

/// The moment of a time by the clock on the wall, in the zone of this process, as seconds since 1970; `None` where that zone has no such
/// time, or it is before 1970. Of two, as at the end of summer time, the one that the C library takes. Month and day count from 1.
#[expect(unsafe_code, reason = "the standard library knows no zones")]
pub fn moment_of_local_time((year, month, day): (u16, u8, u8), (hour, minute, second): (u8, u8, u8)) -> Option<u64> {
    // SAFETY: `tm` is plain numbers and a pointer, for which all zeros are values.
    let mut time: libc::tm = unsafe { std::mem::zeroed() };
    (time.tm_year, time.tm_mon, time.tm_mday) = (i32::from(year) - 1900, i32::from(month) - 1, i32::from(day));
    (time.tm_hour, time.tm_min, time.tm_sec) = (i32::from(hour), i32::from(minute), i32::from(second));
    time.tm_isdst = -1;
    // SAFETY: the place is valid; the call reads and normalises the structure.
    let seconds = u64::try_from(unsafe { libc::mktime(&raw mut time) }).ok()?;
    let wanted = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} ");
    local_time(seconds)?.starts_with(&wanted).then_some(seconds)
}

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
    // SAFETY: the number stays open, so its user goes on using an open descriptor; it is not owned here.
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
