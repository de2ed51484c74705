//! What the daemon is to its core, and how it closes itself up.

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use otp_core::accounts::Account;
use otp_core::environment::{Clock, Environment, system_boot_ms, system_wall};
use otp_core::log_line::{LogLine, Urgency};
use otp_core::repair::Repair;
use otp_system::kernel;

use crate::log::events::event;

/// This machine: its clocks, and its log for alarms.
pub(crate) struct System;

impl Clock for System {
    fn wall(&self) -> u64 {
        system_wall()
    }

    fn boot_ms(&self) -> u64 {
        system_boot_ms()
    }

    fn vouched(&self) -> bool {
        kernel::clock_is_synchronised()
    }
}

impl Environment for System {
    fn repaired(&self, account: &Account, what: Repair) {
        let line = LogLine::default().field("mended", what.reason()).field("user", &account.name);
        event(Urgency::Alert, &line.finish());
    }
}

/// From now on SIGTERM and SIGINT end the process with success: whatever is pending was promised to nobody.
pub(crate) fn end_when_told() -> std::io::Result<()> {
    let ends = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
    ends.thread_block()?; // and so in every thread that is started after this
    let waiter = std::thread::Builder::new().stack_size(64 * 1024);
    waiter
        .spawn(move || {
            if ends.wait().is_ok() {
                std::process::exit(0)
            }
        })
        .map(drop)
}

/// Nobody may read this process's memory: no core dump, no ptrace by its own account, no new privileges.
pub(crate) fn close_up() -> nix::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    prctl::set_no_new_privs()?;
    prctl::set_dumpable(false)
}
