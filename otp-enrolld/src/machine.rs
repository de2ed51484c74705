//! This machine for the core: its clocks, and the log as the receiver of alarms.

use otp_core::accounts::Account;
use otp_core::environment::{Clock, Environment};
use otp_core::log_line::{LogLine, Urgency};
use otp_core::repair::Repair;
use otp_system::kernel;

use crate::log::events::limited;

/// This machine: its clocks, and its log for alarms.
pub(crate) struct System;

impl Clock for System {
    fn vouched(&self) -> bool {
        kernel::clock_is_synchronised()
    }
}

impl Environment for System {
    fn repaired(&self, account: &Account, what: Repair, line: LogLine) {
        limited(what.word(), Urgency::Alert, account.uid, line); // what cannot be written is found again at every call
    }
}
