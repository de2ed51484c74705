//! Security notices: what a user is told of every change of the keys. The events are a closed list, and what goes
//! with one is numbers, a key's label and claims cut to a plain alphabet: there is no field that a secret or a code could
//! get into.

use crate::files::date::ago;
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

/// The event.
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
    /// A key has another end than before, or none.
    KeyExpirySet,
    /// Every code is refused.
    KeysSuspended,
    /// Codes are accepted again.
    KeysResumed,
    /// A recovery code was used up.
    RecoveryCodeUsed {
        /// How many are left.
        left: u8,
    },
    /// There is a new set of recovery codes; the old one no longer works.
    RecoveryCodesRenewed,
    /// The user said of a change that it was somebody else's.
    Repudiated,
    /// Somebody else than the user made a key for the user, and saw it.
    AdminEnrolled,
    /// A key that another program kept was taken over.
    KeyImported,
    /// Too many wrong codes: the keys are off until a new one is bound.
    Disabled,
    /// The user counts as never enrolled.
    Forgotten,
    /// Somebody has asked for a reset of the keys. Told until it is over, however often it was shown.
    ResetAsked,
    /// A second admin agreed to it.
    ResetApproved,
    /// It will not happen.
    ResetCancelled,
    /// Somebody has named the user as the one who vouches for another who wants new keys.
    NamedAsVoucher,
}

/// How much it matters. In rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Expected by the one who did it.
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

/// Names and times for a text about a notice, from outside.
pub struct Telling<'a> {
    /// The uid that it is told to.
    pub owner: u32,
    /// The name of a uid. Whatever is not printable ASCII in it is shown as a question mark.
    pub name: &'a dyn Fn(u32) -> String,
    /// A moment, to the minute, with its zone; printable ASCII.
    pub time: &'a dyn Fn(UnixTime) -> String,
}

/// When something was done, and from where, in words: `3 minutes ago (TIME), on pts/1`. `time` tells a moment.
pub fn when_and_where(at: UnixTime, from: &Where, now: UnixTime, time: impl Fn(UnixTime) -> String) -> String {
    format!("{} ({}){}", ago(now, at), time(at), from.told())
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
            Self::KeyExpirySet => "key-expiry-set",
            Self::KeysSuspended => "keys-suspended",
            Self::KeysResumed => "keys-resumed",
            Self::RecoveryCodeUsed { .. } => "recovery-code-used",
            Self::RecoveryCodesRenewed => "recovery-codes-renewed",
            Self::Repudiated => "repudiated",
            Self::AdminEnrolled => "admin-enrolled",
            Self::KeyImported => "key-imported",
            Self::Disabled => "disabled",
            Self::Forgotten => "forgotten",
            Self::ResetAsked => "reset-asked",
            Self::ResetApproved => "reset-approved",
            Self::ResetCancelled => "reset-cancelled",
            Self::NamedAsVoucher => "named-as-voucher",
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

    /// Is it told as long as it holds, however often it was shown?
    pub fn stays(self) -> bool {
        self == Self::ResetAsked
    }

    /// How much it matters.
    pub fn severity(self) -> Severity {
        match self {
            Self::RegistrationCodeIssued | Self::KeyEnrolled | Self::KeyImported => Severity::Info,
            Self::RegistrationCodeUsed
            | Self::KeyAdded
            | Self::KeyRotated
            | Self::KeyRevoked
            | Self::KeyExpirySet
            | Self::KeysSuspended
            | Self::KeysResumed
            | Self::RecoveryCodeUsed { .. }
            | Self::RecoveryCodesRenewed
            | Self::Forgotten
            | Self::ResetCancelled => Severity::Warning,
            Self::RegistrationCodeReplayed
            | Self::RegistrationCodeTriedByAnother
            | Self::Repudiated
            | Self::AdminEnrolled
            | Self::Disabled
            | Self::ResetAsked
            | Self::ResetApproved
            | Self::NamedAsVoucher => Severity::Alarm,
        }
    }

    /// The event in words, and its meaning for the owner of the keys.
    pub(crate) fn sentence(self) -> String {
        let text = match self {
            Self::RegistrationCodeIssued => "a registration code was made for you",
            Self::RegistrationCodeUsed => "your registration code was used to begin an enrolment",
            Self::RegistrationCodeReplayed => {
                "your registration code was typed again after a key had been made with it"
            }
            Self::RegistrationCodeTriedByAnother => "somebody else typed your registration code",
            Self::KeyEnrolled => "your first key was stored",
            Self::KeyAdded => "one more key was stored for you",
            Self::KeyRotated => "a key of yours was replaced by a new one",
            Self::KeyRevoked => "a key of yours was removed",
            Self::KeyExpirySet => "the end of a key of yours was changed; otpctl status shows it",
            Self::KeysSuspended => {
                "your keys were suspended: every code is refused until an administrator ends the suspension"
            }
            Self::KeysResumed => "the suspension of your keys was ended",
            Self::RecoveryCodeUsed { left } => {
                let are = if left == 1 { "is" } else { "are" };
                let few = if left <= 2 { ": make a new set with otpctl recovery-codes" } else { "" };
                return format!("a recovery code of yours was used; {left} {are} left{few}");
            }
            Self::RecoveryCodesRenewed => "you have new recovery codes; the old ones no longer work",
            Self::Repudiated => {
                "you said that somebody else used your registration code; the keys made with it are off, and you need a \
                 new code"
            }
            Self::AdminEnrolled => "a key was made for you by somebody else, who has seen it",
            Self::KeyImported => {
                "your app or token goes on working: its key was taken over from another program; \
                 make recovery codes with otpctl recovery-codes"
            }
            Self::Disabled => {
                "your keys are disabled after too many wrong codes; an administrator must give you a new registration code"
            }
            Self::Forgotten => "your keys were deleted; to get codes again you need a new registration code",
            Self::ResetAsked => {
                "somebody asked to replace your keys by new ones; if that is not for you, cancel it now with otpctl resets \
                 cancel and a code or recovery code of yours"
            }
            Self::ResetApproved => "a second administrator agreed to replace your keys by new ones",
            Self::ResetCancelled => "the request to replace your keys was cancelled; your keys stay",
            Self::NamedAsVoucher => {
                "somebody who asked for new keys for another account named you as vouching for that person"
            }
        };
        text.to_owned()
    }

    /// Every event but the one with a number.
    const OTHERS: [Self; 21] = [
        Self::RegistrationCodeIssued,
        Self::RegistrationCodeUsed,
        Self::RegistrationCodeReplayed,
        Self::RegistrationCodeTriedByAnother,
        Self::KeyEnrolled,
        Self::KeyAdded,
        Self::KeyRotated,
        Self::KeyRevoked,
        Self::KeyExpirySet,
        Self::KeysSuspended,
        Self::KeysResumed,
        Self::RecoveryCodesRenewed,
        Self::Repudiated,
        Self::AdminEnrolled,
        Self::KeyImported,
        Self::Disabled,
        Self::Forgotten,
        Self::ResetAsked,
        Self::ResetApproved,
        Self::ResetCancelled,
        Self::NamedAsVoucher,
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
    /// One line for the owner, in printable ASCII: when, what, by whom, from where, and what to do about it.
    pub fn text(&self, telling: &Telling<'_>) -> String {
        let mut text = format!("{}: {}", (telling.time)(self.at), self.event.sentence());
        if let Some(key) = &self.key {
            text.push_str(&format!(" (key \"{}\")", key.as_str()));
        }
        text.extend(self.doer(telling).map(|doer| format!("; {doer}")));
        text.push_str(&self.from.told());
        text.push_str(match self.event.severity() {
            Severity::Info => ".",
            Severity::Warning => ". If that was not you or on your behalf, tell an administrator at once.",
            Severity::Alarm => KNOWN_OR_TOLD,
        });
        text
    }

    /// By whom, as far as it is known: nobody knows who guesses.
    pub(crate) fn doer(&self, telling: &Telling<'_>) -> Option<String> {
        let printable = |name: &str| -> String {
            name.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect()
        };
        match self.by {
            _ if self.event == NoticeEvent::Disabled => None,
            0 => Some("by root".to_owned()),
            uid if uid == telling.owner => Some("from your account".to_owned()),
            uid => Some(format!("by {}", printable(&(telling.name)(uid)))),
        }
    }
}

/// The advice about an alarm.
pub(crate) const KNOWN_OR_TOLD: &str = ". Tell an administrator at once, unless you know that this is in order.";

impl Where {
    /// `, from 192.0.2.1, on pts/3, through sshd`: as much as is known.
    pub(crate) fn told(&self) -> String {
        let all = [("from", &self.rhost), ("on", &self.tty), ("through", &self.service)];
        all.into_iter().filter_map(|(how, claim)| Some(format!(", {how} {}", claim.as_ref()?.0))).collect()
    }
}

impl Claim {
    /// The part of `text` that may be shown, if there is a text.
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
    use crate::files::date::utc;

    prop_compose! {
        pub fn any_notice()(
            number in 0..22_usize, left: u8, at in 0..=i64::MAX as u64, by: u32,
            claims in proptest::array::uniform3(proptest::option::of("\\PC{0,80}")),
            key in proptest::option::of("[A-Za-z0-9_.@-]{1,32}"),
        ) -> Notice {
            let event = NoticeEvent::OTHERS.get(number).copied().unwrap_or(NoticeEvent::RecoveryCodeUsed { left });
            let [tty, rhost, service] = claims.map(|claim| Claim::of(claim.as_deref()));
            let key = key.and_then(|key| Label::new(&key).ok());
            Notice { event, at: UnixTime::new(at), by, from: Where { tty, rhost, service }, key }
        }
    }

    /// Told to `owner` by somebody who knows a name for every uid.
    pub(crate) fn told_to(owner: u32, tell: impl FnOnce(&Telling<'_>) -> String) -> String {
        tell(&Telling { owner, name: &|uid| format!("u\u{e9}{uid}\n"), time: &utc })
    }

    proptest! {
        #[test]
        fn a_text_is_one_line_of_printable_ascii(notice in any_notice(), owner: u32) {
            let text = told_to(owner, |telling| notice.text(telling));
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
        let text = "2026-11-21T22:04:00Z: one more key was stored for you (key \"my phone\"); from your account, \
                    from 192.0.2.1___2J, on ssh. If that was not you or on your behalf, tell an administrator at once.";
        let told = |notice: &Notice, owner| told_to(owner, |telling| notice.text(telling));
        assert_eq!(told(&notice, 1000), text);
        assert!(told(&notice, 1001).contains("; by u?1000?,"));
        assert!(told(&Notice { by: 0, ..notice }, 1000).contains("; by root,"));
    }

    #[test]
    fn words_are_all_different() {
        let mut words: Vec<_> = NoticeEvent::OTHERS.iter().map(|event| event.word()).collect();
        words.push(NoticeEvent::RecoveryCodeUsed { left: 1 }.word());
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), 22);
    }
}
