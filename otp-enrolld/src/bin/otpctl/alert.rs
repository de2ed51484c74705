//! A line in the system's log at alert, for what root does past the daemon (syslog(3), facility auth).

use nix::syslog::{Facility, LogFlags, Severity, openlog, syslog};

/// Writes one line. Without a logger it is lost: what was done is done, and a dead log must not keep root out.
pub fn alert(line: &str) {
    let opened = openlog(Some(c"otpctl"), LogFlags::LOG_PID, Facility::LOG_AUTH);
    let _: nix::Result<()> = opened.and_then(|()| syslog(Severity::LOG_ALERT, line));
}
