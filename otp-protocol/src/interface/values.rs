//! The values that a parameter can have: what is allowed, and how each is written in JSON.

use std::ops::Deref;

use otp_core::codes::ids::ResetId;
use otp_core::codes::registration::{CodeForm, RegistrationCode};
use otp_core::decision::input::Typed;
use otp_core::decision::origin::Origin;
use otp_core::files::reset::ResetReason;
use otp_core::files::unassigned_token::TokenName;
use otp_core::keys::key::{Algorithm, Digits, Kind, Label, Period, Step, ValueError};
use otp_core::keys::secret::Secret;
use otp_core::unix_time::UnixTime;
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

/// The serial number of a token, or its manufacturer: 1 to 64 bytes without control characters, no blank at the ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenText(String);

/// The proof of a reset, as a person names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedProof {
    /// `in-person`.
    InPerson,
    /// `callback`.
    Callback,
    /// `vouched:USER`.
    Vouched(UserName),
    /// `factor`.
    Factor,
}

/// The counter of HOTP that is accepted next: 0 to 4611686018427387903.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextCounter(u64);

/// A time step of TOTP whose code was accepted elsewhere: 0 to 4611686018427387903.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedStep(u64);

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

impl TokenText {
    /// Checks length and characters of what is called `what`.
    pub fn new(what: &'static str, text: &str) -> Result<Self, ValueError> {
        TokenName::new(text, None).map_err(|error| ValueError { what, ..error })?;
        Ok(Self(text.to_owned()))
    }
}

impl Deref for TokenText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
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

impl NamedProof {
    /// Reads one.
    pub fn new(text: &str) -> Result<Self, ValueError> {
        let wanted = "in-person, callback, factor or vouched:USER";
        match (text, text.strip_prefix("vouched:")) {
            ("in-person", _) => Ok(Self::InPerson),
            ("callback", _) => Ok(Self::Callback),
            ("factor", _) => Ok(Self::Factor),
            (_, Some(user)) => UserName::new(user).map(Self::Vouched),
            _ => Err(ValueError::new("proof", text, wanted)),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::InPerson => "in-person".to_owned(),
            Self::Callback => "callback".to_owned(),
            Self::Factor => "factor".to_owned(),
            Self::Vouched(user) => format!("vouched:{}", user.0),
        }
    }
}

impl NextCounter {
    /// Checks the range.
    pub fn new(counter: u64) -> Result<Self, ValueError> {
        let wanted = "0 to 4611686018427387903";
        if counter <= Step::MOST_IMPORTED {
            Ok(Self(counter))
        } else {
            Err(ValueError::new("counter", &counter.to_string(), wanted))
        }
    }

    /// As a number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl UsedStep {
    /// Checks the range.
    pub fn new(step: u64) -> Result<Self, ValueError> {
        let wanted = "0 to 4611686018427387903";
        let is_one = step <= Step::MOST_IMPORTED;
        is_one.then_some(Self(step)).ok_or_else(|| ValueError::new("used_step", &step.to_string(), wanted))
    }

    /// As a number.
    pub fn get(self) -> u64 {
        self.0
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
    UnixTime, u64: |found, name| moment(found, name), |time| time.seconds();
    NextCounter, u64: |found, _| Self::new(found), |counter| counter.0;
    UsedStep, u64: |found, _| Self::new(found), |step| step.0;
    UserName, String: |found, _| Self::new(&found), |name| &*name.0;
    KeyName, String: |found, _| Self::new(&found), |name| &*name.0;
    TokenText, String: |found, name| Self::new(name, &found), |text| &*text.0;
    ShortText, String: |found, name| Self::new(name, found), |text| &*text.0;
    TypedCode, Zeroizing<String>: |found, _| Self::new(found), |code| &code.0;
    Secret, Zeroizing<String>: |found, _| base32(found), |secret| secret.base32();
    RegistrationCode, Zeroizing<String>: |found, _| registration(found), |code| code.text();
    ResetId, String: |found, _| reset_id(&found), |id| id.hex();
    ResetReason, String: |found, _| Self::new(&found), |reason| reason.as_str();
    NamedProof, String: |found, _| Self::new(&found), |proof| proof.text();
    CodeForm, String: |found, _| form(&found), |form| form.as_str();
    Origin, String: |found, _| origin(&found), |origin| origin.as_str();
    Label, String: |found, _| Self::new(&found), |label| label.as_str();
    Kind, String: |found, _| Self::parse(&found), |kind| kind.as_str();
    Algorithm, String: |found, _| Self::parse(&found), |algorithm| algorithm.as_str();
    Digits, i64: |found, _| Self::new(found), |digits| digits.get();
    Period, i64: |found, _| Self::new(found), |period| period.seconds();
}

/// A moment that a file can hold and a calendar has.
fn moment(found: u64, name: &'static str) -> Result<UnixTime, ValueError> {
    let wanted = "seconds since 1970, up to the year 9999";
    if found <= END_OF_TIME { Ok(UnixTime::new(found)) } else { Err(ValueError::new(name, &found.to_string(), wanted)) }
}

/// 9999-12-31T23:59:59Z.
const END_OF_TIME: u64 = 253_402_300_799;

fn reset_id(found: &str) -> Result<ResetId, ValueError> {
    ResetId::parse(found).ok_or_else(|| ValueError::new("id", found, "eight digits or letters a to f"))
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
    fn a_counter_is_one_that_a_key_file_can_hold() {
        assert!(NextCounter::new(4_611_686_018_427_387_903).is_ok());
        assert!(NextCounter::new(4_611_686_018_427_387_904).is_err() && NextCounter::new(u64::MAX).is_err());
    }

    #[test]
    fn a_proof_is_one_of_four_and_a_voucher_has_a_name() {
        for text in ["in-person", "callback", "factor", "vouched:bob", "vouched:uid:1002"] {
            assert_eq!(NamedProof::new(text).map(|proof| proof.text()).as_deref(), Ok(text));
        }
        for odd in ["", "vouched", "vouched:", "In-Person", "vouched:b\nob", "callback:bob"] {
            assert!(NamedProof::new(odd).is_err(), "{odd:?}");
        }
    }

    #[test]
    fn a_name_moves_no_cursor() {
        for odd in ["a\nb", "\u{1b}[2J", "a\u{9b}b", "\0"] {
            assert!(UserName::new(odd).is_err() && KeyName::new(odd).is_err(), "{odd:?}");
        }
        assert!(UserName::new("jörg").is_ok() && UserName::new("uid:1000").is_ok());
    }
}
