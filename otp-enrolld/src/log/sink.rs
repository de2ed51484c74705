//! Where the daemon's lines go: to the journal by standard error, if that is where it leads (JOURNAL_STREAM, systemd.exec(5)); else
//! to the system's log, and to standard error for a person who started the daemon by hand. A reader that hangs holds nobody up.

use std::io::{self, ErrorKind, Write as _};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::fstat;
use otp_core::log_line::LogLine;
use otp_system::screen::{ColorWish, Look, wrapped};
use otp_system::syslog::{self, SEND_TIMEOUT, Syslog};

use crate::lock::Lock;

/// How long a way that failed is left alone. Its lines are lost, and counted.
const REST: Duration = Duration::from_secs(1);
/// Longest line in bytes: what a pipe that has room at all takes in one piece (PIPE_BUF, pipe(7)).
const LONGEST: usize = 4096;
/// Notice (syslog(3)): of the line about lines that were lost.
const NOTICE: u8 = 5;

/// The ways out of this process; the first is standard error.
static SINKS: Lock<Vec<Sink>> = Lock::new(Vec::new());

/// One line, of this severity (syslog(3)).
pub(crate) fn line(severity: u8, text: &str) {
    each_sink(|sink| sink.line(Some(severity), text));
}

/// One line for the person who started the daemon.
pub(crate) fn say(text: &str) {
    let mut said = false;
    each_sink(|sink| {
        if !std::mem::replace(&mut said, true) {
            sink.line(None, text);
        }
    });
}

fn each_sink(act: impl FnMut(&mut Sink)) {
    let mut sinks = SINKS.lock();
    if sinks.is_empty() {
        *sinks = sinks_of_this_process();
    }
    sinks.iter_mut().for_each(act);
}

/// To the journal by one way only: no line must be there twice.
fn sinks_of_this_process() -> Vec<Sink> {
    if leads_to_the_journal() {
        return vec![Sink::new(|severity, text| match severity {
            Some(severity) => to_stderr(&format!("<{severity}>{text}")),
            None => to_stderr(&format!("otp-enrolld: {text}")),
        })];
    }
    let syslog = Syslog::new(syslog::SOCKET, "otp-enrolld");
    vec![
        Sink::new(|severity, text| to_stderr(&laid_out(severity, &format!("otp-enrolld: {text}")))),
        Sink::new(move |severity, text| syslog.send(severity.unwrap_or(NOTICE), text)),
    ]
}

/// For a person at a terminal in lines of its width; the log's lines stay whole.
fn laid_out(severity: Option<u8>, text: &str) -> String {
    let look = severity.map_or_else(|| Look::of(&io::stderr(), ColorWish::Never), |_| Look::PLAIN);
    wrapped(text, look).to_string()
}

/// Writes a line of a severity, or for the person.
type Writer = dyn FnMut(Option<u8>, &str) -> io::Result<()> + Send;

/// One way out, and how it fares.
struct Sink {
    writer: Box<Writer>,
    rests_until: Option<Instant>,
    lost: u64,
}

impl Sink {
    fn new(writer: impl FnMut(Option<u8>, &str) -> io::Result<()> + Send + 'static) -> Self {
        Self { writer: Box::new(writer), rests_until: None, lost: 0 }
    }

    /// Sends, unless this way rests; tells first of what was lost.
    fn line(&mut self, severity: Option<u8>, text: &str) {
        let rests = self.rests_until.is_some_and(|end| Instant::now() < end);
        if !rests && self.told_of_the_lost() && (self.writer)(severity, text).is_ok() {
            return;
        }
        self.lost = self.lost.saturating_add(1);
        if !rests {
            self.rests_until = Instant::now().checked_add(REST);
        }
    }

    fn told_of_the_lost(&mut self) -> bool {
        let line = LogLine::default().field("event", "lines-lost").field("count", &self.lost.to_string()).finish();
        let told = self.lost == 0 || (self.writer)(Some(NOTICE), &line).is_ok();
        self.lost = if told { 0 } else { self.lost };
        told
    }
}

/// The journal's own name for its end of standard error is the device and inode of ours (systemd.exec(5)).
fn leads_to_the_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    fstat(io::stderr()).is_ok_and(|about| stream == format!("{}:{}", about.st_dev, about.st_ino))
}

/// In one write, so that lines do not mix; only if there is room, so that a full pipe or a journal that hangs waits for nobody.
fn to_stderr(line: &str) -> io::Result<()> {
    let mut line = line.as_bytes().to_vec();
    line.truncate(LONGEST - 1);
    line.push(b'\n');
    let stderr = io::stderr();
    let timeout = PollTimeout::try_from(SEND_TIMEOUT).map_err(io::Error::other)?;
    let ready = poll(&mut [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)], timeout)?;
    if ready == 0 {
        return Err(ErrorKind::TimedOut.into());
    }
    let written = stderr.lock().write(&line)?;
    if written == line.len() { Ok(()) } else { Err(ErrorKind::WriteZero.into()) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_way_that_failed_rests_and_tells_later_how_many_lines_were_lost() {
        let (taken, works) = (Arc::new(Lock::new(Vec::new())), Arc::new(AtomicBool::new(true)));
        let (seen, up) = (Arc::clone(&taken), Arc::clone(&works));
        let mut sink = Sink::new(move |_, text| {
            seen.lock().push(text.to_owned());
            if up.load(Ordering::SeqCst) { Ok(()) } else { Err(ErrorKind::TimedOut.into()) }
        });
        sink.line(Some(5), "one");
        works.store(false, Ordering::SeqCst);
        sink.line(Some(5), "two");
        works.store(true, Ordering::SeqCst);
        sink.line(Some(5), "three");
        assert_eq!(*taken.lock(), ["one", "two"], "while it rests nothing is tried");
        sink.rests_until = Some(Instant::now());
        sink.line(Some(5), "four");
        assert_eq!(taken.lock()[2..], ["event=lines-lost count=2", "four"]);
    }
}
