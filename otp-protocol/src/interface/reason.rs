//! Reasons in refusals: types in this program, words on the wire. A word that this version does not know stays as it came.

use otp_core::reason_table;
use otp_core::reasons::words::{Received, Worded};
use otp_core::reasons::{ChangeRefusal, RefusalReason};
use serde::{Deserialize as _, Deserializer, Serializer};

/// Why nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotPossibleReason {
    /// The change itself.
    Change(ChangeRefusal),
    /// The code that is wanted for it: what bars its owner.
    Code(RefusalReason),
}

reason_table! {
    /// Why a registration code is not good. The text follows "registration code: ".
    pub enum RegistrationReason -> &'static str {
        /// Tells nothing: the account of somebody else is not told apart from none.
        Refused => "refused", "it is not good for this account";
        /// The code is over.
        Stale => "stale", "it is no longer valid; ask for a new one";
        /// The host's clock lies before its making.
        Early => "early", "this host's clock shows a time before the code was made; tell an administrator";
        /// It comes from a backup.
        Restored => "restored-copy",
            "the file of registration codes was put back from a backup, or another program has touched it; ask for a new code";
    }
}

impl RegistrationReason {
    /// The fault, and the remedy.
    pub fn text(self) -> &'static str {
        self.row_text()
    }
}

impl Worded for NotPossibleReason {
    fn word(&self) -> &'static str {
        match self {
            Self::Change(reason) => reason.word(),
            Self::Code(reason) => reason.word(),
        }
    }

    fn parse(word: &str) -> Option<Self> {
        let change = ChangeRefusal::parse(word).map(Self::Change);
        change.or_else(|| RefusalReason::parse(word).map(Self::Code))
    }
}

impl From<ChangeRefusal> for NotPossibleReason {
    fn from(reason: ChangeRefusal) -> Self {
        Self::Change(reason)
    }
}

impl From<RefusalReason> for NotPossibleReason {
    fn from(reason: RefusalReason) -> Self {
        Self::Code(reason)
    }
}

/// Writes the word.
pub(super) fn serialize<T: Worded, S: Serializer>(reason: &Received<T>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reason.word())
}

/// Reads a word.
pub(super) fn deserialize<'de, T: Worded, D: Deserializer<'de>>(deserializer: D) -> Result<Received<T>, D::Error> {
    String::deserialize(deserializer).map(Received::from)
}
