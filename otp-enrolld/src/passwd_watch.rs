//! Watches for deleted local accounts, in a thread of its own, whenever /etc/passwd is written or replaced: the next account with that name
//! and uid may be another person's, and may exist a moment later.

use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use otp_core::accounts::Account;
use otp_core::log_line::{LogLine, Urgency};

use crate::daemon::Daemon;
use crate::log::events::{about, event};
use crate::machine::System;

/// Looks once, then whenever the file changes. Where the kernel gives no watch the log says so, and an hourly look is left.
pub(crate) fn begin(daemon: Arc<Daemon>) -> io::Result<()> {
    let watch = watch();
    daemon.look_for_missing();
    let watch = match watch {
        Ok(watch) => watch,
        Err(errno) => {
            let line = LogLine::default().field("event", "passwd-not-watched").field("detail", errno.desc());
            event(Urgency::Error, &line.finish());
            return Ok(());
        }
    };
    let watcher = move || loop {
        match watch.read_events() {
            Ok(events) if events.iter().any(|one| is_passwd(one.name.as_deref(), one.mask)) => {
                daemon.look_for_missing()
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => thread::sleep(PAUSE), // the hourly look is left
        }
    };
    thread::Builder::new().stack_size(STACK_BYTES).spawn(watcher).map(drop)
}

fn watch() -> nix::Result<Inotify> {
    let watch = Inotify::init(InitFlags::IN_CLOEXEC)?;
    let events = AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_CLOSE_WRITE;
    watch.add_watch(DIRECTORY, events | AddWatchFlags::IN_ONLYDIR)?;
    Ok(watch)
}

/// More events than the queue held may have been about it, too.
fn is_passwd(name: Option<&std::ffi::OsStr>, mask: AddWatchFlags) -> bool {
    name.is_some_and(|name| name == FILE) || mask.contains(AddWatchFlags::IN_Q_OVERFLOW)
}

impl Daemon {
    /// Marks everybody whose local account is no longer there.
    pub(crate) fn look_for_missing(&self) {
        if let Err(error) = self.vault().mark_missing(&System, &mut tell) {
            let line = LogLine::default().field("event", "accounts").field("detail", &error.to_string());
            event(Urgency::Error, &line.finish());
        }
    }
}

fn tell(account: &Account) {
    event(Urgency::Alert, &about("account-gone", account).finish());
}

const DIRECTORY: &str = "/etc";
const FILE: &str = "passwd";
const STACK_BYTES: usize = 512 * 1024;
const PAUSE: Duration = Duration::from_secs(60);
