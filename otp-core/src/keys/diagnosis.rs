//! Why a code is not one of a new key: several apps ignore a hash, a length or a period without a word, and
//! clocks are wrong. The daemon finds it, otpctl and the module tell it.

use crate::keys::key::{Algorithm, Digits, Period};

/// What a code would be a code of.
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

    /// In words, for the person who has the device. Nobody knows here which of two clocks is wrong; most often it is not the host's.
    pub fn text(self) -> String {
        let ignores = |what: String| format!("the app makes codes {what}, whatever the key says");
        let clock = |phone: &str, host: &str, seconds: u64| {
            let off = about(seconds);
            format!(
                "the phone's clock is {phone} by about {off}, or this host's is {host}; let the phone take its time from the network, then type the next code"
            )
        };
        match self {
            Self::Clock(seconds) if seconds < 0 => clock("slow", "fast", seconds.unsigned_abs()),
            Self::Clock(seconds) => clock("fast", "slow", seconds.unsigned_abs()),
            Self::Algorithm(algorithm) => ignores(format!("with {}", algorithm.as_str())),
            Self::Digits(digits) => ignores(format!("of {} digits", digits.get())),
            Self::Period(period) => ignores(format!("for {} seconds", period.seconds())),
            Self::NextCode => "right so far: now the next code of the token".to_owned(),
        }
    }
}

fn about(seconds: u64) -> String {
    match seconds.saturating_add(5) / 60 {
        0 | 1 => format!("{seconds} seconds"),
        minutes => format!("{minutes} minutes"),
    }
}
