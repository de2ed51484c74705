//! What the daemon tells the log: one line for each thing that happened, and no more than a second's worth from anybody who can
//! repeat it without end.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use otp_core::log_line::LogLine;
use otp_core::record::Account;
use otp_enrolld::peer::Peer;

use crate::outlet;

/// Priority of a line (syslog(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Somebody should look now.
    Alert,
    /// Something could not be done.
    Error,
    /// A change, or a refusal.
    Notice,
    /// Something was only read.
    Info,
}

/// Whose lines, how urgent, and of what kind.
type Source = (u32, Urgency, &'static str);

/// One line about something that happened.
pub fn event(urgency: Urgency, line: &str) {
    let severity = match urgency {
        Urgency::Alert => 1,
        Urgency::Error => 3,
        Urgency::Notice => 5,
        Urgency::Info => 6,
    };
    outlet::line(severity, line);
}

/// The beginning of a line about somebody's keys.
pub fn about(what: &str, account: &Account) -> LogLine {
    LogLine::default().field("event", what).field("user", &account.name).field("uid", &account.uid.to_string())
}

/// The end of one: who asked for it.
pub fn signed(line: LogLine, peer: Peer) -> LogLine {
    line.field("by", &peer.uid.to_string()).field("pid", &peer.pid.to_string())
}

/// One line about something that `uid` can repeat without end: at most one a second for each urgency, and how many were
/// left out. Nobody may drown the log. Root may.
pub fn bounded(urgency: Urgency, uid: u32, line: LogLine) {
    paced("", urgency, uid, line);
}

/// The same for lines that those of another kind must not push out.
pub fn paced(kind: &'static str, urgency: Urgency, uid: u32, line: LogLine) {
    static LAST: Mutex<BTreeMap<Source, (Instant, u64)>> = Mutex::new(BTreeMap::new());
    if uid == 0 {
        return event(urgency, &line.finish());
    }
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    let left_out = match last.get_mut(&(uid, urgency, kind)) {
        Some((since, count)) if now.duration_since(*since) < Duration::from_secs(1) => {
            *count = count.saturating_add(1);
            return;
        }
        found => found.map_or(0, |(_, count)| *count),
    };
    last.retain(|_, (since, _)| now.duration_since(*since) < Duration::from_secs(60));
    last.insert((uid, urgency, kind), (now, 0));
    drop(last);
    let left_out = (left_out > 0).then(|| left_out.to_string());
    event(urgency, &line.optional("left_out", left_out.as_deref()).finish());
}

/// One line for the person who started the daemon.
pub fn say(line: &str) {
    outlet::say(line);
}
