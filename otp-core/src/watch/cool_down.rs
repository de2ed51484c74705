//! May a key be replaced, so soon after the password was changed? The decision alone: it asks neither a file nor a clock.

use crate::codes::ids::PasswordChange;
use crate::environment::Moment;
use crate::files::password_record::{PasswordActor, SeenAt};
use crate::policy::cool_down::{CoolDown, PasswordElsewhere};
use crate::unix_time::UnixTime;
use crate::vault::{VaultError, each_local_account};
use crate::watch::WatchPlace;

/// Knowledge about the last change of somebody's password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordHistory {
    /// Nobody has ever looked on this host (W5).
    Unwatched,
    /// It was changed, or seen changed.
    Changed {
        /// When.
        at: SeenAt,
        /// By this person, if that is known.
        by: Option<PasswordActor>,
        /// The name of that change.
        change: PasswordChange,
    },
    /// There should be a record, and there is none to be believed, or passwords were changed since the last look (W3).
    Unknown,
    /// It is not on this host.
    Elsewhere,
}

/// A key may not be replaced now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoolingDown {
    /// Until this moment by the clock of the decision; none where no end can be told.
    pub until: Option<UnixTime>,
    /// Why.
    pub why: CoolDownReason,
}

/// Why a key may not be replaced now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoolDownReason {
    /// The password was changed: by which change, and by this person if that is known.
    PasswordChanged(PasswordChange, Option<PasswordActor>),
    /// When it was changed is not known.
    NoRecord,
    /// It is not on this host, and the policy says this.
    Elsewhere(PasswordElsewhere),
}

impl PasswordHistory {
    /// The history of `uid`, from the records. The error is one that stands in their way, for the log.
    pub fn of(place: &WatchPlace<'_>, uid: u32) -> (Self, Option<VaultError>) {
        let is_up_to_date = place.is_up_to_date(); // first: the record that is then read is of that look or a later one
        match place.record(uid) {
            Ok(Some(kept)) => match is_up_to_date {
                Ok(true) => {
                    let at = kept.changed();
                    (Self::Changed { change: at.change_of(uid), at, by: kept.by() }, None)
                }
                Ok(false) => (Self::Unknown, None),
                Err(error) => (Self::Unknown, Some(error)),
            },
            Ok(None) if !place.has_begun() => (Self::Unwatched, None),
            Ok(None) => match is_local(uid) {
                Ok(true) => (Self::Unknown, None),
                Ok(false) => (Self::Elsewhere, None),
                Err(error) => (Self::Unknown, Some(error)),
            },
            Err(error) => (Self::Unknown, Some(error)),
        }
    }
}

/// Is there a line of this uid in /etc/passwd?
fn is_local(uid: u32) -> Result<bool, VaultError> {
    let mut is_local = false;
    each_local_account(&mut |account| is_local |= account.uid == uid).map(|()| is_local)
}

/// Is this too soon? `None` if not.
pub fn cool_down(history: &PasswordHistory, now: &Moment, policy: CoolDown) -> Option<CoolingDown> {
    if policy.hours == 0 {
        return None;
    }
    match history {
        PasswordHistory::Unwatched => None,
        PasswordHistory::Changed { at, by, change } => match at.left(policy.seconds(), now) {
            0 => None,
            left => {
                let why = CoolDownReason::PasswordChanged(*change, *by);
                Some(CoolingDown { until: Some(now.wall + left), why })
            }
        },
        PasswordHistory::Unknown => Some(CoolingDown { until: None, why: CoolDownReason::NoRecord }),
        PasswordHistory::Elsewhere => {
            Some(CoolingDown { until: None, why: CoolDownReason::Elsewhere(policy.elsewhere()) })
        }
    }
}

/// Until when nobody but its owner changes the password of a user whose keys were replaced at that time; `None` if anybody may.
pub fn closed_until(replaced: Option<UnixTime>, now: &Moment, policy: CoolDown) -> Option<UnixTime> {
    let left = SeenAt::wall(replaced?).left(policy.seconds(), now);
    (policy.hours > 0 && left > 0).then(|| now.wall + left)
}

impl CoolDownReason {
    /// The word for logs and scripts.
    pub const fn word(self) -> &'static str {
        match self {
            Self::PasswordChanged(..) => "password-changed",
            Self::NoRecord => "no-record",
            Self::Elsewhere(_) => "password-elsewhere",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::BootId;

    const BOOT: &str = "0f6f2b7e-9c41-4d7a-8b1e-3a5c9d2e4f60";
    const CHANGED: UnixTime = UnixTime::new(1_795_301_571);
    const THREE_DAYS: u64 = 72 * 3600;

    fn history(boot: Option<&str>) -> PasswordHistory {
        let boot = boot.map(|boot| (BootId::parse(boot).unwrap(), 5000));
        let change = PasswordChange::new([1; 8]);
        PasswordHistory::Changed { at: SeenAt { wall: CHANGED, boot }, by: None, change }
    }

    fn until(history: &PasswordHistory, wall: UnixTime, boot_ms: u64) -> Option<UnixTime> {
        let now = Moment { wall, boot_ms, boot: BootId::parse(BOOT) };
        cool_down(history, &now, CoolDown::default()).map(|found| found.until.unwrap())
    }

    #[test]
    fn it_ends_to_the_second() {
        let end = CHANGED + THREE_DAYS;
        let of_an_earlier_boot = history(None);
        assert_eq!(until(&of_an_earlier_boot, CHANGED, 0), Some(end));
        assert_eq!(until(&of_an_earlier_boot, UnixTime::new(end.seconds() - 1), 0), Some(end));
        assert_eq!(until(&of_an_earlier_boot, end, 0), None);
        let of_this_boot = history(Some(BOOT));
        let last = UnixTime::new(end.seconds() - 1);
        assert_eq!(until(&of_this_boot, last, 5000 + THREE_DAYS * 1000 - 1), Some(end));
        assert_eq!(until(&of_this_boot, end, 5000 + THREE_DAYS * 1000), None);
    }

    #[test]
    fn a_clock_step_in_the_boot_that_saw_the_change_neither_shortens_nor_lengthens_it() {
        let of_this_boot = history(Some(BOOT));
        for wall in [0, 1, CHANGED.seconds() + 10 * THREE_DAYS] {
            let wall = UnixTime::new(wall);
            assert_eq!(until(&of_this_boot, wall, 5000), Some(wall + THREE_DAYS));
            assert_eq!(until(&of_this_boot, wall, 5000 + THREE_DAYS * 1000), None);
        }
    }

    #[test]
    fn a_clock_that_fell_back_since_another_boot_makes_it_longer() {
        let end = CHANGED + THREE_DAYS;
        for boot in [None, Some("11111111-9c41-4d7a-8b1e-3a5c9d2e4f60")] {
            assert_eq!(until(&history(boot), UnixTime::EPOCH, u64::MAX), Some(end), "{boot:?}");
        }
    }

    #[test]
    fn after_a_replacement_the_password_is_closed_to_the_second() {
        let until = |replaced, wall, hours| {
            let now = Moment { wall: UnixTime::new(wall), boot_ms: 0, boot: None };
            closed_until(replaced, &now, CoolDown { hours, ..CoolDown::default() })
        };
        let (then, end) = (CHANGED.seconds(), CHANGED + THREE_DAYS);
        for wall in [0, then, then + THREE_DAYS - 1] {
            assert_eq!(until(Some(CHANGED), wall, 72), Some(end), "{wall}");
        }
        assert_eq!(until(Some(CHANGED), then + THREE_DAYS, 72), None);
        assert_eq!([until(None, then, 72), until(Some(CHANGED), then, 0), until(Some(CHANGED), 0, 0)], [None; 3]);
    }

    #[test]
    fn what_is_not_known_never_ends_it() {
        let now = Moment { wall: CHANGED, boot_ms: 0, boot: None };
        let of = |history, hours, elsewhere| cool_down(&history, &now, CoolDown { hours, elsewhere: Some(elsewhere) });
        let unknown = CoolingDown { until: None, why: CoolDownReason::NoRecord };
        assert_eq!(of(PasswordHistory::Unknown, 1, PasswordElsewhere::Refuse), Some(unknown));
        for elsewhere in [PasswordElsewhere::Refuse, PasswordElsewhere::FourEyes] {
            let found = CoolingDown { until: None, why: CoolDownReason::Elsewhere(elsewhere) };
            assert_eq!(of(PasswordHistory::Elsewhere, 1, elsewhere), Some(found));
            assert_eq!(of(PasswordHistory::Unwatched, 720, elsewhere), None);
            for history in [history(None), PasswordHistory::Unknown, PasswordHistory::Elsewhere] {
                assert_eq!(of(history, 0, elsewhere), None, "switched off");
            }
        }
    }
}
