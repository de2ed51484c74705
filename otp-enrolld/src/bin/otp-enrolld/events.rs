//! What the daemon tells the system's log: lines on standard error, which systemd passes on; the priority in front where
//! the journal reads it (sd-daemon(3)).

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use otp_core::log_line::LogLine;

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

/// One line about something that happened.
pub fn event(urgency: Urgency, line: &str) {
    let number = match urgency {
        Urgency::Alert => 1,
        Urgency::Error => 3,
        Urgency::Notice => 5,
        Urgency::Info => 6,
    };
    let journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let line = if journal { format!("<{number}>{line}\n") } else { format!("otp-enrolld: {line}\n") };
    write(&line);
}

/// One line about something that `uid` can repeat without end: at most one a second for each urgency, and how many were
/// left out. Nobody may drown the log. Root may.
pub fn bounded(urgency: Urgency, uid: u32, line: LogLine) {
    static LAST: Mutex<BTreeMap<(u32, Urgency), (Instant, u64)>> = Mutex::new(BTreeMap::new());
    if uid == 0 {
        return event(urgency, &line.finish());
    }
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    let left_out = match last.get_mut(&(uid, urgency)) {
        Some((since, count)) if now.duration_since(*since) < Duration::from_secs(1) => {
            *count = count.saturating_add(1);
            return;
        }
        found => found.map_or(0, |(_, count)| *count),
    };
    last.retain(|_, (since, _)| now.duration_since(*since) < Duration::from_secs(60));
    last.insert((uid, urgency), (now, 0));
    drop(last);
    let left_out = (left_out > 0).then(|| left_out.to_string());
    event(urgency, &line.optional("left_out", left_out.as_deref()).finish());
}

/// One line for the person who started the daemon.
pub fn say(line: &str) {
    write(&format!("otp-enrolld: {line}\n"));
}

/// In one write, so that lines do not mix. A log that cannot be written must not end the daemon.
fn write(line: &str) {
    drop(std::io::stderr().write_all(line.as_bytes()));
}
