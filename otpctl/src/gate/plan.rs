//! The files of a service as they are to become, checked as `otpctl config check` does.

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use otp_core::policy::WholePolicy;

use super::edit::{PasswordRule, variants, without_ours};
use super::pam_copy::{PAM_D, PamCopy};
use super::planned_file::PlannedFile;
use super::service::GateService;
use super::{sshd, sudoers};
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::stack::finding::{FindingKind, StackFinding};
use crate::stack::modules::is_ours;
use crate::stack::reader::{PamDirectories, ServiceStacks, Stage};
use crate::stack::words::Dialect;

/// The files that are to change, and a directory in which they have. None where the service has our lines.
pub(crate) struct GatePlan {
    pub files: Vec<PlannedFile>,
    pub copy: PamCopy,
}

impl GatePlan {
    pub(crate) fn of(gate: &GateService, host: &PamDirectories, policy: &WholePolicy) -> Result<Self, Failure> {
        let copy = PamCopy::of(host).map_err(|error| stopped(&format!("a copy of {PAM_D} in /run: {error}")))?;
        let mut files = Vec::new();
        for service in &gate.services {
            let rotates = policy.host.rotation.iter().any(|rotation| rotation.services.contains(service));
            let password = if rotates { PasswordRule::Wanted } else { PasswordRule::NotWanted };
            files.extend(planned(service, host, &copy, password)?);
        }
        if gate.name == "sshd" {
            files.extend(sshd::planned()?);
        }
        let wrong = gate.services.iter().flat_map(|service| copy.findings(service));
        let (twinless, wrong): (BTreeSet<_>, BTreeSet<_>) = wrong
            .filter(|finding| !finding.is_note())
            .partition(|finding| finding.kind == FindingKind::NoTwin && gate.services.len() == 1);
        refuse(&wrong)?;
        // A program that was built with one service for both has no such file.
        for finding in twinless {
            drop(writeln!(std::io::stderr(), "otpctl: note: {}", escaped(&finding.to_string())));
        }
        Ok(Self { files, copy })
    }
}

impl GatePlan {
    /// For single commands of sudo.
    pub(crate) fn of_commands(commands: &[String], host: &PamDirectories) -> Result<Self, Failure> {
        let copy = PamCopy::of(host).map_err(|error| stopped(&format!("a copy of {PAM_D} in /run: {error}")))?;
        let files = sudoers::planned(commands, own_text(sudoers::SERVICE)?, &copy)?;
        refuse(&copy.findings(sudoers::SERVICE))?;
        let asks = stacks(sudoers::SERVICE, &copy)?.stage(Stage::Auth).iter().any(is_ours);
        match asks {
            true => Ok(Self { files, copy }),
            false => Err(stopped(&format!(
                "{PAM_D}/{} is there and asks for no code; nothing was changed",
                sudoers::SERVICE
            ))),
        }
    }
}

/// The change of one service, which is made in the copy; none if it has our lines.
fn planned(
    service: &str,
    host: &PamDirectories,
    copy: &PamCopy,
    password: PasswordRule,
) -> Result<Option<PlannedFile>, Failure> {
    let stacks = stacks(service, copy)?;
    let (path, before) = (Path::new(PAM_D).join(service), own_text(service)?);
    let text = match (&before, host.file(service)) {
        (Some(text), _) => text.clone(),
        (None, Some(vendor)) => text_of(&vendor)?,
        (None, None) => return Err(stopped(&format!("no PAM file has the name {service}"))),
    };
    let variants = variants(&text, &stacks, password)
        .map_err(|why| stopped(&format!("{}: {why}; nothing was changed", path.display())))?;
    let mut first = None;
    for after in &variants {
        copy.put(service, after).map_err(|error| stopped(&format!("{}: {error}", copy.path().display())))?;
        let found = copy.findings(service).into_iter().filter(|one| one.kind != FindingKind::NoTwin);
        let found: BTreeSet<StackFinding> = found.map(|one| as_before(one, &path, after)).collect();
        if found.is_empty() {
            return Ok(Some(PlannedFile { path, before, after: after.clone() }));
        }
        first.get_or_insert(found);
    }
    if variants.is_empty() && stacks.lines.iter().any(is_ours) {
        return Ok(None);
    }
    refuse(&first.unwrap_or_default())?;
    Err(stopped(&format!(
        "{}: a jump passes over every place for a line of pam_otp.so; write it by hand",
        path.display()
    )))
}

/// With the number that the line has in the file as it is now.
fn as_before(finding: StackFinding, path: &Path, after: &str) -> StackFinding {
    let lines = |line: usize| {
        let upto: String = after.split_inclusive('\n').take(line).collect();
        without_ours(&upto).lines().count().max(1)
    };
    match finding.file.as_deref() == Some(path) {
        true => StackFinding { line: finding.line.map(lines), ..finding },
        false => finding,
    }
}

/// As both libpams read it; one that they read differently is nobody's to change.
fn stacks(service: &str, copy: &PamCopy) -> Result<ServiceStacks, Failure> {
    let read = |dialect| copy.read(service, dialect).unwrap_or_default();
    let (old, new) = (read(Dialect::Old), read(Dialect::New));
    if let Some(why) = new.refused.as_ref().or(new.unreadable.as_ref()) {
        let why = why.replace(&copy.path().display().to_string(), PAM_D); // the copy is gone when this is read
        return Err(stopped(&format!("{service}: libpam refuses the service: {why}; nothing was changed")));
    }
    match old == new {
        true => Ok(new),
        false => Err(stopped(&format!(
            "{service}: libpam 1.5 and 1.7 read this file differently; look for a comment or a blank line after a backslash; nothing was changed"
        ))),
    }
}

/// The text of the service's file in /etc/pam.d, if there is one.
pub(crate) fn own_text(service: &str) -> Result<Option<String>, Failure> {
    let path = Path::new(PAM_D).join(service);
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(stopped(&format!("{}: {error}", path.display()))),
        Ok(about) if about.is_file() => text_of(&path).map(Some),
        Ok(_) => {
            Err(stopped(&format!("{}: not a regular file, and another program may own it; wanted one", path.display())))
        }
    }
}

fn text_of(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| stopped(&format!("{}: {error}", path.display())))
}

fn refuse(findings: &BTreeSet<StackFinding>) -> Result<(), Failure> {
    let told: Vec<String> = findings.iter().map(StackFinding::to_string).collect();
    match told.is_empty() {
        true => Ok(()),
        false => {
            Err(stopped(&format!("the stack would let somebody past, so nothing was changed: {}", told.join("; "))))
        }
    }
}

fn stopped(text: &str) -> Failure {
    Failure::Stopped(escaped(text))
}
