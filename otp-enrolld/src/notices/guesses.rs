//! Tells an owner of repeated wrong codes: anyone who types them at a gate that asks for a password first knows the password. The owner is
//! told once, until a code is accepted there or the origin is reopened; after a restart the daemon tells once more if there are more by
//! then.

use otp_core::accounts::Account;
use otp_core::decision::limits::MANY_WRONG;
use otp_core::decision::origin::Origin;
use otp_core::decision::state::State;
use otp_core::environment::Clock as _;
use otp_core::files::notice::NoticeEvent;
use otp_core::log_line::Urgency;

use crate::daemon::Daemon;
use crate::log::events::{about, event};
use crate::machine::System;
use crate::refusals::{Refused, log_vault};

/// Many wrong codes in a row, of the origin that has most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Guesses {
    origin: Origin,
    count: u32,
    /// When the last one came, by the boot clock of that boot.
    last_ms: u64,
}

impl Guesses {
    /// Those on record.
    pub(crate) fn of(state: &State) -> Option<Self> {
        let many = Origin::ALL.into_iter().filter_map(|origin| {
            let found = state.origin(origin);
            let guesses = Self { origin, count: found.failures, last_ms: found.last_failure_ms };
            (found.failures >= MANY_WRONG).then_some(guesses)
        });
        many.max_by_key(|found| found.count)
    }

    /// Are they to be told to somebody who was told of these? In an earlier boot nobody types them now.
    fn are_news(self, told: Option<(Origin, u32)>, boot_ms: u64) -> bool {
        self.last_ms <= boot_ms && told.is_none_or(|(origin, count)| origin != self.origin || count < self.count)
    }
}

impl Daemon {
    /// Tells `account` of these, or that there are none any more.
    pub(crate) fn tell_of_guesses(&self, account: &Account, guesses: Option<Guesses>) {
        let mut known = self.known_guesses.lock(); // lists of several callers come here at the same time
        match guesses {
            None => {
                known.remove(&account.uid);
                self.vault().forget_wrong_codes(account.uid).unwrap_or_else(|error| log_vault(&error));
            }
            Some(_) if known.contains(&account.uid) => {}
            Some(found) => {
                let told = self.vault().told_of_wrong_codes(account.uid).unwrap_or_default(); // rather twice than never
                if found.are_news(told, System.boot_ms()) && self.notice_of_wrong_codes(account, found).is_ok() {
                    known.insert(account.uid); // without room for it, the next time
                }
            }
        }
    }

    /// Unless its owner is still to be told. It is dated when they are found: nobody knows in which boot they were typed.
    fn notice_of_wrong_codes(&self, account: &Account, found: Guesses) -> Result<(), Refused> {
        let told = self.vault().notices(account)?;
        if !told.iter().any(|one| one.notice.event == NoticeEvent::WrongCodes) {
            self.notice_at_a_gate(account, NoticeEvent::WrongCodes, System.wall())?;
            let line = about("wrong-codes", account)
                .field("origin", found.origin.as_str())
                .field("failures", &found.count.to_string());
            event(Urgency::Warning, &line.finish());
        }
        let noted = self.vault().note_wrong_codes(account.uid, found.origin, found.count);
        noted.unwrap_or_else(|error| log_vault(&error));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_in_a_row_of_one_origin() {
        let mut state = State::never_enrolled(1);
        for _ in 0..4 {
            state.count_failure(Origin::Remote, 20, 7_000);
            state.count_failure(Origin::Myself, 20, 9_000);
        }
        assert_eq!(Guesses::of(&state), None);
        state.count_failure(Origin::Remote, 20, 8_000);
        assert_eq!(Guesses::of(&state), Some(Guesses { origin: Origin::Remote, count: 5, last_ms: 8_000 }));
    }

    #[test]
    fn more_than_were_told_and_not_of_a_boot_before() {
        let found = Guesses { origin: Origin::Remote, count: 7, last_ms: 8_000 };
        for (told, news) in [
            (None, true),
            (Some((Origin::Remote, 5)), true),
            (Some((Origin::Remote, 7)), false),
            (Some((Origin::Remote, 9)), false),
            (Some((Origin::Other, 9)), true),
        ] {
            assert_eq!(found.are_news(told, 8_000), news, "{told:?}");
            assert!(!found.are_news(told, 7_999), "of an earlier boot");
        }
    }
}
