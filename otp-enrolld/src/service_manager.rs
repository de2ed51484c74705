//! Tells systemd (sd_notify(3)) that the daemon is ready, and regularly that it still answers. Does nothing without systemd.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::log::events::say;

/// The daemon serves from now on.
pub(crate) fn ready() {
    tell(NotifyState::Ready);
}

/// With `WatchdogSec=` in the unit, systemd ends and restarts a daemon that has stopped to answer: one that accepts no
/// connection, or has no thread left that replies.
pub(crate) fn keep_watchdog(socket: &'static Path) -> io::Result<()> {
    let Some(limit) = sd_notify::watchdog_enabled() else { return Ok(()) };
    let pause = limit / 3;
    let watcher = move || {
        loop {
            match still_answers(socket, pause) {
                Ok(()) => tell(NotifyState::Watchdog),
                Err(error) => say(&format!("watchdog: the daemon does not answer itself: {error}")),
            }
            thread::sleep(pause);
        }
    };
    thread::Builder::new().stack_size(STACK_BYTES).spawn(watcher).map(drop)
}

/// Asks what every caller may ask; any answer will do, that all places are taken among them.
fn still_answers(socket: &Path, patience: Duration) -> io::Result<()> {
    let mut stream = match UnixStream::connect(socket) {
        // Nobody, or not this account, can reach it by its name, and another daemon would be no better off.
        Err(error) if UNREACHABLE.contains(&error.kind()) => return Ok(()),
        stream => stream?,
    };
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let asked = stream.write_all(b"{\"method\":\"org.varlink.service.GetInfo\"}\0");
    // A daemon that turns this one away may have spoken and closed before it was asked.
    match stream.read(&mut [0; 64]) {
        Ok(0) => asked.and(Err(ErrorKind::UnexpectedEof.into())),
        Ok(_) => Ok(()),
        Err(error) => asked.and(Err(error)),
    }
}

fn tell(state: NotifyState<'_>) {
    // Without systemd there is nobody, and a systemd that is gone is no reason to stop.
    drop(sd_notify::notify(&[state]));
}

const UNREACHABLE: [ErrorKind; 3] = [ErrorKind::NotFound, ErrorKind::ConnectionRefused, ErrorKind::PermissionDenied];
const STACK_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(50);
    /// Often enough that some answers come before the question.
    const TIMES: usize = 500;

    fn socket(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("otp-watchdog-{}-{name}", std::process::id()));
        drop(std::fs::remove_file(&path));
        path
    }

    #[test]
    fn a_daemon_that_accepts_and_says_nothing_does_not_answer() {
        let path = socket("silent");
        let _listener = UnixListener::bind(&path).unwrap();
        assert!(still_answers(&path, PATIENCE).is_err());
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_socket_that_is_gone_is_no_fault_of_the_daemon() {
        assert!(still_answers(&socket("gone"), PATIENCE).is_ok());
    }

    #[test]
    fn any_answer_will_do_also_one_that_comes_before_the_question() {
        let path = socket("answers");
        let listener = UnixListener::bind(&path).unwrap();
        let turns_away = move || (0..TIMES).for_each(|_| listener.accept().unwrap().0.write_all(b"{}\0").unwrap());
        let server = thread::spawn(turns_away);
        for _ in 0..TIMES {
            assert_eq!(still_answers(&path, Duration::from_secs(10)).map_err(|error| error.kind()), Ok(()));
        }
        server.join().unwrap();
        std::fs::remove_file(path).unwrap();
    }
}
