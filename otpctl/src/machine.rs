//! This machine, as the core wants it. Its clock is worth what the kernel says of it, here as everywhere: what is put right
//! under a wild clock must not lock anybody out for years.

use otp_core::accounts::Account;
use otp_core::environment::{Clock, Environment, system_boot_ms, system_wall};
use otp_core::log_line::LogLine;
use otp_core::repair::{Repair, RestoredEvidence};
use otp_system::kernel;

use crate::output::alert::alert;
use otp_core::unix_time::UnixTime;

/// This machine: its clocks, and its log for alarms.
pub(crate) struct Machine;

impl Clock for Machine {
    fn wall(&self) -> UnixTime {
        system_wall()
    }

    fn boot_ms(&self) -> u64 {
        system_boot_ms()
    }

    fn vouched(&self) -> bool {
        kernel::clock_is_synchronised()
    }
}

impl Environment for Machine {
    fn repaired(&self, account: &Account, what: Repair) {
        alert(&LogLine::default().field("mended", what.reason()).field("user", &account.name).finish());
    }

    fn restored_copy(&self, account: &Account, evidence: &RestoredEvidence) {
        let line = LogLine::default().field("mended", Repair::RestoredCopy.reason()).field("user", &account.name);
        alert(&evidence.told_in(line).finish());
    }
}
