//! Spans of time as people write and read them: `10m`, "10 minutes".

/// Seconds of `90s`, `10m`, `24h`, `14d` or `2w`.
pub(crate) fn parse(text: &str) -> Result<u64, &'static str> {
    let wanted = "wanted a number and s, m, h, d or w, for example 10m, 24h or 14d";
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..) {
        Some("s") => 1,
        Some("m") => MINUTE,
        Some("h") => HOUR,
        Some("d") => DAY,
        Some("w") => 7 * DAY,
        _ => return Err(wanted),
    };
    let number = digits.parse::<u64>().ok().filter(|number| *number > 0 && !digits.starts_with('+'));
    number.and_then(|number| number.checked_mul(unit)).ok_or(wanted)
}

/// In the largest unit of which there are two, rounded down but for the moments that have gone by since it began.
pub(crate) fn told(seconds: u64) -> String {
    let units = [(DAY, "days"), (HOUR, "hours"), (MINUTE, "minutes")];
    let in_units = |unit: u64| seconds.saturating_add(MOMENTS) / unit;
    let unit = units.into_iter().find(|(unit, _)| in_units(*unit) >= 2);
    match (unit, seconds) {
        (Some((unit, name)), _) => format!("{} {name}", in_units(unit)),
        (None, 1) => "1 second".to_owned(),
        (None, seconds) => format!("{seconds} seconds"),
    }
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const MOMENTS: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        let good = [("90s", 90), ("10m", 600), ("24h", 86_400), ("14d", 1_209_600), ("2w", 1_209_600)];
        for (text, seconds) in good {
            assert_eq!(parse(text), Ok(seconds), "{text}");
        }
        for text in
            ["", "10", "m", "0m", "-1m", "+1m", "1.5h", "10 m", "10mm", "1y", "10M", "99999999999999999999s", "1é"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&format!("{}w", u64::MAX)).is_err());
    }

    #[test]
    fn a_span_is_told_so_that_nobody_has_to_count() {
        let cases = [
            (0, "0 seconds"),
            (1, "1 second"),
            (89, "89 seconds"),
            (599, "10 minutes"),
            (5400, "90 minutes"),
            (9000, "2 hours"),
            (86_398, "24 hours"),
            (30 * 86_400 - 1, "30 days"),
        ];
        for (seconds, text) in cases {
            assert_eq!(told(seconds), text);
        }
    }
}
