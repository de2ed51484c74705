//! Why a code was not one of the new key, in plain words: the daemon tried what apps are known to do wrong.

use crate::output::duration;

/// What the daemon's word means and what helps; nothing for a word of another version.
pub(crate) fn told(word: &str) -> Option<String> {
    let (what, number) = word.split_once(' ').unwrap_or((word, ""));
    let number: Option<u64> = number.parse().ok();
    let ignored = |what: &str, option: &str| {
        format!("the app makes codes {what}, whatever the key says; start again with {option}, or with another app")
    };
    match (what, number) {
        ("SHA1" | "SHA256" | "SHA512", _) => Some(ignored(&format!("with {what}"), &format!("--algorithm {what}"))),
        ("digits", Some(digits)) => Some(ignored(&format!("of {digits} digits"), &format!("--digits {digits}"))),
        ("period", Some(period)) => Some(ignored(&format!("for {period} seconds"), &format!("--period {period}"))),
        ("clock-slow", Some(seconds)) => Some(clock("slow", "fast", seconds)),
        ("clock-fast", Some(seconds)) => Some(clock("fast", "slow", seconds)),
        _ => None,
    }
}

/// Which of the two clocks is wrong nobody knows here; most often it is not the host's.
fn clock(phone: &str, host: &str, seconds: u64) -> String {
    let off = duration::told(seconds);
    format!(
        "the phone's clock is {phone} by about {off}, or this host's is {host}; let the phone take its time from the network, then type the next code"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_says_what_helps() {
        let cases = [
            ("SHA1", "start again with --algorithm SHA1,"),
            ("digits 6", "of 6 digits, whatever the key says; start again with --digits 6,"),
            ("period 30", "for 30 seconds, whatever the key says; start again with --period 30,"),
            ("clock-slow 240", "the phone's clock is slow by about 4 minutes, or this host's is fast;"),
            ("clock-fast 90", "the phone's clock is fast by about 90 seconds, or this host's is slow;"),
        ];
        for (word, part) in cases {
            assert!(told(word).is_some_and(|text| text.contains(part)), "{word}");
        }
        for word in ["", "digits", "digits six", "clock-slow", "\x1b[2J"] {
            assert_eq!(told(word), None, "{word:?}");
        }
    }
}
