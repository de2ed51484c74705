//! What the daemon does unasked, in a thread of its own: once a day the vault's clock mark, once an hour the notices of what
//! happened at gates that ask the files and not this daemon.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use otp_core::clock::Clock;
use otp_core::log_line::LogLine;
use otp_core::notice::NoticeEvent;
use otp_core::record::Account;
use otp_core::vault::{Held, VaultError, end_of_a_glance};
use otp_enrolld::{changes, notices};

use crate::events::{Urgency, event};

use crate::service::Daemon;
use crate::system::System;

/// Begins with the notices; the clock mark was moved at the start.
pub fn begin(daemon: Arc<Daemon>) -> io::Result<()> {
    let keeper = move || {
        let mut known_disabled = HashSet::new();
        for hour in 0_u64.. {
            if hour.is_multiple_of(24) && hour > 0 {
                daemon.vault.move_clock_mark(&System).unwrap_or_else(|error| failed("clock-mark", &error));
            }
            daemon.make_up_for_notices(&mut known_disabled).unwrap_or_else(|error| failed("notices", &error));
            thread::sleep(HOUR);
        }
    };
    thread::Builder::new().stack_size(256 * 1024).spawn(keeper).map(drop)
}

impl Daemon {
    /// Of recovery codes that were used, and of keys that were disabled by too many wrong codes. Whom somebody holds locked is
    /// left for the next time.
    fn make_up_for_notices(&self, known_disabled: &mut HashSet<u32>) -> Result<(), VaultError> {
        for uid in self.vault.enrolled_uids()? {
            let Ok(Some(account)) = changes::account_of(uid) else { continue };
            let Ok(Some(mut held)) = self.vault.look(&account, &System, end_of_a_glance()) else { continue };
            drop(self.notice_of_recovery_held(&mut held)); // without room for it, the next time
            if !held.state().disabled {
                known_disabled.remove(&uid);
            } else if known_disabled.insert(uid) {
                self.notice_of_disabling(&account, held);
            }
        }
        Ok(())
    }

    /// Unless its owner is still to be told.
    fn notice_of_disabling(&self, account: &Account, held: Held<'_>) {
        drop(held);
        let told = self.vault.notices(account).unwrap_or_default();
        if !told.iter().any(|one| one.notice.event == NoticeEvent::Disabled) {
            self.notice_after(account, notices::notice(NoticeEvent::Disabled, account.uid, System.wall(), None));
        }
    }
}

fn failed(what: &str, error: &VaultError) {
    let line = LogLine::default().field("event", what).field("detail", &error.to_string());
    event(Urgency::Error, &line.finish());
}

const HOUR: Duration = Duration::from_secs(3600);
