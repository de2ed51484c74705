//! `otpctl status` and `otpctl list`: what may be told of users, for people or as JSON.

use otp_core::files::date::utc;
use otp_core::unix_time::UnixTime;
use otp_protocol::client::Client;
use otp_protocol::interface::{KeyStatus, List, OriginStatus, Status, Unreadable, UserList, UserStatus};
use serde::Serialize;

use crate::arguments::{ListArgs, StatusArgs, user_name};
use crate::command::bypasses::{self, ListedBypass};
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::table::table;
use crate::output::terminal::Terminal;

pub(crate) fn status(client: &mut Client, terminal: &mut Terminal, options: &StatusArgs) -> Result<(), Failure> {
    show_one(
        &client.call(&Status { user: user_name(options.user.as_deref())? })?.status,
        terminal,
        OutputFormat::of(options.json),
    )
}

/// Shows the state of a user, and whether root lets them past the gate.
pub(crate) fn show_one(status: &UserStatus, terminal: &mut Terminal, format: OutputFormat) -> Result<(), Failure> {
    let status = WithBypass::of(status, &bypasses::in_force());
    match format {
        OutputFormat::Json => terminal.json(&ShownStatus { status }),
        OutputFormat::Text => {
            let bypass = status.bypass.as_ref().map(|bypass| format!("  {}", bypasses::said(bypass)));
            terminal.show(&format!("{}{}", one(status.status), bypass.unwrap_or_default()))
        }
    }
}

pub(crate) fn list(client: &mut Client, terminal: &mut Terminal, options: &ListArgs) -> Result<(), Failure> {
    show(&client.call(&List {})?, terminal, OutputFormat::of(options.json))
}

/// Shows a list; of whom nothing can be told makes it a failure, for a list that looks whole and is not misleads.
pub(crate) fn show(list: &UserList, terminal: &mut Terminal, format: OutputFormat) -> Result<(), Failure> {
    let bypasses = bypasses::in_force(); // also of users without a key, whom a list does not have
    match format {
        OutputFormat::Json => {
            let users = list.users.iter().map(|status| WithBypass::of(status, &bypasses)).collect();
            terminal.json(&ShownList { users, unreadable: &list.unreadable, bypasses })?;
        }
        OutputFormat::Text => {
            let told = bypasses.iter().map(bypasses::told).collect::<String>();
            terminal.show(&format!("{}{told}", all(list)))?;
        }
    }
    match list.unreadable.len() {
        0 => Ok(()),
        count => Err(Failure::Stopped(format!("users that cannot be read: {count}"))),
    }
}

/// A state as it is shown: the daemon's, and the mark that is beside it.
#[derive(Serialize)]
struct WithBypass<'a> {
    #[serde(flatten)]
    status: &'a UserStatus,
    bypass: Option<ListedBypass>,
}

#[derive(Serialize)]
struct ShownStatus<'a> {
    status: WithBypass<'a>,
}

#[derive(Serialize)]
struct ShownList<'a> {
    users: Vec<WithBypass<'a>>,
    unreadable: &'a [Unreadable],
    bypasses: Vec<ListedBypass>,
}

impl<'a> WithBypass<'a> {
    fn of(status: &'a UserStatus, bypasses: &[ListedBypass]) -> Self {
        Self { status, bypass: bypasses::longest(bypasses, status.uid).cloned() }
    }
}

/// A user, a line per key and per origin that has something to tell.
fn one(status: &UserStatus) -> String {
    let mut text = format!("{} (uid {}): {}", escaped(&status.user), status.uid, state(status));
    if status.enrolled {
        text.push_str(&format!(", generation {}", status.generation));
    }
    if status.restored {
        text.push_str(TOUCHED);
    }
    text.push('\n');
    text.extend(status.keys.iter().map(key));
    text.extend(status.origins.iter().filter_map(origin));
    text
}

/// Two causes that nobody can tell apart, and what helps.
const TOUCHED: &str = ", put back from a backup or touched by another program (chmod, relabelling): recovery codes, registration codes \
                       and HOTP are off until root runs `otpctl accept-restore`";

fn key(key: &KeyStatus) -> String {
    let step = if key.kind == "hotp" { String::new() } else { format!(", {} s", key.period) };
    let end = key.expires.map(|end| format!(", ends {}", utc(end))).unwrap_or_default();
    let resync = if key.resync { ", wants two codes in a row" } else { "" };
    let off = if key.suspended { ", off for good: repudiated" } else { "" };
    format!(
        "  key \"{}\" ({}): {} {}, {} digits{step}, confirmed {}, last used {}{end}{resync}{off}\n",
        escaped(&key.label),
        escaped(&key.id),
        escaped(&key.kind),
        escaped(&key.algorithm),
        key.digits,
        utc(key.confirmed),
        used(key.last_used),
    )
}

/// Nothing for an origin without wrong codes. How many, only root is told.
fn origin(origin: &OriginStatus) -> Option<String> {
    let count = origin.failures.filter(|count| *count > 0).map(|count| format!("{count} of {}", origin.limit));
    let state = match origin {
        OriginStatus { closed: true, .. } => Some("closed".to_owned()),
        OriginStatus { wait: 0, .. } => None,
        OriginStatus { wait, .. } => Some(format!("waiting {wait} s")),
    };
    let told: Vec<String> = count.into_iter().chain(state).collect();
    (!told.is_empty()).then(|| format!("  wrong codes, origin {}: {}\n", escaped(&origin.origin), told.join(", ")))
}

/// A line per user; below them who cannot be read, and why.
fn all(list: &UserList) -> String {
    let mut text = readable(&list.users);
    for one in &list.unreadable {
        let user = one.user.as_deref().map_or_else(|| "?".to_owned(), escaped);
        text.push_str(&format!("cannot read {user} (uid {}): {}\n", one.uid, escaped(&one.reason)));
    }
    text
}

fn readable(users: &[UserStatus]) -> String {
    let heads = ["USER", "UID", "STATE", "KEYS", "LAST USED"].map(str::to_owned);
    let rows = users.iter().map(|status| {
        let last = status.keys.iter().filter_map(|key| key.last_used).max();
        let keys = status.keys.len().to_string();
        [escaped(&status.user), status.uid.to_string(), state(status).to_owned(), keys, used(last)]
    });
    table(&std::iter::once(heads).chain(rows).collect::<Vec<_>>())
}

/// The one word that counts most.
fn state(status: &UserStatus) -> &'static str {
    match status {
        UserStatus { enrolled: false, .. } => "not enrolled",
        UserStatus { disabled: true, .. } => "disabled",
        UserStatus { suspended: true, .. } => "suspended",
        UserStatus { expired: true, .. } => "expired",
        UserStatus { keys, .. } if keys.is_empty() => "enrolled, no key",
        UserStatus { .. } => "enrolled",
    }
}

fn used(last: Option<UnixTime>) -> String {
    last.map_or_else(|| "never".to_owned(), utc)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> UserStatus {
        let key = KeyStatus {
            id: "k1".to_owned(),
            label: "phone\x1b[2J".to_owned(),
            kind: "totp".to_owned(),
            algorithm: "SHA1".to_owned(),
            digits: 6,
            period: 30,
            created: UnixTime::EPOCH,
            confirmed: UnixTime::new(951_782_400),
            last_used: None,
            expires: None,
            resync: false,
            suspended: false,
        };
        UserStatus {
            user: "alice".to_owned(),
            uid: 1000,
            enrolled: true,
            generation: 3,
            suspended: false,
            disabled: false,
            expired: false,
            restored: false,
            keys: vec![key],
            origins: vec![
                OriginStatus { origin: "self".to_owned(), failures: Some(0), limit: 20, closed: false, wait: 0 },
                OriginStatus { origin: "other".to_owned(), failures: Some(5), limit: 20, closed: false, wait: 4 },
                OriginStatus { origin: "remote".to_owned(), failures: Some(20), limit: 20, closed: true, wait: 9 },
            ],
        }
    }

    #[test]
    fn a_user_is_told_in_lines() {
        let expected = "alice (uid 1000): enrolled, generation 3\n  \
            key \"phone\\x1b[2J\" (k1): totp SHA1, 6 digits, 30 s, confirmed 2000-02-29T00:00:00Z, last used never\n  \
            wrong codes, origin other: 5 of 20, waiting 4 s\n  \
            wrong codes, origin remote: 20 of 20, closed\n";
        assert_eq!(one(&alice()), expected);
    }

    #[test]
    fn what_a_backup_did_to_a_counter_is_told() {
        let mut alice = UserStatus { restored: true, origins: Vec::new(), ..alice() };
        for key in &mut alice.keys {
            (key.kind, key.resync, key.label) = ("hotp".to_owned(), true, "token".to_owned());
            key.suspended = true;
        }
        let expected = "alice (uid 1000): enrolled, generation 3, put back from a backup or touched by another program (chmod, relabelling): \
            recovery codes, registration codes and HOTP are off until root runs `otpctl accept-restore`\n  \
            key \"token\" (k1): hotp SHA1, 6 digits, confirmed 2000-02-29T00:00:00Z, last used never, wants two codes in a row, off for good: repudiated\n";
        assert_eq!(one(&alice), expected);
    }

    #[test]
    fn the_owner_is_told_no_counts_and_when_a_key_ends() {
        let mut alice = UserStatus { expired: true, ..alice() };
        alice.origins.iter_mut().for_each(|origin| origin.failures = None);
        alice
            .keys
            .iter_mut()
            .for_each(|key| (key.expires, key.label) = (Some(UnixTime::new(951_868_800)), "phone".to_owned()));
        let expected = "alice (uid 1000): expired, generation 3\n  \
            key \"phone\" (k1): totp SHA1, 6 digits, 30 s, confirmed 2000-02-29T00:00:00Z, last used never, ends 2000-03-01T00:00:00Z\n  \
            wrong codes, origin other: waiting 4 s\n  \
            wrong codes, origin remote: closed\n";
        assert_eq!(one(&alice), expected);
    }

    #[test]
    fn the_gravest_state_is_told() {
        let suspended = UserStatus { suspended: true, ..alice() };
        let disabled = UserStatus { disabled: true, ..suspended.clone() };
        let gone = UserStatus { enrolled: false, ..disabled.clone() };
        assert_eq!([suspended, disabled, gone].each_ref().map(state), ["suspended", "disabled", "not enrolled"]);
    }

    #[test]
    fn users_stand_in_columns() {
        let bob = UserStatus { user: "bartholomew".to_owned(), enrolled: false, keys: Vec::new(), ..alice() };
        let expected = "\
            USER         UID   STATE         KEYS  LAST USED\n\
            alice        1000  enrolled      1     never\n\
            bartholomew  1000  not enrolled  0     never\n";
        assert_eq!(readable(&[alice(), bob]), expected);
    }

    #[test]
    fn who_cannot_be_read_is_told_with_the_reason() {
        let unreadable = |user: Option<&str>, reason: &str| Unreadable {
            uid: 1001,
            user: user.map(str::to_owned),
            reason: reason.to_owned(),
        };
        let torn = unreadable(Some("bob"), "/var/lib/otp/keys/1001.toml: \x1b[2J");
        let list = UserList { users: Vec::new(), unreadable: vec![torn, unreadable(None, "no account has this uid")] };
        let expected = "USER  UID  STATE  KEYS  LAST USED\n\
            cannot read bob (uid 1001): /var/lib/otp/keys/1001.toml: \\x1b[2J\n\
            cannot read ? (uid 1001): no account has this uid\n";
        assert_eq!(all(&list), expected);
    }
}
