//! What an admin may choose: `/etc/otp/otp.toml`. Everything is optional, nothing unknown is passed over, and an error
//! says where it stands, what was found and what was wanted.

use std::fmt;

use serde::Deserialize;
use toml::Spanned;

use crate::key::{Algorithm, Digits, Period, ValueError};
use crate::limits::{DISABLE_AT, Limits, Wait, Window};
use crate::origin::Origin;
use crate::toml_text::position;

/// Largest policy file in bytes.
pub const POLICY_CAP: usize = 64 * 1024;

/// The policy of this host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// Name that an app shows above the account; the host's name if absent.
    pub issuer: Option<String>,
    /// Window, guesses and wait.
    pub limits: Limits,
    /// What a new key is.
    pub key: NewKey,
}

/// Algorithm, digits and period of a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewKey {
    /// Hash; SHA1 is the one that every app honours.
    pub algorithm: Algorithm,
    /// Digits of a code.
    pub digits: Digits,
    /// Time step.
    pub period: Period,
}

/// Where a policy is wrong and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// What was found and what was wanted.
    pub what: String,
}

impl Policy {
    /// Reads the text of a policy file.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let file: FileText = toml::from_str(text).map_err(|error| syntax(text, &error))?;
        let at = At(text);
        at.ranged("version", file.version.as_ref(), 1, 1..=1)?;
        Ok(Self {
            issuer: issuer(&at, file.issuer.as_ref())?,
            limits: limits(&at, &file)?,
            key: new_key(&at, &file.key)?,
        })
    }
}

fn issuer(at: &At<'_>, issuer: Option<&Spanned<String>>) -> Result<Option<String>, PolicyError> {
    let Some(issuer) = issuer else {
        return Ok(None);
    };
    let plain = |c: char| !c.is_control() && c != ':';
    let name = issuer.get_ref();
    if (1..=32).contains(&name.chars().count()) && name.chars().all(plain) && name.trim() == name {
        return Ok(Some(name.clone()));
    }
    let what = format!("issuer is {name:?}; wanted 1 to 32 characters without ':', no space at the ends");
    Err(at.error(issuer.span().start, what))
}

fn limits(at: &At<'_>, file: &FileText) -> Result<Limits, PolicyError> {
    let default = Limits::default();
    let window = Window {
        back: at.ranged("back", file.window.back.as_ref(), default.window.back, 0..=2)?,
        forward: at.ranged("forward", file.window.forward.as_ref(), default.window.forward, 0..=2)?,
    };
    Ok(Limits { window, guesses: guesses(at, &file.guesses)?, wait: wait(at, file.guesses.wait.as_ref())? })
}

fn guesses(at: &At<'_>, text: &GuessesText) -> Result<[u32; 5], PolicyError> {
    let of = |origin: Origin| match origin {
        Origin::Socket => &text.socket,
        Origin::Myself => &text.myself,
        Origin::Other => &text.other,
        Origin::Remote => &text.remote,
        Origin::Console => &text.console,
    };
    let mut guesses = Limits::default().guesses;
    for (guess, origin) in guesses.iter_mut().zip(Origin::ALL) {
        *guess = at.ranged(origin.as_str(), of(origin).as_ref(), u64::from(*guess), 3..=95)? as u32;
    }
    let sum: u32 = guesses.iter().sum();
    if sum <= DISABLE_AT {
        return Ok(guesses);
    }
    let first = Origin::ALL.into_iter().find_map(|origin| of(origin).as_ref()).map_or(0, |value| value.span().start);
    Err(at.error(first, format!("the guesses of all origins add up to {sum}; wanted at most {DISABLE_AT}")))
}

fn wait(at: &At<'_>, text: Option<&Spanned<String>>) -> Result<Wait, PolicyError> {
    let Some(text) = text else {
        return Ok(Wait::Growing);
    };
    match text.get_ref().as_str() {
        "growing" => Ok(Wait::Growing),
        "none" => Ok(Wait::None),
        other => Err(at.error(text.span().start, format!("wait is {other:?}; wanted \"growing\" or \"none\""))),
    }
}

fn new_key(at: &At<'_>, text: &KeyText) -> Result<NewKey, PolicyError> {
    let default = NewKey::default();
    Ok(NewKey {
        algorithm: at.parsed(text.algorithm.as_ref(), default.algorithm, |text| Algorithm::parse(text))?,
        digits: at.parsed(text.digits.as_ref(), default.digits, |number| Digits::new(*number))?,
        period: at.parsed(text.period.as_ref(), default.period, |number| Period::new(*number))?,
    })
}

fn syntax(text: &str, error: &toml::de::Error) -> PolicyError {
    At(text).error(error.span().map_or(0, |span| span.start), error.message().to_owned())
}

/// The text of the file, to say where things stand in it.
struct At<'a>(&'a str);

impl At<'_> {
    fn error(&self, offset: usize, what: String) -> PolicyError {
        let (line, column) = position(self.0, offset);
        PolicyError { line, column, what }
    }

    fn ranged(
        &self,
        name: &str,
        value: Option<&Spanned<i64>>,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, PolicyError> {
        let Some(value) = value else {
            return Ok(default);
        };
        let wanted = || format!("{name} is {}; wanted {} to {}", value.get_ref(), range.start(), range.end());
        let number = u64::try_from(*value.get_ref()).ok().filter(|number| range.contains(number));
        number.ok_or_else(|| self.error(value.span().start, wanted()))
    }

    fn parsed<T, V>(
        &self,
        value: Option<&Spanned<V>>,
        default: T,
        parse: impl Fn(&V) -> Result<T, ValueError>,
    ) -> Result<T, PolicyError> {
        let Some(value) = value else {
            return Ok(default);
        };
        parse(value.get_ref()).map_err(|error| self.error(value.span().start, error.to_string()))
    }
}

impl Default for NewKey {
    fn default() -> Self {
        // 6 digits and 30 seconds are in range: the ranges' own tests say so.
        let (Ok(digits), Ok(period)) = (Digits::new(6), Period::new(30)) else { unreachable!() };
        Self { algorithm: Algorithm::Sha1, digits, period }
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.what)
    }
}

impl std::error::Error for PolicyError {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    version: Option<Spanned<i64>>,
    issuer: Option<Spanned<String>>,
    #[serde(default)]
    window: WindowText,
    #[serde(default)]
    guesses: GuessesText,
    #[serde(default)]
    key: KeyText,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct WindowText {
    back: Option<Spanned<i64>>,
    forward: Option<Spanned<i64>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct GuessesText {
    #[serde(rename = "self")]
    myself: Option<Spanned<i64>>,
    other: Option<Spanned<i64>>,
    remote: Option<Spanned<i64>>,
    console: Option<Spanned<i64>>,
    socket: Option<Spanned<i64>>,
    wait: Option<Spanned<String>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct KeyText {
    algorithm: Option<Spanned<String>>,
    digits: Option<Spanned<i64>>,
    period: Option<Spanned<i64>>,
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
