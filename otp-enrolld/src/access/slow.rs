//! An account database that does not answer in time: one line in the log when that begins, and no more until it has answered again.

use std::sync::atomic::{AtomicBool, Ordering};

use otp_core::log_line::{LogLine, Urgency};

use crate::log::events::event;
use crate::refusals::Refused;

static SLOW: AtomicBool = AtomicBool::new(false);

/// No answer came in time.
pub(crate) fn slow() -> Refused {
    if !SLOW.swap(true, Ordering::Relaxed) {
        let line = LogLine::default().field("event", "account-database-slow");
        event(Urgency::Error, &line.field("detail", "users and groups of a directory cannot be looked up").finish());
    }
    Refused::unavailable("the account database does not answer")
}

/// An answer came.
pub(crate) fn answered() {
    SLOW.store(false, Ordering::Relaxed);
}
