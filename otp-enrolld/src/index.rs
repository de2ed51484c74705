//! The index of names at a start: made again from the key files, and what came of it told to the log. Without a whole one the gates go on
//! as they were.

use otp_core::log_line::{LogLine, Urgency};
use otp_core::vault::Vault;

use crate::log::events::event;

/// Makes it again.
pub(crate) fn rebuild(vault: &Vault) {
    let line = |what| LogLine::default().field("event", what);
    match vault.rebuild_names() {
        Ok(report) => {
            for (uid, error) in &report.unreadable {
                let line = line("names-incomplete").field("uid", &uid.to_string()).field("detail", &error.to_string());
                event(Urgency::Error, &line.finish());
            }
            if report.changed > 0 {
                event(Urgency::Notice, &line("names").field("changed", &report.changed.to_string()).finish());
            }
        }
        Err(error) => event(Urgency::Error, &line("names-incomplete").field("detail", &error.to_string()).finish()),
    }
}
