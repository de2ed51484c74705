//! Free room on the disks: blocks and inodes where the vault, the outbox and the policy are.

use nix::sys::statvfs::statvfs;

use super::finding::DoctorFinding;
use super::host::ExaminedHost;
use super::ids::FindingId;
use super::report::Report;

pub(crate) fn look(host: &ExaminedHost, report: &mut Report) {
    let mut seen = Vec::new();
    for place in [host.site.vault, host.site.outbox, "/etc/otp"] {
        let Ok(about) = statvfs(place) else { continue }; // a place that is missing is told elsewhere
        if seen.contains(&about.filesystem_id()) && about.filesystem_id() != 0 {
            continue;
        }
        seen.push(about.filesystem_id());
        let free = about.blocks_available().saturating_mul(about.fragment_size());
        if let Some(id) = short(free, ROOM_BYTES) {
            report.add(finding(id, format!("{place}: {} KiB are free", free / 1024), format!("df -h {place}")));
        }
        // A file system without a table of inodes says 0 of all.
        if about.files() > 0
            && let Some(id) = short(about.files_available(), ROOM_FILES)
        {
            let what = format!("{place}: room for {} more files", about.files_available());
            report.add(finding(id, what, format!("df -i {place}")));
        }
    }
}

/// The finding about so much room.
fn short(free: u64, room: FreeRoom) -> Option<FindingId> {
    match free {
        free if free < room.full => Some(FindingId::DiskFull),
        free if free < room.nearly_full => Some(FindingId::DiskNearlyFull),
        _ => None,
    }
}

fn finding(id: FindingId, what: String, command: String) -> DoctorFinding {
    DoctorFinding::decide(id, what, "remove what is not needed there, or make the file system larger", command)
}

/// Limits of free room.
#[derive(Clone, Copy)]
struct FreeRoom {
    full: u64,
    nearly_full: u64,
}

/// A user takes 20 KiB, a rotation of keys as much for a moment.
const ROOM_BYTES: FreeRoom = FreeRoom { full: 1 << 20, nearly_full: 64 << 20 };
/// A user takes four files.
const ROOM_FILES: FreeRoom = FreeRoom { full: 16, nearly_full: 1000 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_a_warning_and_next_to_nothing_is_critical() {
        let found = [0, (1 << 20) - 1, 1 << 20, (64 << 20) - 1, 64 << 20].map(|free| short(free, ROOM_BYTES));
        let (full, nearly) = (Some(FindingId::DiskFull), Some(FindingId::DiskNearlyFull));
        assert_eq!(found, [full, full, nearly, nearly, None]);
    }
}
