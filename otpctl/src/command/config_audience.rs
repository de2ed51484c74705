//! Whom `exempt` and `require` name, for `otpctl config`: an entry that means nobody looks in order, and asks everybody or exempts
//! nobody.

use std::fs;

use nix::unistd::Group;
use otp_core::accounts::named;
use otp_core::files::date::utc;
use otp_core::membership::is_local_group;
use otp_core::policy::WholePolicy;
use otp_core::policy::audience::{Entry, Exemption, Unmatched, Who};
use otp_core::policy::directory::{Found, look_up};
use otp_core::unix_time::UnixTime;

/// Every entry that means nobody, and what comes of it.
pub(crate) fn unmatched(policy: &WholePolicy) -> Vec<String> {
    let mut found = Vec::new();
    for (service, table) in &policy.services {
        let at = |list, entry: &Entry| format!("[service.{service}] {list} has {:?}", entry.text);
        let require = table.require.iter().filter_map(|entry| {
            let (why, known) = nobody(&entry.who)?;
            let all = table.require.len() == 1;
            let end = match known {
                Known::Nothing => "so everybody is asked",
                Known::Empty if all => "so nobody is asked",
                Known::Empty => "so it asks nobody",
            };
            Some(format!("{}: {why}, {end}", at("require", entry)))
        });
        found.extend(require);
        let exempt = table.exempt.iter().filter_map(|Exemption { entry, .. }| {
            let (why, _) = nobody(&entry.who)?;
            Some(format!("{}: {why}, so it exempts nobody", at("exempt", entry)))
        });
        found.extend(exempt);
    }
    found
}

/// Exemptions that have ended, or end soon.
pub(crate) fn ending(policy: &WholePolicy, now: UnixTime) -> Vec<String> {
    let tables = policy.services.iter();
    let all = tables.flat_map(|(service, table)| table.exempt.iter().map(move |one| (service, one)));
    all.filter_map(|(service, one)| {
        let first = one.until?;
        let day = utc(first);
        let day = day.split('T').next().unwrap_or_default();
        let end = match first.since(now).div_ceil(DAY_S) {
            0 => format!("ended: asked since {day} (UTC)"),
            1 => format!("ends within a day: asked from {day} (UTC) on"),
            days if days <= SOON_DAYS => format!("ends in {days} days: asked from {day} (UTC) on"),
            _ => return None,
        };
        let reason = one.reason.as_ref().map_or_else(String::new, |reason| format!("; reason: {reason}"));
        Some(format!("[service.{service}] exempt has {:?}, which {end}{reason}", one.entry.text))
    })
    .collect()
}

/// Groups in `require` that /etc/group has not: while their directory is away, nobody can be sure who is in them.
pub(crate) fn of_a_directory(policy: &WholePolicy) -> Vec<String> {
    let tables = policy.services.iter();
    let all = tables.flat_map(|(service, table)| table.require.iter().map(move |entry| (service, entry)));
    all.filter_map(|(service, entry)| match look_up(&entry.who) {
        Ok(Found::Group(group)) if !is_local_group(&group.name)? => Some(format!(
            "[service.{service}] require has {:?}, a group of a directory: while the directory is down, members of the \
             group may pass without a code; list the users who need no code in `exempt` instead, which fails safe",
            entry.text
        )),
        _ => None,
    })
    .collect()
}

const DAY_S: u64 = 86_400;

/// Days before its end from which an exemption is shown.
const SOON_DAYS: u64 = 30;

/// How an entry can mean nobody: NSS knows nothing of it, or a group without members.
enum Known {
    Nothing,
    Empty,
}

/// Why it means nobody; `None` if it means somebody, or a network.
fn nobody(who: &Who) -> Option<(String, Known)> {
    let why = match look_up(who) {
        Ok(Found::Group(group)) => {
            return is_empty(&group).then(|| ("the group has no members".to_owned(), Known::Empty));
        }
        Ok(Found::Account(_) | Found::Net) => return None,
        Err(why) => why,
    };
    let text = match (why, who) {
        (Unmatched::NoAnswer, _) => "the account database (NSS) does not answer".to_owned(),
        (Unmatched::NoAccount, Who::User(name)) => format!("no account has that name{}", meant(name)),
        (Unmatched::NoAccount, _) => "no account has that number".to_owned(),
        (Unmatched::NoGroup, Who::Group(_)) => "no group has that name".to_owned(),
        (Unmatched::NoGroup, _) => "no group has that number".to_owned(),
    };
    Some((text, Known::Nothing))
}

/// A hint at the intended account, for a name that no account has.
fn meant(name: &str) -> String {
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!(" (its number is written \"uid:{name}\")");
    }
    let plain = name.trim().to_lowercase();
    match named(&plain) {
        Ok(Some(account)) => format!(" (there is {:?})", account.name),
        _ => String::new(),
    }
}

/// A group of this machine without members. Of others nobody can say: some databases do not list who is in a group.
fn is_empty(group: &Group) -> bool {
    let (Some(local), Ok(accounts)) = (is_local_group(&group.name), fs::read_to_string("/etc/passwd")) else {
        return false;
    };
    let gid = group.gid.to_string();
    let primary = accounts.lines().any(|line| line.split(':').nth(3) == Some(&gid));
    let member = group.mem.iter().any(|name| !matches!(named(name), Ok(None)));
    local && !primary && !member
}
