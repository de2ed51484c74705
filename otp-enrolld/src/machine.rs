//! This machine, as the core wants it: its clocks, and the log as the ear for alarms.

use otp_core::accounts::Account;
use otp_core::environment::{Clock, Environment, system_boot_ms, system_wall};
use otp_core::log_line::{LogLine, Urgency};
use otp_core::repair::{Repair, RestoredEvidence};
use otp_system::kernel;

use crate::log::events::limited;
use otp_core::unix_time::UnixTime;

/// This machine: its clocks, and its log for alarms.
pub(crate) struct System;

impl Clock for System {
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

impl Environment for System {
    fn repaired(&self, account: &Account, what: Repair) {
        let line = LogLine::default().field("mended", what.reason()).field("user", &account.name);
        limited(what.reason(), Urgency::Alert, account.uid, line); // what cannot be written is found again at every call
    }

    fn restored_copy(&self, account: &Account, evidence: &RestoredEvidence) {
        let what = Repair::RestoredCopy.reason();
        let line = LogLine::default().field("mended", what).field("user", &account.name);
        limited(what, Urgency::Alert, account.uid, evidence.told_in(line));
    }
}
