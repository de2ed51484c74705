//! The status of a cool-down: why a user's keys are not replaced now, and until when nobody but the user changes the password.

use otp_core::environment::Moment;
use otp_core::policy::cool_down::{CoolDown, PasswordElsewhere};
use otp_core::unix_time::UnixTime;
use otp_core::watch::{CoolDownReason, CoolingDown, PasswordHistory, closed_until, cool_down};

use crate::interface::{CoolDownStatus, UserStatus};

/// The facts about a password for a status.
pub struct PasswordView<'a> {
    /// When it was changed.
    pub history: &'a PasswordHistory,
    /// When the keys were last replaced by a code.
    pub replaced: Option<UnixTime>,
    /// How far apart the changes must be.
    pub policy: CoolDown,
    /// This moment.
    pub now: Moment,
}

/// The status with its cool-down. A user without keys has none to be replaced.
pub fn with_cool_down(status: UserStatus, password: &PasswordView<'_>) -> UserStatus {
    if !status.enrolled {
        return status;
    }
    let PasswordView { history, replaced, policy, now } = password;
    let cool_down = cool_down(history, now, *policy).map(|found| CoolDownStatus::from(&found));
    UserStatus { cool_down, password_until: closed_until(*replaced, now, *policy), ..status }
}

impl From<&CoolingDown> for CoolDownStatus {
    fn from(found: &CoolingDown) -> Self {
        let (reason, by) = match found.why {
            CoolDownReason::Elsewhere(PasswordElsewhere::FourEyes) => ("four-eyes", None),
            CoolDownReason::PasswordChanged(_, by) => (found.why.word(), by),
            why => (why.word(), None),
        };
        Self { reason: reason.to_owned(), until: found.until, by: by.map(|actor| actor.uid) }
    }
}
