//! From a key that is shown once to the code that stores it. One connection carries all of it.

use otp_core::codes::keyboard::no_code;
use otp_core::codes::plain_text::plain;
use otp_core::decision::input::Typed;
use otp_core::keys::app_entry::app_entry;
use otp_core::keys::device::Device;
use otp_protocol::client::{CallError, Client};
use otp_protocol::interface::{ConfirmEnrolment, Confirmed, Enrolment, Refusal, Status, TypedCode, UserName};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::command::{recovery_codes, stays_off};
use crate::machine::has_systemd;
use crate::output::escape::escaped;
use crate::output::failure::{Failure, error_object, told_of};
use crate::output::format::{OutputFormat, QrWish};
use crate::output::key_sheet::KeySheet;
use crate::output::qr_file::PictureFile;
use crate::output::terminal::Terminal;

/// A key that is pending on a connection.
pub(crate) struct PendingKey<'a> {
    pub client: &'a mut Client,
    pub terminal: &'a mut Terminal,
    pub format: OutputFormat,
    pub purpose: ConfirmPurpose,
}

/// The parts of a key that a person has seen.
#[derive(Default)]
pub(crate) struct Shown<'a> {
    /// Its name in the app.
    pub entry: Option<&'a str>,
    /// The sheet, which can be shown again.
    pub sheet: Option<KeySheet<'a>>,
}

/// Its purpose; the last line says so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConfirmPurpose {
    /// One's own, with a registration code.
    Enrol,
    /// That of somebody else, by root.
    EnrolAnother,
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
        qr: QrWish,
        mut files: Vec<PictureFile>,
    ) -> Result<(), Failure> {
        for file in &mut files {
            file.draw(&key.uri)?;
        }
        let entry = app_entry(&key.uri).map(|entry| escaped(&entry));
        let shown = Shown { entry: entry.as_deref(), ..Shown::default() };
        let sheet = match self.format {
            OutputFormat::Json => self.terminal.json(begun).map(|()| None),
            OutputFormat::Text => KeySheet::show(self.terminal, key, qr, self.purpose.prompt()).map(Some),
        };
        let outcome = match sheet {
            Ok(sheet) => self.confirm(Shown { sheet, ..shown }),
            Err(failure) => Err(self.told(Ending::Undone(failure), shown.entry)),
        };
        if matches!(outcome, Ok(()) | Err(Failure::Unreachable(_) | Failure::Unshown(_))) {
            self.keep(files, &outcome)?; // without an answer the key may have been stored
        }
        outcome
    }

    /// Asks for codes until one stores the key. An empty line shows the sheet again, if there is one.
    pub(crate) fn confirm(&mut self, shown: Shown<'_>) -> Result<(), Failure> {
        let Shown { entry, sheet } = shown;
        let held = self.terminal.hold_interrupts().map_err(Ending::Undone);
        let confirmed = held.and_then(|()| self.confirmed(sheet)).map_err(|ending| self.told(ending, entry))?;
        self.show_confirmed(&confirmed, entry).map_err(|failure| failure.after("the key is stored"))
    }

    fn confirmed(&mut self, mut sheet: Option<KeySheet<'_>>) -> Result<Confirmed, Ending> {
        loop {
            let code = TypedCode::new(self.ask(sheet.as_mut())?).map_err(|error| CallError::Refused(error.into()));
            match code.and_then(|code| self.client.call(&ConfirmEnrolment { code })) {
                Ok(confirmed) => return Ok(confirmed),
                Err(CallError::Refused(refusal)) if may_try_again(&refusal) => self.show_refusal(&refusal)?,
                Err(CallError::Refused(refusal @ (Refusal::Unavailable { .. } | Refusal::Busy { .. }))) => {
                    return Err(Ending::Unknown(self.ended(refusal)));
                }
                Err(CallError::Refused(refusal)) => return Err(self.ended(refusal).into()),
                Err(_) => return Err(Ending::Unknown(Failure::Unreachable(LOST.to_owned()))),
            }
        }
    }

    /// The failure, and what is left to do about a key that was shown.
    fn told(&self, ending: Ending, entry: Option<&str>) -> Failure {
        match ending {
            Ending::Undone(refused @ Failure::Refused(_)) | Ending::Unknown(refused @ Failure::Refused(_))
                if self.format == OutputFormat::Json =>
            {
                refused
            }
            Ending::Undone(failure) => Failure::Stopped(format!("{failure}\n{}", self.purpose.undone(entry))),
            Ending::Unknown(Failure::Unreachable(why)) => Failure::Unreachable(self.purpose.unknown(&why, entry)),
            Ending::Unknown(failure) => Failure::Stopped(self.purpose.unknown(&failure.to_string(), entry)),
        }
    }

    /// The next code; after an empty line it is asked again.
    fn ask(&mut self, mut sheet: Option<&mut KeySheet>) -> Result<Zeroizing<String>, Failure> {
        loop {
            if self.format == OutputFormat::Text {
                self.terminal.show(self.purpose.prompt())?;
            }
            match self.terminal.line()? {
                Some(code) if code.is_empty() => {
                    if let Some(sheet) = &mut sheet {
                        sheet.show_again(self.terminal, self.purpose.prompt())?;
                    }
                }
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
        Ok(Failure::Stopped("no code was given".to_owned()))
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

    fn show_confirmed(&mut self, confirmed: &Confirmed, entry: Option<&str>) -> Result<(), Failure> {
        if self.format == OutputFormat::Json {
            return self.terminal.json(&StoredJson { changed: true, confirmed });
        }
        let (user, label) = (escaped(&confirmed.user), escaped(&confirmed.key.label));
        self.terminal.show(&format!("{}\n", self.purpose.done(&user, &label)))?;
        self.terminal.show(&self.purpose.old_entry(entry, confirmed.generation))?;
        if self.purpose.replaces_keys(confirmed.generation) && !has_systemd() {
            self.terminal.show(NO_UNIT_ENDS_SUDO)?;
        }
        self.show_what_stays_off(&confirmed.user)?;
        self.terminal.show(&recovery_codes::sheet(&confirmed.recovery_codes))?;
        self.terminal.show(self.purpose.last_word())
    }

    /// A new key ends no suspension. A caller who may not read the status does not hear of it.
    fn show_what_stays_off(&mut self, user: &str) -> Result<(), Failure> {
        let status = UserName::new(user)
            .ok()
            .and_then(|name| self.client.call(&Status { user: Some(name), cool_down: None }).ok());
        match status.map(|reply| stays_off::told(&reply.status)) {
            Some(off) if !off.is_empty() => self.terminal.show(&format!("but not every code is accepted yet:\n{off}")),
            _ => Ok(()),
        }
    }

    /// The pictures outlive the enrolment; the person who has them must hear what they are.
    fn keep(&mut self, files: Vec<PictureFile>, outcome: &Result<(), Failure>) -> Result<(), Failure> {
        for file in files {
            if self.format == OutputFormat::Text && outcome.is_ok() {
                let path = file.shown();
                self.terminal.show(&format!(
                    "{path} holds the key: anyone who reads it can make codes; delete it when it has been scanned\n"
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
            Self::Enrol | Self::EnrolAnother | Self::Add | Self::Rotate => "Code from the app: ",
        }
    }

    fn device(self) -> Device {
        match self {
            Self::Token => Device::Token,
            Self::Enrol | Self::EnrolAnother | Self::Add | Self::Rotate => Device::App,
        }
    }

    /// The next step of a person whose key was not stored.
    fn undone(self, entry: Option<&str>) -> String {
        match self {
            Self::Token => "nothing was stored; begin again".to_owned(),
            Self::Enrol => format!("{}; then begin again, with the same registration code", delete(entry)),
            Self::EnrolAnother => format!("{}; then begin again", delete(entry)),
            Self::Add => format!("{}; your other keys still work", delete(entry)),
            Self::Rotate => format!("{}; the old key still works", delete(entry)),
        }
    }

    /// The same when nobody can say whether the key was stored.
    fn unknown(self, why: &str, entry: Option<&str>) -> String {
        let ask = "otpctl status tells whether the key was stored, and otpctl recovery-codes makes a new set";
        match self {
            Self::Token => format!("{why}; {ask}"),
            _ => format!("{why}; {ask}\nif it was not: {}", delete(entry)),
        }
    }

    fn done(self, user: &str, label: &str) -> String {
        match self {
            Self::Enrol | Self::EnrolAnother => format!("enrolled {user}: key \"{label}\" is stored"),
            Self::Add => format!("added for {user}: key \"{label}\" is stored"),
            Self::Token => format!("added for {user}: token \"{label}\" is stored"),
            Self::Rotate => format!("rotated for {user}: key \"{label}\" is new, and the old one no longer works"),
        }
    }

    /// Which entry of the app no longer works.
    fn old_entry(self, entry: Option<&str>, generation: u64) -> String {
        let new = entry.unwrap_or("this account");
        match self {
            Self::Rotate => format!(
                "In the app, delete the old entry. If two are named {new}, it is the one that was there before; if there is only \
                 one, the app has replaced the old one itself.\n"
            ),
            Self::Enrol if generation > 1 => {
                format!("Earlier keys no longer work: delete their entries in the app. The new one is {new}.\n")
            }
            Self::Enrol | Self::EnrolAnother | Self::Add | Self::Token => String::new(),
        }
    }

    fn replaces_keys(self, generation: u64) -> bool {
        self == Self::Rotate || (self == Self::Enrol && generation > 1)
    }

    fn last_word(self) -> &'static str {
        match self {
            Self::Token => "",
            Self::Enrol | Self::EnrolAnother | Self::Add | Self::Rotate => {
                "clear the screen when you are done: the key is still on it\n"
            }
        }
    }
}

const NO_UNIT_ENDS_SUDO: &str =
    "sudo may not ask for some minutes, because it remembers the old key: sudo -K makes it ask again\n";

/// For whom an entry in an app is worth nothing.
fn delete(entry: Option<&str>) -> String {
    let named = entry.map(|entry| format!(", {entry}")).unwrap_or_default();
    format!("nothing was stored; delete the entry you scanned{named}")
}

/// How the typing of codes ended without a stored key.
enum Ending {
    /// Nothing was stored.
    Undone(Failure),
    /// The daemon did not say.
    Unknown(Failure),
}

impl From<Failure> for Ending {
    fn from(failure: Failure) -> Self {
        Self::Undone(failure)
    }
}

const LOST: &str = "the daemon closed the connection before it answered";

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
    changed: bool,
    confirmed: &'a Confirmed,
}
