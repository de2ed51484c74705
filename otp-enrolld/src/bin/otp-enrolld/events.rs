//! What the daemon tells the system's log: lines on standard error, which systemd passes on; the priority in front where
//! the journal reads it (sd-daemon(3)).

use std::io::Write as _;

/// Priority of a line (syslog(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Somebody should look now.
    Alert,
    /// Something could not be done.
    Error,
    /// A change, or a refusal.
    Notice,
}

/// One line about something that happened.
pub fn event(urgency: Urgency, line: &str) {
    let number = match urgency {
        Urgency::Alert => 1,
        Urgency::Error => 3,
        Urgency::Notice => 5,
    };
    let journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let line = if journal { format!("<{number}>{line}\n") } else { format!("otp-enrolld: {line}\n") };
    write(&line);
}

/// One line for the person who started the daemon.
pub fn say(line: &str) {
    write(&format!("otp-enrolld: {line}\n"));
}

/// In one write, so that lines do not mix. A log that cannot be written must not end the daemon.
fn write(line: &str) {
    drop(std::io::stderr().write_all(line.as_bytes()));
}
