//! The vault as a whole, the outbox and the daemon: are they there, and whose are they?

use otp_core::reasons::UnavailableReason;
use otp_core::site::Unavailable;
use otp_core::vault::{Outbox, Vault, VaultError};
use otp_protocol::client::ConnectError;

use super::finding::{DoctorFinding, path_word};
use super::host::{ExaminedHost, RUN_AS_ROOT};
use super::ids::FindingId;
use super::report::Report;
use crate::command::mend::{self, MendOutcome};
use crate::connect::reached;

pub(crate) fn look(host: &ExaminedHost, report: &mut Report) {
    daemon(host, report);
    if !host.is_seen_by_root() {
        return report.not_looked_at("the vault's files", RUN_AS_ROOT);
    }
    owners_and_modes(report);
    match host.site.open_vault() {
        Ok(vault) => names(&vault, report),
        Err(unavailable) => not_opened(unavailable, report),
    }
    outbox(host, report);
}

fn daemon(host: &ExaminedHost, report: &mut Report) {
    let socket = host.site.socket;
    match reached() {
        Ok(_) => {}
        Err(ConnectError::Unreachable(why)) => {
            let what = format!("{socket}: {why}");
            report.add(DoctorFinding::run(FindingId::DaemonUnreachable, what, RESTART));
        }
        Err(ConnectError::Untrusted(uid)) => {
            let what = format!("{socket}: its server has uid {uid}");
            report.add(DoctorFinding::decide(FindingId::SocketUntrusted, what, ANOTHER_SERVER, RESTART));
        }
    }
}

/// Everything that `otpctl --offline mend` would do.
fn owners_and_modes(report: &mut Report) {
    let looked = mend::look(&mut |path, outcome| {
        let (word, path) = (path_word(path), path.display());
        report.add(match outcome {
            MendOutcome::OwnerOrMode(all) => {
                let all: Vec<String> = all.iter().map(|one| format!("{}; wanted {}", one.found, one.wanted)).collect();
                DoctorFinding::run(FindingId::VaultOwnerOrMode, format!("{path}: {}", all.join(", ")), MEND)
            }
            MendOutcome::Linked(count) => DoctorFinding::run(
                FindingId::VaultHardLink,
                format!("{path}: a hard-linked copy: it has {count} names"),
                MEND,
            ),
            MendOutcome::AccountNoted(uid) => DoctorFinding::run(
                FindingId::AccountNoteWrong,
                format!("{path}: it does not name uid {uid} as the daemon's account"),
                MEND,
            ),
            MendOutcome::LeftAlone(why) => DoctorFinding::decide(
                FindingId::VaultForeignFile,
                format!("{path}: {why}"),
                "see what it is and who put it there, then remove it",
                format!("ls -ld {word}"),
            ),
        });
    });
    drop(looked); // a vault that cannot be walked through is one that cannot be opened, which is told next
}

fn not_opened(unavailable: Unavailable, report: &mut Report) {
    let what = unavailable.detail;
    report.add(match unavailable.reason {
        UnavailableReason::MissingFile => {
            DoctorFinding::decide(FindingId::VaultMissing, what, MOUNT_OR_RESTORE, "mount --all")
        }
        UnavailableReason::NoAccount => return, // told as such
        UnavailableReason::UntrustedFile if report.count(FindingId::VaultOwnerOrMode) > 0 => return,
        UnavailableReason::UntrustedFile if report.count(FindingId::DirectoryUntrusted) > 0 => return,
        _ => DoctorFinding::decide(FindingId::VaultUnusable, what, RESTORE, "ls -la /var/lib/otp"),
    });
}

fn names(vault: &Vault, report: &mut Report) {
    let looked = vault.examine_names(&mut |error| {
        report.add(DoctorFinding::run(FindingId::NamesDamaged, error.to_string(), RESTART));
    });
    if let Err(error) = looked {
        report.add(DoctorFinding::run(FindingId::NamesDamaged, error.to_string(), RESTART));
    }
}

/// It matters where notices leave this host.
fn outbox(host: &ExaminedHost, report: &mut Report) {
    if host.rules().notify.is_none() {
        return;
    }
    let Ok(place) = host.site.outbox() else { return }; // an account that is missing is told as such
    let why = match Outbox::open(&place) {
        Ok(Some(_)) => return,
        Ok(None) => "not there".to_owned(),
        Err(VaultError::Unreadable { errno, .. }) => return report.not_looked_at(host.site.outbox, errno.desc()),
        Err(error) => error.to_string(),
    };
    let what = format!("{}: {why}", host.site.outbox);
    report.add(DoctorFinding::run(FindingId::OutboxUntrusted, what, "systemd-tmpfiles --create otp-enrolld.conf"));
}

const RESTART: &str = "systemctl restart otp-enrolld.socket otp-enrolld.service";
const MEND: &str = "otpctl --offline mend";
const ANOTHER_SERVER: &str = "find that program and end it; the command then starts the daemon";
const MOUNT_OR_RESTORE: &str = "the command mounts what /etc/fstab names. If the vault is lost, restore it from the backup; `otp-enrolld init` makes an empty one, in which nobody has a key";
const RESTORE: &str = "restore the file that is named above from the backup, with its owner and mode";
