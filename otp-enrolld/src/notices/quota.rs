//! How many notices about one user leave this host within a time.

use otp_core::files::notice::Severity;
use otp_core::log_line::{LogLine, Urgency};

use crate::hourly::HourlyCounts;
use crate::log::events::event;

const MOST_AN_HOUR: u32 = 60;

/// How many notices of one user may leave this host: a user who can change the own keys without end must not fill the outbox of
/// everybody. All of them are in the spool. Alarms are not counted; nobody can cause them without end.
#[derive(Default)]
pub(crate) struct NoticeQuota(HourlyCounts);

impl NoticeQuota {
    /// One more about `uid`: may it leave?
    pub(crate) fn allows(&self, uid: u32, severity: Severity) -> bool {
        let count = self.0.add(uid, u32::from(severity != Severity::Alarm));
        if count == MOST_AN_HOUR + 1 {
            let line = LogLine::default().field("event", "outbox-paced").field("uid", &uid.to_string());
            event(Urgency::Error, &line.finish());
        }
        severity == Severity::Alarm || count <= MOST_AN_HOUR
    }
}
