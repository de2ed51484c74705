//! How many notices about one user leave this host in a time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use otp_core::files::notice::Severity;
use otp_core::log_line::{LogLine, Urgency};

use crate::lock::Lock;
use crate::log::events::event;

const HOUR: Duration = Duration::from_secs(3600);
const MOST_AN_HOUR: u32 = 60;

/// How many notices of one user may leave this host: whoever can change his own keys without end must not fill the outbox of
/// everybody. All of them are in his spool. Alarms are not counted; nobody can cause them without end.
#[derive(Default)]
pub(crate) struct NoticeQuota(Lock<HashMap<u32, (Instant, u32)>>);

impl NoticeQuota {
    /// One more about `uid`: may it leave?
    pub(crate) fn allows(&self, uid: u32, severity: Severity) -> bool {
        let mut all = self.0.lock();
        all.retain(|_, (since, _)| since.elapsed() < HOUR);
        let (_, count) = all.entry(uid).or_insert((Instant::now(), 0));
        *count = count.saturating_add(u32::from(severity != Severity::Alarm));
        if *count == MOST_AN_HOUR + 1 {
            let line = LogLine::default().field("event", "outbox-paced").field("uid", &uid.to_string());
            event(Urgency::Error, &line.finish());
        }
        severity == Severity::Alarm || *count <= MOST_AN_HOUR
    }
}
