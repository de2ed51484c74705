//! Why a code does not belong to a new key: several apps silently ignore a hash, a length or a period, and clocks are wrong. The daemon
//! finds the cause; otpctl and the module show it.

use crate::keys::device::Device;
use crate::keys::key::{Algorithm, Digits, Period};

/// The settings that a code would fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Diagnosis {
    /// The key, at another time: the device's clock is so many seconds before this one's, or after.
    Clock(i64),
    /// The key with this hash.
    Algorithm(Algorithm),
    /// The key with codes of another length.
    Digits(Digits),
    /// The key with another period.
    Period(Period),
    /// The key: the first of the two codes in a row that a counter needs.
    NextCode,
}

impl Diagnosis {
    /// The word on the wire.
    pub fn word(self) -> String {
        match self {
            Self::Clock(seconds) if seconds < 0 => format!("clock-slow {}", seconds.unsigned_abs()),
            Self::Clock(seconds) => format!("clock-fast {seconds}"),
            Self::Algorithm(algorithm) => algorithm.as_str().to_owned(),
            Self::Digits(digits) => format!("digits {}", digits.get()),
            Self::Period(period) => format!("period {}", period.seconds()),
            Self::NextCode => "next-code".to_owned(),
        }
    }

    /// Reads it back; `None` for a word of another version.
    pub fn parse(word: &str) -> Option<Self> {
        let (what, number) = word.split_once(' ').unwrap_or((word, ""));
        let number = number.parse::<u32>().map(i64::from);
        match (what, number) {
            ("clock-slow", Ok(seconds)) => Some(Self::Clock(-seconds)),
            ("clock-fast", Ok(seconds)) => Some(Self::Clock(seconds)),
            ("digits", Ok(digits)) => Digits::new(digits).ok().map(Self::Digits),
            ("period", Ok(seconds)) => Period::new(seconds).ok().map(Self::Period),
            _ if word == "next-code" => Some(Self::NextCode),
            _ => Algorithm::parse(word).ok().map(Self::Algorithm),
        }
    }

    /// In words, for the person who has the device.
    pub fn text(self, device: Device) -> String {
        let name = device.name();
        let whatever = match device {
            Device::App => ", whatever the key says",
            Device::Token => "",
        };
        let makes = |what: String| format!("the {name} makes codes {what}{whatever}");
        match self {
            Self::Clock(seconds) => match device {
                Device::App => phone_clock(seconds),
                Device::Token => token_clock(seconds),
            },
            Self::Algorithm(algorithm) => makes(format!("with {}", algorithm.as_str())),
            Self::Digits(digits) => makes(format!("of {} digits", digits.get())),
            Self::Period(period) => makes(format!("for {} seconds", period.seconds())),
            Self::NextCode => format!("right so far: now type the next code of the {name}"),
        }
    }

    /// The same for the owner of several keys, of whom nobody knows which device they hold.
    pub fn text_for_any_device(self) -> String {
        let Self::Clock(seconds) = self else { return self.text(Device::App) };
        let (device, host) = directions(seconds);
        format!(
            "the clock of your phone or token is {device} by {}, or this host's is {host}; let a phone take date, time and zone from the network; a token cannot be set, and must be replaced",
            off_by(seconds)
        )
    }
}

/// Nobody knows here which of two clocks is wrong; most often it is not the host's. Whole quarter hours are a zone or summer time:
/// the phone shows the right time of day and has another one inside.
fn phone_clock(seconds: i64) -> String {
    let (phone, host) = directions(seconds);
    match quarter_hours(seconds) {
        Some(off) => format!(
            "the phone's clock is {off} {phone}, as after its time zone or summer time was set by hand; let the phone take date, time and zone from the network, then type the next code"
        ),
        None => format!(
            "the phone's clock is {phone} by about {}, or this host's is {host}; let the phone take its time from the network, then type the next code",
            about(seconds.unsigned_abs())
        ),
    }
}

/// A token's clock drifts over the years, and nobody can set it.
fn token_clock(seconds: i64) -> String {
    let (token, host) = directions(seconds);
    format!(
        "the token's clock is {token} by {}, or this host's is {host}; check this host's clock; if it is right, the token has drifted, cannot be set, and must be replaced",
        off_by(seconds)
    )
}

fn off_by(seconds: i64) -> String {
    quarter_hours(seconds).unwrap_or_else(|| format!("about {}", about(seconds.unsigned_abs())))
}

fn directions(seconds: i64) -> (&'static str, &'static str) {
    if seconds < 0 { ("slow", "fast") } else { ("fast", "slow") }
}

/// So many hours and minutes, if it is whole quarter hours.
fn quarter_hours(seconds: i64) -> Option<String> {
    let seconds = seconds.unsigned_abs();
    let (hours, minutes) = (seconds / 3600, seconds % 3600 / 60);
    let hours = match hours {
        0 => None,
        1 => Some("one hour".to_owned()),
        24 => Some("one day".to_owned()),
        hours => Some(format!("{hours} hours")),
    };
    let minutes = (minutes > 0).then(|| format!("{minutes} minutes"));
    (seconds > 0 && seconds.is_multiple_of(QUARTER_HOUR)).then(|| {
        let parts: Vec<String> = [hours, minutes].into_iter().flatten().collect();
        parts.join(" and ")
    })
}

fn about(seconds: u64) -> String {
    match seconds.saturating_add(5) / 60 {
        0 | 1 => format!("{seconds} seconds"),
        minutes => format!("{minutes} minutes"),
    }
}

/// Zones differ by whole quarter hours, in seconds.
pub const QUARTER_HOUR: u64 = 15 * 60;
