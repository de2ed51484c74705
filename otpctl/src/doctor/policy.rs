//! The policy: can it be read, whom do its lists name, and which exemptions end?

use std::path::Path;

use otp_core::environment::Clock as _;
use otp_core::manage::reset_mode::{has_a_helpdesk, is_one_admin};
use otp_core::policy::POLICY_CAP;
use otp_core::policy::host::ResetMode;
use otp_core::vault::{Readers, VaultError, read_root_file};

use super::finding::DoctorFinding;
use super::host::ExaminedHost;
use super::ids::FindingId;
use super::report::Report;
use crate::command::config_audience::{ending, unmatched};
use crate::machine::Machine;

pub(crate) fn look(host: &ExaminedHost, report: &mut Report) {
    if let Ok(policy) = &host.policy {
        tell_of_resets(policy.as_ref().and_then(|policy| policy.host.resets), report);
    }
    match &host.policy {
        Err(unavailable) => unusable(host.site.policy, &unavailable.detail, report),
        Ok(None) => {}
        Ok(Some(policy)) => {
            for why in unmatched(policy) {
                report.add(DoctorFinding::decide(FindingId::NameMatchesNobody, why, RIGHT_NAME, EDIT));
            }
            if policy.host.resets == Some(ResetMode::Simple) && has_a_helpdesk() {
                report.add(DoctorFinding::decide(FindingId::ResetsSimple, SIMPLE, GUARD_THEM, EDIT));
            }
            for why in ending(policy, Machine.wall()) {
                report.add(DoctorFinding::decide(FindingId::ExemptionEnds, why, KEYS_OR_DAY, EDIT));
            }
        }
    }
}

/// How keys are replaced here, and whether anybody has to agree.
fn tell_of_resets(word: Option<ResetMode>, report: &mut Report) {
    report.note(match (word, word.is_none() && has_a_helpdesk()) {
        (Some(ResetMode::Guarded), _) => {
            "Resets are guarded, as the policy says: `otpctl reset` comes before new keys."
        }
        (Some(ResetMode::Simple), _) => "Resets are simple, as the policy says: `otpctl invite --replace` is enough.",
        (None, true) => "Resets are guarded, as otp-helpdesk has members: `otpctl reset` comes before new keys.",
        (None, false) => "Resets are simple, as otp-helpdesk has no members: `otpctl invite --replace` is enough.",
    });
    report.note(match is_one_admin() {
        true => "otp-admin and root are one person here: nobody has to approve when root resets an administrator.",
        false => {
            "Resetting an administrator takes a second one. Where the kernel records logins (pam_loginuid), nobody \
             becomes that second one by sudo."
        }
    });
}

fn unusable(policy: &str, detail: &str, report: &mut Report) {
    let id = FindingId::PolicyUnusable;
    report.add(match read_root_file(Path::new(policy), POLICY_CAP, Readers::Everybody) {
        Err(VaultError::Unreadable { .. }) => return report.not_looked_at("the policy", detail),
        Err(VaultError::Untrusted { path, .. }) if path != Path::new(policy) => return, // a directory, told as such
        Err(VaultError::Untrusted { .. }) if Path::new(policy).is_symlink() => {
            DoctorFinding::decide(id, detail, NO_LINK, format!("ls -l {policy}"))
        }
        Err(VaultError::Untrusted { .. }) => {
            DoctorFinding::decide(id, detail, CHANGED_BY, format!("chown root:root {policy} && chmod go-w {policy}"))
        }
        _ => DoctorFinding::decide(id, detail, CORRECT_IT, EDIT),
    });
}

const SIMPLE: &str = "resets = \"simple\" in the policy, and otp-helpdesk has members";
const GUARD_THEM: &str =
    "remove that line, and helpers replace keys with `otpctl reset`; or keep it if no helper should have to wait";
const EDIT: &str = "otpctl config edit";
const RIGHT_NAME: &str = "correct the name, or remove the entry";
const KEYS_OR_DAY: &str = "give them keys, choose a later day, or remove the entry if it has ended";
const CORRECT_IT: &str = "correct the line; `otpctl config edit` saves a policy only if it is in order";
const NO_LINK: &str = "the policy must be a file, not a link; replace the link with a copy of its target";
const CHANGED_BY: &str = "read the file first: somebody else could have written into it";
