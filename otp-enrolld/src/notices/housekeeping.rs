//! The daemon's periodic work, in a thread of its own: once a day the vault's clock mark; once an hour deleted accounts, and notices of
//! what happened at gates that read the files without the daemon; once a minute the count of omitted log lines. Listing all users also
//! makes those notices.

use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use otp_core::accounts::Account;
use otp_core::decision::limits::ClockPolicy;
use otp_core::environment::{Clock, PolicyClock};
use otp_core::files::notice::NoticeEvent;
use otp_core::log_line::{LogLine, Urgency};
use otp_core::manage::notify_owner;
use otp_core::vault::{LockedUser, VaultError, short_lock_deadline};

use crate::daemon::Daemon;
use crate::log::events::{event, tell_what_was_left_out};
use crate::machine::System;
use crate::notices::guesses::Guesses;
use crate::refusals::Refused;

/// The first time in an hour; the clock mark was moved at the start.
pub(crate) fn begin(daemon: Arc<Daemon>) -> io::Result<()> {
    let keeper = move || {
        for minute in 1_u64.. {
            thread::sleep(MINUTE);
            tell_what_was_left_out();
            if !minute.is_multiple_of(60) {
                continue;
            }
            if minute.is_multiple_of(24 * 60) {
                daemon.move_clock_mark().unwrap_or_else(|error| failed("clock-mark", &error));
            }
            daemon.look_for_missing();
            drop(daemon.note_delays()); // the log has what is wrong
            daemon.look_after_all().unwrap_or_else(|error| failed("notices", &error));
        }
    };
    thread::Builder::new().stack_size(STACK_BYTES).spawn(keeper).map(drop)
}

impl Daemon {
    fn move_clock_mark(&self) -> Result<(), VaultError> {
        let policy = self.site.policy().map_or(ClockPolicy::Checked, |policy| policy.limits.clock);
        self.vault().move_clock_mark(&PolicyClock { environment: &System, policy })
    }

    /// Looks after everybody by the name in their file: no account database is asked, which may hang. A user whom somebody holds locked
    /// is left for the next time.
    fn look_after_all(&self) -> Result<(), VaultError> {
        let deadline = short_lock_deadline();
        for uid in self.vault().enrolled_uids()? {
            let Ok(Some(owner)) = self.vault().owner_of(uid) else { continue };
            if let Ok(Some(locked)) = self.vault().look(&owner, &System, deadline) {
                self.make_up_for_notices(locked);
            }
        }
        Ok(())
    }

    /// Of codes that were accepted, of wrong codes that go on, and of keys that were disabled by too many of them.
    pub(crate) fn make_up_for_notices(&self, mut locked: LockedUser<'_>) {
        drop(self.notice_of_codes_locked(&mut locked)); // without room for it, the next time
        drop(locked.settle_suspension(&System)); // if it fails the mark still holds
        let (account, disabled) = (locked.account().clone(), locked.state().disabled);
        let guesses = Guesses::of(locked.state());
        drop(locked);
        self.tell_of_guesses(&account, guesses.filter(|_| !disabled));
        let is_known = self.known_disabled.lock().contains(&account.uid);
        match (disabled, is_known) {
            (true, false) => drop(self.tell_of_disabling(&account)), // without room for it, the next time
            (false, true) => self.forget_disabling(account.uid),
            _ => {}
        }
    }

    /// Its keys are others now. When these are disabled, too, that is to be told.
    pub(crate) fn forget_disabling(&self, uid: u32) {
        self.known_disabled.lock().remove(&uid);
        self.vault().forget_disabling(uid).unwrap_or_else(|error| failed("notices", &error));
    }

    /// Once, also where this daemon ends or the user is adopted: that it was told is on disk.
    fn tell_of_disabling(&self, account: &Account) -> Result<(), Refused> {
        let mut known = self.known_disabled.lock(); // lists of several callers come here at the same time
        if known.contains(&account.uid) {
            return Ok(());
        }
        if !self.vault().is_told_of_disabling(account.uid)? {
            self.notice_of_disabling(account)?;
            self.vault().note_disabling(account.uid).unwrap_or_else(|error| failed("notices", &error));
        }
        known.insert(account.uid);
        Ok(())
    }

    /// Unless its owner is still to be told.
    fn notice_of_disabling(&self, account: &Account) -> Result<(), Refused> {
        let told = self.vault().notices(account).unwrap_or_default();
        if told.iter().any(|one| one.notice.event == NoticeEvent::Disabled) {
            return Ok(());
        }
        self.notice(account, notify_owner::notice(NoticeEvent::Disabled, account.uid, System.wall(), None))
    }
}

fn failed(what: &str, error: &VaultError) {
    let line = LogLine::default().field("event", what).field("detail", &error.to_string());
    event(Urgency::Error, &line.finish());
}

/// Enough for NSS modules.
const STACK_BYTES: usize = 512 * 1024;
const MINUTE: Duration = Duration::from_secs(60);
