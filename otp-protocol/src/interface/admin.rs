//! Calls that change existing keys. Each parameter is read into a type that can only hold what is allowed; the daemon's
//! rights table, not this module, decides who may call what.

use otp_core::decision::origin::Origin;
use otp_core::keys::key::Label;
use serde::Serialize;
use zeroize::Zeroizing;

use super::reply::{AdoptedUsers, Done, GoneUsers, RestoredUsers, Suspended};
use super::values::{self, checked};
use super::{Method, Refusal};
use crate::varlink::parameters::Parameters;

/// Refuse every code of a user until [`Resume`]; also ends a registration code or a pending key of theirs, and only that if the
/// user was never enrolled.
#[derive(Serialize)]
pub struct Suspend {
    /// Name of the user: 1 to 256 bytes without control characters. No default, so nobody is suspended by omission.
    pub user: String,
}

/// End a suspension. Keys that [`Repudiate`](super::Repudiate) has suspended stay off.
#[derive(Serialize)]
pub struct Resume {
    /// Name of the suspended user: 1 to 256 bytes without control characters. Only root may name themselves here.
    pub user: String,
}

/// Reopen one origin that too many wrong codes have closed, or all of them.
#[derive(Serialize)]
pub struct Reopen {
    /// Name of the user; `None` for the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The origin to reopen; `None` for all five.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "values::write_origin")]
    pub origin: Option<Origin>,
    /// A code or recovery code of the user, 1 to 64 bytes, which is used up. Required of users who reopen an origin
    /// of their own; ignored from root, and from otp-admin acting for somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Zeroizing<String>>,
}

/// Give a key another label.
#[derive(Serialize)]
pub struct Rename {
    /// Name of the key's owner; `None` for the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Id of the key or, if no key has that id, its present label: 1 to 32 bytes.
    pub key: String,
    /// The new label; `label-taken` if another key of the same user has it.
    #[serde(serialize_with = "values::write_plain_label")]
    pub label: Label,
}

/// Remove a key for good.
#[derive(Serialize)]
pub struct Revoke {
    /// Name of the key's owner; `None` for the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Id of the key or, if no key has that id, its label: 1 to 32 bytes.
    pub key: String,
    /// A code of that very key, 1 to 64 bytes, which is used up even if the key stays; a recovery code is refused and
    /// not used up. Required of users who revoke a key of their own; ignored from root, and from otp-admin acting for
    /// somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Zeroizing<String>>,
    /// `Some(true)` lets users revoke their own last working key, which is `last-key` otherwise; `None` means false.
    /// Not asked of root, nor of otp-admin acting for somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<bool>,
}

/// Delete all that is stored about a user, who then counts as never enrolled.
#[derive(Serialize)]
pub struct Forget {
    /// Name of the user or, if no account has that name, the name in a key file or the decimal uid of an account that is gone.
    pub user: String,
    /// `Some(true)`: the account is gone for good. `None` means false: `perhaps-away` for a user without an account, while nobody of a
    /// directory can be looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<bool>,
}

/// Take over the files of a former name or uid after the account was renamed or renumbered.
#[derive(Serialize)]
pub struct Adopt {
    /// Name of the account that gets the files; it must exist.
    pub user: String,
    /// The former name, or the former uid in decimal, as the files have it; `still-there` while that account exists. `None` for the
    /// files of `user` under another uid, or of its uid under another name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// `Some(true)`: the former account is gone for good. `None` means false: `perhaps-away` while its directory may only be down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<bool>,
}

/// Take over the files of everybody whose account was renamed or renumbered.
#[derive(Serialize)]
pub struct AdoptAll {
    /// `Some(true)` changes nothing and says what would be done; `None` means false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// Look for local accounts that are gone, and list those that were seen missing.
#[derive(Serialize)]
pub struct ListGone {}

/// Accept files that came back from a backup, so that HOTP keys, recovery and registration codes work again.
#[derive(Serialize)]
pub struct Restored {
    /// Name of the user; `None` for every user whose files are a restored copy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

impl Method for Suspend {
    const NAME: &'static str = "io.pam-otp.Otp1.Suspend";
    type Reply = Suspended;
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

impl Method for AdoptAll {
    const NAME: &'static str = "io.pam-otp.Otp1.AdoptAll";
    type Reply = AdoptedUsers;
}

impl Method for ListGone {
    const NAME: &'static str = "io.pam-otp.Otp1.ListGone";
    type Reply = GoneUsers;
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
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let request =
            Self { user: values::user_name(parameters.required("user")?)?, gone: parameters.optional("gone")? };
        parameters.end()?;
        Ok(request)
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
            from: parameters.optional("from")?.map(values::user_name).transpose()?,
            gone: parameters.optional("gone")?,
        };
        parameters.end()?;
        Ok(request)
    }
}

impl AdoptAll {
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let request = Self { dry_run: parameters.optional("dry_run")? };
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
