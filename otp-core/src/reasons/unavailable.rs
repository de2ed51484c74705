//! Why nothing can be decided.

use crate::reasons::words::Worded as _;

crate::reason_table! {
    /// Why nothing can be decided. The text is the command by which root puts it right, if there is one.
    pub enum UnavailableReason -> Option<&'static str> {
        /// A file of the vault is not there.
        MissingFile => "missing-file", None;
        /// It is not to be trusted: owner, mode, links, type or size.
        UntrustedFile => "untrusted-file", None;
        /// The system would not open or read it.
        UnreadableFile => "unreadable-file", None;
        /// There are no descriptors or no memory left to open it.
        OutOfResources => "out-of-resources", None;
        /// It is not in its format or not this user's.
        MalformedFile => "malformed-file", None;
        /// This user's keys are there, under the uid that the account had before.
        UidChanged => "uid-changed", Some("root fixes that with `otpctl adopt`");
        /// The keys of this uid are there, under another name.
        Renamed => "renamed", Some("root fixes that with `otpctl adopt`");
        /// A local account was seen missing, and may be another person's by now.
        AccountGone => "account-gone",
            Some("root runs `otpctl adopt` if it is the same person, otherwise `otpctl forget`");
        /// Somebody else held the user's lock for too long.
        LockTimeout => "lock-timeout", None;
        /// A file could not be written or synced.
        CannotPersist => "cannot-persist", None;
        /// The policy cannot be read or used.
        BadPolicy => "bad-policy", None;
        /// A system account of this program is not there.
        NoAccount => "no-account", None;
        /// The host key is missing, damaged or another vault's.
        HostKey => "host-key", None;
        /// The account database does not answer.
        UserLookup => "user-lookup", None;
        /// An option on the PAM line is wrong.
        BadOption => "bad-option", None;
        /// Option and policy contradict each other.
        Contradiction => "contradiction", None;
        /// The daemon is needed and was of no help.
        NoDaemon => "no-daemon", None;
    }
}

/// How the daemon begins the sentence by which it says that the vault cannot answer. The word of the reason follows. Modules of other
/// versions, which a running program may still have loaded, look for exactly this text.
const CANNOT_ANSWER: &str = "the vault cannot answer: ";

impl UnavailableReason {
    /// The command by which root puts it right, where there is one.
    pub const fn remedy(self) -> Option<&'static str> {
        self.row_text()
    }

    /// The text for the owner of the keys in a session of their own. Everybody else hears that the code is refused (R8).
    pub const fn owner_text(self) -> &'static str {
        match self {
            Self::UidChanged => {
                "your keys are stored under the uid that you had before; ask root to run `otpctl adopt`"
            }
            Self::Renamed => "the keys of your uid are stored under another name; ask root to run `otpctl adopt`",
            Self::AccountGone => "your account was deleted and created again; ask root to run `otpctl adopt`",
            Self::LockTimeout => "another program is using your keys; end it and try again, or tell an administrator",
            Self::CannotPersist => {
                "codes cannot be checked on this host right now; tell an administrator, and wait for the next code \
                 before you try again"
            }
            Self::MissingFile
            | Self::UntrustedFile
            | Self::UnreadableFile
            | Self::OutOfResources
            | Self::MalformedFile
            | Self::BadPolicy
            | Self::NoAccount
            | Self::HostKey
            | Self::UserLookup
            | Self::BadOption
            | Self::Contradiction
            | Self::NoDaemon => "codes cannot be checked on this host right now; tell an administrator",
        }
    }

    /// The daemon's sentence, with a `note` between reason and remedy.
    pub fn sentence(self, note: &str) -> String {
        let remedy = self.remedy().map_or_else(String::new, |remedy| format!("; {remedy}"));
        format!("{CANNOT_ANSWER}{}{note}{remedy}", self.word())
    }

    /// The reason in such a sentence.
    pub fn of_sentence(sentence: &str) -> Option<Self> {
        let rest = sentence.strip_prefix(CANNOT_ANSWER)?;
        Self::parse(rest.split(';').next()?)
    }
}
