//! The services that a gate is for: which files belong together, and as whom their programs ask PAM.

use nix::unistd::Uid;

use super::sudoers;
use crate::output::failure::Failure;
use crate::stack::findings::{LOCKERS, TWINS};
use crate::stack::modules::started_by_users;
use crate::stack::reader::PamDirectories;

/// A program with its services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GateService {
    /// The name that the gate has: of `sudo` and `sudo-i` the first.
    pub name: String,
    /// Those that have a file.
    pub services: Vec<String>,
}

/// As whom the program of a service asks PAM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProgramKind {
    /// Its user starts it, and it runs as root: sudo, su, doas, polkit's helper.
    StartedByUser,
    /// It runs as root and serves a terminal of this machine: login.
    Console,
    /// It runs as root and serves people elsewhere: sshd.
    Remote,
    /// Its user starts it, and it has no rights but theirs: a screen locker.
    Unprivileged,
}

/// Files that services include, and that no program has as its service.
const PARTS: [&str; 13] = [
    "other",
    "system-auth",
    "password-auth",
    "postlogin",
    "smartcard-auth",
    "fingerprint-auth",
    "system-login",
    "system-local-login",
    "system-remote-login",
    "system-services",
    "system-account",
    "system-password",
    "system-session",
];

impl GateService {
    /// The service of that name on this host, with its twin.
    pub(crate) fn named(typed: &str, host: &PamDirectories) -> Result<Self, Failure> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        if typed.is_empty() || typed.len() > LONGEST || typed.starts_with('.') || !typed.chars().all(plain) {
            return Err(Failure::Usage(format!(
                "{typed:?} is not a service; wanted the name of a file in /etc/pam.d, for example sudo"
            )));
        }
        let twins = TWINS.iter().find(|(plain, login, _)| *plain == typed || *login == typed);
        let (name, all) = twins.map_or((typed, vec![typed]), |(plain, login, _)| (*plain, vec![*plain, *login]));
        let services: Vec<String> = all.into_iter().filter(|one| host.file(one).is_some()).map(str::to_owned).collect();
        if services.is_empty() {
            return Err(Failure::Stopped(format!("no PAM file has the name {typed}; is the program installed?")));
        }
        if PARTS.contains(&name) || name.starts_with("common-") {
            return Err(Failure::Stopped(format!(
                "{name} is a part of other services, each of which would ask for a code; name one of them, for example sudo"
            )));
        }
        Ok(Self { name: name.to_owned(), services })
    }

    /// The service of the commands that ask for a code.
    pub(crate) fn of_commands() -> Self {
        Self { name: sudoers::SERVICE.to_owned(), services: vec![sudoers::SERVICE.to_owned()] }
    }

    pub(crate) fn program(&self) -> ProgramKind {
        match self.name.as_str() {
            "sshd" => ProgramKind::Remote,
            name if LOCKERS.contains(&name) => ProgramKind::Unprivileged,
            name if started_by_users(name) => ProgramKind::StartedByUser,
            _ => ProgramKind::Console,
        }
    }

    /// Does it open login sessions, as far as is known? The others serve people who have one.
    pub(crate) fn opens_sessions(&self) -> bool {
        matches!(self.program(), ProgramKind::Console | ProgramKind::Remote)
    }

    /// Is this user asked? Programs that users start let root in by pam_rootok or the like, or without asking PAM.
    pub(crate) fn asks(&self, uid: u32) -> bool {
        !(self.program() == ProgramKind::StartedByUser && Uid::from_raw(uid).is_root())
    }
}

/// Longer than the name of any service.
const LONGEST: usize = 64;
