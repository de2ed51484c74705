//! sshd beside its PAM file: a drop-in that has it ask by way of PAM, proved by what `sshd -T` says, and a reload.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::edit::{SSHD_SETTINGS, marked};
use super::planned_file::PlannedFile;
use crate::output::escape::escaped;
use crate::output::failure::Failure;

const DROP_IN: &str = "/etc/ssh/sshd_config.d/00-otp.conf";
const PROGRAM: &str = "/usr/sbin/sshd";
/// Debian's name, and the others'.
const UNITS: [&str; 2] = ["ssh.service", "sshd.service"];

/// The drop-in, unless sshd has these settings anyhow.
pub(super) fn planned() -> Result<Option<PlannedFile>, Failure> {
    if missing(&settings()?).is_empty() {
        return Ok(None);
    }
    let path = PathBuf::from(DROP_IN);
    if path.symlink_metadata().is_ok() {
        return Err(stopped(&format!(
            "{DROP_IN} is there, and sshd -T shows other settings; wanted {}; nothing was changed",
            SSHD_SETTINGS.join(", ")
        )));
    }
    let after = marked(&SSHD_SETTINGS);
    Ok(Some(PlannedFile { path, before: None, after }))
}

/// Does sshd obey the drop-in?
pub(super) fn verify() -> Result<(), Failure> {
    let missing = missing(&settings()?);
    match missing.is_empty() {
        true => Ok(()),
        false => Err(stopped(&format!(
            "sshd -T does not show {}, so the change was undone; has sshd_config `Include /etc/ssh/sshd_config.d/*.conf` above its first setting?",
            missing.join(", ")
        ))),
    }
}

/// Is this file sshd's?
pub(super) fn is_drop_in(file: &PlannedFile) -> bool {
    file.path == Path::new(DROP_IN)
}

/// May a key be all that sshd wants? Settings that cannot be read are told by `planned`.
pub(super) fn lets_keys_in() -> bool {
    settings().is_ok_and(|told| keys_alone(&told))
}

/// A list of methods without keyboard-interactive runs no auth stage; `any` is a list for each method that is on.
fn keys_alone(told: &str) -> bool {
    let has = |setting: &str| told.lines().any(|line| line.eq_ignore_ascii_case(setting));
    let lists =
        told.lines().filter_map(|line| line.strip_prefix("authenticationmethods ")).flat_map(str::split_whitespace);
    lists.into_iter().any(|list| match list {
        "any" => has("pubkeyauthentication yes"),
        list => !list.split(',').any(|method| method.starts_with("keyboard-interactive")),
    })
}

/// A server that runs reads its files again; one that does not run has nothing to read.
pub(super) fn reload() {
    for unit in UNITS {
        let words = ["--quiet", "--no-block", "try-reload-or-restart", unit];
        // A unit that is not there is no server.
        let _ = Command::new("systemctl").args(words).stdin(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// The settings in force, as sshd itself tells them.
fn settings() -> Result<String, Failure> {
    let told = Command::new(PROGRAM).arg("-T").stdin(Stdio::null()).output();
    let told = told.map_err(|error| stopped(&format!("{PROGRAM}: {error}")))?;
    match told.status.success() {
        true => Ok(String::from_utf8_lossy(&told.stdout).into_owned()),
        false => Err(stopped(&format!("sshd -T: {}", String::from_utf8_lossy(&told.stderr).trim()))),
    }
}

fn missing(told: &str) -> Vec<&'static str> {
    let is_there = |setting: &str| told.lines().any(|line| line.eq_ignore_ascii_case(setting));
    SSHD_SETTINGS.into_iter().filter(|setting| !is_there(setting)).collect()
}

fn stopped(text: &str) -> Failure {
    Failure::Stopped(escaped(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_alone_is_enough_where_a_list_of_methods_has_no_prompt() {
        let cases = [
            ("pubkeyauthentication yes\nauthenticationmethods any", true),
            ("pubkeyauthentication no\nauthenticationmethods any", false),
            ("pubkeyauthentication yes\nauthenticationmethods publickey,keyboard-interactive", false),
            ("authenticationmethods publickey,keyboard-interactive:pam publickey,publickey", true),
        ];
        for (told, alone) in cases {
            assert_eq!(keys_alone(told), alone, "{told}");
        }
    }
}
