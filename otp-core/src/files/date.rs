//! The calendar: a moment as UTC in ISO 8601, and days since 1970.

use crate::unix_time::UnixTime;

/// `2026-11-21T22:04:00Z`; past the year 9999 the bare number.
pub fn utc(time: UnixTime) -> String {
    let seconds = time.seconds();
    let Some((year, month, day)) = date(seconds / DAY) else {
        return format!("{seconds} s since 1970");
    };
    let (hour, minute, second) = (seconds % DAY / 3600, seconds % 3600 / 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// How long before `now` that was, for people: `3 minutes ago`, in the largest unit of which there are two; `just now` for less
/// than two minutes, and for what a clock that was set back puts into the future.
pub fn ago(now: UnixTime, then: UnixTime) -> String {
    let seconds = now.since(then);
    let units = [(DAY, "days"), (3600, "hours"), (60, "minutes")];
    let unit = units.into_iter().find(|(unit, _)| seconds / unit >= 2);
    unit.map_or_else(|| "just now".to_owned(), |(unit, name)| format!("{} {name} ago", seconds / unit))
}

/// Year, month and day, counted off from 1970-01-01.
fn date(days: u64) -> Option<(u64, u64, u64)> {
    let mut left = days;
    for year in 1970..=9999 {
        for (month, length) in (1..).zip(months(year)) {
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => return Some((year, month, left.checked_add(1)?)),
            }
        }
    }
    None
}

/// A day of the Gregorian calendar, as a file has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// In full.
    pub year: u16,
    /// From 1.
    pub month: u8,
    /// From 1.
    pub day: u8,
}

/// Days from 1970-01-01 to this one; `None` if it is earlier, or in no calendar.
pub fn days_since_1970(date: Day) -> Option<u64> {
    let (year, day) = (u64::from(date.year), u64::from(date.day));
    let (lengths, before) = (months(year), usize::from(date.month).checked_sub(1)?);
    let is_there = year >= 1970 && (1..=*lengths.get(before)?).contains(&day);
    let earlier = (1970..year).flat_map(months).chain(lengths.into_iter().take(before));
    is_there.then(|| earlier.sum::<u64>() + day - 1)
}

fn months(year: u64) -> [u64; 12] {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let february = if leap { 29 } else { 28 };
    [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

const DAY: u64 = 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_111_111_109, "2005-03-18T01:58:29Z"),
            (1_795_298_640, "2026-11-21T22:04:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (20_000_000_000, "2603-10-11T11:33:20Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "253402300800 s since 1970"),
            (u64::MAX, "18446744073709551615 s since 1970"),
        ];
        for (seconds, text) in cases {
            assert_eq!(utc(UnixTime::new(seconds)), text);
        }
    }

    #[test]
    fn how_long_ago_it_was_is_told_roughly() {
        let cases = [
            (0, "just now"),
            (119, "just now"),
            (120, "2 minutes ago"),
            (7199, "119 minutes ago"),
            (7200, "2 hours ago"),
            (172_800, "2 days ago"),
            (864_000_000, "10000 days ago"),
        ];
        for (seconds, text) in cases {
            assert_eq!(ago(UnixTime::new(1_000_000_000), UnixTime::new(1_000_000_000 - seconds)), text);
        }
        assert_eq!(ago(UnixTime::new(5), UnixTime::new(500)), "just now");
    }

    #[test]
    fn days_count_from_1970_through_leap_years() {
        let days = [(1970, 1, 1), (1972, 3, 1), (2000, 2, 29), (2027, 1, 31)]
            .map(|(year, month, day)| days_since_1970(Day { year, month, day }));
        assert_eq!(days, [Some(0), Some(790), Some(11_016), Some(20_849)]);
        for (year, month, day) in
            [(1969, 12, 31), (2027, 0, 1), (2027, 13, 1), (2027, 4, 31), (2100, 2, 29), (2027, 1, 0)]
        {
            assert_eq!(days_since_1970(Day { year, month, day }), None, "{year}-{month}-{day}");
        }
    }
}
