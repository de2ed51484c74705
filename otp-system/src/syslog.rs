//! Lines for the system's log (authpriv, syslog(3)): a datagram each on its socket. A logger that is not there, was
//! restarted, or hangs, holds nobody up: what it does not take in time is the caller's to drop.

use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use ::syslog::{Facility, LogFormat, Logger, LoggerBackend, Severity};

/// Where the system's log listens.
pub const SOCKET: &str = "/dev/log";

/// How long a line waits for a logger that takes none.
pub const SEND_TIMEOUT: Duration = Duration::from_millis(100);

/// The way to the logger. It is looked for at every line: the crate's logger never finds one again that was lost.
pub struct Syslog {
    path: PathBuf,
    program: &'static str,
}

impl Syslog {
    /// Lines of `program` to the logger that listens on `path`.
    pub fn new(path: impl Into<PathBuf>, program: &'static str) -> Self {
        Self { path: path.into(), program }
    }

    /// Sends one line of this severity (syslog(3)) within [`SEND_TIMEOUT`].
    pub fn send(&self, severity: u8, line: &str) -> io::Result<()> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        socket.connect(&self.path)?;
        let mut logger = Logger::new(LoggerBackend::Unix(socket), Untimed(self.program));
        match severity {
            0 => logger.emerg(line),
            1 => logger.alert(line),
            2 => logger.crit(line),
            3 => logger.err(line),
            4 => logger.warning(line),
            5 => logger.notice(line),
            6 => logger.info(line),
            _ => logger.debug(line),
        }
        .map_err(|error| match error {
            ::syslog::Error::Io(error) | ::syslog::Error::Write(error) => error,
            error => io::Error::other(error),
        })
    }
}

/// Lines of this program without time stamp: the logger puts its own, and the header's has no zone to be right about.
struct Untimed(&'static str);

impl LogFormat<&str> for Untimed {
    fn format<W: Write>(&self, to: &mut W, severity: Severity, line: &str) -> ::syslog::Result<()> {
        let priority = Facility::LOG_AUTHPRIV as u8 | severity as u8;
        let line = line.replace(char::is_control, " "); // nothing that could pass for another line
        Ok(write!(to, "<{priority}>{}[{}]: {line}", self.0, std::process::id())?)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Instant;

    use super::*;

    /// A path of this test's own, free again when it ends.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("otp-syslog-{}-{name}", std::process::id()));
            Self(path)
        }

        fn logger(&self) -> UnixDatagram {
            drop(std::fs::remove_file(&self.0));
            UnixDatagram::bind(&self.0).expect("a logger")
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            drop(std::fs::remove_file(&self.0));
        }
    }

    fn syslog(path: &Path) -> Syslog {
        Syslog::new(path, "otp-test")
    }

    fn taken(logger: &UnixDatagram) -> String {
        let mut buffer = [0; 256];
        let count = logger.recv(&mut buffer).expect("a line");
        String::from_utf8_lossy(buffer.get(..count).expect("within")).into_owned()
    }

    #[test]
    fn a_line_arrives_with_its_priority_and_its_program() {
        let place = Place::new("plain");
        let logger = place.logger();
        syslog(&place.0).send(5, "event=x").expect("sent");
        assert_eq!(taken(&logger), format!("<85>otp-test[{}]: event=x", std::process::id()));
    }

    #[test]
    fn every_severity_keeps_its_number() {
        let place = Place::new("severities");
        let (logger, syslog) = (place.logger(), syslog(&place.0));
        for severity in 0..8 {
            syslog.send(severity, "").expect("sent");
            assert_eq!(taken(&logger), format!("<{}>otp-test[{}]: ", 80 + severity, std::process::id()));
        }
    }

    #[test]
    fn nothing_in_a_line_passes_for_another() {
        let place = Place::new("forged");
        let logger = place.logger();
        syslog(&place.0).send(5, "a\n<81>su: b\r\0c\u{85}\u{1b}[2Jé").expect("sent");
        assert!(taken(&logger).ends_with("]: a <81>su: b  c  [2Jé"));
    }

    #[test]
    fn a_logger_that_comes_later_or_again_is_found() {
        let place = Place::new("again");
        let syslog = syslog(&place.0);
        assert!(syslog.send(5, "event=nobody").is_err());
        for event in ["event=first", "event=second"] {
            let logger = place.logger(); // the one before is gone
            syslog.send(5, event).expect("sent");
            assert!(taken(&logger).ends_with(event));
        }
    }

    #[test]
    fn a_logger_that_hangs_holds_nobody_up_for_long_and_is_used_again() {
        let place = Place::new("hangs");
        let (logger, syslog) = (place.logger(), syslog(&place.0));
        let begun = Instant::now();
        let sent = (0..100_000).take_while(|_| syslog.send(5, "event=x").is_ok()).count();
        assert!((1..100_000).contains(&sent), "its queue is full at some time");
        assert!(begun.elapsed() < Duration::from_secs(30));
        let begun = Instant::now();
        assert!(syslog.send(5, "event=x").is_err());
        assert!(begun.elapsed() < Duration::from_secs(30));
        for _ in 0..sent {
            taken(&logger);
        }
        syslog.send(5, "event=y").expect("sent");
        assert!(taken(&logger).ends_with("event=y"));
    }
}
