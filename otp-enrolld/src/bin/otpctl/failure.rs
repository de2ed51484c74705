//! What went wrong, in the words and with the exit code of whoever has to act: the person, the admin, the machine.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::json;

use otp_enrolld::client::CallError;
use otp_enrolld::protocol::Refusal;

use crate::arguments::Form;
use crate::escape::escaped;
use crate::json;

/// Why a command was not done.
#[derive(Debug)]
pub enum Failure {
    /// The daemon refuses.
    Refused(Refusal),
    /// The person stopped, or this side cannot go on.
    Stopped(String),
    /// The command line asks for what must not be.
    Usage(String),
    /// No daemon, or it went away.
    Unreachable(String),
}

impl Failure {
    /// Tells it and gives the exit code. A refusal in JSON goes to standard output, as an answer; everything else to standard error.
    pub fn report(&self, form: Form) -> ExitCode {
        // If even this cannot be written, the exit code still says it.
        let _ = match (self, form) {
            (Self::Refused(refusal), Form::Json) => json::write(&mut io::stdout(), &error_object(refusal)),
            _ => writeln!(io::stderr(), "otpctl: {self}"),
        };
        ExitCode::from(self.code())
    }

    pub fn code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Stopped(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
        }
    }
}

/// `{"error":{"name":…,"parameters":…}}`
pub fn error_object(refusal: &Refusal) -> serde_json::Value {
    let wire = serde_json::to_value(refusal).unwrap_or_default();
    json!({ "error": { "name": wire.get("error"), "parameters": wire.get("parameters") } })
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => formatter.write_str(&told(refusal)),
            Self::Stopped(text) | Self::Usage(text) | Self::Unreachable(text) => formatter.write_str(text),
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let text = match error {
            CallError::Refused(refusal) => return Self::Refused(refusal),
            CallError::Closed => "the daemon closed the connection; see its log",
            CallError::Silent => "the daemon does not answer; see its log",
            CallError::Failed => "the connection to the daemon failed",
            CallError::Strange => "the daemon's answer makes no sense; are it and otpctl of the same version?",
        };
        Self::Unreachable(text.to_owned())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Stopped(format!("terminal: {error}"))
    }
}

/// A refusal in words; whatever came from the daemon is escaped.
pub fn told(refusal: &Refusal) -> String {
    match refusal {
        Refusal::NotAllowed { reason } => format!("not allowed: {}", escaped(reason)),
        Refusal::NoSuchUser { user } => format!("no such user: {}", escaped(user)),
        Refusal::NotPossible { user, reason } => not_possible(&escaped(user), reason),
        Refusal::NothingPending {} => "nothing to confirm: no key is pending; start again".to_owned(),
        Refusal::CodeRefused { tries_left: 0 } => {
            "code refused: no tries left; nothing was stored, start again".to_owned()
        }
        Refusal::CodeRefused { tries_left } => format!("code refused: tries left: {tries_left}"),
        Refusal::EnrolmentExpired {} => "too late: the key was thrown away; start again".to_owned(),
        Refusal::InvalidValue { field, found, wanted } => {
            format!("{}: found {}, wanted {}", escaped(field), escaped(found), escaped(wanted))
        }
        Refusal::Unavailable { reason } => format!("the daemon cannot do this now: {}; see its log", escaped(reason)),
        Refusal::Busy { reason } => format!("the daemon is busy: {}; try again", escaped(reason)),
        Refusal::InterfaceNotFound { interface: name }
        | Refusal::MethodNotFound { method: name }
        | Refusal::MethodNotImplemented { method: name }
        | Refusal::InvalidParameter { parameter: name } => {
            format!("the daemon does not know {}; are it and otpctl of the same version?", escaped(name))
        }
    }
}

/// What stands in the way of a change, and what helps.
fn not_possible(user: &str, reason: &str) -> String {
    let why = match reason {
        "not-enrolled" => "not enrolled",
        "already-enrolled" => "already enrolled; forget that user first if this is meant",
        "no-such-key" => "no key has that label or id; see otpctl status",
        "label-taken" => "another key has that label; choose one with --label",
        "too-many-keys" => "there are five keys; revoke one first",
        "keys-disabled" => "the keys are disabled; revoke them first, then enrol anew",
        "nothing-restored" => "nothing of this user is from a backup",
        "still-there" => "the account that the files are from still exists",
        "ambiguous" => "the files of several users have that name; give the uid",
        "code-refused" => "code refused; each code works once, wait for the next",
        "waiting" => "too many wrong codes; wait, otpctl status says how long",
        "closed" => "too many wrong codes by this way; ask an admin to reopen it",
        other => return format!("{user}: {}", escaped(other)),
    };
    format!("{user}: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_the_manual() {
        let text = String::new;
        assert_eq!(Failure::Refused(Refusal::NothingPending {}).code(), 1);
        assert_eq!(Failure::Stopped(text()).code(), 1);
        assert_eq!(Failure::Usage(text()).code(), 2);
        assert_eq!(Failure::Unreachable(text()).code(), 3);
        assert_eq!(Failure::from(CallError::Silent).code(), 3);
    }

    #[test]
    fn what_the_daemon_says_cannot_move_the_cursor() {
        let hostile = "a\x1b[2J\u{202e}".to_owned();
        let text = || hostile.clone();
        let refusals = [
            Refusal::NotAllowed { reason: text() },
            Refusal::NoSuchUser { user: text() },
            Refusal::NotPossible { user: text(), reason: text() },
            Refusal::InvalidValue { field: text(), found: text(), wanted: text() },
            Refusal::Unavailable { reason: text() },
            Refusal::Busy { reason: text() },
            Refusal::MethodNotFound { method: text() },
        ];
        for refusal in refusals {
            assert!(!told(&refusal).contains(['\x1b', '\u{202e}']), "{refusal:?}");
            assert!(!error_object(&refusal).to_string().contains('\x1b'));
        }
    }

    #[test]
    fn a_refusal_in_json_keeps_its_name_and_fields() {
        let refusal = Refusal::CodeRefused { tries_left: 2 };
        let expected = r#"{"error":{"name":"io.pam-otp.Otp1.CodeRefused","parameters":{"tries_left":2}}}"#;
        assert_eq!(error_object(&refusal).to_string(), expected);
    }
}
