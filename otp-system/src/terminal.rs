//! Gives up the terminal that root types at: a process of the daemon's account must not be able to type there (TIOCSTI), nor
//! read what is typed.
//!
//! A process that leads no session gives the terminal up and stays in the foreground of its shell; nothing forks. A process
//! that leads its session, as under `ssh -t` or `docker run -t`, thereby takes the terminal from the whole session, and nobody
//! would hear Ctrl-C. So a child that stays root, with nothing but the terminal open, takes it over and passes Ctrl-C on.

use std::fs::{self, OpenOptions};
use std::io::Read as _;
use std::os::fd::{AsFd as _, AsRawFd as _, IntoRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::{fmt, io};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, killpg};
use nix::sys::signalfd::SignalFd;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, close, getpgrp, getpid, getsid, isatty, setpgid, setsid, tcgetpgrp, tcsetpgrp, write};

use crate::kernel;

/// Why a terminal is still within reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TerminalError {
    /// A descriptor that leads to a terminal cannot be made one that only writes.
    Descriptor {
        /// Which.
        number: RawFd,
        /// Why.
        why: Errno,
    },
    /// The kernel did not take the terminal back.
    NotGivenUp(Errno),
    /// It was opened again.
    StillThere,
    /// Nobody knows whether it can be opened again.
    Unproven(Errno),
}

/// How descriptors that lead to a terminal are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Descriptors {
    /// They stay as they are: this process is not root, and was given them as the account that it has.
    Kept,
    /// Those that a program started from here would inherit only write from now on: such a program could read what is typed, or,
    /// once no session has the terminal, take it and type there.
    WriteOnly,
}

/// Gives the controlling terminal up.
pub(crate) fn give_up(descriptors: Descriptors) -> Result<(), TerminalError> {
    let open = open_descriptors();
    let own = OpenOptions::new().read(true).write(true).custom_flags(QUIETLY).open(CONTROLLING).ok().map(OwnedFd::from);
    let mut terminals: Vec<OwnedFd> = own.into_iter().collect();
    for number in &open {
        let Ok((terminal, flags)) = kernel::duplicate(*number) else { continue };
        if !isatty(&terminal).unwrap_or(false) {
            continue;
        }
        if descriptors == Descriptors::WriteOnly && !flags.contains(FdFlag::FD_CLOEXEC) {
            only_write(*number, &terminal).map_err(|why| TerminalError::Descriptor { number: *number, why })?;
        }
        terminals.push(terminal);
    }
    let leads = getsid(None) == Ok(getpid());
    // By its name, and by every descriptor, for the name may not exist (chroot). ENOTTY: that is not the controlling one.
    for terminal in &terminals {
        let given_up = if leads { leave_session(terminal, &open) } else { kernel::give_terminal_up(terminal) };
        match given_up {
            Ok(()) | Err(Errno::ENOTTY | Errno::EIO) => {} // EIO: it has hung up, and is nobody's
            Err(errno) => return Err(TerminalError::NotGivenUp(errno)),
        }
    }
    Ok(())
}

/// Proves that there is no controlling terminal.
pub(crate) fn prove_gone() -> Result<(), TerminalError> {
    let opened = OpenOptions::new().read(true).custom_flags(QUIETLY).open(CONTROLLING).map(drop);
    match opened.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or_default())) {
        Ok(()) => Err(TerminalError::StillThere),
        // There is none; or there is no such file, or none that this account may open.
        Err(Errno::ENXIO | Errno::ENOENT | Errno::ENODEV | Errno::EACCES | Errno::EPERM) => Ok(()),
        Err(errno) => Err(TerminalError::Unproven(errno)),
    }
}

/// The numbers of all that is open; without /proc the three that are always given.
fn open_descriptors() -> Vec<RawFd> {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return vec![0, 1, 2] };
    let listed: Vec<RawFd> = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    listed.into_iter().filter(|number| kernel::duplicate(*number).is_ok()).collect() // without that of the list itself
}

/// Opens the terminal once more, for writing alone, in place of what `number` leads to.
fn only_write(number: RawFd, terminal: &OwnedFd) -> nix::Result<()> {
    if OFlag::from_bits_retain(fcntl(terminal, FcntlArg::F_GETFL)?) & OFlag::O_ACCMODE == OFlag::O_WRONLY {
        return Ok(());
    }
    let open = |path: &str| OpenOptions::new().write(true).custom_flags(QUIETLY).open(path);
    let opened = open(&format!("/proc/self/fd/{number}")).or_else(|error| match tcgetpgrp(terminal) {
        Ok(_) => open(CONTROLLING), // its device may be out of reach, in a container for example
        Err(_) => Err(error),
    });
    let opened = opened.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or_default()))?;
    fcntl(&opened, FcntlArg::F_SETFL(OFlag::empty()))?; // it was to open without waiting, not to write so
    kernel::redirect(number, &opened)
}

/// As the leader of a session. The kernel then sends SIGHUP to the group in the foreground, so an empty one is put there first.
fn leave_session(terminal: &OwnedFd, open: &[RawFd]) -> nix::Result<()> {
    let foreground = tcgetpgrp(terminal)?;
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?; // SIGTTOU is for who changes the foreground
    let left = empty_foreground(terminal).and_then(|()| kernel::give_terminal_up(terminal));
    if left.is_ok() && foreground == getpgrp() {
        drop(pass_interrupts_on(terminal, open)); // without it kill(1) still works
    }
    before.thread_set_mask()?;
    left
}

/// Puts a group into the foreground whose only process has ended.
fn empty_foreground(terminal: &OwnedFd) -> nix::Result<()> {
    let child = kernel::in_a_child(|| {
        let moved = setpgid(Pid::from_raw(0), Pid::from_raw(0)).and_then(|()| tcsetpgrp(terminal, getpid()));
        moved.map_or_else(|errno| u8::try_from(errno as i32).unwrap_or(u8::MAX), |()| 0)
    })?;
    match waitpid(child, None) {
        Ok(WaitStatus::Exited(_, 0)) | Err(Errno::ECHILD) => Ok(()), // ECHILD: whoever started this process ignores SIGCHLD
        Ok(WaitStatus::Exited(_, errno)) => Err(Errno::from_raw(errno)),
        Ok(_) => Err(Errno::ECHILD),
        Err(errno) => Err(errno),
    }
}

/// Starts the child that holds the terminal for as long as this process lives, and waits until it does.
fn pass_interrupts_on(terminal: &OwnedFd, open: &[RawFd]) -> io::Result<()> {
    let (mut here, there) = UnixStream::pair()?;
    let group = getpgrp();
    kernel::in_a_child(|| {
        for number in open.iter().copied().chain([here.as_raw_fd()]) {
            let _: nix::Result<()> = close(number);
        }
        u8::from(hold(terminal, &there, group).is_err())
    })?;
    drop(there);
    let _: usize = here.read(&mut [0])?;
    let _: RawFd = here.into_raw_fd(); // open until this process ends: that is how the child knows
    Ok(())
}

/// The child: passes on what is typed to interrupt `group`, until the other end of `parent` is closed.
fn hold(terminal: &OwnedFd, parent: &UnixStream, group: Pid) -> nix::Result<()> {
    setsid()?;
    kernel::take_terminal(terminal)?;
    let signals = SignalFd::new(&SigSet::from_iter([Signal::SIGINT, Signal::SIGQUIT]))?;
    write(parent, b".")?;
    loop {
        let mut ready =
            [PollFd::new(parent.as_fd(), PollFlags::POLLIN), PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        poll(&mut ready, PollTimeout::NONE)?;
        if ready[0].any() != Some(false) {
            return Ok(());
        }
        let signal = signals.read_signal()?.and_then(|told| i32::try_from(told.ssi_signo).ok());
        if let Some(Ok(signal)) = signal.map(Signal::try_from) {
            killpg(group, signal)?;
        }
    }
}

impl fmt::Display for TerminalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Descriptor { number, why } => {
                write!(f, "descriptor {number} leads to a terminal and could not be opened again for writing alone: ")?;
                write!(
                    f,
                    "{}; is /proc mounted? Without a terminal (`</dev/null >FILE 2>&1`) it is not needed",
                    why.desc()
                )
            }
            Self::NotGivenUp(errno) => write!(f, "the kernel did not take it back: {}", errno.desc()),
            Self::StillThere => write!(f, "{CONTROLLING} can still be opened; wanted no controlling terminal"),
            Self::Unproven(errno) => {
                write!(
                    f,
                    "{CONTROLLING}: {}; wanted the kernel's word that there is no controlling terminal",
                    errno.desc()
                )
            }
        }
    }
}

impl std::error::Error for TerminalError {}

/// The controlling terminal of whoever opens it.
const CONTROLLING: &str = "/dev/tty";
/// Whatever is opened neither waits for a line nor becomes the controlling terminal.
const QUIETLY: i32 = libc::O_NOCTTY | libc::O_NONBLOCK;
