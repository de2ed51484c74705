//! Security notices on the wire: what they say is fixed by the core, nothing of it is free text.

use otp_core::accounts::Account;
use otp_core::files::notice_file::Spooled;
use serde::{Deserialize, Serialize};

use super::reply::Done;
use super::{Method, Refusal, values};
use crate::varlink::parameters::Parameters;

/// What a user has not seen often enough.
#[derive(Serialize)]
pub struct Notices {
    /// Nobody named: the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// They were shown.
#[derive(Serialize)]
pub struct NoticesShown {
    /// Nobody named: the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The id of the last one that was shown.
    pub last: u64,
}

/// Answer to `Notices`.
#[derive(Serialize, Deserialize)]
pub struct NoticeList {
    /// Oldest first.
    pub notices: Vec<NoticeItem>,
}

/// Something happened to the keys of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeItem {
    pub id: u64,
    /// A word of the interface.
    pub event: String,
    /// `info`, `warning` or `alarm`
    pub severity: String,
    /// Seconds since 1970.
    pub at: u64,
    /// The uid that did it.
    pub by: u32,
    #[serde(default)]
    pub tty: Option<String>,
    #[serde(default)]
    pub rhost: Option<String>,
    #[serde(default)]
    pub service: Option<String>,
    /// Label of the key.
    #[serde(default)]
    pub key: Option<String>,
    /// How many recovery codes are left.
    #[serde(default)]
    pub left: Option<u8>,
    /// How often it happened.
    pub times: u32,
    /// When it happened last, in seconds since 1970.
    pub last: u64,
    /// How often it was shown.
    pub shown: u8,
    /// All of it in one line of printable ASCII.
    pub text: String,
}

impl NoticeItem {
    /// What `one` says to `owner`.
    pub fn of(one: &Spooled, owner: &Account) -> Self {
        let (notice, from) = (&one.notice, &one.notice.from);
        let claim =
            |claim: &Option<otp_core::files::notice::Claim>| claim.as_ref().map(|claim| claim.as_str().to_owned());
        Self {
            id: one.id,
            event: notice.event.word().to_owned(),
            severity: notice.event.severity().as_str().to_owned(),
            at: notice.at,
            by: notice.by,
            tty: claim(&from.tty),
            rhost: claim(&from.rhost),
            service: claim(&from.service),
            key: notice.key.as_ref().map(|key| key.as_str().to_owned()),
            left: notice.event.left(),
            times: one.times,
            last: one.last,
            shown: one.shown,
            text: one.text(owner.uid),
        }
    }
}

impl Method for Notices {
    const NAME: &'static str = "io.pam-otp.Otp1.Notices";
    type Reply = NoticeList;
}

impl Method for NoticesShown {
    const NAME: &'static str = "io.pam-otp.Otp1.NoticesShown";
    type Reply = Done;
}

impl Notices {
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let user = parameters.optional("user")?.map(values::user_name).transpose()?;
        parameters.end()?;
        Ok(Self { user })
    }
}

impl NoticesShown {
    pub(super) fn read(mut parameters: Parameters<'_>) -> Result<Self, Refusal> {
        let user = parameters.optional("user")?.map(values::user_name).transpose()?;
        let request = Self { user, last: parameters.required("last")? };
        parameters.end()?;
        Ok(request)
    }
}
