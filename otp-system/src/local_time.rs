//! A moment as people here read it: to the minute, by the zone of this process (`TZ`, else /etc/localtime), which it names.

use crate::kernel;

/// `2026-11-21 23:04 CET` of seconds since 1970; of what no calendar has the bare number.
pub fn to_the_minute(seconds: u64) -> String {
    kernel::local_time(seconds)
        .as_deref()
        .and_then(without_seconds)
        .unwrap_or_else(|| format!("{seconds} s since 1970"))
}

fn without_seconds(moment: &str) -> Option<String> {
    let (time, zone) = moment.rsplit_once(' ')?;
    let zone: String = zone.chars().filter(char::is_ascii_graphic).collect();
    Some(format!("{} {zone}", time.rsplit_once(':')?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_to_the_minute_with_its_zone() {
        let told = to_the_minute(1_795_298_640);
        assert!(told.starts_with("2026-11-2") && told.len() > "2026-11-21 22:04 ".len(), "{told}");
        let minutes: u64 = told.get(14..16).and_then(|text| text.parse().ok()).expect("minutes");
        assert_eq!(minutes % 15, 4, "no zone of today is off by other than quarters of an hour: {told}");
        assert_eq!(without_seconds("2026-11-21 22:04:10 CET").as_deref(), Some("2026-11-21 22:04 CET"));
        assert_eq!(without_seconds("nonsense"), None);
        assert_eq!(to_the_minute(u64::MAX), format!("{} s since 1970", u64::MAX));
    }
}
