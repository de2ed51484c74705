//! What a caller may ask: each parameter read into a type that can only hold what is allowed.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::reply::{Begun, Cancelled, Confirmed, UserList, UserStatusReply};
use super::{Method, Refusal};
use crate::parameters::Parameters;

/// One call of `io.pam-otp.Otp1`, checked.
pub enum Request {
    BeginEnrolment(BeginEnrolment),
    ConfirmEnrolment(ConfirmEnrolment),
    CancelEnrolment(CancelEnrolment),
    Status(Status),
    List(List),
}

/// Make a key for a user and show it.
#[derive(Serialize)]
pub struct BeginEnrolment {
    /// The user's name, as the caller spells it.
    pub user: String,
    /// What the user calls the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<Algorithm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digits: Option<Digits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
}

/// Store the pending key, if this is one of its codes.
#[derive(Serialize)]
pub struct ConfirmEnrolment {
    /// As typed: 1 to 64 bytes of printable text.
    pub code: Zeroizing<String>,
}

/// Throw the pending key away.
#[derive(Serialize)]
pub struct CancelEnrolment {}

/// The state of one user.
#[derive(Serialize)]
pub struct Status {
    /// Nobody named: the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// The state of every enrolled user.
#[derive(Serialize)]
pub struct List {}

/// The hash under HMAC (RFC 6238 section 1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    #[serde(rename = "SHA1")]
    Sha1,
    #[serde(rename = "SHA256")]
    Sha256,
    #[serde(rename = "SHA512")]
    Sha512,
}

/// The length of a code: 6 to 8 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Digits(u8);

/// The length of a step: 15 to 120 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Period(u8);

impl Request {
    /// Reads the call of `method`, the full name, with its parameters.
    pub(crate) fn read(method: &str, parameters: Parameters<'_>) -> Result<Self, Refusal> {
        match method {
            BeginEnrolment::NAME => BeginEnrolment::read(parameters).map(Self::BeginEnrolment),
            ConfirmEnrolment::NAME => ConfirmEnrolment::read(parameters).map(Self::ConfirmEnrolment),
            CancelEnrolment::NAME => parameters.end().map(|()| Self::CancelEnrolment(CancelEnrolment {})),
            Status::NAME => Status::read(parameters).map(Self::Status),
            List::NAME => parameters.end().map(|()| Self::List(List {})),
            other => Err(Refusal::MethodNotFound { method: other.to_owned() }),
        }
    }
}

impl Method for BeginEnrolment {
    const NAME: &'static str = "io.pam-otp.Otp1.BeginEnrolment";
    type Reply = Begun;
}

impl Method for ConfirmEnrolment {
    const NAME: &'static str = "io.pam-otp.Otp1.ConfirmEnrolment";
    type Reply = Confirmed;
}

impl Method for CancelEnrolment {
    const NAME: &'static str = "io.pam-otp.Otp1.CancelEnrolment";
    type Reply = Cancelled;
}

impl Method for Status {
    const NAME: &'static str = "io.pam-otp.Otp1.Status";
    type Reply = UserStatusReply;
}

impl Method for List {
    const NAME: &'static str = "io.pam-otp.Otp1.List";
    type Reply = UserList;
}

impl BeginEnrolment {
    fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let request = Self {
            user: user_name(parameters.required("user")?)?,
            label: parameters.optional("label")?.map(label).transpose()?,
            algorithm: parameters.optional("algorithm")?.map(Algorithm::read).transpose()?,
            digits: parameters.optional("digits")?.map(Digits::read).transpose()?,
            period: parameters.optional("period")?.map(Period::read).transpose()?,
        };
        parameters.end()?;
        Ok(request)
    }
}

impl ConfirmEnrolment {
    fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let code: Zeroizing<String> = parameters.required("code")?;
        parameters.end()?;
        if is_plain(&code, CODE_BYTES) {
            return Ok(Self { code });
        }
        Err(Refusal::InvalidValue {
            field: "code".to_owned(),
            found: format!("{} bytes, not repeated here", code.len()),
            wanted: format!("1 to {CODE_BYTES} bytes without control characters"),
        })
    }
}

impl Status {
    fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let user = parameters.optional("user")?.map(user_name).transpose()?;
        parameters.end()?;
        Ok(Self { user })
    }
}

impl Algorithm {
    /// The name that goes over the wire and into an otpauth URI.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    fn read(found: String) -> Result<Self, Refusal> {
        let known = [Self::Sha1, Self::Sha256, Self::Sha512];
        let named = known.into_iter().find(|known| known.name() == found);
        named.ok_or_else(|| refused("algorithm", &found, "SHA1, SHA256 or SHA512"))
    }
}

impl Digits {
    /// `None` unless 6 to 8.
    pub fn new(found: u8) -> Option<Self> {
        (6..=8).contains(&found).then_some(Self(found))
    }

    /// How many digits.
    pub fn get(self) -> u8 {
        self.0
    }

    fn read(found: i64) -> Result<Self, Refusal> {
        let small = u8::try_from(found).ok().and_then(Self::new);
        small.ok_or_else(|| refused("digits", &found.to_string(), "6, 7 or 8"))
    }
}

impl Period {
    /// `None` unless 15 to 120.
    pub fn new(seconds: u8) -> Option<Self> {
        (15..=120).contains(&seconds).then_some(Self(seconds))
    }

    /// How many seconds.
    pub fn seconds(self) -> u8 {
        self.0
    }

    fn read(found: i64) -> Result<Self, Refusal> {
        let small = u8::try_from(found).ok().and_then(Self::new);
        small.ok_or_else(|| refused("period", &found.to_string(), "15 to 120 seconds"))
    }
}

fn user_name(found: String) -> Result<String, Refusal> {
    if is_plain(&found, USER_BYTES) {
        return Ok(found);
    }
    let wanted = format!("1 to {USER_BYTES} bytes without control characters");
    Err(refused("user", &found, &wanted))
}

fn label(found: String) -> Result<String, Refusal> {
    if is_plain(&found, LABEL_BYTES) {
        return Ok(found);
    }
    let wanted = format!("1 to {LABEL_BYTES} bytes without control characters");
    Err(refused("label", &found, &wanted))
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

const USER_BYTES: usize = 256;
const LABEL_BYTES: usize = 64;
const CODE_BYTES: usize = 64;
const SHOWN_CHARS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: &str, parameters: &str) -> Result<Request, Refusal> {
        Request::read(method, Parameters::parse(Some(parameters))?)
    }

    fn begin(parameters: &str) -> Result<BeginEnrolment, Refusal> {
        match read(BeginEnrolment::NAME, parameters)? {
            Request::BeginEnrolment(begin) => Ok(begin),
            _ => Err(refused("method", "another", "BeginEnrolment")),
        }
    }

    fn refused_parameter(parameters: &str) -> Option<String> {
        match begin(parameters) {
            Err(Refusal::InvalidParameter { parameter }) => Some(parameter),
            _ => None,
        }
    }

    fn refused_value(parameters: &str) -> Option<String> {
        match begin(parameters) {
            Err(Refusal::InvalidValue { field, .. }) => Some(field),
            _ => None,
        }
    }

    #[test]
    fn a_name_is_enough_to_begin() -> Result<(), Refusal> {
        let begin = begin(r#"{"user":"alice","label":null}"#)?;
        assert_eq!(begin.user, "alice");
        assert!(begin.label.is_none() && begin.digits.is_none() && begin.period.is_none());
        Ok(())
    }

    #[test]
    fn every_parameter_arrives() -> Result<(), Refusal> {
        let begin = begin(r#"{"user":"alice","label":"ph\u00f6ne","algorithm":"SHA512","digits":8,"period":120}"#)?;
        assert_eq!(begin.label.as_deref(), Some("phöne"));
        assert_eq!(begin.algorithm, Some(Algorithm::Sha512));
        assert_eq!(begin.digits.map(Digits::get), Some(8));
        assert_eq!(begin.period.map(Period::seconds), Some(120));
        Ok(())
    }

    #[test]
    fn the_parameter_at_fault_is_named() {
        let cases = [
            ("{}", "user"),
            (r#"{"user":null}"#, "user"),
            (r#"{"user":7}"#, "user"),
            (r#"{"user":"a","digits":"6"}"#, "digits"),
            (r#"{"user":"a","digits":6.5}"#, "digits"),
            (r#"{"user":"a","digits":99999999999999999999}"#, "digits"),
            (r#"{"user":"a","period":[30]}"#, "period"),
            (r#"{"user":"a","root":true}"#, "root"),
            (r#"{"user":"a","user":"b"}"#, "user"),
        ];
        for (parameters, fault) in cases {
            let found = refused_parameter(parameters);
            assert_eq!(found.as_deref(), Some(fault), "{parameters}");
        }
    }

    #[test]
    fn the_value_at_fault_is_named() {
        let long = format!(r#"{{"user":"{}"}}"#, "a".repeat(257));
        let cases = [
            (r#"{"user":""}"#, "user"),
            (long.as_str(), "user"),
            (r#"{"user":"a\u0000b"}"#, "user"),
            (r#"{"user":"a\u009bb"}"#, "user"),
            (r#"{"user":"a","label":"\u001b[2J"}"#, "label"),
            (r#"{"user":"a","algorithm":"MD5"}"#, "algorithm"),
            (r#"{"user":"a","algorithm":"sha1"}"#, "algorithm"),
            (r#"{"user":"a","digits":5}"#, "digits"),
            (r#"{"user":"a","digits":-250}"#, "digits"),
            (r#"{"user":"a","digits":262}"#, "digits"),
            (r#"{"user":"a","period":14}"#, "period"),
            (r#"{"user":"a","period":121}"#, "period"),
        ];
        for (parameters, fault) in cases {
            let found = refused_value(parameters);
            assert_eq!(found.as_deref(), Some(fault), "{parameters}");
        }
    }

    #[test]
    fn a_refused_code_is_not_repeated() {
        let parameters = format!(r#"{{"code":"{}"}}"#, "123456".repeat(20));
        let Err(Refusal::InvalidValue { field, found, .. }) = read(ConfirmEnrolment::NAME, &parameters) else {
            panic!("taken")
        };
        assert_eq!(field, "code");
        assert!(!found.contains("123456"));
    }

    #[test]
    fn an_unknown_method_is_named() {
        let found = read("io.pam-otp.Otp1.Forget", "{}").err();
        let method = "io.pam-otp.Otp1.Forget".to_owned();
        assert_eq!(found, Some(Refusal::MethodNotFound { method }));
    }

    #[test]
    fn methods_without_parameters_take_none() {
        for method in [List::NAME, CancelEnrolment::NAME] {
            assert!(read(method, "{}").is_ok());
            assert!(read(method, r#"{"user":"alice"}"#).is_err());
        }
    }
}
