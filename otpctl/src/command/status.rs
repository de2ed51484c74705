//! `otpctl status`: what may be told of a user, for people or as JSON.

use otp_core::environment::system_wall;
use otp_core::keys::key::SHORTEST_ID;
use otp_core::unix_time::UnixTime;
use otp_protocol::client::{CallError, Client};
use otp_protocol::interface::{InvitationStatus, KeyStatus, OriginStatus, Refusal, Status, UserName, UserStatus};
use otp_system::screen::{bad, good};
use serde::Serialize;

use crate::arguments::{StatusArgs, user_name};
use crate::command::bypasses::{self, ListedBypass};
use crate::command::cool_down;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::local_time::to_the_minute;
use crate::output::terminal::Terminal;

pub(crate) fn status(client: &mut Client, terminal: &mut Terminal, options: &StatusArgs) -> Result<(), Failure> {
    let user = user_name(options.user.as_deref())?;
    show_one(&with_cool_down(client, user)?, terminal, OutputFormat::of(options.json))
}

/// The state of a user with what is known of the password; without that from a daemon of an earlier version.
fn with_cool_down(client: &mut Client, user: Option<UserName>) -> Result<UserStatus, Failure> {
    match client.call(&Status { user: user.clone(), cool_down: Some(true) }) {
        Err(CallError::Refused(Refusal::InvalidParameter { parameter })) if parameter == "cool_down" => {
            Ok(client.call(&Status { user, cool_down: None })?.status)
        }
        reply => Ok(reply?.status),
    }
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

/// A state as it is shown: the daemon's, and the mark that is beside it.
#[derive(Serialize)]
pub(super) struct WithBypass<'a> {
    #[serde(flatten)]
    status: &'a UserStatus,
    bypass: Option<ListedBypass>,
}

#[derive(Serialize)]
struct ShownStatus<'a> {
    status: WithBypass<'a>,
}

impl<'a> WithBypass<'a> {
    pub(super) fn of(status: &'a UserStatus, bypasses: &[ListedBypass]) -> Self {
        Self { status, bypass: bypasses::longest(bypasses, status.uid).cloned() }
    }
}

/// A user, a line per key and per origin that has something to tell.
fn one(status: &UserStatus) -> String {
    let mut text = format!("{}: {}", escaped(&status.user), coloured(state(status)));
    if status.restored {
        text.push_str(TOUCHED);
    }
    text.push('\n');
    text.extend(status.lost_since.map(|since| lost(since, status.lost_until)));
    text.push_str(&cool_down::lines(status));
    text.extend(status.keys.iter().map(|one| key(one, &status.keys)));
    text.extend(status.recovery_left.map(|left| format!("  recovery codes: {left} left\n")));
    text.extend(status.invitation.as_ref().map(|one| format!("  registration code: {}\n", invitation(one))));
    text.extend(status.origins.iter().filter_map(origin));
    text
}

fn lost(since: UnixTime, until: Option<UnixTime>) -> String {
    let back = until.map_or_else(
        || "an administrator can end that".to_owned(),
        |until| format!("the owner can take that back until {}", to_the_minute(until)),
    );
    format!("  reported lost {}, {back}\n", to_the_minute(since))
}

fn invitation(one: &InvitationStatus) -> String {
    let replaces = if one.replaces { ", replaces all keys" } else { "" };
    format!("{}, {}, by {}{replaces}", worth(one), escaped(&one.form), inviter(one))
}

/// Until when it is good, or why it is not, and whether somebody has typed it.
pub(super) fn worth(one: &InvitationStatus) -> String {
    match one.over.as_deref() {
        None if one.redeemed => format!("until {}, redeemed", to_the_minute(one.ends)),
        None => format!("until {}", to_the_minute(one.ends)),
        Some("expired") => format!("expired {}", to_the_minute(one.ends)),
        Some(word) => escaped(&word.replace('-', " ")),
    }
}

/// The name of the account that had it made, or its uid.
pub(super) fn inviter(one: &InvitationStatus) -> String {
    one.by_user.as_deref().map_or_else(|| format!("uid {}", one.by), escaped)
}

/// Two causes that nobody can tell apart, and what helps.
const TOUCHED: &str = ", restored from a backup or touched by another program (chmod, relabelling): recovery codes, \
                       registration codes and HOTP are off until root runs `otpctl accept-restore`";

/// No code but the one that confirmed it; of a key that was imported, none at all.
const NOT_YET: &str = "not used yet";

fn key(key: &KeyStatus, all: &[KeyStatus]) -> String {
    let step = if key.kind == "hotp" { String::new() } else { format!(", {} s", key.period) };
    let end = key.expires.map(|end| ended(end, system_wall())).unwrap_or_default();
    let resync = if key.resync { ", wants two codes in a row" } else { "" };
    let off = if key.suspended { ", off for good: the owner said that somebody else made it" } else { "" };
    let id = short_id(key, all);
    let id = if id.is_empty() { String::new() } else { format!(" ({})", escaped(id)) }; // some may not know it
    format!(
        "  key \"{}\"{id}: {} {}, {} digits{step}, confirmed {}, {}{end}{resync}{off}\n",
        escaped(&key.label),
        escaped(&key.kind),
        escaped(&key.algorithm),
        key.digits,
        to_the_minute(key.confirmed),
        key.last_used.map_or_else(|| NOT_YET.to_owned(), |last| format!("last used {}", to_the_minute(last))),
    )
}

fn ended(end: UnixTime, now: UnixTime) -> String {
    match end < now {
        true => bad(&format!(", ended {}", to_the_minute(end))),
        false => format!(", ends {}", to_the_minute(end)),
    }
}

/// As much of the id as names no other key. JSON has all of it.
fn short_id<'a>(key: &'a KeyStatus, all: &[KeyStatus]) -> &'a str {
    let others = || all.iter().filter(|other| other.id != key.id);
    let is_clear = |id: &&str| others().all(|other| !other.id.starts_with(id) && other.label != *id);
    (SHORTEST_ID..key.id.len()).filter_map(|end| key.id.get(..end)).find(is_clear).unwrap_or(&key.id)
}

/// Nothing for an origin without wrong codes. How many, only root is told.
fn origin(origin: &OriginStatus) -> Option<String> {
    let count = origin.failures.filter(|count| *count > 0).map(|count| format!("{count} of {}", origin.limit));
    let state = match origin {
        OriginStatus { closed: true, .. } => Some(bad("closed")),
        OriginStatus { wait: 0, .. } => None,
        OriginStatus { wait, .. } => Some(format!("waiting {wait} s")),
    };
    let told: Vec<String> = count.into_iter().chain(state).collect();
    (!told.is_empty()).then(|| format!("  wrong codes {}: {}\n", way(&origin.origin), told.join(", ")))
}

/// By which way they came, in words, and the name of it for `otpctl reopen --origin`.
fn way(origin: &str) -> String {
    let told = match origin {
        "self" => "in one's own session",
        "other" => "from another user or a program",
        "remote" => "over the network",
        "console" => "at the console",
        "socket" => "by a program that asked the daemon",
        _ => "by another way",
    };
    format!("{told} ({})", escaped(origin))
}

/// The one word that counts most.
pub(super) fn state(status: &UserStatus) -> &'static str {
    match status {
        UserStatus { enrolled: false, invitation: Some(InvitationStatus { over: None, .. }), .. } => "invited",
        UserStatus { enrolled: false, .. } => "not enrolled",
        UserStatus { disabled: true, .. } => "disabled",
        UserStatus { suspended: true, .. } => "suspended",
        UserStatus { expired: true, .. } => "expired",
        UserStatus { keys, .. } if keys.is_empty() => "enrolled, no key",
        UserStatus { .. } => "enrolled",
    }
}

/// Codes are accepted, or refused whatever they are.
pub(super) fn coloured(state: &str) -> String {
    match state {
        "enrolled" => good(state),
        "not enrolled" | "invited" => state.to_owned(),
        _ => bad(state),
    }
}

pub(super) fn used(last: Option<UnixTime>) -> String {
    last.map_or_else(|| "never".to_owned(), to_the_minute)
}

#[cfg(test)]
pub(super) mod tests {
    use otp_system::screen::{Look, wrapped};

    use super::*;

    /// The two moments below, in the zone of this process.
    fn here(text: &str) -> String {
        let [leap, march] = [951_782_400, 951_868_800].map(|seconds| to_the_minute(UnixTime::new(seconds)));
        text.replace("2000-02-29 00:00 UTC", &leap).replace("2000-03-01 00:00 UTC", &march)
    }

    pub(in crate::command) fn plain(text: &str) -> String {
        wrapped(text, Look::PLAIN).to_string()
    }

    pub(in crate::command) fn alice() -> UserStatus {
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
            enrolled: true,
            generation: 3,
            keys: vec![key],
            origins: vec![
                OriginStatus { origin: "self".to_owned(), failures: Some(0), limit: 20, closed: false, wait: 0 },
                OriginStatus { origin: "other".to_owned(), failures: Some(5), limit: 20, closed: false, wait: 4 },
                OriginStatus { origin: "remote".to_owned(), failures: Some(20), limit: 20, closed: true, wait: 9 },
            ],
            recovery_left: Some(7),
            ..UserStatus::not_enrolled("alice".to_owned(), 1000)
        }
    }

    #[test]
    fn a_report_of_a_lost_device_says_who_can_end_it() {
        let since = Some(UnixTime::new(951_782_400));
        let told = |lost_until| plain(&one(&UserStatus { suspended: true, lost_since: since, lost_until, ..alice() }));
        let line = "alice: suspended\n  reported lost 2000-02-29 00:00 UTC, ";
        let until = format!("{line}the owner can take that back until 2000-03-01 00:00 UTC\n");
        assert!(told(Some(UnixTime::new(951_868_800))).starts_with(&here(&until)));
        assert!(told(None).starts_with(&here(&format!("{line}an administrator can end that\n"))));
    }

    #[test]
    fn a_user_is_told_in_lines() {
        let expected = "alice: enrolled\n  \
            key \"phone\\x1b[2J\" (k1): totp SHA1, 6 digits, 30 s, confirmed 2000-02-29 00:00 UTC, not used yet\n  \
            recovery codes: 7 left\n  \
            wrong codes from another user or a program (other): 5 of 20, waiting 4 s\n  \
            wrong codes over the network (remote): 20 of 20, closed\n";
        assert_eq!(plain(&one(&alice())), here(expected));
        assert!(one(&alice()).contains("\x1b[32menrolled\x1b[0m") && one(&alice()).contains("\x1b[1;31mclosed\x1b[0m"));
    }

    #[test]
    fn an_id_is_as_short_as_it_can_be() {
        let key =
            |id: &str, label: &str| KeyStatus { id: id.to_owned(), label: label.to_owned(), ..alice().keys.remove(0) };
        let all =
            [key("0123456789abcdef", "phone"), key("0123466789abcdef", "89abc"), key("89abcdef01234567", "01234567")];
        assert_eq!(all.each_ref().map(|one| short_id(one, &all)), ["012345", "012346", "89ab"]);
        let twins = [key("0123", "phone"), key("01234", "tablet")];
        assert_eq!(twins.each_ref().map(|one| short_id(one, &twins)), ["0123", "01234"]);
    }

    #[test]
    fn what_a_backup_did_to_a_counter_is_told() {
        let mut alice = UserStatus { restored: true, origins: Vec::new(), ..alice() };
        for key in &mut alice.keys {
            (key.kind, key.resync, key.label) = ("hotp".to_owned(), true, "token".to_owned());
            key.suspended = true;
        }
        let expected = "alice: enrolled, restored from a backup or touched by another program (chmod, relabelling): \
                        recovery codes, registration codes and HOTP are off until root runs `otpctl \
                        accept-restore`\n  key \"token\" (k1): hotp SHA1, 6 digits, confirmed 2000-02-29 00:00 UTC, \
                        not used yet, wants two codes in a row, off for good: the owner said that somebody else \
                        made it\n  recovery codes: 7 left\n";
        assert_eq!(plain(&one(&alice)), here(expected));
    }

    #[test]
    fn the_owner_is_told_no_counts_and_when_a_key_ends() {
        let mut alice = UserStatus { expired: true, ..alice() };
        alice.origins.iter_mut().for_each(|origin| origin.failures = None);
        alice
            .keys
            .iter_mut()
            .for_each(|key| (key.expires, key.label) = (Some(UnixTime::new(951_868_800)), "phone".to_owned()));
        let expected = "alice: expired\n  \
            key \"phone\" (k1): totp SHA1, 6 digits, 30 s, confirmed 2000-02-29 00:00 UTC, not used yet, ended 2000-03-01 00:00 UTC\n  \
            recovery codes: 7 left\n  \
            wrong codes from another user or a program (other): waiting 4 s\n  \
            wrong codes over the network (remote): closed\n";
        assert_eq!(plain(&one(&alice)), here(expected));
    }

    pub(in crate::command) fn letter() -> InvitationStatus {
        InvitationStatus {
            form: "letter".to_owned(),
            made: UnixTime::new(951_000_000),
            ends: UnixTime::new(951_782_400),
            by: 1001,
            by_user: Some("dana".to_owned()),
            replaces: false,
            redeemed: false,
            over: None,
        }
    }

    #[test]
    fn an_invitation_says_until_when_by_whom_and_in_which_form() {
        let invited = |invitation| UserStatus {
            enrolled: false,
            keys: Vec::new(),
            origins: Vec::new(),
            recovery_left: None,
            invitation: Some(invitation),
            ..alice()
        };
        let told = |invitation| plain(&one(&invited(invitation)));
        let good = "alice: invited\n  registration code: until 2000-02-29 00:00 UTC, letter, by dana\n";
        assert_eq!(told(letter()), here(good));
        let expired = InvitationStatus { over: Some("expired".to_owned()), by_user: None, replaces: true, ..letter() };
        let text = "alice: not enrolled\n  registration code: expired 2000-02-29 00:00 UTC, letter, by uid 1001, replaces all keys\n";
        assert_eq!(told(expired), here(text));
        let often = InvitationStatus { over: Some("redeemed-too-often".to_owned()), redeemed: true, ..letter() };
        assert_eq!(told(often), "alice: not enrolled\n  registration code: redeemed too often, letter, by dana\n");
    }

    #[test]
    fn an_id_that_is_not_told_leaves_no_brackets() {
        let mut alice = alice();
        alice.keys[0].id.clear();
        assert!(plain(&one(&alice)).contains("key \"phone\\x1b[2J\": totp"), "{}", one(&alice));
    }

    #[test]
    fn the_gravest_state_is_told() {
        let suspended = UserStatus { suspended: true, ..alice() };
        let disabled = UserStatus { disabled: true, ..suspended.clone() };
        let gone = UserStatus { enrolled: false, ..disabled.clone() };
        assert_eq!([suspended, disabled, gone].each_ref().map(state), ["suspended", "disabled", "not enrolled"]);
    }
}
