//! `otp-enrolld notify`: empties the outbox. It runs as an account of its own, which may touch nothing but the outbox, and
//! outside the daemon's sandbox, for programs that send mail need more than that gives. A failed delivery is tried again, later each time, for a week.

use std::time::Duration;
use std::{fmt, thread};

use otp_core::accounts::Account;
use otp_core::environment::system_wall;
use otp_core::files::notice_file::Spooled;
use otp_core::log_line::{LogLine, Urgency};
use otp_core::policy::notify::Notify;
use otp_core::site::{Site, Unavailable};
use otp_core::unix_time::UnixTime;
use otp_core::vault::{Outbox, OutboxNotice, VaultError};
use otp_protocol::interface::{ClaimedPlace, NoticeItem};
use otp_system::host_name::host_name;
use otp_system::privileges::become_for_good;
use serde::Serialize;

use crate::log::events::event;
use crate::notices::delivery::deliver;
use crate::notices::wording::told_to;
use crate::start::{StartError, daemon_account};
use otp_protocol::unix_seconds;

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rounds {
    /// Every notice that is due, once.
    Once,
    /// Until there is none left.
    UntilEmpty,
}

/// Why the outbox cannot be emptied.
#[derive(Debug)]
pub(crate) enum NotifyError {
    /// Not the notifier's account, nor root, who becomes it.
    Account(StartError),
    /// The outbox or the policy is not in order.
    Unavailable(Unavailable),
    /// With `--once`: so many could not be handed over.
    Left(usize),
}

/// The input of the program.
#[derive(Serialize)]
struct NotifyMessage<'a> {
    version: u8,
    host: String,
    user: &'a str,
    uid: u32,
    event: String,
    severity: String,
    #[serde(serialize_with = "unix_seconds::serialize")]
    at: UnixTime,
    by: u32,
    #[serde(flatten)]
    from: ClaimedPlace,
    key: Option<String>,
    left: Option<u8>,
    text: String,
}

/// Empties the outbox, or hands over what is due.
pub(crate) fn run(rounds: Rounds) -> Result<(), NotifyError> {
    let site = Site::STANDARD;
    let user = daemon_account(site.notifier)?;
    become_for_good(&user, &[]).map_err(StartError::from)?;
    let Some(outbox) = Outbox::open(&site.outbox()?)? else { return Ok(()) };
    let _alone = outbox.lock()?;
    loop {
        let failed = hand_over(&outbox, &site)?;
        let left = outbox.letters()?.len();
        match rounds {
            Rounds::Once if failed > 0 => return Err(NotifyError::Left(failed)),
            Rounds::Once => return Ok(()),
            Rounds::UntilEmpty if left == 0 => return Ok(()),
            Rounds::UntilEmpty => thread::sleep(PAUSE),
        }
    }
}

/// Hands over what is due; how much of it failed. The notice tried least comes first: one bad notice holds up no other.
fn hand_over(outbox: &Outbox, site: &Site) -> Result<usize, NotifyError> {
    let now = system_wall();
    let mut due: Vec<OutboxNotice> = outbox.letters()?.into_iter().filter(|letter| is_due(letter, now)).collect();
    due.sort_by_key(|letter| letter.tries);
    let mut failed = 0;
    for letter in due {
        // Read again each time: a change of the policy counts at once. If it is broken, everything waits.
        let notify = site.policy().map(|policy| policy.notify);
        failed += usize::from(!one(outbox, &letter, notify)?);
    }
    Ok(failed)
}

/// One notice. Is it gone from the outbox?
fn one(
    outbox: &Outbox,
    letter: &OutboxNotice,
    notify: Result<Option<Notify>, Unavailable>,
) -> Result<bool, VaultError> {
    let (account, spooled) = match outbox.read(letter) {
        Ok(read) => read,
        Err(error @ VaultError::Malformed { .. }) => {
            tell(Urgency::Error, "notice-dropped", None, letter, &error.to_string());
            return outbox.remove(letter).map(|()| true);
        }
        Err(error) => return put_off(outbox, letter, None, &error.to_string()),
    };
    let about = Some((&account, &spooled));
    let sent = match &notify {
        Ok(None) => {
            tell(Urgency::Error, "notice-dropped", about, letter, "notify_command is no longer set");
            return outbox.remove(letter).map(|()| true);
        }
        Ok(Some(notify)) => deliver(notify, &message(&account, &spooled)).map_err(|error| error.to_string()),
        Err(unavailable) => Err(unavailable.detail.clone()),
    };
    match sent {
        Ok(()) => {
            tell(Urgency::Notice, "notified", about, letter, "");
            outbox.remove(letter).map(|()| true)
        }
        Err(why) if letter.tries > 0 && system_wall().since(spooled.last) > KEPT_S => {
            tell(Urgency::Error, "notice-dropped", about, letter, &format!("too old; {why}"));
            outbox.remove(letter).map(|()| true)
        }
        Err(why) => put_off(outbox, letter, about, &why),
    }
}

fn put_off(
    outbox: &Outbox,
    letter: &OutboxNotice,
    about: Option<(&Account, &Spooled)>,
    why: &str,
) -> Result<bool, VaultError> {
    tell(Urgency::Error, "notice-put-off", about, letter, why);
    let pause = SHORTEST_S.saturating_mul(2_u64.saturating_pow(letter.tries)).min(LONGEST_S);
    outbox.put_off(letter, system_wall() + pause).map(|()| false)
}

/// A time that is farther off than any pause is from before the clock was set back.
fn is_due(letter: &OutboxNotice, now: UnixTime) -> bool {
    letter.not_before <= now || letter.not_before > now + LONGEST_S
}

fn message(account: &Account, spooled: &Spooled) -> Vec<u8> {
    let notice = told_to(account, std::slice::from_ref(spooled), |telling| NoticeItem::of(spooled, telling));
    let message = NotifyMessage {
        version: 1,
        host: host_name(),
        user: &account.name,
        uid: account.uid,
        event: notice.event,
        severity: notice.severity,
        at: notice.at,
        by: notice.by,
        from: notice.from,
        key: notice.key,
        left: notice.left,
        text: notice.text,
    };
    let mut bytes = serde_json::to_vec(&message).unwrap_or_default(); // strings and numbers: it cannot fail
    bytes.push(b'\n');
    bytes
}

fn tell(urgency: Urgency, what: &str, about: Option<(&Account, &Spooled)>, letter: &OutboxNotice, detail: &str) {
    let line = LogLine::default()
        .field("event", what)
        .optional("notice", about.map(|(_, spooled)| spooled.notice.event.word()))
        .optional("user", about.map(|(account, _)| account.name.as_str()))
        .field("tries", &letter.tries.saturating_add(1).to_string())
        .optional("detail", Some(detail).filter(|detail| !detail.is_empty()));
    event(urgency, &line.finish());
}

impl From<StartError> for NotifyError {
    fn from(error: StartError) -> Self {
        Self::Account(error)
    }
}

impl From<Unavailable> for NotifyError {
    fn from(unavailable: Unavailable) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl From<VaultError> for NotifyError {
    fn from(error: VaultError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl fmt::Display for NotifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(error) => error.fmt(f),
            Self::Unavailable(unavailable) => unavailable.fmt(f),
            Self::Left(1) => f.write_str("1 notice could not be handed over; it stays in the outbox"),
            Self::Left(count) => write!(f, "{count} notices could not be handed over; they stay in the outbox"),
        }
    }
}

impl std::error::Error for NotifyError {}

/// While something is left: how often to look for what is new or due.
const PAUSE: Duration = Duration::from_secs(5);
/// From the first try to the second, in seconds; then twice as long each time.
const SHORTEST_S: u64 = 60;
const LONGEST_S: u64 = 3600;
/// How long a notice that cannot be handed over is kept, in seconds.
const KEPT_S: u64 = 7 * 86_400;

#[cfg(test)]
mod tests {
    use otp_core::files::notice::NoticeEvent;
    use otp_core::files::notice_file::Spool;
    use otp_core::keys::key::Label;
    use otp_core::manage::notify_owner::notice;

    use super::*;

    #[test]
    fn the_message_is_one_line_of_json_with_every_field() {
        let account = Account { name: "al\"ice".to_owned(), uid: 1000 };
        let mut spool = Spool::new(&account);
        spool.add(notice(NoticeEvent::RecoveryCodeUsed { left: 2 }, 0, UnixTime::new(7), Label::new("phone").ok()));
        let text = String::from_utf8(message(&account, &spool.notices()[0])).unwrap();
        assert!(text.ends_with("}\n") && text.matches('\n').count() == 1);
        let found: serde_json::Value = serde_json::from_str(&text).unwrap();
        let names = [
            "at", "by", "event", "host", "key", "left", "rhost", "service", "severity", "text", "tty", "uid", "user",
            "version",
        ];
        assert_eq!(found.as_object().unwrap().keys().collect::<std::collections::BTreeSet<_>>().len(), names.len());
        assert!(names.iter().all(|name| found.get(name).is_some()));
        assert_eq!(
            (&found["user"], &found["left"], &found["event"]),
            (&"al\"ice".into(), &2.into(), &"recovery-code-used".into())
        );
    }
}
