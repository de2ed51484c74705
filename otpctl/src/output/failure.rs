//! What went wrong, in the words and with the exit code of whoever has to act: the person, the admin, the machine.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use otp_core::keys::diagnosis::Diagnosis;
use otp_core::keys::key::ValueError;
use otp_protocol::client::CallError;
use otp_protocol::interface::Refusal;
use serde_json::json;

use crate::output::escape::escaped;
use crate::output::format::OutputFormat;
use crate::output::{diagnosis, duration, json};

/// Why a command was not done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The daemon refuses.
    Refused(Refusal),
    /// The person stopped, or this side cannot go on.
    Stopped(String),
    /// The command line asks for what must not be.
    Usage(String),
    /// It was done, and not all of it could be shown.
    Unshown(String),
    /// No daemon, or it went away.
    Unreachable(String),
}

impl Failure {
    /// Tells it and gives the exit code. A refusal in JSON goes to standard output, as an answer; everything else to standard error.
    pub(crate) fn report(&self, format: OutputFormat) -> ExitCode {
        // If even this cannot be written, the exit code still says it.
        let _ = match (self, format) {
            (Self::Refused(refusal), OutputFormat::Json) => json::write(&mut io::stdout(), &error_object(refusal)),
            _ => writeln!(io::stderr(), "otpctl: {self}"),
        };
        ExitCode::from(self.code())
    }

    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Stopped(_) | Self::Unshown(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
        }
    }
}

/// `{"error":{"name":…,"parameters":…}}`
pub(crate) fn error_object(refusal: &Refusal) -> serde_json::Value {
    let wire = serde_json::to_value(refusal).unwrap_or_default();
    json!({ "error": { "name": wire.get("error"), "parameters": wire.get("parameters") } })
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => formatter.write_str(&told(refusal)),
            Self::Stopped(text) | Self::Usage(text) | Self::Unshown(text) | Self::Unreachable(text) => {
                formatter.write_str(text)
            }
        }
    }
}

impl Failure {
    /// What was `done` stays so, though showing it failed.
    pub(crate) fn after(self, done: &str) -> Self {
        Self::Unshown(format!(
            "{self}; {done} all the same; otpctl recovery-codes makes a new set of recovery codes for one that was not seen"
        ))
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let text = match error {
            CallError::Refused(refusal) => return Self::Refused(refusal),
            CallError::Closed => "the daemon closed the connection; see its log",
            CallError::Silent => "the daemon does not answer; see its log",
            CallError::Failed => "the connection to the daemon failed",
            CallError::Strange => "the daemon's answer makes no sense; do the daemon and otpctl versions match?",
        };
        Self::Unreachable(text.to_owned())
    }
}

impl From<ValueError> for Failure {
    /// As the daemon would refuse it.
    fn from(error: ValueError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Stopped(format!("terminal: {error}"))
    }
}

/// A refusal in words; whatever came from the daemon is escaped.
pub(crate) fn told(refusal: &Refusal) -> String {
    match refusal {
        Refusal::NotAllowed { reason } => format!("not allowed: {}", escaped(reason)),
        Refusal::NoSuchUser { user } => format!("no such user: {}", escaped(user)),
        Refusal::NotPossible { user, reason } => not_possible(&escaped(user), reason),
        Refusal::NothingPending {} => "nothing to confirm: no key is pending; start again".to_owned(),
        Refusal::CodeRefused { tries_left, diagnosis } => code_refused(*tries_left, diagnosis.as_deref()),
        Refusal::RegistrationRefused { reason, wait } => registration_refused(reason, *wait),
        Refusal::RegistrationSpent { used } => {
            let when = used.when_and_where();
            format!(
                "this registration code was used before, {when}, and a key was made with it; if that was not you, call an administrator"
            )
        }
        Refusal::EnrolmentExpired {} => "too late: the key was thrown away; start again".to_owned(),
        Refusal::InvalidValue { field, found, wanted } => {
            let found = if found.is_empty() { "nothing".to_owned() } else { escaped(found) };
            format!("{}: found {found}, wanted {}", escaped(field), escaped(wanted))
        }
        Refusal::Unavailable { reason } => format!("the daemon cannot do this now: {}; see its log", escaped(reason)),
        Refusal::Busy { reason } => format!("the daemon is busy: {}; try again", escaped(reason)),
        Refusal::InterfaceNotFound { interface: name }
        | Refusal::MethodNotFound { method: name }
        | Refusal::MethodNotImplemented { method: name }
        | Refusal::InvalidParameter { parameter: name } => {
            format!("the daemon does not know {}; do the daemon and otpctl versions match?", escaped(name))
        }
    }
}

/// What is left to try, and what the code tells of the app.
fn code_refused(tries_left: u32, diagnosis: Option<&str>) -> String {
    let found = diagnosis.and_then(Diagnosis::parse);
    let why = found.map(|found| format!("{}\n", diagnosis::told(found))).unwrap_or_default();
    match tries_left {
        1.. if found == Some(Diagnosis::NextCode) => Diagnosis::NextCode.text(),
        0 => format!("{why}code refused: no tries left; nothing was stored, start again"),
        left => format!("{why}code refused: tries left: {left}"),
    }
}

/// Why a registration code is not good. The account of somebody else is not told apart from none.
fn registration_refused(reason: &str, wait: u64) -> String {
    let why = match reason {
        "refused" => "it is not good for this account",
        "stale" => "it is no longer valid; ask for a new one",
        "early" => "the clock of this host lies before the making of the code; tell an administrator",
        "restored-copy" => {
            "the file of registration codes was put back from a backup, or another program has touched it; ask for a new code"
        }
        other => &escaped(other),
    };
    match wait {
        0 => format!("registration code: {why}"),
        wait => format!("registration code: {why}; the next one is looked at in {}", duration::told(wait)),
    }
}

/// What stands in the way of a change, and what helps.
pub(crate) fn not_possible(user: &str, reason: &str) -> String {
    let why = match reason {
        "not-enrolled" => "not enrolled",
        "already-enrolled" => "enrolled already; invite with --replace, or forget that user before you adopt files",
        "no-such-key" => "no key has that label or id; see otpctl status",
        "label-taken" => "another key has that label; choose one with --label",
        "too-many-keys" => "there are five keys; revoke one first",
        "keys-disabled" => "the keys are disabled; revoke them first, then enrol again",
        "nothing-restored" => "nothing of this user is from a backup",
        "still-there" => "the account that the files are from still exists, or nobody can say that it does not",
        "ambiguous" => "the files of several users have that name; give the uid",
        "code-refused" => "code refused; each code works once, wait for the next",
        "grounds-gone" => "the key that allowed this was replaced, revoked or suspended meanwhile; start again",
        "too-many-codes" => "there are too many registration codes; wait until earlier ones are forgotten",
        "no-invitation" => "there is no registration code that is good",
        "last-key" => "that is the last key; --last if it is meant",
        "several-keys" => "there are several keys; name the one to replace",
        "secret-in-use" => "this secret is a key already, here or of somebody else; nothing was stored",
        "unusable-name" => {
            "the name of this account is not UTF-8, or has a colon or slash, which no login takes; give the account another name, or \
             invite it by another name of the same uid"
        }
        "perhaps-away" => {
            "no account has that uid now, nor can anybody else of a directory be looked up: it may be down; --gone if the account \
             is gone for good"
        }
        "too-late" => "the key was made too long ago to be suspended this way; call an administrator",
        "needs-password" => {
            "a recovery code replaces a key only together with the password, through passwd where that is set up; \
             else ask an administrator for a registration code"
        }
        "suspended" => "suspended: every code is refused; ask an administrator",
        "disabled" => "disabled by too many wrong codes; ask an administrator for a registration code",
        "expired" => "the key has come to its end; ask an administrator for a registration code",
        "no-key" => "there is no key; ask an administrator for a registration code",
        "clock-behind" | "clock-ahead" => "the clock of this host is wrong; tell an administrator",
        "resync" => "right so far; start again with the next code of the token",
        "restored-copy" => "the keys come from a backup; if that was meant, root runs otpctl accept-restore",
        "waiting" => "too many wrong codes; wait, otpctl status says how long",
        "closed" => "too many wrong codes by this way; ask an admin to reopen it",
        other => return format!("{user}: {}", escaped(other)),
    };
    format!("{user}: {why}")
}

#[cfg(test)]
mod tests {
    use otp_core::unix_time::UnixTime;
    use otp_protocol::interface::{ClaimedPlace, Redemption};

    use super::*;

    #[test]
    fn a_diagnosis_comes_before_what_is_left_to_try() {
        let refused =
            |tries_left, word: &str| told(&Refusal::CodeRefused { tries_left, diagnosis: Some(word.to_owned()) });
        assert!(refused(2, "SHA1").ends_with("another app\ncode refused: tries left: 2"));
        assert!(
            refused(0, "SHA1").ends_with("another app\ncode refused: no tries left; nothing was stored, start again")
        );
        assert_eq!(refused(5, "next-code"), "right so far: now the next code of the token");
        assert_eq!(refused(5, "unheard-of"), "code refused: tries left: 5");
    }

    #[test]
    fn a_registration_code_that_is_not_good_says_how_long_to_wait() {
        let refused = |reason: &str, wait| told(&Refusal::RegistrationRefused { reason: reason.to_owned(), wait });
        assert_eq!(refused("refused", 0), "registration code: it is not good for this account");
        assert!(refused("stale", 240).ends_with("ask for a new one; the next one is looked at in 4 minutes"));
    }

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
            Refusal::CodeRefused { tries_left: 1, diagnosis: Some(text()) },
            Refusal::RegistrationRefused { reason: text(), wait: 1 },
            Refusal::RegistrationSpent {
                used: Redemption {
                    at: UnixTime::EPOCH,
                    from: ClaimedPlace { tty: Some(text()), rhost: Some(text()), service: Some(text()) },
                },
            },
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
        let refusal = Refusal::CodeRefused { tries_left: 2, diagnosis: Some("SHA1".to_owned()) };
        let expected =
            r#"{"error":{"name":"io.pam-otp.Otp1.CodeRefused","parameters":{"diagnosis":"SHA1","tries_left":2}}}"#;
        assert_eq!(error_object(&refusal).to_string(), expected);
    }
}
