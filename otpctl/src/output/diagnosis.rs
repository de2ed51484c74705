//! Advice for a person with a new key to confirm, whose device makes codes of another shape.

use otp_core::keys::device::Device;
use otp_core::keys::diagnosis::Diagnosis;

/// In words, and what helps.
pub(crate) fn told(found: Diagnosis, device: Device) -> String {
    let option = match found {
        Diagnosis::Clock(_) | Diagnosis::NextCode => return found.text(device),
        Diagnosis::Algorithm(algorithm) => format!("--algorithm {}", algorithm.as_str()),
        Diagnosis::Digits(digits) => format!("--digits {}", digits.get()),
        Diagnosis::Period(period) => format!("--period {}", period.seconds()),
    };
    let or = match device {
        Device::App => ", or with another app",
        Device::Token => "",
    };
    format!("{}; start again with {option}{or}", found.text(device))
}
