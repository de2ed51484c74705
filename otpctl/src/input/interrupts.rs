//! Signals that would end this program while a key waits for its code. They are held back until the next line is read, so that an
//! answer of the daemon is never lost, and the person hears what became of the key.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// While it lives the signals wait here. Dropped, each does again what it did before; one that came meanwhile has come too late.
pub(crate) struct Interrupts {
    signals: SignalFd,
    before: SigSet,
    keys: File,
}

/// The next thing that a person did at a prompt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// Something was typed, or the input has ended.
    Input,
    /// One of the signals came.
    Interrupt,
}

impl Interrupts {
    /// Holds them back from now on, for a program that reads `keys`.
    pub(crate) fn hold(keys: &impl AsFd) -> io::Result<Self> {
        let keys = File::from(keys.as_fd().try_clone_to_owned()?);
        let held = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT]);
        let before = SigSet::thread_get_mask()?;
        held.thread_block()?;
        let signals = SignalFd::with_flags(&held, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Self { signals, before, keys })
    }

    /// Has one of the signals come? Once for each.
    pub(crate) fn has_come(&self) -> io::Result<bool> {
        Ok(self.signals.read_signal()?.is_some())
    }

    /// Waits for either; a signal comes first.
    pub(crate) fn wait(&self) -> io::Result<Awaited> {
        let wanted = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut both = [wanted(self.signals.as_fd()), wanted(self.keys.as_fd())];
        loop {
            match poll(&mut both, PollTimeout::NONE) {
                Ok(_) => break,
                Err(Errno::EINTR) => (),
                Err(errno) => return Err(errno.into()),
            }
        }
        let interrupted = self.signals.read_signal()?.is_some();
        Ok(if interrupted { Awaited::Interrupt } else { Awaited::Input })
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        while let Ok(Some(_)) = self.signals.read_signal() {}
        // Nothing else in this program changes the mask, and a mask that was read can be set.
        let _ = self.before.thread_set_mask();
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::raise;

    use super::*;

    #[test]
    fn a_signal_is_told_once_and_input_after_it() {
        let keys = File::open("/dev/null").expect("always at its end");
        let interrupts = Interrupts::hold(&keys).expect("held");
        raise(Signal::SIGINT).expect("raised");
        assert!(interrupts.wait().expect("waited") == Awaited::Interrupt);
        assert!(interrupts.wait().expect("waited") == Awaited::Input);
    }
}
