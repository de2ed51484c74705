//! Calls that bring a key to its owner: invitations, redemptions, rotation, tokens, recovery codes.

use otp_core::codes::registration::CodeForm;
use otp_core::keys::key::{Algorithm, Digits, Kind, Label, Period};
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use super::reply::{Begun, Done, Invited, RecoveryCodes, Redeemed, Repudiated, TokenBegun};
use super::values::{self, checked};
use super::{Method, Refusal};
use crate::varlink::parameters::Parameters;

/// Make a registration code, which lets a user begin one enrolment. It supersedes an earlier code and ends a pending
/// key.
#[derive(Serialize)]
pub struct Invite {
    /// Name of the user to invite; the code works in no other account. Only root may name themselves here.
    pub user: String,
    /// How the code will travel, which sets its length and its life; `None` for [`CodeForm::Spoken`].
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write_form")]
    pub form: Option<CodeForm>,
    /// How long the code is good, in seconds: 60 up to [`CodeForm::longest_life`]. `None` for [`CodeForm::usual_life`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lasts: Option<u64>,
    /// `Some(true)`: the new key replaces all keys of the user. `None` means false: the code is for a first key, and
    /// the call ends in `already-enrolled` for a user who is enrolled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<bool>,
}

/// Make a user's registration code worthless, and throw away a pending key that was begun with it.
#[derive(Serialize)]
pub struct RevokeInvitation {
    /// Name of the invited user; `no-invitation` if no code of theirs is good.
    pub user: String,
}

/// Begin an enrolment with a registration code.
#[derive(Serialize)]
pub struct Redeem {
    /// Name of the user at whose prompt the code was typed, from root; `None` for the caller. Others may name only
    /// themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The registration code as typed, 1 to 64 bytes; both parts of a split one on one line, the first part first.
    pub registration: Zeroizing<String>,
    /// Wishes for the new key. On the wire its fields are parameters of the call itself.
    #[serde(flatten)]
    pub key: WantedKey,
    /// Process at whose prompt the code was typed. From root it selects the origin that a wrong code is charged to; it
    /// is kept for the owner to see. On the wire its fields are parameters of the call itself.
    #[serde(flatten)]
    pub from: From,
}

/// Say that somebody else used the caller's registration code: suspends every key and recovery code that came of it.
#[derive(Serialize)]
pub struct Repudiate {
    /// The caller's own registration code as typed, 1 to 64 bytes, with which a key was made. Taken for 7 days after
    /// that, or `repudiate_within` of `otp.toml`; then `too-late`.
    pub registration: Zeroizing<String>,
}

/// Begin an enrolment of one more key for the caller, of up to five.
#[derive(Serialize)]
pub struct AddKey {
    /// A code of any existing key of the caller, 1 to 64 bytes; once accepted it is used up, even if no key comes of
    /// it. A recovery code is refused and not used up.
    pub code: Zeroizing<String>,
    /// Wishes for the new key. On the wire its fields are parameters of the call itself.
    #[serde(flatten)]
    pub key: WantedKey,
}

/// Begin an enrolment that replaces a key. The old key works until the new one is confirmed, and its label stays.
#[derive(Serialize)]
pub struct Rotate {
    /// Name of the user at whose prompt the code was typed, from root; `None` for the caller. Others may name only
    /// themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A code of the key to replace, 1 to 64 bytes, or a recovery code, which only root may hand on (`needs-password`
    /// otherwise). An accepted one is used up.
    pub code: Zeroizing<String>,
    /// Id or label of the key to replace; on the wire `key`. `None` for the key that the code belongs to or, with a
    /// recovery code, for the only key (`several-keys` if there are more).
    #[serde(skip_serializing_if = "Option::is_none", rename = "key")]
    pub old: Option<String>,
    /// Kind and parameters of the new key; nothing is inherited from the old one. On the wire its fields are parameters
    /// of the call itself.
    #[serde(flatten)]
    pub shape: Shape,
    /// Process at whose prompt the code was typed. From root it selects the origin that a wrong code is charged to. On
    /// the wire its fields are parameters of the call itself.
    #[serde(flatten)]
    pub from: From,
}

/// Begin the enrolment of a hardware token, which has its secret already.
#[derive(Serialize)]
pub struct AddToken {
    /// Name of the user who gets the token. Only root may name themselves here.
    pub user: String,
    /// Secret of the token: base32 (RFC 4648 section 6) of 16 to 64 bytes in at most 256 characters. Case, blanks,
    /// hyphens and padding make no difference. `secret-in-use` if anybody on this host has it.
    pub secret: Zeroizing<String>,
    /// Label, and the parameters that the token was made with. On the wire its fields are parameters of the call
    /// itself.
    #[serde(flatten)]
    pub key: WantedKey,
}

/// Make a new set of recovery codes; the old set no longer works.
#[derive(Serialize)]
pub struct RenewRecoveryCodes {
    /// A code of any key of the caller, 1 to 64 bytes; once accepted it is used up. A recovery code is refused and
    /// not used up.
    pub code: Zeroizing<String>,
}

/// Wishes for a new key; the host's policy fills in what is left out.
#[derive(Serialize, Default, Clone)]
pub struct WantedKey {
    /// The owner's name for the device, unique among their keys (`label-taken`); `None` for `token` in [`AddToken`],
    /// else for `phone`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "values::write_label")]
    pub label: Option<Label>,
    /// Kind and parameters of its codes. On the wire its fields are parameters of the call itself.
    #[serde(flatten)]
    pub shape: Shape,
}

/// Kind and parameters of a key's codes.
#[derive(Serialize, Default, Clone)]
pub struct Shape {
    /// TOTP (RFC 6238) or HOTP (RFC 4226); `None` for TOTP.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "values::write_kind")]
    pub kind: Option<Kind>,
    /// Hash of the HMAC (RFC 6238 section 1.2), which also sets the length of a new secret; `None` for that of
    /// `otp.toml`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "values::write_algorithm")]
    pub algorithm: Option<Algorithm>,
    /// Digits of a code, 6 to 8 (RFC 4226 section 5.3); `None` for those of `otp.toml`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "values::write_digits")]
    pub digits: Option<Digits>,
    /// Time step in seconds, 15 to 120 (`X` of RFC 6238 section 4.1); `None` for that of `otp.toml`. HOTP does not use
    /// it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "values::write_period")]
    pub period: Option<Period>,
}

/// The process at whose prompt a code was typed. The daemon believes it from root; from anybody else these are claims,
/// which are logged and select nothing.
#[derive(Serialize, Default, Clone)]
pub struct From {
    /// Path of the policy file that the PAM line of the process names, at most 256 bytes; `None` for the standard one.
    /// From root it is the file that `service` is looked up in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// Real uid of the process (credentials(7)). From root it selects, with `rhost`, the origin that a wrong code is
    /// charged to; `None` counts as 0, except that root redeeming or rotating for root is then charged as `socket`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub real_uid: Option<u32>,
    /// PAM_SERVICE of the process (pam_get_item(3)), at most 256 bytes. From root it selects the `[service.NAME]` table
    /// of the policy, which may lower the origin; for [`Verify`](super::Verify) also window and guesses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// PAM_RHOST of the process (pam_get_item(3)), at most 256 bytes. From root, with a `real_uid` of 0, a name makes
    /// the origin `remote`; `None` or an empty one makes it `console`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rhost: Option<String>,
    /// PAM_TTY of the process (pam_get_item(3)), at most 256 bytes; only logged and shown.
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
        let (config, service) = (claim("config")?, claim("service")?);
        let (rhost, tty) = (claim("rhost")?, claim("tty")?);
        Ok(Self { config, real_uid: parameters.optional("real_uid")?, service, rhost, tty })
    }
}

fn write_form<S: Serializer>(form: &Option<CodeForm>, to: S) -> Result<S::Ok, S::Error> {
    form.map(CodeForm::as_str).serialize(to)
}
