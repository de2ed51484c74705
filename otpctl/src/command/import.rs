//! `otpctl import`: each key of a source to its user, a row for each, and the rest goes on after one that is refused.

use std::path::Path;

use nix::errno::Errno;
use nix::unistd::User;
use otp_core::accounts::no_answer;
use otp_import::{ForeignFault, ForeignKey, Holder, google_authenticator, migration, oath, otpauth};
use otp_protocol::client::Client;

use crate::arguments::{ImportAddressesArgs, ImportArgs, ImportHomesArgs, ImportHow, ImportOathArgs, ImportSource};
use crate::import::handover::Handover;
use crate::import::homes::{EveryHome, file_of};
use crate::import::own_file::{self, OwnFile, read_as};
use crate::import::report::{DryRun, ImportOutcome, ImportReport, ImportSubject, Imports};
use crate::import::{source_file, tokens};
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;

pub(crate) fn import(
    terminal: &mut Terminal,
    options: &ImportArgs,
    connect: impl Fn() -> Result<Client, Failure>,
) -> Result<(), Failure> {
    match &options.source {
        ImportSource::GoogleAuthenticator(options) => Import::begin(&options.how, &connect)?.homes(terminal, options),
        ImportSource::Oath(options) => Import::begin(&options.how, &connect)?.oath(terminal, options),
        ImportSource::Otpauth(options) => Import::begin(&options.how, &connect)?.addresses(terminal, options, one_key),
        ImportSource::Migration(options) => {
            Import::begin(&options.how, &connect)?.addresses(terminal, options, exported_keys)
        }
        ImportSource::Pskc(options) => tokens::import(terminal, options, &connect),
        ImportSource::OwnFile(options) => own_file::write_out(&options.file),
    }
}

/// An import that is under way.
struct Import<'a> {
    handover: Handover<'a>,
    dry_run: DryRun,
    format: OutputFormat,
}

impl<'a> Import<'a> {
    fn begin(how: &ImportHow, connect: &'a dyn Fn() -> Result<Client, Failure>) -> Result<Self, Failure> {
        let dry_run = DryRun::of(how);
        let handover = Handover::begin(connect, how)?;
        Ok(Self { handover, dry_run, format: OutputFormat::of(how.json) })
    }

    fn homes(mut self, terminal: &mut Terminal, options: &ImportHomesArgs) -> Result<(), Failure> {
        let Some(name) = &options.user else {
            let mut report = ImportReport::begin(terminal, Imports::Keys, (self.dry_run, self.format), None)?;
            for user in EveryHome::begin()? {
                self.home(&user, &file_of(&user), &mut report)?;
            }
            return report.end();
        };
        let user = User::from_name(name).map_err(|errno: Errno| Failure::Stopped(no_answer(errno)))?;
        let user = user.ok_or_else(|| Failure::Stopped(format!("no such user: {}", escaped(name))))?;
        let file = options.file.clone().unwrap_or_else(|| file_of(&user));
        let mut report = ImportReport::begin(terminal, Imports::Keys, (self.dry_run, self.format), None)?;
        if !self.home(&user, &file, &mut report)? {
            return Err(Failure::Stopped(format!("{}: no such file", escaped(&file.to_string_lossy()))));
        }
        report.end()
    }

    /// Says whether there was a file.
    fn home(&mut self, user: &User, file: &Path, report: &mut ImportReport<'_>) -> Result<bool, Failure> {
        let key = match read_as(user, file) {
            OwnFile::None => return Ok(false),
            OwnFile::Read(content) => google_authenticator::read(&content).map_err(|fault| fault.to_string()),
            OwnFile::Refused(why) => Err(why),
        };
        let outcome = match key {
            Ok(key) => self.handover.hand_over(&user.name, key)?,
            Err(why) => ImportOutcome::Refused(format!("{}: {why}", escaped(&file.to_string_lossy()))),
        };
        report.add(ImportSubject::User(&escaped(&user.name)), "home", &outcome)?;
        Ok(true)
    }

    fn oath(mut self, terminal: &mut Terminal, options: &ImportOathArgs) -> Result<(), Failure> {
        let file = source_file::read(&options.file, "imported")?;
        let mut report =
            ImportReport::begin(terminal, Imports::Keys, (self.dry_run, self.format), Some(oath::read(&file).count()))?;
        for found in oath::read(&file) {
            let user = match &found {
                Ok(ForeignKey { holder: Holder::User(user), .. }) => user.clone(),
                _ => String::new(),
            };
            self.row(&user, found, &mut report)?;
        }
        report.end()
    }

    fn addresses(
        mut self,
        terminal: &mut Terminal,
        options: &ImportAddressesArgs,
        read: fn(&str) -> Vec<Result<ForeignKey, ForeignFault>>,
    ) -> Result<(), Failure> {
        let file = source_file::read(&options.file, "imported")?;
        let text = str::from_utf8(&file).map_err(|_| Failure::Stopped("not UTF-8; nothing was imported".to_owned()))?;
        let mut report = ImportReport::begin(terminal, Imports::Keys, (self.dry_run, self.format), None)?;
        let lines = (1..).zip(text.lines().map(str::trim_ascii));
        for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let (user, address) = match line.split_once(|symbol: char| symbol.is_ascii_whitespace()) {
                Some((user, address)) => (Some(user), address.trim_ascii_start()),
                None => (options.user.as_deref(), line),
            };
            let Some(user) = user else {
                let fault = ForeignFault::new("an address without a user", "USER and a blank before it, or --user");
                self.row("", Err(fault.in_line(number)), &mut report)?;
                continue;
            };
            for found in read(address) {
                let found = found.map(|key| ForeignKey { line: number, ..key });
                self.row(user, found.map_err(|fault| ForeignFault { line: Some(number), ..fault }), &mut report)?;
            }
        }
        report.end()
    }

    fn row(
        &mut self,
        user: &str,
        found: Result<ForeignKey, ForeignFault>,
        report: &mut ImportReport<'_>,
    ) -> Result<(), Failure> {
        let (line, outcome) = match found {
            Ok(key) => (Some(key.line), self.handover.hand_over(user, key)?),
            Err(fault) => (
                fault.line,
                ImportOutcome::Refused(format!("found {}; wanted {}", escaped(&fault.found), fault.wanted)),
            ),
        };
        let place = line.map_or_else(|| "file".to_owned(), |line| format!("line {line}"));
        let user = if user.is_empty() { "?".to_owned() } else { escaped(user) };
        report.add(ImportSubject::User(&user), &place, &outcome)
    }
}

fn one_key(address: &str) -> Vec<Result<ForeignKey, ForeignFault>> {
    vec![otpauth::read(address)]
}

fn exported_keys(address: &str) -> Vec<Result<ForeignKey, ForeignFault>> {
    match migration::read(address) {
        Ok(export) => export.keys,
        Err(fault) => vec![Err(fault)],
    }
}
