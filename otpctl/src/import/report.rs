//! The outcome for each key: a row when it is known, a bar meanwhile, and counts at the end.

use std::io::{self, IsTerminal, Write};

use otp_core::unix_time::UnixTime;
use otp_import::LeftBehind;
use serde::Serialize;

use crate::arguments::{ImportHow, ImportTokensArgs};
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::local_time::to_the_minute;
use crate::output::terminal::Terminal;

/// Is anything to be changed?
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum DryRun {
    Yes,
    No,
}

impl DryRun {
    pub(crate) fn of(options: &ImportHow) -> Self {
        if options.dry_run { Self::Yes } else { Self::No }
    }

    pub(crate) fn of_tokens(options: &ImportTokensArgs) -> Self {
        if options.dry_run { Self::Yes } else { Self::No }
    }

    /// In words, after the event.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Yes => "would be imported",
            Self::No => "imported",
        }
    }
}

/// The outcome for one key.
pub(crate) enum ImportOutcome {
    /// It is stored, or would be; its codes work from a time on, where later ones were accepted there.
    Imported { left_behind: Vec<LeftBehind>, works_from: Option<UnixTime> },
    /// Its user has it already; it is a token that is here.
    Already,
    /// It is a token that this user has.
    AlreadyOf(String),
    /// So many bytes are too few.
    TooShort(usize),
    /// Why not.
    Refused(String),
}

impl ImportOutcome {
    fn told(&self, imports: Imports, dry_run: DryRun) -> String {
        match self {
            Self::Imported { left_behind, works_from } => {
                let left: String = left_behind.iter().map(|one| format!("; not imported: {one}")).collect();
                let from = works_from.map(|from| {
                    format!("; codes before {} do not work, because later ones were used there", to_the_minute(from))
                });
                format!("{}{}{left}", dry_run.verb(), from.unwrap_or_default())
            }
            Self::Already => "already here".to_owned(),
            Self::AlreadyOf(user) => format!("already here, assigned to {}", escaped(user)),
            Self::TooShort(_) | Self::Refused(_) => format!("refused: {}", self.why(imports).unwrap_or_default()),
        }
    }

    fn why(&self, imports: Imports) -> Option<String> {
        match self {
            Self::Imported { .. } | Self::Already | Self::AlreadyOf(_) => None,
            Self::TooShort(bytes) => {
                let advice = if imports == Imports::Keys { ": invite again" } else { "" };
                Some(format!("a secret of {} bits; wanted 128 or more{advice}", bytes * 8))
            }
            Self::Refused(why) => Some(why.clone()),
        }
    }
}

/// The subject of a row: shown as it is.
#[derive(Clone, Copy)]
pub(crate) enum ImportSubject<'a> {
    /// A user.
    User(&'a str),
    /// A token, by serial number and manufacturer.
    Token(&'a str, Option<&'a str>),
}

impl ImportSubject<'_> {
    fn imports(self) -> Imports {
        match self {
            Self::User(_) => Imports::Keys,
            Self::Token(..) => Imports::Tokens,
        }
    }
}

/// The things that an import brings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Imports {
    /// Keys of users.
    Keys,
    /// Tokens that nobody has.
    Tokens,
}

impl Imports {
    /// The next step after a secret that is too short.
    fn too_short(self) -> &'static str {
        match self {
            Self::Keys => "invite those users again",
            Self::Tokens => "tokens with such short secrets are too weak to use",
        }
    }
}

/// One key, for scripts. A user's row has `user` first, a token's row `serial`.
#[derive(Serialize)]
struct ImportRow<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manufacturer: Option<Option<&'a str>>,
    user: Option<&'a str>,
    place: &'a str,
    outcome: &'static str,
    why: Option<String>,
    not_carried_over: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    works_from: Option<Option<u64>>,
}

impl<'a> ImportRow<'a> {
    fn of(subject: ImportSubject<'a>, place: &'a str, outcome: &'a ImportOutcome) -> Self {
        let (word, left) = match outcome {
            ImportOutcome::Imported { left_behind, .. } => {
                ("imported", left_behind.iter().map(ToString::to_string).collect())
            }
            ImportOutcome::Already | ImportOutcome::AlreadyOf(_) => ("already", Vec::new()),
            ImportOutcome::TooShort(_) => ("too-short", Vec::new()),
            ImportOutcome::Refused(_) => ("refused", Vec::new()),
        };
        let (serial, manufacturer, user) = match (subject, outcome) {
            (ImportSubject::User(user), _) => (None, None, Some(user)),
            (ImportSubject::Token(serial, maker), ImportOutcome::AlreadyOf(user)) => {
                (Some(serial), Some(maker), Some(user.as_str()))
            }
            (ImportSubject::Token(serial, maker), _) => (Some(serial), Some(maker), None),
        };
        let from = match outcome {
            ImportOutcome::Imported { works_from, .. } => works_from.map(UnixTime::seconds),
            _ => None,
        };
        let works_from = (subject.imports() == Imports::Keys).then_some(from);
        Self {
            serial,
            manufacturer,
            user,
            place,
            outcome: word,
            why: outcome.why(subject.imports()),
            not_carried_over: left,
            works_from,
        }
    }
}

/// The last object.
#[derive(Serialize)]
struct ImportCounts {
    changed: bool,
    imported: usize,
    already: usize,
    refused: usize,
}

/// The rows, and what they count.
pub(crate) struct ImportReport<'a> {
    terminal: &'a mut Terminal,
    imports: Imports,
    dry_run: DryRun,
    format: OutputFormat,
    /// How many keys there are to be, if that is known.
    expected: Option<usize>,
    bar: bool,
    imported: usize,
    already: usize,
    too_short: usize,
    refused: usize,
}

impl<'a> ImportReport<'a> {
    /// Begins with the heads of the columns.
    pub(crate) fn begin(
        terminal: &'a mut Terminal,
        imports: Imports,
        (dry_run, format): (DryRun, OutputFormat),
        expected: Option<usize>,
    ) -> Result<Self, Failure> {
        let bar = !terminal.is_screen() && io::stderr().is_terminal();
        if format == OutputFormat::Text {
            let head = if imports == Imports::Keys { "USER" } else { "SERIAL" };
            terminal.show(&row(head, "WHERE", "OUTCOME"))?;
        }
        Ok(Self {
            terminal,
            imports,
            dry_run,
            format,
            expected,
            bar,
            imported: 0,
            already: 0,
            too_short: 0,
            refused: 0,
        })
    }

    /// One more key: whose it is, in which place of its source, and what became of it. The first two are shown as they are.
    pub(crate) fn add(
        &mut self,
        subject: ImportSubject<'_>,
        place: &str,
        outcome: &ImportOutcome,
    ) -> Result<(), Failure> {
        let count = match outcome {
            ImportOutcome::Imported { .. } => &mut self.imported,
            ImportOutcome::Already | ImportOutcome::AlreadyOf(_) => &mut self.already,
            ImportOutcome::TooShort(_) => &mut self.too_short,
            ImportOutcome::Refused(_) => &mut self.refused,
        };
        *count += 1;
        match self.format {
            OutputFormat::Json => self.terminal.json(&ImportRow::of(subject, place, outcome))?,
            OutputFormat::Text => {
                let (ImportSubject::User(first) | ImportSubject::Token(first, _)) = subject;
                self.terminal.show(&row(first, place, &outcome.told(self.imports, self.dry_run)))?;
            }
        }
        self.move_bar();
        Ok(())
    }

    fn move_bar(&self) {
        let done = self.imported + self.already + self.too_short + self.refused;
        let bar = match self.expected.filter(|all| *all > 0) {
            _ if !self.bar => return,
            Some(all) => {
                let filled = (done * BAR / all).min(BAR);
                format!("\r[{}{}] {done} of {all}", "=".repeat(filled), " ".repeat(BAR - filled))
            }
            None => format!("\r{done}"),
        };
        let _ = io::stderr().write_all(bar.as_bytes()); // without a bar the import goes on
    }

    /// The counts. One refusal makes the import a failure.
    pub(crate) fn end(self) -> Result<(), Failure> {
        if self.bar {
            let _ = io::stderr().write_all(b"\n");
        }
        let Self { terminal, imports, dry_run, format, imported, already, too_short, refused, .. } = self;
        let short = format!("{too_short} too short (below 128 bits): {}", imports.too_short());
        let told = ImportCounts {
            changed: imported > 0 && dry_run == DryRun::No,
            imported,
            already,
            refused: too_short + refused,
        };
        let verb = dry_run.verb();
        let text = format!("{verb}: {imported}, already here: {already}, refused: {}\n", told.refused);
        terminal.tell(format, &told, &text)?;
        match (too_short, refused) {
            (0, 0) => Ok(()),
            (0, _) => Err(Failure::Stopped(format!("keys that were refused: {refused}"))),
            (_, 0) => Err(Failure::Stopped(format!("keys that were refused: {short}"))),
            _ => Err(Failure::Stopped(format!("keys that were refused: {refused}, and {short}"))),
        }
    }
}

/// Columns of one width: rows are shown as they come.
fn row(user: &str, place: &str, outcome: &str) -> String {
    format!("{user:<16}  {place:<10}  {outcome}\n")
}

const BAR: usize = 40;
