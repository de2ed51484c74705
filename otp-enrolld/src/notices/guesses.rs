//! Wrong codes that go on: anyone who types them at a gate that asks for a password first knows the password. Their owner is told once,
//! until one is accepted there or the origin is reopened; by a daemon that was started again, once more.

use otp_core::accounts::Account;
use otp_core::decision::limits::MANY_WRONG;
use otp_core::decision::origin::Origin;
use otp_core::decision::state::State;
use otp_core::environment::Clock as _;
use otp_core::files::notice::NoticeEvent;
use otp_core::log_line::Urgency;
use otp_core::unix_time::UnixTime;

use crate::daemon::Daemon;
use crate::log::events::{about, event};
use crate::machine::System;
use crate::refusals::Refused;

/// Many wrong codes in a row, of the origin that has most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Guesses {
    origin: Origin,
    count: u32,
    /// Seconds since the last one.
    ago: u64,
}

impl Guesses {
    /// Those on record, unless they are of an earlier boot: nobody types them now.
    pub(crate) fn of(state: &State, boot_ms: u64) -> Option<Self> {
        let many = Origin::ALL.into_iter().filter_map(|origin| {
            let found = state.origin(origin);
            let ago = boot_ms.checked_sub(found.last_failure_ms)? / 1000;
            (found.failures >= MANY_WRONG).then_some(Self { origin, count: found.failures, ago })
        });
        many.max_by_key(|found| found.count)
    }
}

impl Daemon {
    /// Tells `account` of these, or that there are none any more.
    pub(crate) fn tell_of_guesses(&self, account: &Account, guesses: Option<Guesses>) {
        let mut known = self.known_guesses.lock(); // lists of several callers come here at the same time
        match guesses {
            None => drop(known.remove(&account.uid)),
            Some(_) if known.contains(&account.uid) => {}
            Some(found) => {
                if self.notice_of_wrong_codes(account, found).is_ok() {
                    known.insert(account.uid); // without room for it, the next time
                }
            }
        }
    }

    /// Unless its owner is still to be told.
    fn notice_of_wrong_codes(&self, account: &Account, found: Guesses) -> Result<(), Refused> {
        let told = self.vault().notices(account)?;
        if told.iter().any(|one| one.notice.event == NoticeEvent::WrongCodes) {
            return Ok(());
        }
        let at = UnixTime::new(System.wall().since(UnixTime::new(found.ago)));
        self.notice_at_a_gate(account, NoticeEvent::WrongCodes, at)?;
        let line = about("wrong-codes", account)
            .field("origin", found.origin.as_str())
            .field("failures", &found.count.to_string());
        event(Urgency::Warning, &line.finish());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_in_a_row_of_one_origin_in_this_boot() {
        let mut state = State::never_enrolled(1);
        for _ in 0..4 {
            state.count_failure(Origin::Remote, 20, 7_000);
            state.count_failure(Origin::Myself, 20, 9_000);
        }
        assert_eq!(Guesses::of(&state, 10_000), None);
        state.count_failure(Origin::Remote, 20, 8_000);
        let found = Guesses { origin: Origin::Remote, count: 5, ago: 2 };
        assert_eq!(Guesses::of(&state, 10_000), Some(found));
        assert_eq!(Guesses::of(&state, 7_999), None, "of an earlier boot");
    }
}
