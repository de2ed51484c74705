//! Single commands of sudo that ask for a code: a service of their own, and a drop-in for sudoers that visudo has checked.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::marks::{SUDOERS_ALIAS, SUDOERS_DEFAULTS, marked};
use super::pam_copy::{PAM_D, PamCopy};
use super::planned_file::PlannedFile;
use crate::output::escape::escaped;
use crate::output::failure::Failure;

/// The service that these commands use instead of `sudo`.
pub(crate) const SERVICE: &str = "sudo-otp";
/// Its stack in docs/hosts.md.
const STACK: &str = "# made by `otpctl gate enable sudo --command`
auth     requisite  pam_unix.so
auth     required   pam_otp.so
account  required   pam_otp.so
account  required   pam_unix.so
session  required   pam_permit.so
";
const DROP_IN: &str = "/etc/sudoers.d/otp";

/// The commands that ask for a code already.
pub(crate) fn commands() -> Vec<String> {
    let text = fs::read_to_string(DROP_IN).unwrap_or_default();
    alias(&text).map(|commands| commands.split(',').map(|one| one.trim().to_owned()).collect()).unwrap_or_default()
}

/// The path of a command, as sudoers may have it.
pub(crate) fn command(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._+-@".contains(c);
    if !text.starts_with('/') || text.ends_with('/') || !text.chars().all(plain) {
        return Err("wanted the whole path of a program, for example /usr/sbin/reboot".to_owned());
    }
    match fs::metadata(text) {
        Ok(about) if about.is_file() => Ok(text.to_owned()),
        Ok(_) => Err("not a program; sudo knows a command by its file".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The files for these commands and those of before; the service is there before sudo is told of it. They are in the copy as well.
pub(super) fn planned(wanted: &[String], stack: Option<String>, copy: &PamCopy) -> Result<Vec<PlannedFile>, Failure> {
    let mut files = Vec::new();
    if stack.is_none() {
        copy.put(SERVICE, STACK).map_err(|error| stopped(&format!("{}: {error}", copy.path().display())))?;
        files.push(PlannedFile { path: Path::new(PAM_D).join(SERVICE), before: None, after: STACK.to_owned() });
    }
    let before = match fs::read_to_string(DROP_IN) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        read => Some(read.map_err(|error| stopped(&format!("{DROP_IN}: {error}")))?),
    };
    let mut all = commands();
    if before.is_some()
        && (all.is_empty() || before.iter().any(|text| !text.lines().any(|line| line == SUDOERS_DEFAULTS)))
    {
        return Err(stopped(&format!("{DROP_IN} has other lines than those of docs/hosts.md; nothing was changed")));
    }
    let new: Vec<String> = wanted.iter().filter(|one| !all.contains(one)).cloned().collect();
    if new.is_empty() {
        return Ok(files);
    }
    all.extend(new);
    let alias = format!("{SUDOERS_ALIAS}{}", all.join(", "));
    let after = match &before {
        None => marked(&[alias.as_str(), SUDOERS_DEFAULTS]),
        Some(text) => text
            .lines()
            .map(|line| if line.starts_with(SUDOERS_ALIAS) { &alias } else { line })
            .fold(String::new(), |whole, line| whole + line + "\n"),
    };
    let path = PathBuf::from(DROP_IN);
    check(&after, copy)?;
    files.push(PlannedFile { path, before, after });
    Ok(files)
}

/// Does sudo read the drop-in, and is all of sudoers in order?
pub(super) fn verify() -> Result<(), Failure> {
    let done = visudo(&["-c"])?;
    match done.lines().any(|line| line.starts_with(DROP_IN)) {
        true => Ok(()),
        false => Err(stopped(&format!(
            "visudo -c does not read {DROP_IN}, so the change was undone; has /etc/sudoers `@includedir /etc/sudoers.d`?"
        ))),
    }
}

/// Is this file sudo's?
pub(super) fn is_drop_in(file: &PlannedFile) -> bool {
    file.path == Path::new(DROP_IN)
}

fn check(text: &str, copy: &PamCopy) -> Result<(), Failure> {
    let name = ".sudoers";
    copy.put(name, text).map_err(|error| stopped(&format!("{}: {error}", copy.path().display())))?;
    visudo(&["-cf", &copy.path().join(name).display().to_string()]).map(drop)
}

fn visudo(words: &[&str]) -> Result<String, Failure> {
    let done = Command::new("visudo").args(words).stdin(Stdio::null()).output();
    let done = done.map_err(|error| stopped(&format!("visudo: {error}; is sudo installed?")))?;
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    if done.status.success() { Ok(said) } else { Err(stopped(&format!("visudo: {}", said.trim()))) }
}

fn alias(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix(SUDOERS_ALIAS))
}

fn stopped(text: &str) -> Failure {
    Failure::Stopped(escaped(text))
}
