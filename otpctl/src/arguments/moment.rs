//! Moments on the command line: a day, to its last second, or a time of it, by the clock on the wall here.

use otp_core::files::date::{Day, days_since_1970};
use otp_core::unix_time::UnixTime;
use otp_system::kernel;

/// The end of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyEnd {
    Never,
    /// The last second at which it is good.
    At(UnixTime),
}

impl KeyEnd {
    pub(crate) fn time(self) -> Option<UnixTime> {
        match self {
            Self::Never => None,
            Self::At(end) => Some(end),
        }
    }
}

/// Reads `never` or a moment.
pub(super) fn key_end(text: &str) -> Result<KeyEnd, &'static str> {
    if text == "never" { Ok(KeyEnd::Never) } else { moment(text).map(KeyEnd::At).map_err(|_| WANTED_OR_NEVER) }
}

/// Reads `2027-01-31`, whose last second it is, `2027-01-31T18:00` or `2027-01-31T18:00:30`, also with a blank for the T. With a Z at
/// its end a time is in UTC.
pub(super) fn moment(text: &str) -> Result<UnixTime, &'static str> {
    let (day, time) = match text.split_once(['T', ' ']) {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    let day = parsed_day(day).ok_or(WANTED)?;
    let seconds = match time {
        None => kernel::moment_of_local_time(day, (23, 59, 59)).ok_or(NO_SUCH_TIME),
        Some(time) => match time.strip_suffix('Z') {
            Some(time) => in_utc(day, parsed_time(time).ok_or(WANTED)?).ok_or(NO_SUCH_TIME),
            None => kernel::moment_of_local_time(day, parsed_time(time).ok_or(WANTED)?).ok_or(NO_SUCH_TIME),
        },
    }?;
    Ok(UnixTime::new(seconds))
}

fn parsed_day(text: &str) -> Option<(u16, u8, u8)> {
    let mut parts = text.split('-');
    let day = (number(parts.next()?, 4)?, small(parts.next()?)?, small(parts.next()?)?);
    parts.next().is_none().then_some(day)
}

/// Without seconds it is a whole minute.
fn parsed_time(text: &str) -> Option<(u8, u8, u8)> {
    let mut parts = text.split(':');
    let (hour, minute) = (small(parts.next()?)?, small(parts.next()?)?);
    let second = parts.next().map_or(Some(0), small)?;
    let in_range = hour < 24 && minute < 60 && second < 60;
    (in_range && parts.next().is_none()).then_some((hour, minute, second))
}

fn in_utc((year, month, day): (u16, u8, u8), (hour, minute, second): (u8, u8, u8)) -> Option<u64> {
    let day = UnixTime::of_day(days_since_1970(Day { year, month, day })?);
    Some(day.seconds() + u64::from(hour) * 3600 + u64::from(minute) * 60 + u64::from(second))
}

fn small(text: &str) -> Option<u8> {
    number(text, 2).and_then(|number| u8::try_from(number).ok())
}

/// So many digits and nothing else.
fn number(text: &str, digits: usize) -> Option<u16> {
    let good = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    good.then(|| text.parse().ok())?
}

const WANTED: &str = "wanted a day, as 2027-01-31, or a time, as 2027-01-31T18:00";
const WANTED_OR_NEVER: &str = "wanted never, a day, as 2027-01-31, or a time, as 2027-01-31T18:00";
const NO_SUCH_TIME: &str = "no calendar has that day, or no clock here shows that time";

#[cfg(test)]
mod tests {
    use otp_system::local_time::to_the_minute;

    use super::*;

    #[test]
    fn a_day_lasts_to_its_last_second_and_a_time_is_that_second() {
        let second = |text: &str| moment(text).map(UnixTime::seconds);
        assert_eq!(second("2027-01-31T18:00Z"), Ok(1_801_418_400));
        assert_eq!(second("2027-01-31 18:00:30Z"), Ok(1_801_418_430));
        let day = moment("2027-01-31").unwrap();
        assert_eq!(moment("2027-01-31T23:59:59"), Ok(day));
        assert!(to_the_minute(day.seconds()).starts_with("2027-01-31 23:59 "));
        assert_eq!(key_end("2027-01-31"), Ok(KeyEnd::At(day)));
        assert_eq!(key_end("never"), Ok(KeyEnd::Never));
    }

    #[test]
    fn nothing_else_is_a_moment() {
        for text in [
            "",
            "tomorrow",
            "Never",
            "2027",
            "2027-1-31",
            "2027-13-01",
            "2027-02-29",
            "2027-00-10",
            "2027-01-31T",
            "2027-01-31T24:00",
            "2027-01-31T18",
            "2027-01-31T18:60",
            "2027-01-31T18:00:00:00",
            "2027-01-31T18:00+01",
            "27-01-31",
            "+027-01-31",
            "1969-12-31T12:00Z",
            "2027-01-31Z",
            "2027-01-31-01",
        ] {
            assert!(key_end(text).is_err(), "{text:?}");
        }
    }
}
