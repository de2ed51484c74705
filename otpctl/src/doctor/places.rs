//! Accounts, groups and directories: whose they are, and who can reach them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nix::unistd::{Group, User};
use otp_core::vault::{VaultError, root_directory};

use super::finding::DoctorFinding;
use super::host::{ExaminedHost, VIEWERS};
use super::ids::FindingId;
use super::report::Report;
use crate::command::bypasses;
use crate::reach::{OthersNeed, obstacle, obstacles};

pub(crate) fn look(host: &ExaminedHost, report: &mut Report) {
    accounts(host, report);
    directories(host, report);
    reach(host, report);
}

fn accounts(host: &ExaminedHost, report: &mut Report) {
    for name in [host.site.account, host.site.notifier] {
        match User::from_name(name) {
            Ok(Some(_)) => {}
            Ok(None) => report.add(DoctorFinding::run(
                FindingId::AccountMissing,
                format!("account {name}: does not exist"),
                "systemd-sysusers",
            )),
            Err(errno) => report.not_looked_at(&format!("account {name}"), errno.desc()),
        }
    }
    for name in GROUPS {
        match Group::from_name(name) {
            Ok(Some(_)) => {}
            Ok(None) => report.add(DoctorFinding::run(
                FindingId::GroupMissing,
                format!("group {name}: does not exist"),
                format!("groupadd --system {name}"),
            )),
            Err(errno) => report.not_looked_at(&format!("group {name}"), errno.desc()),
        }
    }
}

/// Root's directories, and all above them. One that is missing is told by what it lacks.
fn directories(host: &ExaminedHost, report: &mut Report) {
    let files = [host.site.policy, host.site.vault, host.site.socket, host.site.outbox].map(Path::new);
    let keys = host.site.host_keys.map(Path::new);
    let marks = host.site.emergency.map(Path::new);
    let above = files.into_iter().chain(keys).filter_map(Path::parent);
    let mut found: BTreeMap<PathBuf, String> = BTreeMap::new();
    for dir in above.chain(marks).flat_map(Path::ancestors) {
        match root_directory(dir) {
            Ok(()) | Err(VaultError::Missing(_)) => {}
            Err(VaultError::Untrusted { path, why }) => drop(found.insert(path, why)),
            Err(error) => report.not_looked_at(&dir.display().to_string(), &error.to_string()),
        }
    }
    for (path, why) in found {
        let path = path.display();
        let what = format!("{path}: {why}");
        report.add(match is_link(&path.to_string()) {
            false => DoctorFinding::run(
                FindingId::DirectoryUntrusted,
                what,
                format!("chown root:root {path} && chmod go-w {path}"),
            ),
            true => DoctorFinding::decide(FindingId::DirectoryUntrusted, what, NO_DIRECTORY, format!("ls -ld {path}")),
        });
    }
}

fn is_link(path: &str) -> bool {
    !std::fs::symlink_metadata(path).is_ok_and(|about| about.is_dir())
}

/// Modes that programs without root cannot pass, which a umask of 077 leaves.
fn reach(host: &ExaminedHost, report: &mut Report) {
    let marks = bypasses::all().marks.into_iter().map(|one| PathBuf::from(one.path));
    let policy = obstacle(Path::new(host.site.policy), OthersNeed::Read);
    let mut all = obstacles(marks);
    all.extend(policy);
    for one in all {
        report.add(DoctorFinding::run(FindingId::ClosedToPrograms, one.to_string(), one.command()));
    }
}

const GROUPS: [&str; 4] = ["otp-admin", "otp-helpdesk", "otp-verify", VIEWERS];
const NO_DIRECTORY: &str =
    "it is not a directory: see what it is and who put it there, then make it a directory that belongs to root";
