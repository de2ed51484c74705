//! su asks for a code of the account that is entered, which is mostly root's. Where users without a key are not asked, and root has
//! none, the password of root is enough.

use std::ffi::CStr;

use otp_core::accounts::account_of;
use otp_core::policy::service::Unenrolled;
use otp_core::vault::short_lock_deadline;

use super::finding::{DoctorFinding, path_word};
use super::host::{ExaminedHost, RUN_AS_ROOT};
use super::ids::FindingId;
use super::report::Report;
use crate::explain::policy_lines::PolicyLines;
use crate::machine::Machine;
use crate::options::{Options, Whose};
use crate::stack::findings::{Survey, own_arguments};
use crate::stack::reader::{StackLine, Stage};
use crate::stack::words::Dialect;

pub(crate) fn look(host: &ExaminedHost, report: &mut Report) {
    let survey = Survey::standard();
    let skipping = ["su", "su-l"].into_iter().filter_map(|service| {
        let stacks = survey.services.read(service, Dialect::New)?;
        stacks.stage(Stage::Auth).iter().find_map(|line| skips(host, service, line))
    });
    let skipping: Vec<DoctorFinding> = skipping.collect();
    if skipping.is_empty() {
        return;
    }
    match root_has_a_key(host) {
        Some(true) => {}
        Some(false) => skipping.into_iter().for_each(|one| report.add(one)),
        None => report.not_looked_at("whether root has a key, which su asks for", RUN_AS_ROOT),
    }
}

/// A line of ours that lets those without a key pass.
fn skips(host: &ExaminedHost, service: &str, line: &StackLine) -> Option<DoctorFinding> {
    let arguments = own_arguments(line)?;
    let arguments: Vec<&CStr> = arguments.iter().map(|one| one.as_c_str()).collect();
    let options = Options::parse(&arguments).ok().filter(|options| options.whose == Whose::User)?;
    let rules = host.site.service_policy(options.config.as_deref(), Some(service)).ok()?;
    let place = format!("{} line {}", line.place.file.display(), line.place.line);
    match (options.unenrolled, rules.unenrolled) {
        (Some(Unenrolled::Deny), _) | (None | Some(_), Some(Unenrolled::Deny | Unenrolled::Enrol)) | (None, None) => {
            None
        }
        (_, Some(Unenrolled::Skip)) => {
            let policy = PolicyLines::of(options.config.as_deref()).at(
                service,
                "unenrolled",
                "users without a key are not asked",
            );
            let (file, line) = (policy.file.clone()?, policy.line?);
            let command = format!("sed -i --follow-symlinks '{line}s/\"skip\"/\"deny\"/' {}", path_word(&file));
            Some(DoctorFinding::decide(
                FindingId::SuSkipsRoot,
                format!("{service}: {}", policy.told()),
                GIVE_ROOT_A_KEY,
                command,
            ))
        }
        (Some(_), None) => {
            let said = ["nullok", "unenrolled=skip"]
                .into_iter()
                .find(|word| arguments.iter().any(|one| one.to_bytes() == word.as_bytes()))?;
            let script = format!("{}s/[[:space:]]+{said}([[:space:]].*)?$/\\1/", line.place.line);
            let command = format!("sed -i -E --follow-symlinks '{script}' {}", path_word(&line.place.file));
            let what = format!("{service}: {place}: users without a key are not asked");
            Some(DoctorFinding::decide(FindingId::SuSkipsRoot, what, GIVE_ROOT_A_KEY, command))
        }
    }
}

/// `None` where that may not be read.
fn root_has_a_key(host: &ExaminedHost) -> Option<bool> {
    if !host.is_seen_by_root() {
        return None;
    }
    let root = account_of(0).ok().flatten()?;
    let vault = host.site.open_vault().ok()?;
    let view = vault.peek(&root, &Machine, short_lock_deadline()).ok()?;
    Some(view.is_some_and(|view| view.record.is_some()))
}

const GIVE_ROOT_A_KEY: &str = "give root a key with `otpctl invite root`, and every other account that su enters; the command then refuses those that have none";
