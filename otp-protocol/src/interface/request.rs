//! Calls that enrol, ask and check. Each parameter is read into a type that can only hold what is allowed.

use serde::Serialize;
use zeroize::Zeroizing;

use super::enrolment::{From, WantedKey};
use super::reply::{BarredReply, Begun, Cancelled, Confirmed, UserList, UserStatusReply, Verified};
use super::{Method, Refusal, values};
use crate::varlink::parameters::Parameters;

/// Make a key for a user and show it to root; only where `otp.toml` says `admin_enrol = true`.
#[derive(Serialize)]
pub struct BeginEnrolment {
    /// Name of the user, as the caller spells it: 1 to 256 bytes without control characters.
    pub user: String,
    /// Wishes for the new key. On the wire its fields are parameters of the call itself.
    #[serde(flatten)]
    pub key: WantedKey,
}

/// Store the pending key of this connection, if this is one of its codes.
#[derive(Serialize)]
pub struct ConfirmEnrolment {
    /// The code as typed: 1 to 64 bytes without control characters; blanks and hyphens in it make no difference.
    pub code: Zeroizing<String>,
}

/// Throw the pending key of this connection away. The end of the connection does the same.
#[derive(Serialize)]
pub struct CancelEnrolment {}

/// Ask for the state of one user.
#[derive(Serialize)]
pub struct Status {
    /// Name of the user; `None` for the caller. Root and otp-admin may name anybody, others only themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// Ask whether a user is barred from coming in: yes or no.
#[derive(Serialize)]
pub struct Barred {
    /// Name of the user; `None` for the caller. Root and members of otp-verify may name anybody, others only themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// Ask for the state of every enrolled user.
#[derive(Serialize)]
pub struct List {}

/// Check a code, which is used up if it is accepted.
#[derive(Serialize)]
pub struct Verify {
    /// Name of the user whose code it is; `None` for the caller. Root and members of otp-verify may name anybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A code or recovery code as typed: 1 to 64 bytes without control characters.
    pub code: Zeroizing<String>,
    /// Purpose of the check in the application's words, at most 256 bytes; only logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Process that asked for the code. On the wire its fields are parameters of the call itself.
    #[serde(flatten)]
    pub from: From,
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

impl Method for Barred {
    const NAME: &'static str = "io.pam-otp.Otp1.Barred";
    type Reply = BarredReply;
}

impl Method for List {
    const NAME: &'static str = "io.pam-otp.Otp1.List";
    type Reply = UserList;
}

impl Method for Verify {
    const NAME: &'static str = "io.pam-otp.Otp1.Verify";
    type Reply = Verified;
}

impl Verify {
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let request = Self {
            user: parameters.optional("user")?.map(values::user_name).transpose()?,
            code: values::code(parameters.required("code")?)?,
            action: parameters.optional("action")?.map(|found| values::claim("action", found)).transpose()?,
            from: From::take(&mut parameters)?,
        };
        parameters.end()?;
        Ok(request)
    }
}

impl BeginEnrolment {
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let request =
            Self { user: values::user_name(parameters.required("user")?)?, key: WantedKey::take(&mut parameters)? };
        parameters.end()?;
        Ok(request)
    }
}

impl ConfirmEnrolment {
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let request = Self { code: values::code(parameters.required("code")?)? };
        parameters.end()?;
        Ok(request)
    }
}

impl Barred {
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let user = parameters.optional("user")?.map(values::user_name).transpose()?;
        parameters.end()?;
        Ok(Self { user })
    }
}

impl Status {
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let user = parameters.optional("user")?.map(values::user_name).transpose()?;
        parameters.end()?;
        Ok(Self { user })
    }
}

#[cfg(test)]
mod tests {
    use otp_core::keys::key::{Algorithm, Digits, Label, Period};

    use super::*;
    use crate::interface::Request;

    fn read(method: &str, parameters: &str) -> Result<Request, Refusal> {
        Request::read(method, Parameters::parse(Some(parameters))?)
    }

    fn begin(parameters: &str) -> Result<BeginEnrolment, Refusal> {
        match read(BeginEnrolment::NAME, parameters)? {
            Request::BeginEnrolment(begin) => Ok(begin),
            _ => panic!("another method"),
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
        assert!(begin.key.label.is_none() && begin.key.shape.digits.is_none() && begin.key.shape.period.is_none());
        Ok(())
    }

    #[test]
    fn every_parameter_arrives() -> Result<(), Refusal> {
        let begin = begin(r#"{"user":"alice","label":"ph\u006fne","algorithm":"SHA512","digits":8,"period":120}"#)?;
        assert_eq!(begin.key.label.as_ref().map(Label::as_str), Some("phone"));
        assert_eq!(begin.key.shape.algorithm, Some(Algorithm::Sha512));
        assert_eq!(begin.key.shape.digits.map(Digits::get), Some(8));
        assert_eq!(begin.key.shape.period.map(Period::seconds), Some(120));
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
            (r#"{"user":"a","kind":"TOTP"}"#, "kind"),
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
        let found = read("io.pam-otp.Otp1.Nonsense", "{}").err();
        let method = "io.pam-otp.Otp1.Nonsense".to_owned();
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
