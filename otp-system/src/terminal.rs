//! Gives up the terminal that root types at: a process of the daemon's account must not be able to type there (TIOCSTI), nor
//! read what is typed. Nor does a program that it starts inherit anything else that root's shell has open.
//!
//! A process that leads no session gives the terminal up and stays in the foreground of its shell, so Ctrl-C still arrives. A
//! process that leads its session, as under `ssh -t` or `docker run -t`, gives the terminal up for the whole session, and Ctrl-C
//! no longer arrives. Nothing forks: a child that stays root to pass Ctrl-C on would hold a copy of the host key.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt as _;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::unistd::{isatty, tcgetpgrp};

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
    /// once no session has the terminal, take it and type there. Only the first three are inherited at all.
    WriteOnly,
}

/// Gives the controlling terminal up.
pub(crate) fn give_up(descriptors: Descriptors) -> Result<(), TerminalError> {
    let own = OpenOptions::new().read(true).write(true).custom_flags(QUIETLY).open(CONTROLLING).ok().map(OwnedFd::from);
    let mut terminals: Vec<OwnedFd> = own.into_iter().collect();
    for number in open_descriptors() {
        let Ok((terminal, flags)) = kernel::duplicate(number) else { continue };
        let failed = |why| TerminalError::Descriptor { number, why };
        let inherited = descriptors == Descriptors::WriteOnly && !flags.contains(FdFlag::FD_CLOEXEC);
        if isatty(&terminal).unwrap_or(false) {
            if inherited {
                only_write(number, &terminal).map_err(failed)?;
            }
            terminals.push(terminal);
        }
        if inherited && number > libc::STDERR_FILENO {
            kernel::keep_from_programs(number).map_err(failed)?;
        }
    }
    // By its name, and by every descriptor, for the name may not exist (chroot). ENOTTY: that is not the controlling one.
    for terminal in &terminals {
        match kernel::give_terminal_up(terminal) {
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

/// The controlling terminal of the process that opens it.
const CONTROLLING: &str = "/dev/tty";
/// Whatever is opened neither waits for a line nor becomes the controlling terminal.
const QUIETLY: i32 = libc::O_NOCTTY | libc::O_NONBLOCK;
