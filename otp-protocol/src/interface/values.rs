//! The values a parameter can have, besides the core's own: what is allowed, and how it is refused.

use otp_core::codes::registration::CodeForm;
use otp_core::decision::origin::Origin;
use otp_core::keys::key::{Algorithm, Digits, Kind, Label, Period, ValueError};
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use super::Refusal;

/// A value of the core, or the refusal that says what was wanted.
pub(super) fn checked<T>(value: Result<T, ValueError>) -> Result<T, Refusal> {
    value.map_err(|error| refused(error.what, &error.found, error.wanted))
}

/// The core's values on the wire: words as strings, numbers as numbers.
pub(super) fn write_label<S: Serializer>(label: &Option<Label>, to: S) -> Result<S::Ok, S::Error> {
    label.as_ref().map(Label::as_str).serialize(to)
}

pub(super) fn write_plain_label<S: Serializer>(label: &Label, to: S) -> Result<S::Ok, S::Error> {
    label.as_str().serialize(to)
}

pub(super) fn write_kind<S: Serializer>(kind: &Option<Kind>, to: S) -> Result<S::Ok, S::Error> {
    kind.map(Kind::as_str).serialize(to)
}

pub(super) fn write_origin<S: Serializer>(origin: &Option<Origin>, to: S) -> Result<S::Ok, S::Error> {
    origin.map(Origin::as_str).serialize(to)
}

pub(super) fn write_algorithm<S: Serializer>(algorithm: &Option<Algorithm>, to: S) -> Result<S::Ok, S::Error> {
    algorithm.map(Algorithm::as_str).serialize(to)
}

pub(super) fn write_digits<S: Serializer>(digits: &Option<Digits>, to: S) -> Result<S::Ok, S::Error> {
    digits.map(Digits::get).serialize(to)
}

pub(super) fn write_period<S: Serializer>(period: &Option<Period>, to: S) -> Result<S::Ok, S::Error> {
    period.map(Period::seconds).serialize(to)
}

/// A name that NSS may know.
pub(super) fn user_name(found: String) -> Result<String, Refusal> {
    if is_plain(&found, USER_BYTES) {
        return Ok(found);
    }
    let wanted = format!("1 to {USER_BYTES} bytes without control characters");
    Err(refused("user", &found, &wanted))
}

/// Where wrong codes come from.
pub(super) fn origin(found: String) -> Result<Origin, Refusal> {
    let wanted = "self, other, remote, console or socket";
    Origin::parse(&found).ok_or_else(|| refused("origin", &found, wanted))
}

/// What may be the label or the id of a key.
pub(super) fn key_name(found: String) -> Result<String, Refusal> {
    if is_plain(&found, KEY_BYTES) {
        return Ok(found);
    }
    Err(refused("key", &found, "the label or the id of a key"))
}

/// A short text for the log; whatever is odd in it is escaped there.
pub(super) fn claim(name: &str, found: String) -> Result<String, Refusal> {
    if found.len() <= CLAIM_BYTES {
        return Ok(found);
    }
    Err(refused(name, &found, &format!("at most {CLAIM_BYTES} bytes")))
}

/// What a person may have typed as a code; a refusal does not repeat it.
pub(super) fn code(found: Zeroizing<String>) -> Result<Zeroizing<String>, Refusal> {
    if is_plain(&found, CODE_BYTES) {
        return Ok(found);
    }
    let shown = format!("{} bytes, not repeated here", found.len());
    let wanted = format!("1 to {CODE_BYTES} bytes without control characters");
    Err(refused("code", &shown, &wanted))
}

/// How a registration code travels.
pub(super) fn form(found: String) -> Result<CodeForm, Refusal> {
    CodeForm::parse(&found).ok_or_else(|| refused("form", &found, "spoken, mail, letter or split"))
}

/// A secret that is imported; a refusal does not repeat it.
pub(super) fn base32(found: Zeroizing<String>) -> Result<Zeroizing<String>, Refusal> {
    if is_plain(&found, SECRET_BYTES) {
        return Ok(found);
    }
    let shown = format!("{} bytes, not repeated here", found.len());
    Err(refused("secret", &shown, "base32 of 16 to 64 bytes"))
}

/// Neither empty, nor too long, nor able to move a cursor.
fn is_plain(text: &str, most: usize) -> bool {
    !text.is_empty() && text.len() <= most && !text.chars().any(char::is_control)
}

fn refused(field: &str, found: &str, wanted: &str) -> Refusal {
    Refusal::InvalidValue {
        field: field.to_owned(),
        found: found.chars().take(SHOWN_CHARS).collect(),
        wanted: wanted.to_owned(),
    }
}

/// An id is 32 hexadecimal digits, a label no longer.
const KEY_BYTES: usize = 32;
const USER_BYTES: usize = 256;
const CODE_BYTES: usize = 64;
const CLAIM_BYTES: usize = 256;
const SECRET_BYTES: usize = 256;
const SHOWN_CHARS: usize = 64;
