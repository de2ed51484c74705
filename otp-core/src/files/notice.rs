//! Security notices: what a user is told of every change of the keys. With an event go numbers, a key's label and claims cut
//! to a plain alphabet: there is no field that a secret or a code could get into.

use crate::files::date::ago;
pub use crate::files::notice_event::{NoticeEvent, Severity};
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
            _ if self.event.is_of_guesses() => None,
            0 => Some("by root".to_owned()),
            uid if uid == telling.owner => Some("from your account".to_owned()),
            uid => Some(format!("by {}", printable(&(telling.name)(uid)))),
        }
    }
}

/// The advice about an alarm.
pub(crate) const KNOWN_OR_TOLD: &str = ". Tell an administrator at once, unless you expected this.";

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
    use crate::files::notice_file::MOST;

    prop_compose! {
        pub fn any_notice()(
            number in 0..26_usize, left: u8, at in 0..=i64::MAX as u64, by: u32,
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
        assert_eq!(words.len(), MOST);
    }
}
