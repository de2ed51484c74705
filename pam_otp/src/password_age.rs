//! The age of a UNIX password, as shadow(5) has it, and whether pam_unix(8) then wants another one.

use libc::c_long;
use otp_core::unix_time::UnixTime;

/// The two fields of a shadow line that say when the password must change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PasswordAge {
    /// Days from 1970 to the last change; 0 wants a change at the next login, negative is an empty field.
    pub last_change: c_long,
    /// Days for which it is good; negative is an empty field.
    pub max_age: c_long,
}

const DAY: u64 = 86_400;

impl PasswordAge {
    /// Does pam_unix want a new password?
    pub(crate) fn is_due(self, now: UnixTime) -> bool {
        let today = c_long::try_from(now.seconds() / DAY).unwrap_or(c_long::MAX);
        let expired = || self.max_age >= 0 && today.saturating_sub(self.last_change) > self.max_age;
        self.last_change == 0 || (self.last_change > 0 && expired())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(last_change: c_long, max_age: c_long, today: u64) -> bool {
        PasswordAge { last_change, max_age }.is_due(UnixTime::of_day(today) + (DAY - 1))
    }

    #[test]
    fn a_last_change_of_0_wants_a_new_password_whatever_the_longest_age() {
        assert!(due(0, 99_999, 20_000) && due(0, -1, 20_000));
    }

    #[test]
    fn a_password_is_due_on_the_day_after_its_longest_age() {
        assert!(!due(20_000, 90, 20_090) && due(20_000, 90, 20_091));
        assert!(!due(20_000, 0, 20_000) && due(20_000, 0, 20_001));
    }

    #[test]
    fn empty_fields_and_a_change_in_the_future_want_nothing() {
        assert!(!due(-1, 90, 20_000) && !due(20_000, -1, 99_999) && !due(20_000, 90, 19_000));
        assert!(!due(c_long::MIN, c_long::MAX, 20_000) && !due(c_long::MAX, 0, 20_000));
    }
}
