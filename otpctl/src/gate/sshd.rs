//! sshd beside its PAM file: a drop-in that has it ask by way of PAM, proved by what `sshd -T` says, and a reload.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::marks::{SSHD_KEY, SSHD_NO_ROOT, SSHD_SETTINGS, marked};
use super::planned_file::PlannedFile;
use crate::arguments::GateWishes;
use crate::output::escape::escaped;
use crate::output::failure::Failure;

const DROP_IN: &str = "/etc/ssh/sshd_config.d/00-otp.conf";
const PROGRAM: &str = "/usr/sbin/sshd";
/// Debian's name, and the others'.
const UNITS: [&str; 2] = ["ssh.service", "sshd.service"];

/// The settings that a gate of sshd needs.
pub(super) fn wanted(wishes: GateWishes) -> Vec<&'static str> {
    let mut found = SSHD_SETTINGS.to_vec();
    found.extend(wishes.with_key.then_some(SSHD_KEY));
    found.extend(wishes.without_password.then_some(SSHD_NO_ROOT));
    found
}

/// The drop-in, unless sshd has these settings anyhow.
pub(super) fn planned(wishes: GateWishes) -> Result<Option<PlannedFile>, Failure> {
    let wanted = wanted(wishes);
    if missing(&wanted, &settings(&[])?).is_empty() {
        return Ok(None);
    }
    let path = PathBuf::from(DROP_IN);
    if path.symlink_metadata().is_ok() {
        return Err(stopped(&format!(
            "{DROP_IN} exists, but sshd -T shows other settings; wanted {}; nothing was changed. If otpctl gate has made it, first run otpctl gate disable sshd",
            wanted.join(", ")
        )));
    }
    let after = marked(&wanted);
    Ok(Some(PlannedFile { path, before: None, after }))
}

/// Does sshd obey the drop-in?
pub(super) fn verify(drop_in: &PlannedFile) -> Result<(), Failure> {
    let lines: Vec<&str> = drop_in.after.lines().filter(|line| !line.starts_with('#')).collect();
    let missing = missing(&lines, &settings(&[])?);
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

/// The methods that let in by themselves, and run no auth stage, as `sshd -T` tells its settings.
pub(super) fn without_a_prompt(told: &str) -> Vec<&'static str> {
    let has = |setting: &str| told.lines().any(|line| line.eq_ignore_ascii_case(setting));
    let lists: Vec<&str> = told
        .lines()
        .filter_map(|line| line.strip_prefix("authenticationmethods "))
        .flat_map(str::split_whitespace)
        .collect();
    let alone = |method: &str| {
        let of_method = |list: &&str| *list == "any" || list.split(',').all(|one| one == method);
        lists.iter().any(of_method)
    };
    let on = METHODS.into_iter().filter(|(method, setting, _)| has(&format!("{setting} yes")) && alone(method));
    on.map(|(_, _, name)| name).collect()
}

/// Do all lists of methods lack the one by which a code is asked?
pub(super) fn never_asks(told: &str) -> bool {
    let mut lists = told.lines().filter_map(|line| line.strip_prefix("authenticationmethods "));
    let asks = |list: &str| list == "any" || list.split(',').any(|one| one.starts_with("keyboard-interactive"));
    lists.any(|lists| !lists.split_whitespace().any(asks))
}

/// Each method, the setting that turns it on, and how people call it.
const METHODS: [(&str, &str, &str); 3] = [
    ("publickey", "pubkeyauthentication", "a key"),
    ("hostbased", "hostbasedauthentication", "the key of a host"),
    ("gssapi-with-mic", "gssapiauthentication", "a Kerberos ticket"),
];

/// A server that runs reads its files again; one that does not run has nothing to read.
pub(super) fn reload() {
    for unit in UNITS {
        let words = ["--quiet", "--no-block", "try-reload-or-restart", unit];
        // A unit that is not there is no server.
        let _ = Command::new("systemctl").args(words).stdin(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// The settings in force, as sshd itself tells them, with these words after `sshd -T`.
pub(crate) fn settings(words: &[&str]) -> Result<String, Failure> {
    let told = Command::new(PROGRAM).arg("-T").args(words).stdin(Stdio::null()).output();
    let told = told.map_err(|error| stopped(&format!("{PROGRAM}: {error}")))?;
    match told.status.success() {
        true => Ok(String::from_utf8_lossy(&told.stdout).into_owned()),
        false => Err(stopped(&format!("sshd -T: {}", String::from_utf8_lossy(&told.stderr).trim()))),
    }
}

/// Those of the wanted settings that sshd does not tell.
pub(super) fn missing<'a>(wanted: &[&'a str], told: &str) -> Vec<&'a str> {
    let is_there = |setting: &str| told.lines().any(|line| line.eq_ignore_ascii_case(setting));
    wanted.iter().copied().filter(|setting| !is_there(setting)).collect()
}

fn stopped(text: &str) -> Failure {
    Failure::Stopped(escaped(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_lets_in_alone_where_a_list_has_no_other() {
        let cases: [(&str, &[&str]); 6] = [
            ("pubkeyauthentication yes\nauthenticationmethods any", &["a key"]),
            ("pubkeyauthentication no\nauthenticationmethods any", &[]),
            ("pubkeyauthentication yes\nauthenticationmethods publickey,keyboard-interactive", &[]),
            (
                "pubkeyauthentication yes\nauthenticationmethods publickey,keyboard-interactive:pam publickey,publickey",
                &["a key"],
            ),
            (
                "gssapiauthentication yes\nhostbasedauthentication yes\nauthenticationmethods any",
                &["the key of a host", "a Kerberos ticket"],
            ),
            ("gssapiauthentication yes\nauthenticationmethods publickey,gssapi-with-mic", &[]),
        ];
        for (told, alone) in cases {
            assert_eq!(without_a_prompt(told), alone, "{told}");
        }
    }

    #[test]
    fn a_code_is_asked_by_keyboard_interactive_alone() {
        for (told, never) in [
            ("usepam yes", false),
            ("authenticationmethods any", false),
            ("authenticationmethods publickey,password publickey,keyboard-interactive:pam", false),
            ("authenticationmethods publickey,password password", true),
            ("authenticationmethods publickey", true),
        ] {
            assert_eq!(never_asks(told), never, "{told}");
        }
    }
}
