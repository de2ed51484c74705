//! The watch over passwords, by which a key is not replaced near a change of one: does it look, and do the programs that change passwords tell it?

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use otp_core::accounts::account_of;
use otp_core::environment::Moment;
use otp_core::manage::reset_mode::has_a_helpdesk;
use otp_core::unix_time::UnixTime;
use otp_core::vault::Passwd;

use super::finding::{DoctorFinding, path_word};
use super::host::{ExaminedHost, RUN_AS_ROOT};
use super::ids::FindingId;
use super::report::Report;
use crate::machine::{Machine, has_systemd};
use crate::stack::modules::is_watch;
use crate::stack::reader::{PamDirectories, Stage};
use crate::stack::words::Dialect;

pub(crate) fn look(host: &ExaminedHost, report: &mut Report) {
    if host.rules().cool_down.hours == 0 {
        return;
    }
    let place = host.site.watch();
    if !place.has_begun() {
        report.add(not_watched("nobody has looked at the passwords yet".to_owned()));
        return;
    }
    match place.looked() {
        _ if !host.is_seen_by_root() => report.not_looked_at("when passwords were last looked at", RUN_AS_ROOT),
        Some(looked) if looked.at.left(STALE_S, &Moment::of(&Machine)) > 0 => match place.is_up_to_date() {
            Err(error) => report.add(not_watched(error.to_string())),
            Ok(false) if !is_just_written() => report.add(not_watched(NOT_SEEN.to_owned())),
            Ok(_) => {} // a look follows a change within moments
        },
        _ => report.add(not_watched(format!("{}: the last look is more than two hours old", place.dir.display()))),
    }
    if !has_a_helpdesk() {
        return; // nobody sets passwords but root, whom the line does not bind
    }
    for service in PROGRAMS {
        if let Some(command) = missing_line(service) {
            let what = format!("{service}: no password line with `pam_otp.so watch`");
            report.add(DoctorFinding::run(FindingId::PasswordLineMissing, what, command));
        }
    }
}

/// Users with keys whose password is in a directory, as long as the policy does not say what follows from that.
pub(crate) fn look_elsewhere(host: &ExaminedHost, keyed: &HashSet<u32>, report: &mut Report) {
    let policy = host.rules().cool_down;
    if policy.hours == 0 || policy.elsewhere.is_some() || !host.site.watch().has_begun() {
        return;
    }
    let Ok(local) = Passwd::read() else { return }; // told elsewhere
    let mut uids: Vec<u32> = keyed.iter().copied().filter(|uid| !local.has_uid(*uid)).collect();
    uids.sort_unstable();
    for (place, uid) in uids.into_iter().enumerate() {
        // A directory of thousands is asked about those who are named.
        let account = (place < NAMED).then(|| account_of(uid).ok().flatten()).flatten();
        let name = account.map_or_else(|| format!("uid {uid}"), |account| account.name);
        let what = format!("{name}: the password is not in /etc/shadow");
        report.add(DoctorFinding::decide(FindingId::PasswordsElsewhere, what, FOUR_EYES_OR_NONE, "otpctl config edit"));
    }
}

/// Was one of the files written within the last two minutes? The unit, or cron, looks at them at this moment.
fn is_just_written() -> bool {
    let now = Moment::of(&Machine).wall;
    ["/etc/passwd", "/etc/shadow"].into_iter().filter_map(|path| std::fs::metadata(path).ok()).any(|about| {
        now.since(UnixTime::from_kernel(about.ctime())) <= JUST_WRITTEN_S // of a time that lies ahead too
    })
}

fn not_watched(what: String) -> DoctorFinding {
    let units = has_systemd() && Path::new(UNIT).exists();
    let command = match units {
        true => "systemctl enable --now otp-watch.path otp-watch.timer && otpctl watch-passwords",
        false => "otpctl watch-passwords",
    };
    DoctorFinding::decide(FindingId::PasswordsNotWatched, what, KEEP_LOOKING, command)
}

/// The command that puts our line into the file of `service`, where there is none: at its end or, where a line before could end the stack,
/// before all others.
fn missing_line(service: &str) -> Option<String> {
    let directories = PamDirectories::standard();
    let stacks = directories.read(service, Dialect::New)?;
    if stacks.stage(Stage::Password).is_empty() || stacks.lines.iter().any(is_watch) {
        return None;
    }
    let file = directories.file(service)?;
    let text = std::fs::read_to_string(&file).ok()?;
    let file = path_word(&file);
    Some(match text.lines().any(|line| line.starts_with("password")) {
        true => format!(r"sed -i --follow-symlinks '0,/^password/s//{LINE}\n&/' {file}"),
        false => format!("echo '{LINE}' >>{file}"),
    })
}

/// Programs that change passwords.
const PROGRAMS: [&str; 2] = ["passwd", "chpasswd"];
const LINE: &str = "password requisite pam_otp.so watch";
const UNIT: &str = "/usr/lib/systemd/system/otp-watch.path";
const KEEP_LOOKING: &str =
    "the command looks once; without systemd have cron run `otpctl watch-passwords` every minute";
const FOUR_EYES_OR_NONE: &str = "write elsewhere = \"four-eyes\" under [cool_down], and a second administrator approves each of their resets, \
     or \"refuse\", and there is none";
/// As many findings of one kind as are shown, and more.
const NAMED: usize = 20;
const NOT_SEEN: &str =
    "passwords or accounts were changed more than two minutes ago and nobody has looked since: no key can be replaced";
const JUST_WRITTEN_S: u64 = 120;
/// The timer looks every five minutes.
const STALE_S: u64 = 2 * 3600;
