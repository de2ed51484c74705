//! People and keys: is anybody enrolled, are administrators, and does a roll-out reach somebody soon?

use std::fs;

use nix::unistd::Group;
use otp_core::accounts::{Account, account_of, named, no_answer};
use otp_core::environment::Clock as _;
use otp_core::files::date::utc;
use otp_core::policy::WholePolicy;
use otp_core::policy::audience::Who;

use super::finding::{DoctorFinding, user_word};
use super::host::{ExaminedHost, RUN_AS_ROOT};
use super::ids::FindingId;
use super::password_watch;
use super::report::Report;
use super::users;
use crate::machine::Machine;
use crate::stack::findings::is_left_over;
use crate::stack::modules::is_ours;
use crate::stack::reader::{PamDirectories, Stage};
use crate::stack::words::Dialect;

pub(crate) fn look(host: &ExaminedHost, report: &mut Report) {
    let Some(keyed) = users::look(host, report) else { return };
    if keyed.is_empty() {
        let command = "otpctl invite USER";
        report.add(DoctorFinding::decide(FindingId::NobodyEnrolled, "no user has a key", WHO_FIRST, command));
    }
    password_watch::look_elsewhere(host, &keyed, report);
    let policy = host.policy.as_ref().ok().and_then(Option::as_ref);
    for admin in admins(host, report) {
        if !keyed.contains(&admin.uid) && !policy.is_some_and(|policy| is_exempt(policy, &admin)) {
            let what = format!("{} has no key", admin.name);
            let command = format!("otpctl invite {}", user_word(&admin.name, admin.uid));
            report.add(DoctorFinding::decide(FindingId::AdminWithoutKey, what, ENROL_OR_EXEMPT, command));
        }
    }
    if let Some(policy) = policy {
        roll_out(policy, keyed.len(), report);
    }
}

/// Members of otp-admin, and uid 0 where it has a password and is asked for a code.
fn admins(host: &ExaminedHost, report: &mut Report) -> Vec<Account> {
    let mut admins = Vec::new();
    if !asks_root() {
        // nothing to do: sudo asks the person who types it
    } else if !host.is_seen_by_root() {
        report.not_looked_at("whether root has a password", RUN_AS_ROOT);
    } else if let Ok(Some(root)) = account_of(0)
        && has_password(&root.name)
    {
        admins.push(root);
    }
    let members = match Group::from_name(ADMINS) {
        Ok(group) => group.map(|group| group.mem).unwrap_or_default(), // a group that is missing is told as such
        Err(errno) => {
            report.not_looked_at(&format!("members of {ADMINS}"), &no_answer(errno));
            Vec::new()
        }
    };
    for name in members {
        match named(&name) {
            Ok(account) => admins.extend(account),
            Err(errno) => report.not_looked_at(&name, &no_answer(errno)),
        }
    }
    admins
}

/// Is there a service with our module that logs root in, so that root is the one who is asked?
fn asks_root() -> bool {
    let directories = PamDirectories::standard();
    let names =
        directories.names().into_iter().filter(|name| !OF_THE_CALLER.contains(&name.as_str()) && !is_left_over(name));
    let mut stacks = names.filter_map(|name| directories.read(&name, Dialect::New));
    stacks.any(|stacks| stacks.stage(Stage::Auth).iter().any(is_ours))
}

/// In /etc/shadow; a password that begins with `!` or `*` opens nothing.
fn has_password(name: &str) -> bool {
    let shadow = fs::read(SHADOW).unwrap_or_default();
    let shadow = String::from_utf8_lossy(&shadow);
    let fields = shadow.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let mut passwords = fields.map(|rest| rest.split(':').next().unwrap_or_default());
    passwords.any(|password| !password.starts_with(['!', '*']))
}

/// Does the policy name them in an exemption that counts?
fn is_exempt(policy: &WholePolicy, account: &Account) -> bool {
    let now = Machine.wall();
    policy.services.iter().flat_map(|(_, table)| &table.exempt).any(|one| {
        let counts = one.until.is_none_or(|until| now < until);
        counts
            && match &one.entry.who {
                Who::User(name) => *name == account.name,
                Who::Uid(uid) => *uid == account.uid,
                Who::Group(_) | Who::Gid(_) | Who::Net(_) => false,
            }
    })
}

/// Services that refuse users without a key from a near day on.
fn roll_out(policy: &WholePolicy, keyed: usize, report: &mut Report) {
    let now = Machine.wall();
    for (service, table) in &policy.services {
        let Some(until) = table.allow_until.filter(|until| *until > now && until.since(now) <= NEAR_S) else {
            continue;
        };
        let day = utc(until);
        let day = day.split('T').next().unwrap_or_default();
        let people = if keyed == 1 { "1 user has".to_owned() } else { format!("{keyed} users have") };
        let what = format!("[service.{service}]: users without a key are refused from {day} (UTC) on; {people} a key");
        report.add(DoctorFinding::decide(FindingId::RolloutNear, what, INVITE_THE_REST, "otpctl list"));
    }
}

const ADMINS: &str = "otp-admin";
/// Services that ask the person who calls them, and that root passes without them.
const OF_THE_CALLER: [&str; 3] = ["sudo", "sudo-i", "polkit-1"];
const SHADOW: &str = "/etc/shadow";
/// Two weeks: long enough for a letter.
const NEAR_S: u64 = 14 * 86_400;
const WHO_FIRST: &str = "invite the first USER, preferably an administrator";
const ENROL_OR_EXEMPT: &str = "invite them, or name them in `exempt` with a reason if the account is for emergencies";
const INVITE_THE_REST: &str = "the command lists who has a key; invite the others, or choose a later day in allow_until with `otpctl config edit`";
