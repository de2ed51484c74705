//! A line in the system's log at alert (authpriv), for what root does past the daemon.

use otp_system::syslog::{SOCKET, Syslog};

/// Writes one line. Without a logger, or with one that hangs, it is lost: what was done is done, and a dead log must not keep
/// root out.
pub(crate) fn alert(line: &str) {
    let _: std::io::Result<()> = Syslog::new(SOCKET, "otpctl").send(ALERT, line);
}

/// Severity (syslog(3)).
const ALERT: u8 = 1;
