//! The values that a parameter can have: what is allowed, and how each is written in JSON.

use std::ops::Deref;

use otp_core::codes::registration::{CodeForm, RegistrationCode};
use otp_core::decision::input::Typed;
use otp_core::decision::origin::Origin;
use otp_core::keys::key::{Algorithm, Digits, Kind, Label, Period, ValueError};
use otp_core::keys::secret::Secret;
use serde::Serialize;
use zeroize::Zeroizing;

use super::field::Scalar;

/// A name that the account database may know, or `uid:NUMBER`: 1 to 256 bytes without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserName(String);

/// The id or the label of a key: 1 to 32 bytes without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName(String);

/// A text for the log of at most 256 bytes; whatever is odd in it is escaped there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShortText(String);

/// A code or recovery code as a person typed it: 1 to 64 bytes without control characters. Wiped on drop.
pub struct TypedCode(Zeroizing<String>);

impl UserName {
    /// Checks length and characters.
    pub fn new(text: &str) -> Result<Self, ValueError> {
        let wanted = "1 to 256 bytes without control characters";
        if is_plain(text, 256) { Ok(Self(text.to_owned())) } else { Err(ValueError::new("user", text, wanted)) }
    }
}

impl KeyName {
    /// Checks length and characters.
    pub fn new(text: &str) -> Result<Self, ValueError> {
        let wanted = "the label or the id of a key";
        if is_plain(text, 32) { Ok(Self(text.to_owned())) } else { Err(ValueError::new("key", text, wanted)) }
    }
}

impl ShortText {
    /// Checks the length of what is called `what`.
    pub fn new(what: &'static str, text: String) -> Result<Self, ValueError> {
        if text.len() <= 256 { Ok(Self(text)) } else { Err(ValueError::new(what, &text, "at most 256 bytes")) }
    }
}

impl Deref for UserName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Deref for KeyName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Deref for ShortText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl TypedCode {
    /// Checks length and characters.
    pub fn new(typed: Zeroizing<String>) -> Result<Self, ValueError> {
        secret("code", typed, 64, "1 to 64 bytes without control characters").map(Self)
    }

    /// Sorted by its shape.
    pub fn sorted(&self) -> Typed {
        Typed::parse(self.0.as_bytes())
    }
}

/// A registration code without a typing error, which its check symbol would show.
fn registration(typed: Zeroizing<String>) -> Result<RegistrationCode, ValueError> {
    RegistrationCode::parse(&TypedCode::new(typed)?.0).map_err(|error| ValueError {
        what: "registration",
        found: error.to_string(),
        wanted: "a registration code, whose last symbol checks the others",
    })
}

/// A key in base32, of at most 256 bytes with blanks and hyphens.
fn base32(typed: Zeroizing<String>) -> Result<Secret, ValueError> {
    let wanted = "base32 of 16 to 64 bytes";
    let typed = secret("secret", typed, 256, wanted)?;
    let shown = || format!("{} letters, not repeated here", typed.len());
    Secret::from_base32(&typed).ok_or_else(|| ValueError::new("secret", &shown(), wanted))
}

/// A bounded text that a refusal does not repeat.
fn secret(
    what: &'static str,
    typed: Zeroizing<String>,
    most: usize,
    wanted: &'static str,
) -> Result<Zeroizing<String>, ValueError> {
    let shown = || format!("{} bytes, not repeated here", typed.len());
    if is_plain(&typed, most) { Ok(typed) } else { Err(ValueError::new(what, &shown(), wanted)) }
}

/// Neither empty, nor too long, nor able to move a cursor.
fn is_plain(text: &str, most: usize) -> bool {
    !text.is_empty() && text.len() <= most && !text.chars().any(char::is_control)
}

/// Each type with its JSON type, the check of a value that was found, and the value that is written.
macro_rules! scalars {
    ($($type:ty, $json:ty: |$found:ident, $name:pat_param| $check:expr, |$value:ident| $written:expr;)*) => { $(
        impl Scalar for $type {
            type Json = $json;

            fn of_json($found: $json, $name: &'static str) -> Result<Self, ValueError> {
                $check
            }

            fn json(&self) -> impl Serialize {
                let $value = self;
                $written
            }
        }
    )* };
}

scalars! {
    bool, bool: |found, _| Ok(found), |value| value;
    u32, u32: |found, _| Ok(found), |value| value;
    u64, u64: |found, _| Ok(found), |value| value;
    UserName, String: |found, _| Self::new(&found), |name| &*name.0;
    KeyName, String: |found, _| Self::new(&found), |name| &*name.0;
    ShortText, String: |found, name| Self::new(name, found), |text| &*text.0;
    TypedCode, Zeroizing<String>: |found, _| Self::new(found), |code| &code.0;
    Secret, Zeroizing<String>: |found, _| base32(found), |secret| secret.base32();
    RegistrationCode, Zeroizing<String>: |found, _| registration(found), |code| code.text();
    CodeForm, String: |found, _| form(&found), |form| form.as_str();
    Origin, String: |found, _| origin(&found), |origin| origin.as_str();
    Label, String: |found, _| Self::new(&found), |label| label.as_str();
    Kind, String: |found, _| Self::parse(&found), |kind| kind.as_str();
    Algorithm, String: |found, _| Self::parse(&found), |algorithm| algorithm.as_str();
    Digits, i64: |found, _| Self::new(found), |digits| digits.get();
    Period, i64: |found, _| Self::new(found), |period| period.seconds();
}

fn form(found: &str) -> Result<CodeForm, ValueError> {
    CodeForm::parse(found).ok_or_else(|| ValueError::new("form", found, "spoken, mail, letter or split"))
}

fn origin(found: &str) -> Result<Origin, ValueError> {
    Origin::parse(found).ok_or_else(|| ValueError::new("origin", found, "self, other, remote, console or socket"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_as_long_as_it_may_be_and_no_longer() {
        let text = |length| "x".repeat(length);
        assert!(UserName::new(&text(256)).is_ok() && UserName::new(&text(257)).is_err() && UserName::new("").is_err());
        assert!(KeyName::new(&text(32)).is_ok() && KeyName::new(&text(33)).is_err() && KeyName::new("").is_err());
        let short = |length| ShortText::new("tty", text(length));
        assert!(short(0).is_ok() && short(256).is_ok() && short(257).is_err());
        let code = |length| TypedCode::new(Zeroizing::new(text(length)));
        assert!(code(0).is_err() && code(64).is_ok() && code(65).is_err());
        let secret = |blanks| base32(Zeroizing::new("A".repeat(32) + &" ".repeat(blanks)));
        assert!(secret(0).is_ok() && secret(224).is_ok() && secret(225).is_err());
    }

    #[test]
    fn a_name_moves_no_cursor() {
        for odd in ["a\nb", "\u{1b}[2J", "a\u{9b}b", "\0"] {
            assert!(UserName::new(odd).is_err() && KeyName::new(odd).is_err(), "{odd:?}");
        }
        assert!(UserName::new("jörg").is_ok() && UserName::new("uid:1000").is_ok());
    }
}
