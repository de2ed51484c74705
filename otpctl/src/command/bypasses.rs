//! Shows emergency marks: `emergency list` all of them, `status`, `list` and `config check` those that count. Everybody may read them.

use otp_core::accounts::account_of;
use otp_core::emergency::{Bypass, EmergencyMark, EmergencyMarks, EmergencyPlaces};
use otp_core::environment::{Clock as _, Moment};
use otp_core::files::date::utc;
use otp_core::site::Site;
use otp_core::unix_time::UnixTime;
use serde::Serialize;

use crate::machine::Machine;
use crate::output::escape::escaped;
use crate::output::local_time::local;
use crate::output::stderr;
use otp_protocol::unix_seconds;

/// A mark as it is listed.
#[derive(Serialize, Clone, Default)]
pub(crate) struct ListedBypass {
    pub uid: u32,
    /// Of the account that has the uid now.
    pub user: Option<String>,
    pub reason: Option<String>,
    pub by: Option<String>,
    #[serde(serialize_with = "unix_seconds::optional::serialize")]
    pub made: Option<UnixTime>,
    /// When it ends or has ended, by the clock as it is now; none if it has no end.
    #[serde(serialize_with = "unix_seconds::optional::serialize")]
    pub until: Option<UnixTime>,
    pub ended: bool,
    /// The mark's file.
    pub path: String,
    pub gone_at_reboot: bool,
    /// Why it does not count; none if it does.
    pub not_honoured: Option<String>,
}

/// Everything that was found, and the directories that could not be read.
pub(crate) struct FoundBypasses {
    pub marks: Vec<ListedBypass>,
    pub unread: Vec<String>,
}

/// All, by rising uid, also those that do not count: they may have been meant to. The marks of one directory are listed also
/// where the other one cannot be read.
pub(crate) fn all() -> FoundBypasses {
    let EmergencyPlaces { kept, until_reboot } = Site::STANDARD.marks();
    let (mut all, mut unread) = (Vec::new(), Vec::new());
    for place in [kept, until_reboot] {
        let uids = place.uids().unwrap_or_else(|error| {
            unread.push(format!("{}: {error}", place.0.display()));
            Vec::new()
        });
        all.extend(uids.into_iter().map(|uid| placed(listed(place, uid), place)));
    }
    all.sort_by_key(|one| one.uid);
    FoundBypasses { marks: all, unread }
}

/// Those that let somebody past. A directory that cannot be read is noted beside what was asked for.
pub(crate) fn in_force() -> Vec<ListedBypass> {
    let found = all();
    for error in &found.unread {
        stderr::note(&escaped(error));
    }
    found.marks.into_iter().filter(|one| one.not_honoured.is_none()).collect()
}

/// A mark that is in force.
pub(crate) fn shown(mark: EmergencyMark, place: EmergencyMarks<'_>) -> ListedBypass {
    let (uid, user) = (mark.account.uid, Some(mark.account.name.clone()));
    placed(with_mark(ListedBypass { uid, user, ..ListedBypass::default() }, mark), place)
}

fn placed(one: ListedBypass, place: EmergencyMarks<'_>) -> ListedBypass {
    ListedBypass {
        path: place.0.join(one.uid.to_string()).display().to_string(),
        gone_at_reboot: place.0 == Site::STANDARD.marks().until_reboot.0,
        ..one
    }
}

/// The one of these that lets this uid past for longest.
pub(crate) fn longest(marks: &[ListedBypass], uid: u32) -> Option<&ListedBypass> {
    let of = marks.iter().filter(|one| one.uid == uid);
    of.max_by_key(|one| one.until.unwrap_or(UnixTime::new(u64::MAX)))
}

fn listed(place: EmergencyMarks<'_>, uid: u32) -> ListedBypass {
    let account = account_of(uid).ok().flatten();
    let found = account.as_ref().map(|account| place.of(account, &Machine));
    let none = ListedBypass { uid, user: account.map(|account| account.name), ..ListedBypass::default() };
    let why = match found {
        Some(Ok(Some(Bypass::InForce(mark)))) => return with_mark(none, mark),
        Some(Ok(Some(Bypass::Ended(mark)))) => {
            let one = with_mark(none, mark);
            let why = one.until.map(|until| format!("it ended at {}", utc(until)));
            return ListedBypass { ended: true, not_honoured: why, ..one };
        }
        Some(Ok(None)) => "it is gone".to_owned(),
        Some(Err(error)) => error.to_string(),
        None => "no account has this uid".to_owned(),
    };
    ListedBypass { not_honoured: Some(why), ..none }
}

fn with_mark(one: ListedBypass, mark: EmergencyMark) -> ListedBypass {
    let until = mark.end(&Moment::of(&Machine));
    let (reason, by) = (mark.reason.as_str().to_owned(), mark.by);
    ListedBypass { reason: Some(reason), by: Some(by), made: Some(mark.made), until, ..one }
}

/// One line.
pub(crate) fn told(one: &ListedBypass) -> String {
    let user = one.user.as_deref().map_or_else(|| "?".to_owned(), escaped);
    format!("{user} (uid {}): {}", one.uid, said(one))
}

/// The same without the name.
pub(crate) fn said(one: &ListedBypass) -> String {
    let text = |text: &Option<String>| text.as_deref().map(escaped).unwrap_or_default();
    let (reason, by) = (text(&one.reason), text(&one.by));
    let reboot = if one.gone_at_reboot { " or a reboot" } else { "" };
    match (&one.not_honoured, one.made, one.until) {
        (None, Some(made), Some(until)) => {
            let (since, until, behind) = (local(made), local(until), behind(made));
            format!("not asked since {since}, until {until}{reboot}{behind}, by {by}: {reason}\n")
        }
        (None, Some(made), None) => format!("not asked since {}, without an end, by {by}: {reason}\n", local(made)),
        (Some(_), Some(made), Some(until)) if one.ended => {
            let (until, made) = (local(until), local(made));
            format!("asked again since {until}; the bypass made {made} by {by} has ended: {reason}\n")
        }
        (why, ..) => format!("the bypass does not count: {}\n", text(why)),
    }
}

/// A clock that is behind the making of a mark does not end it; the reader of its end must know that.
fn behind(made: UnixTime) -> &'static str {
    if Machine.wall() < made { " (made in the future, by this clock)" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> ListedBypass {
        ListedBypass {
            uid: 1000,
            user: Some("alice".to_owned()),
            reason: Some("lost\x1b[2J".to_owned()),
            by: Some("uid 0".to_owned()),
            made: Some(UnixTime::new(951_782_400)),
            ..ListedBypass::default()
        }
    }

    #[test]
    fn every_mark_tells_its_end_or_that_it_has_none() {
        let with_end = ListedBypass { until: Some(UnixTime::new(951_868_800)), ..mark() };
        let ended = ListedBypass { ended: true, not_honoured: Some("it ended at …".to_owned()), ..with_end.clone() };
        let bad = ListedBypass { uid: 7, not_honoured: Some("mode 0666".to_owned()), ..ListedBypass::default() };
        let [made, until] = [951_782_400, 951_868_800].map(|seconds| local(UnixTime::new(seconds)));
        let by = "by uid 0: lost\\x1b[2J\n";
        let cases = [
            (mark(), format!("alice (uid 1000): not asked since {made}, without an end, {by}")),
            (with_end, format!("alice (uid 1000): not asked since {made}, until {until}, {by}")),
            (
                ended,
                format!(
                    "alice (uid 1000): asked again since {until}; the bypass made {made} by uid 0 has ended: lost\\x1b[2J\n"
                ),
            ),
            (bad, "? (uid 7): the bypass does not count: mode 0666\n".to_owned()),
        ];
        for (one, text) in cases {
            assert_eq!(told(&one), text);
        }
    }
}
