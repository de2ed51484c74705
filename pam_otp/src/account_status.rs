//! How a user stands with their keys, as this process or the daemon found it.

use crate::reason::LogReason;
use otp_core::unix_time::UnixTime;

/// How a user stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AccountStatus {
    /// Positively never enrolled.
    NeverEnrolled,
    /// Enrolled and in order.
    InOrder {
        /// The oldest key that its owner can replace, if there is one.
        oldest: Option<OldestKey>,
        /// The key that comes to its end first, if one has an end that is to come.
        ending: Option<EndingKey>,
        /// Did something happen at a gate of which nobody has told the owner?
        untold: Untold,
        /// The time, as far as the clock is believed.
        now: UnixTime,
    },
    /// Not barred; more is not told to this process, not even whether there is a key.
    NotBarred,
    /// Suspended, disabled, expired, or without a key after the last one was revoked; which.
    Barred(LogReason),
}

/// The oldest key of an app. Counter-based tokens come with their secret and are not replaced by their owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OldestKey {
    /// Its owner's name for it.
    pub label: String,
    /// When its first code confirmed it.
    pub confirmed: UnixTime,
}

/// A key with an end that is to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EndingKey {
    /// Its owner's name for it.
    pub label: String,
    /// Can its owner replace it?
    pub replaceable: bool,
    /// The last second at which it is good.
    pub end: UnixTime,
}

/// A key, as far as its dates go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyDates {
    /// Its owner's name for it.
    pub label: String,
    /// TOTP: its owner can replace it. A token that counts comes with its secret.
    pub replaceable: bool,
    /// When its first code confirmed it.
    pub confirmed: UnixTime,
    /// The last second at which it is good.
    pub expires: Option<UnixTime>,
}

impl OldestKey {
    /// Of these. A key that has come to its end becomes no older.
    pub(crate) fn of(keys: &[KeyDates], now: UnixTime) -> Option<Self> {
        let keys = keys.iter().filter(|key| key.replaceable && !key.has_ended(now));
        let key = keys.min_by_key(|key| key.confirmed)?;
        Some(Self { label: key.label.clone(), confirmed: key.confirmed })
    }
}

impl EndingKey {
    /// Of these.
    pub(crate) fn of(keys: &[KeyDates], now: UnixTime) -> Option<Self> {
        let ends = keys.iter().filter_map(|key| Some((key, key.expires.filter(|end| now <= *end)?)));
        let (key, end) = ends.min_by_key(|(_, end)| *end)?;
        Some(Self { label: key.label.clone(), replaceable: key.replaceable, end })
    }

    /// In so many days, the last one counted; on a day on which its owner is reminded.
    pub(crate) fn reminder(&self, now: UnixTime) -> Option<u64> {
        let days = self.end.since(now).div_ceil(DAY_S).max(1);
        matches!(days, 1..=7 | 14 | 30).then_some(days)
    }
}

impl KeyDates {
    fn has_ended(&self, now: UnixTime) -> bool {
        self.expires.is_some_and(|end| end < now)
    }
}

const DAY_S: u64 = 86_400;

/// Whether something happened at a gate of which its owner has not been told: a recovery code was used, or a code accepted after many
/// wrong ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Untold {
    /// No.
    Nothing,
    /// Yes.
    Something,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(label: &str, confirmed: u64, expires: Option<u64>) -> KeyDates {
        let (confirmed, expires) = (UnixTime::new(confirmed), expires.map(UnixTime::new));
        KeyDates { label: label.to_owned(), replaceable: label != "fob", confirmed, expires }
    }

    #[test]
    fn the_first_end_that_is_to_come_counts_and_an_ended_key_grows_no_older() {
        let keys =
            [key("ended", 1, Some(99)), key("later", 2, Some(300)), key("fob", 0, Some(200)), key("endless", 3, None)];
        let now = UnixTime::new(100);
        let ending = EndingKey::of(&keys, now);
        assert_eq!(ending.map(|key| (key.label, key.replaceable)), Some(("fob".to_owned(), false)));
        assert_eq!(OldestKey::of(&keys, now).map(|key| key.label), Some("later".to_owned()));
        assert_eq!(EndingKey::of(&keys, UnixTime::new(301)), None);
        assert_eq!(
            EndingKey::of(&keys[..1], UnixTime::new(99)).map(|key| key.end),
            Some(UnixTime::new(99)),
            "its last second"
        );
    }

    #[test]
    fn the_days_of_reminders() {
        let end = UnixTime::new(100 * DAY_S);
        let key = EndingKey { label: String::new(), replaceable: true, end };
        let before = |seconds: u64| key.reminder(UnixTime::new(100 * DAY_S - seconds));
        assert_eq!([0, 1, DAY_S, DAY_S + 1, 7 * DAY_S].map(before), [Some(1), Some(1), Some(1), Some(2), Some(7)]);
        assert_eq!([7 * DAY_S + 1, 13 * DAY_S, 14 * DAY_S, 14 * DAY_S + 1].map(before), [None, None, Some(14), None]);
        assert_eq!([29 * DAY_S, 30 * DAY_S, 30 * DAY_S + 1].map(before), [None, Some(30), None]);
    }
}
