//! Emergency marks: who is let past every gate, and marks that do not count.

use super::finding::DoctorFinding;
use super::host::ExaminedHost;
use super::ids::FindingId;
use super::report::Report;
use crate::command::bypasses::{self, ListedBypass};

pub(crate) fn look(_: &ExaminedHost, report: &mut Report) {
    let found = bypasses::all();
    for why in &found.unread {
        report.not_looked_at("emergency marks", why);
    }
    for one in &found.marks {
        report.add(finding(one));
    }
}

fn finding(one: &ListedBypass) -> DoctorFinding {
    let what = bypasses::told(one);
    let what = what.trim_end();
    let end = format!("otpctl emergency end uid:{}", one.uid);
    match one.not_honoured {
        None => {
            DoctorFinding::decide(FindingId::BypassInForce, what, "end it if the user has a working key again", end)
        }
        Some(_) => DoctorFinding::decide(
            FindingId::BypassNotHonoured,
            what,
            "remove it; if the user still needs a bypass, start a new one with `otpctl emergency bypass`",
            end,
        ),
    }
}
