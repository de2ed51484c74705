//! Refusals of SELinux and AppArmor that concern this program, by name: from the log of the audit system or, without it, the journal.
//! A kernel without either refuses nothing, and then there is nothing to look at.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{Command, Stdio};

use otp_core::environment::system_wall;
use otp_core::files::date::utc;
use otp_core::unix_time::UnixTime;

use super::denial::{DeniedBy, LsmDenial};
use super::finding::DoctorFinding;
use super::host::{ExaminedHost, RUN_AS_ROOT};
use super::ids::FindingId;
use super::report::Report;

pub(crate) fn look(host: &ExaminedHost, report: &mut Report) {
    let active = is_selinux_on() || is_apparmor_on();
    let text = match (host.is_seen_by_root(), log()) {
        (_, Ok(text)) => text,
        (false, Err(_)) if active => return report.not_looked_at(WHAT, RUN_AS_ROOT),
        (true, Err(why)) if active => return report.not_looked_at(WHAT, &why),
        _ => return,
    };
    for finding in findings(&text, system_wall()) {
        report.add(finding);
    }
}

/// One for each thing that was refused to each program within a day, the last time of it.
fn findings(text: &str, now: UnixTime) -> Vec<DoctorFinding> {
    let mut found: BTreeMap<LsmDenial, (usize, UnixTime)> = BTreeMap::new();
    let fresh = text.lines().filter_map(LsmDenial::read).filter(|(_, at)| now.since(*at) < DAY_S);
    for (denial, at) in fresh.filter(|(denial, _)| denial.is_ours()) {
        let seen = found.entry(denial).or_insert((0, at));
        *seen = (seen.0 + 1, at.max(seen.1));
    }
    found.into_iter().map(|(denial, (count, last))| finding(&denial, count, last)).collect()
}

fn finding(denial: &LsmDenial, count: usize, last: UnixTime) -> DoctorFinding {
    let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
    let what = format!("{denial}, {times} within a day, the last time at {}", utc(last));
    match denial.by {
        DeniedBy::SeLinux => DoctorFinding::decide(FindingId::SelinuxDenial, what, SELINUX, LABELS),
        DeniedBy::AppArmor => {
            let command = match denial.profile_file() {
                Some(file) => format!("apparmor_parser -r {file}"),
                None => "aa-status".to_owned(),
            };
            DoctorFinding::decide(FindingId::ApparmorDenial, what, APPARMOR, command)
        }
    }
}

/// The end of the log; an error says why there is none.
fn log() -> Result<String, String> {
    match tail(Path::new(AUDIT_LOG)) {
        Ok(text) => return Ok(text),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(format!("{AUDIT_LOG}: {error}")),
        Err(_) => {}
    }
    let journal = Command::new("journalctl")
        .args([
            "--quiet",
            "--no-pager",
            "--output=cat",
            "--since=-1day",
            "--lines=20000",
            "_TRANSPORT=audit",
            "+",
            "_TRANSPORT=kernel",
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    match journal {
        Ok(done) if done.status.success() => Ok(String::from_utf8_lossy(&done.stdout).into_owned()),
        Ok(done) => Err(format!("there is no {AUDIT_LOG}, and journalctl ended with {}", done.status)),
        Err(error) => Err(format!("there is no {AUDIT_LOG}, and journalctl: {error}")),
    }
}

/// So much of the end as is worth reading.
fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let end = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(end.saturating_sub(MOST_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn is_selinux_on() -> bool {
    fs::read_to_string("/sys/fs/selinux/enforce").is_ok()
}

fn is_apparmor_on() -> bool {
    fs::read_to_string("/sys/module/apparmor/parameters/enabled").is_ok_and(|text| text.starts_with('Y'))
}

const WHAT: &str = "refusals of SELinux and AppArmor";
const AUDIT_LOG: &str = "/var/log/audit/audit.log";
const MOST_BYTES: u64 = 8 << 20;
const DAY_S: u64 = 86_400;
const LABELS: &str = "restorecon -Rv /etc/otp /var/lib/otp /run/otp";
const SELINUX: &str = "the command corrects the labels of the files; if the same access is refused after that, the \
                       SELinux policy lacks a rule, which `audit2allow --all` shows. The finding disappears a day \
                       after the last refusal";
const APPARMOR: &str = "add the rule to the profile, or to its file in /etc/apparmor.d/local, and load it with the \
                        command. The finding disappears a day after the last refusal";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_often_is_one_finding_and_what_is_old_or_of_others_is_none() {
        let line = |at: u64, comm: &str| {
            format!(
                "type=AVC msg=audit({at}.123:45): avc:  denied  {{ read }} for  pid=9 comm=\"{comm}\" name=\"otp.toml\" dev=\"vda1\" ino=7 scontext=system_u:system_r:sshd_t:s0 tcontext=system_u:object_r:unlabeled_t:s0 tclass=file permissive=0\n"
            )
        };
        let text = [line(999_000, "sshd"), line(999_900, "sshd"), line(999_901, "sudo"), line(1, "sshd")].concat();
        let found = findings(&text, UnixTime::new(1_000_000));
        let told: Vec<&str> = found.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(found.len(), 2, "{told:?}");
        assert!(told[0].contains("sshd") && told[0].contains("2 times") && told[1].contains("once"), "{told:?}");
        assert!(findings(&text, UnixTime::new(5_000_000)).is_empty());
    }
}
