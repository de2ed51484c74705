//! Failures, in the words and with the exit code for the one who has to act: the person, the admin, the machine.

use std::fmt;
use std::io;
use std::process::ExitCode;

use otp_core::keys::device::Device;
use otp_core::keys::diagnosis::Diagnosis;
use otp_core::keys::key::ValueError;
use otp_core::reasons::words::Received;
use otp_core::reasons::{ChangeRefusal, Viewer};
use otp_core::vault::VaultError;
use otp_protocol::client::CallError;
use otp_protocol::interface::{NotPossibleReason, Refusal, RegistrationReason};
use serde_json::json;

use crate::output::escape::escaped;
use crate::output::format::OutputFormat;
use crate::output::local_time::when_and_where;
use crate::output::{diagnosis, duration, json, stderr};

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
    /// It was so already, which was told; a script wants the exit code to say so too.
    AlreadySo,
    /// A report was shown; this is the exit code that says how grave it is.
    Found(u8),
}

impl Failure {
    /// Tells it and gives the exit code. A refusal in JSON goes to standard output, as an answer; everything else to standard error.
    pub(crate) fn report(&self, format: OutputFormat) -> ExitCode {
        // If even this cannot be written, the exit code still says it.
        let _ = match (self, format) {
            (Self::AlreadySo | Self::Found(_), _) => Ok(()),
            (Self::Refused(refusal), OutputFormat::Json) => json::write(&mut io::stdout(), &error_object(refusal)),
            _ => {
                stderr::wrong(&self.to_string());
                Ok(())
            }
        };
        ExitCode::from(self.code())
    }

    /// One failure for several, each in a line of its own; none for none.
    pub(crate) fn all(failures: Vec<Self>) -> Option<Self> {
        let told: Vec<String> = failures.iter().map(Self::to_string).collect();
        if told.len() > 1 { Some(Self::Stopped(told.join("\notpctl: "))) } else { failures.into_iter().next() }
    }

    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Stopped(_) | Self::Unshown(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
            Self::AlreadySo => 4,
            Self::Found(code) => *code,
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
            Self::AlreadySo => formatter.write_str("nothing was changed"),
            Self::Found(_) => formatter.write_str("something is wrong"),
        }
    }
}

impl Failure {
    /// The change that was `done` stays, though showing it failed.
    pub(crate) fn after(self, done: &str) -> Self {
        Self::Unshown(format!(
            "{self}; {done} anyway; `otpctl recovery-codes` replaces recovery codes that you did not see"
        ))
    }
}

/// The answer, or none where the daemon refuses because it is so already.
pub(crate) fn unless_so<T>(answer: Result<T, CallError>, so: &[ChangeRefusal]) -> Result<Option<T>, Failure> {
    match answer {
        Err(CallError::Refused(Refusal::NotPossible {
            reason: Received::Known(NotPossibleReason::Change(reason)),
            ..
        })) if so.contains(&reason) => Ok(None),
        answer => Ok(Some(answer?)),
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let text = match error {
            CallError::Refused(refusal) => return Self::Refused(refusal),
            CallError::Closed => "the daemon closed the connection; see its log",
            CallError::Silent => "the daemon does not answer; see its log",
            CallError::Failed => "the connection to the daemon failed",
            CallError::Strange => "the daemon's answer cannot be read; do the daemon and otpctl versions match?",
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

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        Self::Stopped(escaped(&error.to_string()))
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
        Refusal::NotPossible { user, reason } if user.is_empty() => not_possible(reason),
        Refusal::NotPossible { user, reason } => format!("{}: {}", escaped(user), not_possible(reason)),
        Refusal::NothingPending {} => "nothing to confirm: no key is pending; start again".to_owned(),
        Refusal::CodeRefused { tries_left, diagnosis } => code_refused(*tries_left, diagnosis.as_deref(), Device::App),
        Refusal::RegistrationRefused { reason, wait } => registration_refused(reason, *wait),
        Refusal::RegistrationSpent { used } => {
            let when = when_and_where(used);
            format!("a key was made with this registration code {when}; if that was not you, call an administrator")
        }
        Refusal::EnrolmentExpired {} => {
            "too late: the key waited too long for its code, or something else changed your keys, and it was thrown away".to_owned()
        }
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

/// The same, told to somebody who confirms the key of this device.
pub(crate) fn told_of(refusal: &Refusal, device: Device) -> String {
    match refusal {
        Refusal::CodeRefused { tries_left, diagnosis } => code_refused(*tries_left, diagnosis.as_deref(), device),
        other => told(other),
    }
}

/// The tries that are left, and the code's hint about the device.
fn code_refused(tries_left: u32, diagnosis: Option<&str>, device: Device) -> String {
    let found = diagnosis.and_then(Diagnosis::parse);
    let why = found.map(|found| format!("{}\n", diagnosis::told(found, device))).unwrap_or_default();
    match tries_left {
        1.. if found == Some(Diagnosis::NextCode) => Diagnosis::NextCode.text(device),
        0 => format!("{why}code refused: no tries left"),
        left => format!("{why}code refused: tries left: {left}"),
    }
}

/// Why a registration code is not good.
fn registration_refused(reason: &Received<RegistrationReason>, wait: u64) -> String {
    let why = match reason {
        Received::Known(reason) => reason.text(),
        Received::Unknown(word) => &escaped(word),
    };
    match wait {
        0 => format!("registration code: {why}"),
        wait => format!("registration code: {why}; you can try another code in {}", duration::told(wait)),
    }
}

/// The obstacle to a change, and the remedy.
fn not_possible(reason: &Received<NotPossibleReason>) -> String {
    match reason {
        Received::Known(NotPossibleReason::Change(reason)) => reason.text().to_owned(),
        Received::Known(NotPossibleReason::Code(reason)) => reason.text_for(Viewer::OwnerAtChange),
        Received::Unknown(word) => escaped(word),
    }
}

#[cfg(test)]
mod tests {
    use otp_core::unix_time::UnixTime;
    use otp_protocol::interface::{ClaimedPlace, Redemption};

    use super::*;

    #[test]
    fn a_diagnosis_comes_before_what_is_left_to_try() {
        let refused = |tries_left, word: &str, device| {
            told_of(&Refusal::CodeRefused { tries_left, diagnosis: Some(word.to_owned()) }, device)
        };
        assert!(refused(2, "SHA1", Device::App).ends_with("another app\ncode refused: tries left: 2"));
        let end = "code refused: no tries left";
        assert!(refused(0, "SHA1", Device::App).ends_with(&format!("another app\n{end}")));
        assert_eq!(
            refused(0, "digits 8", Device::Token),
            format!("the token makes codes of 8 digits; start again with --digits 8\n{end}")
        );
        assert_eq!(refused(5, "next-code", Device::Token), "right so far: now type the next code of the token");
        assert_eq!(refused(5, "unheard-of", Device::App), "code refused: tries left: 5");
    }

    #[test]
    fn a_registration_code_that_is_not_good_says_how_long_to_wait() {
        let refused = |word: &str, wait| told(&Refusal::RegistrationRefused { reason: word.to_owned().into(), wait });
        assert_eq!(refused("refused", 0), "registration code: it is not good for this account");
        assert!(refused("stale", 240).ends_with("ask for a new one; you can try another code in 4 minutes"));
    }

    #[test]
    fn the_reason_of_a_newer_daemon_is_shown_as_it_is() {
        let refused =
            |word: &str| told(&Refusal::NotPossible { user: "alice".to_owned(), reason: word.to_owned().into() });
        assert_eq!(refused("label-taken"), "alice: another key has that label; choose one with --label");
        assert_eq!(refused("suspended"), "alice: your keys are suspended; ask an admin");
        assert_eq!(refused("moon-is-full"), "alice: moon-is-full");
        let registration = Refusal::RegistrationRefused { reason: "moon-is-full".to_owned().into(), wait: 0 };
        assert_eq!(told(&registration), "registration code: moon-is-full");
    }

    #[test]
    fn exit_codes_are_those_of_the_manual() {
        let text = String::new;
        assert_eq!(Failure::Refused(Refusal::NothingPending {}).code(), 1);
        assert_eq!(Failure::Stopped(text()).code(), 1);
        assert_eq!(Failure::Usage(text()).code(), 2);
        assert_eq!(Failure::Unreachable(text()).code(), 3);
        assert_eq!(Failure::from(CallError::Silent).code(), 3);
        assert_eq!(Failure::AlreadySo.code(), 4);
    }

    #[test]
    fn what_the_daemon_says_cannot_move_the_cursor() {
        let hostile = "a\x1b[2J\u{202e}".to_owned();
        let text = || hostile.clone();
        let refusals = [
            Refusal::NotAllowed { reason: text() },
            Refusal::NoSuchUser { user: text() },
            Refusal::NotPossible { user: text(), reason: text().into() },
            Refusal::InvalidValue { field: text(), found: text(), wanted: text() },
            Refusal::CodeRefused { tries_left: 1, diagnosis: Some(text()) },
            Refusal::RegistrationRefused { reason: text().into(), wait: 1 },
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
