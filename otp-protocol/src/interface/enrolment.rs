//! What a caller may ask about the way of a key to its owner: invitations, redemptions, rotation, tokens, recovery codes.

use otp_core::codes::registration::CodeForm;
use otp_core::keys::key::{Algorithm, Digits, Kind, Label, Period};
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use super::reply::{Begun, Done, Invited, RecoveryCodes, Redeemed, Repudiated, TokenBegun};
use super::values::{self, checked};
use super::{Method, Refusal};
use crate::varlink::parameters::Parameters;

/// Make a registration code.
#[derive(Serialize)]
pub struct Invite {
    pub user: String,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write_form")]
    pub form: Option<CodeForm>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lasts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<bool>,
}

/// Make the registration code of a user worthless.
#[derive(Serialize)]
pub struct RevokeInvitation {
    pub user: String,
}

/// Begin an enrolment with a registration code.
#[derive(Serialize)]
pub struct Redeem {
    /// Nobody named: the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// As typed; both parts of a split one on one line.
    pub registration: Zeroizing<String>,
    #[serde(flatten)]
    pub key: WantedKey,
    #[serde(flatten)]
    pub from: From,
}

/// Somebody else has used the caller's registration code.
#[derive(Serialize)]
pub struct Repudiate {
    pub registration: Zeroizing<String>,
}

/// Begin an enrolment of one more key.
#[derive(Serialize)]
pub struct AddKey {
    pub code: Zeroizing<String>,
    #[serde(flatten)]
    pub key: WantedKey,
}

/// Begin an enrolment that replaces a key.
#[derive(Serialize)]
pub struct Rotate {
    /// Nobody named: the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    pub code: Zeroizing<String>,
    /// Label or id of the key to replace; none named: the one that the code is of.
    #[serde(skip_serializing_if = "Option::is_none", rename = "key")]
    pub old: Option<String>,
    #[serde(flatten)]
    pub shape: Shape,
    #[serde(flatten)]
    pub from: From,
}

/// Bring along the secret of a hardware token.
#[derive(Serialize)]
pub struct AddToken {
    pub user: String,
    /// Base32.
    pub secret: Zeroizing<String>,
    #[serde(flatten)]
    pub key: WantedKey,
}

/// Make a new set of recovery codes.
#[derive(Serialize)]
pub struct RenewRecoveryCodes {
    pub code: Zeroizing<String>,
}

/// What a new key is to be.
#[derive(Serialize, Default, Clone)]
pub struct WantedKey {
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "values::write_label")]
    pub label: Option<Label>,
    #[serde(flatten)]
    pub shape: Shape,
}

/// What its codes are to be like.
#[derive(Serialize, Default, Clone)]
pub struct Shape {
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "values::write_kind")]
    pub kind: Option<Kind>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "values::write_algorithm")]
    pub algorithm: Option<Algorithm>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "values::write_digits")]
    pub digits: Option<Digits>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "values::write_period")]
    pub period: Option<Period>,
}

/// At whose prompt a code was typed: believed from root, from anybody else claims.
#[derive(Serialize, Default, Clone)]
pub struct From {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub real_uid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rhost: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tty: Option<String>,
}

impl Method for Invite {
    const NAME: &'static str = "io.pam-otp.Otp1.Invite";
    type Reply = Invited;
}

impl Method for RevokeInvitation {
    const NAME: &'static str = "io.pam-otp.Otp1.RevokeInvitation";
    type Reply = Done;
}

impl Method for Redeem {
    const NAME: &'static str = "io.pam-otp.Otp1.Redeem";
    type Reply = Redeemed;
}

impl Method for Repudiate {
    const NAME: &'static str = "io.pam-otp.Otp1.Repudiate";
    type Reply = Repudiated;
}

impl Method for AddKey {
    const NAME: &'static str = "io.pam-otp.Otp1.AddKey";
    type Reply = Begun;
}

impl Method for Rotate {
    const NAME: &'static str = "io.pam-otp.Otp1.Rotate";
    type Reply = Begun;
}

impl Method for AddToken {
    const NAME: &'static str = "io.pam-otp.Otp1.AddToken";
    type Reply = TokenBegun;
}

impl Method for RenewRecoveryCodes {
    const NAME: &'static str = "io.pam-otp.Otp1.RenewRecoveryCodes";
    type Reply = RecoveryCodes;
}

impl Invite {
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let request = Self {
            user: values::user_name(parameters.required("user")?)?,
            form: parameters.optional("form")?.map(values::form).transpose()?,
            lasts: parameters.optional("lasts")?,
            replaces: parameters.optional("replaces")?,
        };
        parameters.end()?;
        Ok(request)
    }
}

impl RevokeInvitation {
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let request = Self { user: values::user_name(parameters.required("user")?)? };
        parameters.end()?;
        Ok(request)
    }
}

impl Redeem {
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let request = Self {
            user: parameters.optional("user")?.map(values::user_name).transpose()?,
            registration: values::code(parameters.required("registration")?)?,
            key: WantedKey::take(&mut parameters)?,
            from: From::take(&mut parameters)?,
        };
        parameters.end()?;
        Ok(request)
    }
}

impl Repudiate {
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let request = Self { registration: values::code(parameters.required("registration")?)? };
        parameters.end()?;
        Ok(request)
    }
}

impl AddKey {
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let request =
            Self { code: values::code(parameters.required("code")?)?, key: WantedKey::take(&mut parameters)? };
        parameters.end()?;
        Ok(request)
    }
}

impl Rotate {
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let request = Self {
            user: parameters.optional("user")?.map(values::user_name).transpose()?,
            code: values::code(parameters.required("code")?)?,
            old: parameters.optional("key")?.map(values::key_name).transpose()?,
            shape: Shape::take(&mut parameters)?,
            from: From::take(&mut parameters)?,
        };
        parameters.end()?;
        Ok(request)
    }
}

impl AddToken {
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let request = Self {
            user: values::user_name(parameters.required("user")?)?,
            secret: values::base32(parameters.required("secret")?)?,
            key: WantedKey::take(&mut parameters)?,
        };
        parameters.end()?;
        Ok(request)
    }
}

impl RenewRecoveryCodes {
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let request = Self { code: values::code(parameters.required("code")?)? };
        parameters.end()?;
        Ok(request)
    }
}

impl WantedKey {
    pub(super) fn take(parameters: &mut Parameters<'_>) -> Result<Self, Refusal> {
        let label = parameters.optional("label")?.map(|found: String| checked(Label::new(&found))).transpose()?;
        Ok(Self { label, shape: Shape::take(parameters)? })
    }
}

impl Shape {
    fn take(parameters: &mut Parameters<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            kind: parameters.optional("kind")?.map(|found: String| checked(Kind::parse(&found))).transpose()?,
            algorithm: parameters
                .optional("algorithm")?
                .map(|found: String| checked(Algorithm::parse(&found)))
                .transpose()?,
            digits: parameters.optional("digits")?.map(|found| checked(Digits::new(found))).transpose()?,
            period: parameters.optional("period")?.map(|found| checked(Period::new(found))).transpose()?,
        })
    }
}

impl From {
    pub(super) fn take(parameters: &mut Parameters<'_>) -> Result<Self, Refusal> {
        let mut claim = |name: &'static str| {
            let found = parameters.optional(name)?;
            found.map(|found| values::claim(name, found)).transpose()
        };
        let (service, rhost, tty) = (claim("service")?, claim("rhost")?, claim("tty")?);
        Ok(Self { real_uid: parameters.optional("real_uid")?, service, rhost, tty })
    }
}

fn write_form<S: Serializer>(form: &Option<CodeForm>, to: S) -> Result<S::Ok, S::Error> {
    form.map(CodeForm::as_str).serialize(to)
}
