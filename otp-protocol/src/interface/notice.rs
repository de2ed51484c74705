//! Security notices on the wire. The core fixes all that a notice can say; nothing of it is free text.

use otp_core::accounts::Account;
use otp_core::files::notice_file::Spooled;
use serde::{Deserialize, Serialize};

use super::reply::Done;
use super::{Method, Refusal, values};
use crate::unix_seconds;
use crate::varlink::parameters::Parameters;
use otp_core::unix_time::UnixTime;

/// Ask for the notices that a user has not seen three times yet.
#[derive(Serialize)]
pub struct Notices {
    /// Name of the user; `None` for the caller. Only root may name somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// Say that a person has seen notices, so that each counts as shown once more. From anybody but root a notice counts as
/// shown twice at the most: the third time is that of a login.
#[derive(Serialize)]
pub struct NoticesShown {
    /// Name of the user who has seen them; `None` for the caller. Only root may name somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// [`NoticeItem::id`] of the newest notice that was shown; newer ones are not counted.
    pub last: u64,
}

/// Answer to [`Notices`].
#[derive(Serialize, Deserialize)]
pub struct NoticeList {
    /// Oldest first; empty if there is nothing to tell.
    pub notices: Vec<NoticeItem>,
}

/// An event that concerns the keys of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeItem {
    /// Number of the notice; rises within one user, with gaps. [`NoticesShown::last`] refers to it.
    pub id: u64,
    /// One of the words that the interface file lists under `Notice`, such as `key-enrolled`.
    pub event: String,
    /// `info`, `warning` or `alarm`; the event alone decides which.
    pub severity: String,
    /// Time of the event, of the first one if there were several; Unix time in seconds, UTC.
    #[serde(with = "unix_seconds")]
    pub at: UnixTime,
    /// Uid that caused the event: the real uid behind a process that runs as root, as far as `/proc` shows it.
    pub by: u32,
    /// Terminal that the program named, 1 to 64 letters, digits or any of `._:/@%+-`; `None` if it named none.
    #[serde(default)]
    pub tty: Option<String>,
    /// Remote host that the program named, in the same alphabet; `None` if it named none.
    #[serde(default)]
    pub rhost: Option<String>,
    /// PAM service that the program named, in the same alphabet; `None` if it named none.
    #[serde(default)]
    pub service: Option<String>,
    /// Label of the key; `None` where the event is not about a single key.
    #[serde(default)]
    pub key: Option<String>,
    /// Recovery codes that are left, with `recovery-code-used`; `None` with any other event.
    #[serde(default)]
    pub left: Option<u8>,
    /// Number of events that this notice stands for: 1, or more where a full spool merged notices of the same kind.
    pub times: u32,
    /// Time of the last of these events; Unix time in seconds, UTC. Equals `at` for a single one.
    #[serde(with = "unix_seconds")]
    pub last: UnixTime,
    /// How often the user has been shown it: 0 to 2. After the third time the notice is gone.
    pub shown: u8,
    /// The whole notice for a person, in one line of printable ASCII.
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
