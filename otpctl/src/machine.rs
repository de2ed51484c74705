//! This machine, as the core wants it. Its clock is worth what the kernel says of it, here as everywhere: what is put right
//! under a wild clock must not lock anybody out for years.

use std::path::Path;

use otp_core::accounts::Account;
use otp_core::environment::{Clock, Environment};
use otp_core::log_line::LogLine;
use otp_core::repair::Repair;
use otp_system::kernel;

use crate::output::alert::alert;

/// Does systemd run this machine (sd_booted(3))?
pub(crate) fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// This machine: its clocks, and its log for alarms.
pub(crate) struct Machine;

impl Clock for Machine {
    fn vouched(&self) -> bool {
        kernel::clock_is_synchronised()
    }
}

impl Environment for Machine {
    fn repaired(&self, _: &Account, _: Repair, line: LogLine) {
        alert(&line.finish());
    }
}
