//! Values on the command line. A reader says what was wanted; the refusal of the command line says what was found.

use otp_core::keys::key::ValueError;

/// Reads a value as the core does.
pub(super) fn wanted<T>(read: fn(&str) -> Result<T, ValueError>) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| read(text).map_err(|error| format!("wanted {}", error.wanted))
}

/// Reads a number as the core does, written in one way only: no sign, no zeros before it.
pub(super) fn wanted_number<T>(read: fn(i64) -> Result<T, ValueError>) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number: &i64| number.to_string() == text);
        read(number.unwrap_or(i64::MIN)).map_err(|error| format!("wanted {}", error.wanted))
    }
}
