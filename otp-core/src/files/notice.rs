//! Security notices: what a user is told about the keys, whoever changed them. The events are a closed list, and what goes
//! with one is numbers, a key's label and claims cut to a plain alphabet: there is no field that a secret or a code could
//! get into.

use crate::files::date::utc;
use crate::keys::key::Label;
use crate::unix_time::UnixTime;

/// Something happened to the keys of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What.
    pub event: NoticeEvent,
    /// When.
    pub at: UnixTime,
    /// The uid that did it.
    pub by: u32,
    /// From where, as far as it is known.
    pub from: Where,
    /// The key that it is about.
    pub key: Option<Label>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeEvent {
    /// A registration code was made for the user.
    RegistrationCodeIssued,
    /// It was redeemed: a key is about to be shown.
    RegistrationCodeUsed,
    /// A used registration code came back.
    RegistrationCodeReplayed,
    /// Somebody else typed the user's registration code.
    RegistrationCodeTriedByAnother,
    /// The first key is in force.
    KeyEnrolled,
    /// One more key is in force.
    KeyAdded,
    /// A key took the place of another.
    KeyRotated,
    /// A key was removed.
    KeyRevoked,
    /// Every code is refused.
    KeysSuspended,
    /// Codes are accepted again.
    KeysResumed,
    /// A recovery code was used up.
    RecoveryCodeUsed {
        /// How many are left.
        left: u8,
    },
    /// There is a new set of recovery codes; the old one is dead.
    RecoveryCodesRenewed,
    /// The user said of a change that it was somebody else's.
    Repudiated,
    /// Somebody else than the user made a key for the user, and saw it.
    AdminEnrolled,
    /// Too many wrong codes: the keys are off until a new one is bound.
    Disabled,
    /// The user counts as never enrolled.
    Forgotten,
}

/// How much it matters. In rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Expected by whoever did it.
    Info,
    /// A change that an intruder would make, too.
    Warning,
    /// Somebody should look now.
    Alarm,
}

/// From where; claims of the program that was used, worth as much as that program.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Where {
    /// Terminal.
    pub tty: Option<Claim>,
    /// The other end of a network connection.
    pub rhost: Option<Claim>,
    /// PAM service.
    pub service: Option<Claim>,
}

/// When something was done, and from where, in words.
pub fn when_and_where(at: UnixTime, from: &Where) -> String {
    format!("at {}{}", utc(at), from.told())
}

/// 1 to 64 letters, digits or any of `._:/@%+-`; what was anything else is `_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim(String);

impl NoticeEvent {
    /// The word in files and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::RegistrationCodeIssued => "registration-code-issued",
            Self::RegistrationCodeUsed => "registration-code-used",
            Self::RegistrationCodeReplayed => "registration-code-replayed",
            Self::RegistrationCodeTriedByAnother => "registration-code-tried-by-another",
            Self::KeyEnrolled => "key-enrolled",
            Self::KeyAdded => "key-added",
            Self::KeyRotated => "key-rotated",
            Self::KeyRevoked => "key-revoked",
            Self::KeysSuspended => "keys-suspended",
            Self::KeysResumed => "keys-resumed",
            Self::RecoveryCodeUsed { .. } => "recovery-code-used",
            Self::RecoveryCodesRenewed => "recovery-codes-renewed",
            Self::Repudiated => "repudiated",
            Self::AdminEnrolled => "admin-enrolled",
            Self::Disabled => "disabled",
            Self::Forgotten => "forgotten",
        }
    }

    /// Reads the word back; `left` is that of a recovery code and of nothing else.
    pub fn parse(word: &str, left: Option<u8>) -> Option<Self> {
        let used = left.map(|left| Self::RecoveryCodeUsed { left });
        let others = Self::OTHERS.into_iter().filter(|_| left.is_none());
        others.chain(used).find(|event| event.word() == word)
    }

    /// How many recovery codes are left, where it is about one.
    pub fn left(self) -> Option<u8> {
        match self {
            Self::RecoveryCodeUsed { left } => Some(left),
            _ => None,
        }
    }

    /// How much it matters.
    pub fn severity(self) -> Severity {
        match self {
            Self::RegistrationCodeIssued | Self::KeyEnrolled => Severity::Info,
            Self::RegistrationCodeUsed
            | Self::KeyAdded
            | Self::KeyRotated
            | Self::KeyRevoked
            | Self::KeysSuspended
            | Self::KeysResumed
            | Self::RecoveryCodeUsed { .. }
            | Self::RecoveryCodesRenewed
            | Self::Forgotten => Severity::Warning,
            Self::RegistrationCodeReplayed
            | Self::RegistrationCodeTriedByAnother
            | Self::Repudiated
            | Self::AdminEnrolled
            | Self::Disabled => Severity::Alarm,
        }
    }

    fn sentence(self) -> String {
        let text = match self {
            Self::RegistrationCodeIssued => "a registration code was made for you",
            Self::RegistrationCodeUsed => "your registration code was used",
            Self::RegistrationCodeReplayed => "your registration code was typed again after it had been used",
            Self::RegistrationCodeTriedByAnother => "somebody else typed your registration code",
            Self::KeyEnrolled => "your first key is in force",
            Self::KeyAdded => "one more key of yours is in force",
            Self::KeyRotated => "a key of yours was replaced by a new one",
            Self::KeyRevoked => "a key of yours was removed",
            Self::KeysSuspended => "your keys were suspended: every code is refused",
            Self::KeysResumed => "the suspension of your keys was ended",
            Self::RecoveryCodeUsed { left } => {
                let are = if left == 1 { "is" } else { "are" };
                let few = if left <= 2 { ": make a new set with otpctl recovery-codes" } else { "" };
                return format!("a recovery code of yours was used; {left} {are} left{few}");
            }
            Self::RecoveryCodesRenewed => "you have new recovery codes; the old ones are dead",
            Self::Repudiated => "a change was declared not to be yours; what came of it is suspended",
            Self::AdminEnrolled => "a key was made for you by somebody else, who has seen it",
            Self::Disabled => "your keys are disabled after too many wrong codes",
            Self::Forgotten => "your keys were deleted; you count as never enrolled",
        };
        text.to_owned()
    }

    /// Every event but the one with a number.
    const OTHERS: [Self; 15] = [
        Self::RegistrationCodeIssued,
        Self::RegistrationCodeUsed,
        Self::RegistrationCodeReplayed,
        Self::RegistrationCodeTriedByAnother,
        Self::KeyEnrolled,
        Self::KeyAdded,
        Self::KeyRotated,
        Self::KeyRevoked,
        Self::KeysSuspended,
        Self::KeysResumed,
        Self::RecoveryCodesRenewed,
        Self::Repudiated,
        Self::AdminEnrolled,
        Self::Disabled,
        Self::Forgotten,
    ];
}

impl Severity {
    /// The word in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Alarm => "alarm",
        }
    }
}

impl Notice {
    /// One line for `owner`, in printable ASCII: when, what, by whom, from where, and what to do about it.
    pub fn text(&self, owner: u32) -> String {
        let mut text = format!("{}: {}", utc(self.at), self.event.sentence());
        if let Some(key) = &self.key {
            text.push_str(&format!(" (key \"{}\")", key.as_str()));
        }
        text.push_str(&match self.by {
            _ if self.event == NoticeEvent::Disabled => String::new(), // whoever guesses is not known
            0 => "; by root".to_owned(),
            uid if uid == owner => "; from your account".to_owned(),
            uid => format!("; by uid {uid}"),
        });
        text.push_str(&self.from.told());
        text.push_str(match self.event.severity() {
            Severity::Info => ".",
            Severity::Warning => ". If that was not you or on your behalf, tell an administrator at once.",
            Severity::Alarm => ". Tell an administrator at once, unless you know that this is in order.",
        });
        text
    }
}

impl Where {
    /// `, from 192.0.2.1, on pts/3, through sshd`: as much as is known.
    fn told(&self) -> String {
        let all = [("from", &self.rhost), ("on", &self.tty), ("through", &self.service)];
        all.into_iter().filter_map(|(how, claim)| Some(format!(", {how} {}", claim.as_ref()?.0))).collect()
    }
}

impl Claim {
    /// What of `text` may be shown; nothing of nothing.
    pub fn of(text: Option<&str>) -> Option<Self> {
        let plain = |c: char| if is_plain(c) { c } else { '_' };
        let claim: String = text?.chars().take(LONGEST).map(plain).collect();
        (!claim.is_empty()).then_some(Self(claim))
    }

    /// Reads back what `as_str` gave.
    pub fn parse(text: &str) -> Option<Self> {
        Self::of(Some(text)).filter(|claim| claim.0 == text)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._:/@%+-".contains(c)
}

const LONGEST: usize = 64;

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        pub fn any_notice()(
            number in 0..16_usize, left: u8, at in 0..=i64::MAX as u64, by: u32,
            claims in proptest::array::uniform3(proptest::option::of("\\PC{0,80}")),
            key in proptest::option::of("[A-Za-z0-9_.@-]{1,32}"),
        ) -> Notice {
            let event = NoticeEvent::OTHERS.get(number).copied().unwrap_or(NoticeEvent::RecoveryCodeUsed { left });
            let [tty, rhost, service] = claims.map(|claim| Claim::of(claim.as_deref()));
            let key = key.and_then(|key| Label::new(&key).ok());
            Notice { event, at: UnixTime::new(at), by, from: Where { tty, rhost, service }, key }
        }
    }

    proptest! {
        #[test]
        fn a_text_is_one_line_of_printable_ascii(notice in any_notice(), owner: u32) {
            let text = notice.text(owner);
            prop_assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && text.len() < 700, "{}", text);
        }

        #[test]
        fn every_event_is_read_back_by_its_word(notice in any_notice()) {
            let (event, left) = (notice.event, notice.event.left());
            prop_assert_eq!(NoticeEvent::parse(event.word(), left), Some(event));
            prop_assert_eq!(NoticeEvent::parse(event.word(), if left.is_some() { None } else { Some(3) }), None);
        }

        #[test]
        fn a_claim_is_read_back_and_nothing_else_is(text in "\\PC{0,80}") {
            if let Some(claim) = Claim::of(Some(&text)) {
                prop_assert_eq!(Claim::parse(claim.as_str()), Some(claim.clone()));
                prop_assert_eq!(Claim::parse(&text).is_some(), claim.as_str() == text);
            }
        }
    }

    #[test]
    fn it_says_when_what_who_from_where_and_what_to_do() {
        let from = Where {
            tty: Claim::of(Some("ssh")),
            rhost: Claim::of(Some("192.0.2.1\n\x1b[2J")),
            service: Claim::of(Some("")),
        };
        let notice = Notice {
            event: NoticeEvent::KeyAdded,
            at: UnixTime::new(1_795_298_640),
            by: 1000,
            from,
            key: Label::new("my phone").ok(),
        };
        let text = "2026-11-21T22:04:00Z: one more key of yours is in force (key \"my phone\"); from your account, \
                    from 192.0.2.1___2J, on ssh. If that was not you or on your behalf, tell an administrator at once.";
        assert_eq!(notice.text(1000), text);
        assert!(notice.text(1001).contains("; by uid 1000,"));
        assert!(Notice { by: 0, ..notice }.text(1000).contains("; by root,"));
    }

    #[test]
    fn words_are_all_different() {
        let mut words: Vec<_> = NoticeEvent::OTHERS.iter().map(|event| event.word()).collect();
        words.push(NoticeEvent::RecoveryCodeUsed { left: 1 }.word());
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), 16);
    }
}
