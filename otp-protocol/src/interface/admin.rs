//! What a caller may have changed about keys that are there. Each parameter is read into a type that can only hold what is
//! allowed; who may is decided elsewhere.

use otp_core::decision::origin::Origin;
use otp_core::keys::key::Label;
use serde::Serialize;
use zeroize::Zeroizing;

use super::reply::{Done, RestoredUsers};
use super::values::{self, checked};
use super::{Method, Refusal};
use crate::varlink::parameters::Parameters;

/// Refuse every code of a user.
#[derive(Serialize)]
pub struct Suspend {
    pub user: String,
}

/// End a suspension.
#[derive(Serialize)]
pub struct Resume {
    pub user: String,
}

/// Reopen one origin, or all.
#[derive(Serialize)]
pub struct Reopen {
    /// Nobody named: the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// None named: all.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "values::write_origin")]
    pub origin: Option<Origin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Zeroizing<String>>,
}

/// Give a key another label.
#[derive(Serialize)]
pub struct Rename {
    /// Nobody named: the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its label or id.
    pub key: String,
    #[serde(serialize_with = "values::write_plain_label")]
    pub label: Label,
}

/// Remove a key for good.
#[derive(Serialize)]
pub struct Revoke {
    /// Nobody named: the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its label or id.
    pub key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Zeroizing<String>>,
    /// Also if it is the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<bool>,
}

/// Make a user never enrolled.
#[derive(Serialize)]
pub struct Forget {
    /// A name, or the uid of an account that is gone.
    pub user: String,
}

/// Take over the files of a former name or uid.
#[derive(Serialize)]
pub struct Adopt {
    pub user: String,
    /// The former name or uid.
    pub from: String,
}

/// What was restored is meant.
#[derive(Serialize)]
pub struct Restored {
    /// Nobody named: everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

impl Method for Suspend {
    const NAME: &'static str = "io.pam-otp.Otp1.Suspend";
    type Reply = Done;
}

impl Method for Resume {
    const NAME: &'static str = "io.pam-otp.Otp1.Resume";
    type Reply = Done;
}

impl Method for Reopen {
    const NAME: &'static str = "io.pam-otp.Otp1.Reopen";
    type Reply = Done;
}

impl Method for Rename {
    const NAME: &'static str = "io.pam-otp.Otp1.Rename";
    type Reply = Done;
}

impl Method for Revoke {
    const NAME: &'static str = "io.pam-otp.Otp1.Revoke";
    type Reply = Done;
}

impl Method for Forget {
    const NAME: &'static str = "io.pam-otp.Otp1.Forget";
    type Reply = Done;
}

impl Method for Adopt {
    const NAME: &'static str = "io.pam-otp.Otp1.Adopt";
    type Reply = Done;
}

impl Method for Restored {
    const NAME: &'static str = "io.pam-otp.Otp1.Restored";
    type Reply = RestoredUsers;
}

impl Suspend {
    pub(super) fn read(parameters: Parameters<'_>) -> Result<Self, Refusal> {
        Ok(Self { user: only_user(parameters)? })
    }
}

impl Resume {
    pub(super) fn read(parameters: Parameters<'_>) -> Result<Self, Refusal> {
        Ok(Self { user: only_user(parameters)? })
    }
}

impl Forget {
    pub(super) fn read(parameters: Parameters<'_>) -> Result<Self, Refusal> {
        Ok(Self { user: only_user(parameters)? })
    }
}

impl Reopen {
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let request = Self {
            user: user(&mut parameters)?,
            origin: parameters.optional("origin")?.map(values::origin).transpose()?,
            code: parameters.optional("code")?.map(values::code).transpose()?,
        };
        parameters.end()?;
        Ok(request)
    }
}

impl Rename {
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let request = Self {
            user: user(&mut parameters)?,
            key: values::key_name(parameters.required("key")?)?,
            label: checked(Label::new(&parameters.required::<String>("label")?))?,
        };
        parameters.end()?;
        Ok(request)
    }
}

impl Revoke {
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let request = Self {
            user: user(&mut parameters)?,
            key: values::key_name(parameters.required("key")?)?,
            code: parameters.optional("code")?.map(values::code).transpose()?,
            last: parameters.optional("last")?,
        };
        parameters.end()?;
        Ok(request)
    }
}

impl Adopt {
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let request = Self {
            user: values::user_name(parameters.required("user")?)?,
            from: values::user_name(parameters.required("from")?)?,
        };
        parameters.end()?;
        Ok(request)
    }
}

impl Restored {
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let request = Self { user: user(&mut parameters)? };
        parameters.end()?;
        Ok(request)
    }
}

fn only_user(mut parameters: Parameters<'_>) -> Result<String, Refusal> {
    let user = values::user_name(parameters.required("user")?)?;
    parameters.end()?;
    Ok(user)
}

fn user(parameters: &mut Parameters<'_>) -> Result<Option<String>, Refusal> {
    parameters.optional("user")?.map(values::user_name).transpose()
}
