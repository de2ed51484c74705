//! Security notices on the wire. The core fixes all that a notice can say; none of it is free text.

use otp_core::files::notice::Telling;
use otp_core::files::notice_file::Spooled;
use otp_core::unix_time::UnixTime;
use serde::{Deserialize, Serialize};

use super::claimed_place::ClaimedPlace;
use crate::unix_seconds;

/// Answer to `Notices`.
#[derive(Serialize, Deserialize)]
pub struct NoticeList {
    /// Oldest first; empty if there is nothing to tell.
    pub notices: Vec<NoticeItem>,
    /// The same for a person: a line of printable ASCII for each kind of event, and what to do about them. Empty if there is nothing to
    /// tell, or from a daemon that makes none.
    #[serde(default)]
    pub lines: Vec<String>,
}

/// An event that concerns the keys of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeItem {
    /// Number of the notice; rises within one user, with gaps. [`NoticesShown::last`](super::NoticesShown::last) refers to it.
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
    /// From where. On the wire its fields are members of this one.
    #[serde(flatten)]
    pub from: ClaimedPlace,
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
    /// `one`, as its owner is told it.
    pub fn of(one: &Spooled, telling: &Telling<'_>) -> Self {
        let notice = &one.notice;
        Self {
            id: one.id,
            event: notice.event.word().to_owned(),
            severity: notice.event.severity().as_str().to_owned(),
            at: notice.at,
            by: notice.by,
            from: ClaimedPlace::of(&notice.from),
            key: notice.key.as_ref().map(|key| key.as_str().to_owned()),
            left: notice.event.left(),
            times: one.times,
            last: one.last,
            shown: one.shown,
            text: one.text(telling),
        }
    }
}
