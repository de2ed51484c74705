//! What a person who has a new key on the screen can do about an app that ignores what the key says.

use otp_core::keys::diagnosis::Diagnosis;

/// In words, and what helps.
pub(crate) fn told(found: Diagnosis) -> String {
    let option = match found {
        Diagnosis::Clock(_) | Diagnosis::NextCode => return found.text(),
        Diagnosis::Algorithm(algorithm) => format!("--algorithm {}", algorithm.as_str()),
        Diagnosis::Digits(digits) => format!("--digits {}", digits.get()),
        Diagnosis::Period(period) => format!("--period {}", period.seconds()),
    };
    format!("{}; start again with {option}, or with another app", found.text())
}
