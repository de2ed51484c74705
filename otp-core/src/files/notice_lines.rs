//! Notices as a person reads them at a login: one line for each kind of event, however often it happened, and at the end what to
//! do about it.

use crate::files::date::ago;
use crate::files::notice::{KNOWN_OR_TOLD, Severity, Telling};
use crate::files::notice_file::Spooled;
use crate::unix_time::UnixTime;

/// Lines of printable ASCII, in the order in which the kinds came first; none if there are no notices.
pub fn notice_lines(notices: &[Spooled], telling: &Telling<'_>, now: UnixTime) -> Vec<String> {
    let mut kinds: Vec<Vec<&Spooled>> = Vec::new();
    for one in notices {
        let word = one.notice.event.word();
        match kinds.iter_mut().find(|kind| kind.iter().any(|other| other.notice.event.word() == word)) {
            Some(kind) => kind.push(one),
            None => kinds.push(vec![one]),
        }
    }
    let mut lines: Vec<String> = kinds.iter().filter_map(|kind| line(kind, telling, now)).collect();
    if notices.iter().any(|one| one.notice.event.severity() == Severity::Warning) {
        lines.push("If any of that was not you or on your behalf, tell an administrator at once.".to_owned());
    }
    lines
}

/// When it happened last, what it is, how often, to which keys, by whom and from where.
fn line(kind: &[&Spooled], telling: &Telling<'_>, now: UnixTime) -> Option<String> {
    let newest = kind.iter().max_by_key(|one| one.last)?;
    let times = kind.iter().map(|one| u64::from(one.times)).sum::<u64>();
    let mut line = format!("- {} ({}): ", ago(now, newest.last), (telling.time)(newest.last));
    line.push_str(&newest.notice.event.sentence());
    let keys = some(kind.iter().filter_map(|one| Some(format!("key \"{}\"", one.notice.key.as_ref()?.as_str()))));
    line.extend(keys.map(|keys| format!(" ({keys})")));
    if times > 1 {
        line.push_str(&format!(", {times} times"));
    }
    let doers = some(kind.iter().filter_map(|one| one.notice.doer(telling)));
    line.extend(doers.map(|doers| format!("; {doers}")));
    let places = kind.iter().map(|one| one.notice.from.told()).filter(|place| !place.is_empty());
    line.extend(
        some(places.map(|place| place.trim_start_matches(", ").to_owned())).map(|places| format!(", {places}")),
    );
    let alarming = newest.notice.event.severity() == Severity::Alarm;
    line.push_str(if alarming { KNOWN_OR_TOLD } else { "." });
    Some(line)
}

/// The different ones of these, and how many more there are than a line has room for.
fn some(all: impl Iterator<Item = String>) -> Option<String> {
    let mut different: Vec<String> = Vec::new();
    all.for_each(|one| {
        if !different.contains(&one) {
            different.push(one);
        }
    });
    let more = different.len().saturating_sub(MOST_NAMED);
    different.truncate(MOST_NAMED);
    let named = different.join(" and ");
    match (named.as_str(), more) {
        ("", _) => None,
        (_, 0) => Some(named),
        (_, more) => Some(format!("{named} and {more} more")),
    }
}

/// Of keys, persons or places that one line names.
const MOST_NAMED: usize = 2;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::accounts::Account;
    use crate::files::date::utc;
    use crate::files::notice::tests::any_notice;
    use crate::files::notice::{Claim, Notice, NoticeEvent, Where};
    use crate::files::notice_file::Spool;
    use crate::keys::key::Label;

    fn lines(notices: impl IntoIterator<Item = Notice>, now: u64) -> Vec<String> {
        let mut spool = Spool::new(&Account { name: "alice".to_owned(), uid: 1000 });
        notices.into_iter().for_each(|one| spool.add(one));
        let telling = Telling { owner: 1000, name: &|uid| format!("user{uid}"), time: &utc };
        notice_lines(spool.notices(), &telling, UnixTime::new(now))
    }

    fn notice(event: NoticeEvent, at: u64, by: u32, tty: Option<&str>) -> Notice {
        let from = Where { tty: Claim::of(tty), ..Where::default() };
        Notice { event, at: UnixTime::new(at), by, from, key: None }
    }

    #[test]
    fn what_happened_often_is_one_line() {
        let used = |at, tty| notice(NoticeEvent::RegistrationCodeUsed, at, 1000, Some(tty));
        let told = lines(
            [
                notice(NoticeEvent::RegistrationCodeIssued, 0, 1001, None),
                used(60, "pts/1"),
                used(120, "pts/1"),
                used(180, "pts/2"),
                notice(NoticeEvent::KeyEnrolled, 200, 1000, None),
            ],
            360,
        );
        let want = [
            "- 6 minutes ago (1970-01-01T00:00:00Z): a registration code was made for you; by user1001.",
            "- 3 minutes ago (1970-01-01T00:03:00Z): your registration code was used to begin an enrolment, 3 times; \
             from your account, on pts/1 and on pts/2.",
            "- 2 minutes ago (1970-01-01T00:03:20Z): your first key was stored; from your account.",
            "If any of that was not you or on your behalf, tell an administrator at once.",
        ];
        assert_eq!(told, want);
    }

    #[test]
    fn an_alarm_says_what_to_do_in_its_own_line() {
        let told = lines([notice(NoticeEvent::Disabled, 0, 0, None)], 7200);
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("- 2 hours ago") && told[0].ends_with("unless you expected this."));
    }

    #[test]
    fn a_line_names_two_and_counts_the_rest() {
        let added = |label: &str| Notice { key: Label::new(label).ok(), ..notice(NoticeEvent::KeyAdded, 0, 0, None) };
        let told = lines(["a", "b", "c", "a", "d"].map(added), 30);
        assert!(told[0].contains("(key \"a\" and key \"b\" and 2 more), 5 times; by root."), "{}", told[0]);
        assert!(lines([], 0).is_empty());
    }

    proptest! {
        #[test]
        fn there_is_a_line_for_every_kind_in_printable_ascii(
            notices in proptest::collection::vec(any_notice(), 0..40), now: u64,
        ) {
            let mut kinds: Vec<_> = notices.iter().map(|one| one.event.word()).collect();
            kinds.sort_unstable();
            kinds.dedup();
            let told = lines(notices, now);
            let bullets = told.iter().filter(|line| line.starts_with("- ")).count();
            prop_assert_eq!(bullets, kinds.len());
            prop_assert!(told.iter().all(|line| line.bytes().all(|byte| (0x20..0x7f).contains(&byte))));
        }
    }
}
