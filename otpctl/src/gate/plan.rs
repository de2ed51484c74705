//! The files of a service as they are to become, checked as `otpctl config check` does.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use otp_core::policy::WholePolicy;

use super::edit::{AccountRule, PasswordRule, WantedLines, variants};
use super::marks::without_ours;
use super::pam_copy::{PAM_D, PamCopy};
use super::planned_file::PlannedFile;
use super::service::{GateService, ProgramKind};
use super::shape::GateShape;
use super::{sshd, sudoers};
use crate::arguments::GateWishes;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::stderr;
use crate::stack::finding::{FindingKind, StackFinding};
use crate::stack::modules::is_ours;
use crate::stack::reader::{PamDirectories, ServiceStacks, Stage};
use crate::stack::words::Dialect;

/// The files that are to change, and a directory in which they have. None where the service has our lines.
pub(crate) struct GatePlan {
    pub files: Vec<PlannedFile>,
    pub copy: PamCopy,
    /// The services in which an auth line of ours asks already.
    pub asking: Vec<String>,
}

impl GatePlan {
    pub(crate) fn of(
        gate: &GateService,
        host: &PamDirectories,
        policy: &WholePolicy,
        wishes: GateWishes,
    ) -> Result<Self, Failure> {
        let shape = GateShape::of(&gate.name, wishes)?;
        let copy = PamCopy::of(host).map_err(|error| stopped(&format!("a copy of {PAM_D} in /run: {error}")))?;
        let asking = gate.services.iter().filter(|service| asks(service, &copy)).cloned().collect();
        let account = match (shape, gate.program()) {
            (GateShape::AfterPassword, ProgramKind::Unprivileged) => AccountRule::IfThereIsSuchAStage,
            (GateShape::AfterPassword, _) | (GateShape::CodeAlone, ProgramKind::Remote) => AccountRule::Wanted,
            _ => AccountRule::NotWanted,
        };
        let mut files = Vec::new();
        for service in &gate.services {
            let rotates = policy.host.rotation.iter().any(|rotation| rotation.services.contains(service));
            let password = if rotates { PasswordRule::Wanted } else { PasswordRule::NotWanted };
            files.extend(planned(service, host, &copy, WantedLines { shape, account, password })?);
        }
        if gate.name == "sshd" {
            files.extend(sshd::planned(wishes)?);
        }
        let wrong = gate.services.iter().flat_map(|service| copy.findings(service));
        let (twinless, wrong): (BTreeSet<_>, BTreeSet<_>) = wrong
            .filter(|finding| !finding.is_note())
            .partition(|finding| finding.kind == FindingKind::NoTwin && gate.services.len() == 1);
        refuse(&wrong)?;
        // A program that was built with one service for both has no such file.
        for finding in twinless {
            stderr::note(&escaped(&finding.to_string()));
        }
        copy.include_by_path(&gate.services)
            .map_err(|error| stopped(&format!("a copy of {PAM_D} in /run: {error}")))?;
        Ok(Self { files, copy, asking })
    }
}

impl GatePlan {
    /// For single commands of sudo.
    pub(crate) fn of_commands(commands: &[String], host: &PamDirectories) -> Result<Self, Failure> {
        let copy = PamCopy::of(host).map_err(|error| stopped(&format!("a copy of {PAM_D} in /run: {error}")))?;
        let files = sudoers::planned(commands, own_text(sudoers::SERVICE)?, &copy)?;
        refuse(&copy.findings(sudoers::SERVICE))?;
        match asks(sudoers::SERVICE, &copy) {
            true => Ok(Self { files, copy, asking: Vec::new() }),
            false => {
                Err(stopped(&format!("{PAM_D}/{} exists and asks for no code; nothing was changed", sudoers::SERVICE)))
            }
        }
    }
}

fn asks(service: &str, copy: &PamCopy) -> bool {
    copy.read(service, Dialect::New).is_some_and(|stacks| stacks.stage(Stage::Auth).iter().any(is_ours))
}

/// The change of one service, which is made in the copy; none if it has our lines.
fn planned(
    service: &str,
    host: &PamDirectories,
    copy: &PamCopy,
    wanted: WantedLines,
) -> Result<Option<PlannedFile>, Failure> {
    let stacks = stacks(service, copy)?;
    let (path, before) = (Path::new(PAM_D).join(service), own_text(service)?);
    let text = match (&before, host.file(service)) {
        (Some(text), _) => text.clone(),
        (None, Some(vendor)) => text_of(&vendor)?,
        (None, None) => return Err(stopped(&format!("no PAM file has the name {service}"))),
    };
    let refused = |why: &str| stopped(&format!("{}: {}; nothing was changed", path.display(), copy.told(why)));
    no_carriage_return(&text).map_err(|why| refused(&why))?;
    let variants = variants(&text, &stacks, wanted).map_err(|why| refused(&why))?;
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
    refuse(&first.unwrap_or_default()).map(|()| None)
}

/// libpam takes it for a part of the last word, and finds no such module. A comment may end in anything.
fn no_carriage_return(text: &str) -> Result<(), String> {
    let ends_so = |line: &str| line.ends_with('\r') && !line.trim_start().starts_with('#');
    let found = (1..).zip(text.split('\n')).find(|(_, line)| ends_so(line));
    found.map_or(Ok(()), |(number, _): (usize, _)| {
        Err(format!(
            "line {number} ends in a carriage return, which libpam takes as part of the last word; wanted a newline \
             alone"
        ))
    })
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
        let why = copy.told(why);
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
        false => Err(stopped(&format!(
            "`otpctl config check` would find fault with the new lines, so nothing was changed: {}",
            told.join("; ")
        ))),
    }
}

fn stopped(text: &str) -> Failure {
    Failure::Stopped(escaped(text))
}
