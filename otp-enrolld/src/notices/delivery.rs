//! One notice to one program: the trusted file itself, without a shell, with an environment and a session of its own, the
//! notice as JSON on standard input, and an end.

use std::io::Write as _;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{fmt, thread};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use otp_core::policy::notify::Notify;
use otp_core::vault::{VaultError, root_program};
use otp_system::kernel::in_its_own_session;

/// Why a notice was not handed over.
#[derive(Debug)]
pub(crate) enum DeliveryError {
    /// Somebody else than root may write to the program.
    Untrusted(VaultError),
    /// It could not be started or waited for.
    Failed(std::io::Error),
    /// It did not end in time, and was killed.
    Slow(Duration),
    /// It says that it did not work.
    Refused(ExitStatus),
}

/// Hands `message` over. Only a program that ends with 0 has it.
pub(crate) fn deliver(notify: &Notify, message: &[u8]) -> Result<(), DeliveryError> {
    let name = notify.command.first().map_or("", String::as_str);
    let program = root_program(Path::new(name)).map_err(DeliveryError::Untrusted)?;
    let mut command = Command::new(program);
    command
        .arg0(name) // a program of many names goes by it
        .args(notify.command.iter().skip(1))
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LANG", "C")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let mut child = in_its_own_session(&mut command).spawn().map_err(DeliveryError::Failed)?;
    if let Some(mut input) = child.stdin.take() {
        drop(input.write_all(message)); // fits into the pipe; a program that does not read says by its end what it thinks
    }
    match wait(&mut child, notify.deadline)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(DeliveryError::Refused(status)),
        None => Err(DeliveryError::Slow(notify.deadline)),
    }
}

/// `None`: it took too long, and it and whatever it started in its group was killed.
fn wait(child: &mut Child, deadline: Duration) -> Result<Option<ExitStatus>, DeliveryError> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(status) = child.try_wait().map_err(DeliveryError::Failed)? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            break;
        }
        thread::sleep(PAUSE);
    }
    // Not yet waited for, so the number is still its own.
    let group = i32::try_from(child.id()).map(Pid::from_raw);
    let _: Result<_, _> = group.map(|group| killpg(group, Signal::SIGKILL)); // it may have ended just now
    child.wait().map_err(DeliveryError::Failed)?;
    Ok(None)
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untrusted(error) => error.fmt(f),
            Self::Failed(error) => error.fmt(f),
            Self::Slow(deadline) => write!(f, "not done within {} s; killed", deadline.as_secs()),
            Self::Refused(status) => match (status.code(), status.signal()) {
                (Some(code), _) => write!(f, "exit status {code}"),
                (None, signal) => write!(f, "ended by signal {}", signal.unwrap_or_default()),
            },
        }
    }
}

impl std::error::Error for DeliveryError {}

const PAUSE: Duration = Duration::from_millis(20);
