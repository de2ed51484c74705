//! The daemon's log: one line for each event, and no more than a second's worth from anybody who can
//! repeat it without end.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use otp_core::accounts::Account;
use otp_core::log_line::{LogLine, Urgency};
use otp_protocol::peer::Peer;

use crate::lock::Lock;
use crate::log::sink;

/// Whose lines, how urgent, and of what kind.
type LineSource = (u32, Urgency, &'static str);

/// One line about something that happened.
pub(crate) fn event(urgency: Urgency, line: &str) {
    sink::line(urgency.severity(), line);
}

/// The beginning of a line about somebody's keys.
pub(crate) fn about(what: &str, account: &Account) -> LogLine {
    LogLine::default().field("event", what).field("user", &account.name).field("uid", &account.uid.to_string())
}

/// The end of one: who asked for it.
pub(crate) fn signed(line: LogLine, peer: Peer) -> LogLine {
    line.field("by", &peer.uid.to_string()).field("pid", &peer.pid.to_string())
}

/// One line about something that `uid` can repeat without end: at most one a second for each urgency, and how many were
/// left out. Nobody may drown the log. Root may.
pub(crate) fn bounded(urgency: Urgency, uid: u32, line: LogLine) {
    paced("", urgency, uid, line);
}

/// The same for lines that those of another kind must not push out.
pub(crate) fn paced(kind: &'static str, urgency: Urgency, uid: u32, line: LogLine) {
    match uid {
        0 => event(urgency, &line.finish()),
        uid => limited(kind, urgency, uid, line),
    }
}

/// The same for what has gone wrong on a call of the peer that this thread serves.
pub(crate) fn trouble(kind: &'static str, urgency: Urgency, line: LogLine) {
    limited(kind, urgency, ACCOUNTABLE_UID.get(), line);
}

/// From here on this thread serves a peer on whose account its lines count.
pub(crate) fn lines_count_for(peer: Peer) {
    ACCOUNTABLE_UID.set(peer.accountable_uid);
}

thread_local! {
    /// Each connection has a thread of its own (`otp_protocol::server`). A thread without one is the daemon's.
    static ACCOUNTABLE_UID: Cell<u32> = const { Cell::new(0) };
}

/// The same, and root has no more of these lines: strangers ask through its programs.
pub(crate) fn limited(kind: &'static str, urgency: Urgency, uid: u32, line: LogLine) {
    let now = Instant::now();
    let (quiet, due) = {
        let mut pace = PACE.lock();
        (pace.quiet(now), pace.due((uid, urgency, kind), now))
    };
    tell(quiet);
    if let Some(left_out) = due {
        let left_out = (left_out > 0).then(|| left_out.to_string());
        event(urgency, &line.optional("left_out", left_out.as_deref()).finish());
    }
}

/// Tells how many lines were left out of those whose next line does not come.
pub(crate) fn tell_what_was_left_out() {
    let quiet = PACE.lock().quiet(Instant::now());
    tell(quiet);
}

fn tell(quiet: Vec<(LineSource, u64)>) {
    for ((uid, urgency, kind), count) in quiet {
        let line = LogLine::default().field("event", "left-out").field("by", &uid.to_string());
        let line = line.optional("kind", Some(kind).filter(|kind| !kind.is_empty()));
        event(urgency, &line.field("left_out", &count.to_string()).finish());
    }
}

static PACE: Lock<LinePace> = Lock::new(LinePace(BTreeMap::new()));

/// Whose line came when, and how many were left out since.
struct LinePace(BTreeMap<LineSource, (Instant, u64)>);

impl LinePace {
    /// Is it time for a line again, and how many were left out before it?
    fn due(&mut self, source: LineSource, now: Instant) -> Option<u64> {
        match self.0.get_mut(&source) {
            Some((since, count)) if now.saturating_duration_since(*since) < Duration::from_secs(1) => {
                *count = count.saturating_add(1);
                None
            }
            found => {
                let left_out = found.map_or(0, |(_, count)| *count);
                self.0.insert(source, (now, 0));
                Some(left_out)
            }
        }
    }

    /// Forgets who had no line for a minute. The lines left out since are told now, or it would never be.
    fn quiet(&mut self, now: Instant) -> Vec<(LineSource, u64)> {
        let recent = |since: &Instant| now.saturating_duration_since(*since) < Duration::from_secs(60);
        let quiet = self.0.iter().filter(|(_, (since, count))| !recent(since) && *count > 0);
        let quiet = quiet.map(|(source, (_, count))| (*source, *count)).collect();
        self.0.retain(|_, (since, _)| recent(since));
        quiet
    }
}

/// One line for the person who started the daemon.
pub(crate) fn say(line: &str) {
    sink::say(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_told_though_no_further_line_comes() {
        let (mut pace, start) = (LinePace(BTreeMap::new()), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        let (alice, bob) = ((1000, Urgency::Notice, ""), (1001, Urgency::Notice, ""));
        assert_eq!([0, 1, 2].map(|ms| pace.due(alice, at(ms))), [Some(0), None, None]);
        assert_eq!(pace.due(alice, at(1000)), Some(2), "told with the next line");
        assert_eq!([1001, 1002, 1003].map(|ms| pace.due(alice, at(ms))), [None; 3]);
        assert_eq!(pace.due(bob, at(1000)), Some(0));
        assert_eq!(pace.quiet(at(60_999)), []);
        assert_eq!(pace.quiet(at(61_000)), [(alice, 3)], "and of bob nothing was left out");
        assert_eq!(pace.quiet(at(61_000)), []);
        assert_eq!(pace.due(alice, at(61_000)), Some(0));
    }
}
