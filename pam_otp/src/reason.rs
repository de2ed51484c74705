//! The reasons in this module's log, and which of them the person hears (R8).

use otp_core::reason_table;
use otp_core::reasons::{ChangeRefusal, REFUSED, RefusalReason, UnavailableReason, Viewer};

/// Why it ended so. One word in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LogReason {
    /// Something about the code.
    Code(RefusalReason),
    /// Something about a change of keys.
    Change(ChangeRefusal),
    /// Nothing could be decided.
    Unavailable(UnavailableReason),
    /// Something that only this module knows of.
    Module(ModuleReason),
    /// The daemon's word, as it came: one that this module does nothing about, or one of a newer daemon.
    Passed(String),
}

reason_table! {
    /// The reasons that only this module has.
    pub(crate) enum ModuleReason {
        /// A code was accepted.
        Code => "code";
        /// A first key was made, and a code of it was typed.
        Enrolled => "enrolled";
        /// A key was replaced.
        Rotated => "rotated";
        /// Its owner says that the device is gone: the keys are suspended.
        ReportedLost => "reported-lost";
        /// The daemon does not answer this process about that user.
        NotAllowed => "not-allowed";
        /// A registration code that was of no use; the daemon's log has more.
        Registration => "registration";
        /// Suspended, disabled, expired or without a key; this process is not told which.
        Barred => "barred";
        /// The key is to be replaced now.
        Due => "due";
        /// The key is too old.
        Overdue => "overdue";
        /// Too many wrong codes of the new key.
        NotConfirmed => "not-confirmed";
        /// The first code of the new key came too late.
        TooLate => "too-late";
        /// The new key was shown as often as the host can bear.
        TooManyAnswers => "too-many-answers";
        /// Something else ended the new key.
        ThrownAway => "thrown-away";
        /// The daemon is busy.
        Busy => "busy";
        /// The daemon makes no new key.
        DaemonRefuses => "daemon-refuses";
        /// The policy asks this user for no code.
        Exempt => "exempt";
        /// Never enrolled, and the policy lets that pass until some day.
        NotEnrolledYet => "not-enrolled-yet";
        /// Root sets the password of somebody else.
        NotTheOwner => "not-the-owner";
        /// A password was changed.
        PasswordChanged => "password-changed";
        /// A password is about to be changed.
        PasswordChanging => "password-changing";
        /// The key was replaced a short time ago, and somebody else than its owner changes the password.
        KeyReplaced => "key-replaced";
        /// Root has written an emergency mark.
        Emergency => "emergency";
        /// The host could not ask.
        Conversation => "conversation";
        /// A fault in this module.
        Panic => "panic";
    }
}

impl LogReason {
    /// A word that the daemon gives for a refusal.
    pub(crate) fn received(word: &str, seconds: u64) -> Self {
        let code = RefusalReason::received(word, seconds).map(Self::Code);
        let change = || OF_USE.into_iter().find(|reason| reason.word() == word).map(Self::Change);
        code.or_else(change).unwrap_or_else(|| Self::Passed(word.to_owned()))
    }

    /// The word in the log.
    pub(crate) fn word(&self) -> &str {
        match self {
            Self::Code(reason) => reason.word(),
            Self::Change(reason) => reason.word(),
            Self::Unavailable(reason) => reason.word(),
            Self::Module(reason) => reason.word(),
            Self::Passed(word) => word,
        }
    }

    /// Was it told when it came? A person who was shown a key hears what became of it, and no refusal of a code after that.
    pub(crate) fn is_told(&self) -> bool {
        use ModuleReason::{NotConfirmed, ThrownAway, TooLate, TooManyAnswers};
        matches!(self, Self::Module(NotConfirmed | TooLate | TooManyAnswers | ThrownAway))
    }

    /// The text for the person. The owner at their own session is told as much as by `otpctl status`, everybody else nothing.
    pub(crate) fn text_for(&self, viewer: Viewer) -> String {
        let text = match (self, viewer) {
            (Self::Code(reason), viewer) => return reason.text_for(viewer),
            (Self::Change(reason @ (ChangeRefusal::SeveralKeys | ChangeRefusal::NoSuchKey)), Viewer::Owner) => {
                reason.text()
            }
            (Self::Unavailable(reason), Viewer::Owner) => reason.owner_text(),
            _ => REFUSED,
        };
        text.to_owned()
    }
}

impl From<RefusalReason> for LogReason {
    fn from(reason: RefusalReason) -> Self {
        Self::Code(reason)
    }
}

impl From<ChangeRefusal> for LogReason {
    fn from(reason: ChangeRefusal) -> Self {
        Self::Change(reason)
    }
}

impl From<UnavailableReason> for LogReason {
    fn from(reason: UnavailableReason) -> Self {
        Self::Unavailable(reason)
    }
}

impl From<ModuleReason> for LogReason {
    fn from(reason: ModuleReason) -> Self {
        Self::Module(reason)
    }
}

/// The reasons of a change that this module asks about or has a text for.
const OF_USE: [ChangeRefusal; 2] = [ChangeRefusal::SeveralKeys, ChangeRefusal::NoSuchKey];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use otp_core::policy::audience::Unmatched;
    use otp_core::reasons::NOT_A_CODE;
    use otp_core::reasons::words::Worded;
    use otp_core::repair::Repair;

    use super::*;

    fn words<T: Worded>(list: &[T]) -> BTreeSet<&'static str> {
        let words: BTreeSet<_> = list.iter().map(Worded::word).collect();
        assert_eq!(words.len(), list.len(), "one word, one reason");
        words
    }

    /// The words of its `.Ql` lines.
    fn listed(manual: &str) -> BTreeSet<&str> {
        let lines = manual.lines().filter_map(|line| line.strip_prefix(".Ql "));
        lines.flat_map(|line| line.split([' ', ','])).filter(|word| !["", "."].contains(word)).collect()
    }

    #[test]
    fn the_manual_lists_the_reasons_that_there_are() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/man/pam_otp.8")).unwrap();
        let log = page.split("\n.Sh LOG\n").nth(1).unwrap().split("\n.Sh ").next().unwrap();
        let (reasons, rest) =
            log.split_once("\n.Va reason\nis one of\n").unwrap().1.split_once("\n.Va detail\n").unwrap();
        let said = [words(RefusalReason::ALL), words(UnavailableReason::ALL), words(ModuleReason::ALL)];
        // The interface file lists the daemon's reasons for a change; the manual has those of a rotation.
        let of_a_rotation = ["needs-password", "several-keys", "no-such-key", "keys-disabled", "code-refused"];
        assert_eq!(listed(reasons), said.into_iter().flatten().chain(of_a_rotation).collect());
        assert!(of_a_rotation.iter().all(|word| words(ChangeRefusal::ALL).contains(word)));
        for word in words(Repair::ALL).union(&words(Unmatched::ALL)) {
            assert!(listed(rest).contains(word), "{word}");
        }
    }

    #[test]
    fn a_word_of_the_daemon_is_logged_as_it_came_and_tells_the_person_nothing() {
        for word in ["moon-is-full", "", "WRONG", "label-taken"] {
            let reason = LogReason::received(word, 7);
            assert_eq!((&reason, reason.word()), (&LogReason::Passed(word.to_owned()), word));
            assert_eq!(reason.text_for(Viewer::Owner), REFUSED);
        }
        assert_eq!(LogReason::received("waiting", 7), RefusalReason::Waiting { left_ms: 7000 }.into());
        assert_eq!(LogReason::received("several-keys", 0), ChangeRefusal::SeveralKeys.into());
    }

    #[test]
    fn r8_a_person_who_may_be_somebody_else_hears_the_one_text() {
        let codes = RefusalReason::ALL.iter().map(|reason| LogReason::from(*reason));
        let unavailable = UnavailableReason::ALL.iter().map(|reason| LogReason::from(*reason));
        let changes = ChangeRefusal::ALL.iter().map(|reason| LogReason::from(*reason));
        let module = ModuleReason::ALL.iter().map(|reason| LogReason::from(*reason));
        for reason in codes.chain(unavailable).chain(changes).chain(module) {
            let text = if reason == RefusalReason::Junk.into() { NOT_A_CODE } else { REFUSED };
            assert_eq!(reason.text_for(Viewer::Other), text, "{reason:?}");
        }
    }

    #[test]
    fn the_owner_hears_what_there_is_to_do() {
        let told = |reason: LogReason| reason.text_for(Viewer::Owner);
        assert_eq!(told(RefusalReason::Suspended.into()), "your keys are suspended; ask an admin");
        assert!(told(UnavailableReason::Renamed.into()).ends_with("ask root to run `otpctl adopt`"));
        assert!(told(ChangeRefusal::SeveralKeys.into()).contains("several keys"));
        for silent in [RefusalReason::Wrong, RefusalReason::Replayed, RefusalReason::NoKey] {
            assert_eq!(told(silent.into()), REFUSED);
        }
        assert!(told(UnavailableReason::HostKey.into()).starts_with("codes cannot be checked on this host right now"));
    }
}
