//! From a key that is shown once to the code that stores it. One connection carries all of it.

use otp_core::codes::keyboard::no_code;
use otp_core::codes::plain_text::plain;
use otp_core::decision::input::Typed;
use otp_core::keys::device::Device;
use otp_protocol::client::{CallError, Client};
use otp_protocol::interface::{ConfirmEnrolment, Confirmed, Enrolment, Refusal, TypedCode};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::command::recovery_codes;
use crate::output::escape::escaped;
use crate::output::failure::{Failure, error_object, told_of};
use crate::output::format::OutputFormat;
use crate::output::key_sheet;
use crate::output::qr_file::PictureFile;
use crate::output::terminal::Terminal;

/// A key that is pending on a connection.
pub(crate) struct PendingKey<'a> {
    pub client: &'a mut Client,
    pub terminal: &'a mut Terminal,
    pub format: OutputFormat,
    pub purpose: ConfirmPurpose,
}

/// What it is for; the last line says so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConfirmPurpose {
    Enrol,
    Add,
    Rotate,
    Token,
}

impl PendingKey<'_> {
    /// Shows the key, then asks for codes until one stores it. `begun` is the daemon's answer, for JSON.
    pub(crate) fn show_and_confirm(
        mut self,
        begun: &impl Serialize,
        key: &Enrolment,
        mut files: Vec<PictureFile>,
    ) -> Result<(), Failure> {
        for file in &mut files {
            file.draw(&key.uri)?;
        }
        self.show(begun, key)?;
        let outcome = self.confirm();
        if matches!(outcome, Ok(()) | Err(Failure::Unreachable(_) | Failure::Unshown(_))) {
            self.keep(files, &outcome)?; // without an answer the key may have been stored
        }
        outcome
    }

    /// Asks for codes until one stores the key.
    pub(crate) fn confirm(&mut self) -> Result<(), Failure> {
        loop {
            let code = TypedCode::new(self.ask()?).map_err(|error| CallError::Refused(error.into()));
            match code.and_then(|code| self.client.call(&ConfirmEnrolment { code })) {
                Ok(confirmed) => {
                    return self.show_confirmed(&confirmed).map_err(|failure| failure.after("the key is stored"));
                }
                Err(CallError::Refused(refusal)) if may_try_again(&refusal) => self.show_refusal(&refusal)?,
                Err(CallError::Refused(refusal)) => return Err(self.ended(refusal)),
                Err(_) => return Err(lost()),
            }
        }
    }

    fn show(&mut self, begun: &impl Serialize, key: &Enrolment) -> Result<(), Failure> {
        match self.format {
            OutputFormat::Json => self.terminal.json(begun),
            OutputFormat::Text => {
                let parts = key_sheet::parts(key, self.terminal.size());
                parts.iter().try_for_each(|part| self.terminal.show(part))
            }
        }
    }

    /// The next code; an empty line is asked again.
    fn ask(&mut self) -> Result<Zeroizing<String>, Failure> {
        loop {
            if self.format == OutputFormat::Text {
                self.terminal.show(self.purpose.prompt())?;
            }
            match self.terminal.line()? {
                Some(code) if code.is_empty() => (),
                Some(code) if matches!(Typed::parse(code.as_bytes()), Typed::Code(_)) => return Ok(plain(&code)),
                Some(junk) => self.show_no_code(&junk)?,
                None => return Err(self.given_up()?),
            }
        }
    }

    /// Junk never goes to the daemon; JSON has the daemon's refusal of a value.
    fn show_no_code(&mut self, junk: &str) -> Result<(), Failure> {
        let text = no_code(junk, self.purpose.device());
        match self.format {
            OutputFormat::Json => {
                let found = format!("{} bytes, not repeated here", junk.len());
                let refusal = Refusal::InvalidValue { field: "code".to_owned(), found, wanted: text.to_owned() };
                self.terminal.json(&error_object(&refusal))
            }
            OutputFormat::Text => self.terminal.show(&format!("{text}\n")),
        }
    }

    /// The end of input instead of a code; on a screen the prompt's line is ended first.
    fn given_up(&mut self) -> Result<Failure, Failure> {
        if self.format == OutputFormat::Text {
            self.terminal.show("\n")?;
        }
        let what = self.purpose.undone();
        Ok(Failure::Stopped(format!("{what}: no code was given; nothing was stored")))
    }

    /// The last refusal; in text it speaks of the device.
    fn ended(&self, refusal: Refusal) -> Failure {
        match self.format {
            OutputFormat::Json => Failure::Refused(refusal),
            OutputFormat::Text => Failure::Stopped(told_of(&refusal, self.purpose.device())),
        }
    }

    fn show_refusal(&mut self, refusal: &Refusal) -> Result<(), Failure> {
        match self.format {
            OutputFormat::Json => self.terminal.json(&error_object(refusal)),
            OutputFormat::Text => self.terminal.show(&format!("{}\n", told_of(refusal, self.purpose.device()))),
        }
    }

    fn show_confirmed(&mut self, confirmed: &Confirmed) -> Result<(), Failure> {
        if self.format == OutputFormat::Json {
            return self.terminal.json(&StoredJson { confirmed });
        }
        let (user, label) = (escaped(&confirmed.user), escaped(&confirmed.key.label));
        self.terminal.show(&format!("{}\n", self.purpose.done(&user, &label)))?;
        self.terminal.show(&recovery_codes::sheet(&confirmed.recovery_codes))
    }

    /// The pictures outlive the enrolment; whoever has them must hear what they are.
    fn keep(&mut self, files: Vec<PictureFile>, outcome: &Result<(), Failure>) -> Result<(), Failure> {
        for file in files {
            if self.format == OutputFormat::Text && outcome.is_ok() {
                let path = file.shown();
                self.terminal.show(&format!(
                    "{path} holds the key: whoever reads it can make codes; delete it when it has been scanned\n"
                ))?;
            }
            file.keep();
        }
        Ok(())
    }
}

impl ConfirmPurpose {
    fn prompt(self) -> &'static str {
        match self {
            Self::Token => "Code from the token: ",
            Self::Enrol | Self::Add | Self::Rotate => "Code from the app: ",
        }
    }

    fn device(self) -> Device {
        match self {
            Self::Token => Device::Token,
            Self::Enrol | Self::Add | Self::Rotate => Device::App,
        }
    }

    fn undone(self) -> &'static str {
        match self {
            Self::Enrol => "not enrolled",
            Self::Add | Self::Token => "not added",
            Self::Rotate => "not rotated",
        }
    }

    fn done(self, user: &str, label: &str) -> String {
        match self {
            Self::Enrol => format!("enrolled {user}: key \"{label}\" is stored; clear the screen when done"),
            Self::Add => format!("added for {user}: key \"{label}\" is stored; clear the screen when done"),
            Self::Token => format!("added for {user}: token \"{label}\" is stored"),
            Self::Rotate => format!(
                "rotated for {user}: key \"{label}\" is new, and the old one is dead: delete it in the app; clear the screen when done"
            ),
        }
    }
}

/// The pending key is still there after these.
fn may_try_again(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::CodeRefused { tries_left, .. } => *tries_left > 0,
        Refusal::InvalidValue { field, .. } => field == "code",
        _ => false,
    }
}

/// How a confirmation is told in JSON.
#[derive(Serialize)]
struct StoredJson<'a> {
    confirmed: &'a Confirmed,
}

/// Only the answer is missing; whether the key was stored is for the daemon to say.
fn lost() -> Failure {
    let text = "the daemon closed the connection before it answered; otpctl status tells whether the key was stored, \
                and otpctl recovery-codes makes a new set";
    Failure::Unreachable(text.to_owned())
}
