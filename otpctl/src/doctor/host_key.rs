//! The host key: is it there, root's alone, that of this vault, and is there a copy in a safe?

use std::path::Path;

use otp_core::site::{HostKeyError, fits};
use otp_core::vault::VaultError;

use super::finding::DoctorFinding;
use super::host::{ExaminedHost, RUN_AS_ROOT};
use super::ids::FindingId;
use super::report::Report;
use crate::escrow::Escrow;

pub(crate) fn look(host: &ExaminedHost, report: &mut Report) {
    if !host.is_seen_by_root() {
        return report.not_looked_at("the host key", RUN_AS_ROOT);
    }
    match host.site.find_host_key() {
        Err(error) => not_had(&error, report),
        Ok(key) => {
            // A vault that cannot be opened is told elsewhere.
            let Ok(vault) = host.site.open_vault() else { return };
            if let Err(unavailable) = fits(&key, &vault) {
                return report.add(DoctorFinding::decide(
                    FindingId::HostKeyOfAnotherVault,
                    unavailable.detail,
                    MOVE_AWAY,
                    IMPORT,
                ));
            }
            if Escrow::last().is_none_or(|last| last.host_key != key.id()) {
                let what = "the host key has never been exported";
                report.add(DoctorFinding::decide(FindingId::HostKeyNeverExported, what, SAFE, EXPORT));
            }
        }
    }
}

fn not_had(error: &HostKeyError, report: &mut Report) {
    let what = error.to_string();
    report.add(match error {
        HostKeyError::File(VaultError::Missing(_)) => {
            DoctorFinding::decide(FindingId::HostKeyMissing, what, FROM_THE_SAFE, IMPORT)
        }
        HostKeyError::File(VaultError::Untrusted { path, .. }) => untrusted(path, what),
        HostKeyError::File(_) => return report.not_looked_at("the host key", &what),
        HostKeyError::Damaged { .. } => DoctorFinding::decide(FindingId::HostKeyDamaged, what, MOVE_AWAY, IMPORT),
    });
}

/// A new file with the same content takes away other names, other owners and modes in one step.
fn untrusted(path: &Path, what: String) -> DoctorFinding {
    let shown = path.display();
    let id = FindingId::HostKeyUntrusted;
    match path.metadata() {
        Ok(about) if about.is_file() => DoctorFinding::decide(
            id,
            what,
            "the command makes it accessible to root alone; if other people could read it, ask whether anybody did: \
             with a copy of the vault they can compute codes",
            format!("install -o root -g root -m 0400 {shown} {shown}.new && mv -T {shown}.new {shown}"),
        ),
        Ok(about) if about.is_dir() => DoctorFinding::run(
            FindingId::DirectoryUntrusted,
            what,
            format!("chown root:root {shown} && chmod go-w {shown}"),
        ),
        _ => DoctorFinding::decide(id, what, MOVE_AWAY, format!("ls -ld {shown}")),
    }
}

const IMPORT: &str = "otpctl host-key import FILE";
const EXPORT: &str = "otpctl host-key export FILE";
const FROM_THE_SAFE: &str = "take the export out of the safe, as FILE; if there is none, every user needs a new \
                             key, and until then `otpctl emergency bypass USER` lets them in";
const MOVE_AWAY: &str = "move the file away, then take the export of the right host key out of the safe, as FILE";
const SAFE: &str = "choose a FILE on another disk and a passphrase, and keep the two in different places";
