//! `otpctl import pskc`: hardware tokens from their maker's file, each stored by its serial number until somebody gets it.

use std::collections::HashMap;
use std::path::Path;

use otp_core::keys::key::{Kind, ValueError};
use otp_core::keys::secret::Secret;
use otp_import::foreign_key::Moving;
use otp_import::pskc;
use otp_import::{ForeignFault, ForeignKey, Holder};
use otp_protocol::client::{CallError, Client};
use otp_protocol::interface::{ImportToken, ImportedToken, NamedToken, NextCounter, Shape, TokenText};

use crate::arguments::ImportTokensArgs;
use crate::import::handover::{LastingClient, is_of_this_key};
use crate::import::report::{DryRun, ImportOutcome, ImportReport, ImportSubject, Imports};
use crate::import::{source_file, transport_key};
use crate::output::escape::escaped;
use crate::output::failure::{Failure, told};
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;

pub(crate) fn import(
    terminal: &mut Terminal,
    options: &ImportTokensArgs,
    connect: &dyn Fn() -> Result<Client, Failure>,
) -> Result<(), Failure> {
    let file = source_file::read(&options.file, "imported")?;
    let text = str::from_utf8(&file).map_err(|_| Failure::Stopped("not UTF-8; nothing was imported".to_owned()))?;
    let wanted = pskc::wanted_key(text).map_err(|fault| whole(&options.file, &fault))?;
    let key = transport_key::read(terminal, options, wanted)?;
    let found = pskc::read(text, &key).map_err(|fault| whole(&options.file, &fault))?;
    let twins = Twins::of(&found);
    let (dry_run, format) = (DryRun::of_tokens(options), OutputFormat::of(options.json));
    let mut client = LastingClient::begin(connect)?;
    let mut report = ImportReport::begin(terminal, Imports::Tokens, (dry_run, format), Some(found.len()))?;
    for found in found {
        one(&mut client, found, &twins, (dry_run, &mut report))?;
    }
    report.end()
}

/// The whole file is of no use.
fn whole(file: &Path, fault: &ForeignFault) -> Failure {
    Failure::Stopped(format!(
        "{}: {}; nothing was imported",
        escaped(&file.to_string_lossy()),
        escaped(&fault.to_string())
    ))
}

fn one(
    client: &mut LastingClient<'_>,
    found: Result<ForeignKey, ForeignFault>,
    twins: &Twins,
    (dry_run, report): (DryRun, &mut ImportReport<'_>),
) -> Result<(), Failure> {
    let place = |line: Option<usize>| line.map_or_else(|| "file".to_owned(), |line| format!("line {line}"));
    let key = match found {
        Ok(key) => key,
        Err(fault) => {
            let why = format!("found {}; wanted {}", escaped(&fault.found), fault.wanted);
            return report.add(ImportSubject::Token("?", None), &place(fault.line), &ImportOutcome::Refused(why));
        }
    };
    let (name, place) = (TokenIdentity::of(&key), place(Some(key.line)));
    let outcome = match twins.lines_of(&name) {
        [_, _, ..] if twins.differ(&name) => ImportOutcome::Refused(format!(
            "found that serial number and manufacturer in lines {}, with different keys; wanted one key for a token",
            list(twins.lines_of(&name))
        )),
        _ => hand_over(client, key, &name, dry_run)?,
    };
    let maker = name.manufacturer.as_deref().map(escaped);
    report.add(ImportSubject::Token(&escaped(&name.serial), maker.as_deref()), &place, &outcome)
}

fn hand_over(
    client: &mut LastingClient<'_>,
    key: ForeignKey,
    name: &TokenIdentity,
    dry_run: DryRun,
) -> Result<ImportOutcome, Failure> {
    let ForeignKey { secret, moving, algorithm, digits, starts, expires, left_behind, .. } = key;
    let secret = match secret {
        Ok(secret) => secret,
        Err(error) if error.found < Secret::MIN => return Ok(ImportOutcome::TooShort(error.found)),
        Err(error) => return Ok(ImportOutcome::Refused(error.to_string())),
    };
    let token = match name.named() {
        Ok(token) => token,
        Err(error) => return Ok(ImportOutcome::Refused(escaped(&error.to_string()))),
    };
    let (kind, period, counter) = match moving {
        Moving::Time(period) => (Kind::Totp, Some(period), None),
        Moving::Counter(counter) => (Kind::Hotp, None, Some(NextCounter::new(counter)?)),
    };
    let shape = Shape { kind: Some(kind), algorithm: Some(algorithm), digits: Some(digits), period };
    let dry_run = (dry_run == DryRun::Yes).then_some(true);
    match client.call(&ImportToken { token, secret, shape, counter, starts, expires, dry_run }) {
        Ok(ImportedToken { user: Some(user), .. }) => Ok(ImportOutcome::AlreadyOf(user)),
        Ok(ImportedToken { already: true, .. }) => Ok(ImportOutcome::Already),
        Ok(_) => Ok(ImportOutcome::Imported { left_behind, works_from: None }),
        Err(CallError::Refused(refusal)) if is_of_this_key(&refusal) => Ok(ImportOutcome::Refused(told(&refusal))),
        Err(error) => Err(error.into()),
    }
}

/// A token as its maker's file names it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct TokenIdentity {
    serial: String,
    manufacturer: Option<String>,
}

impl TokenIdentity {
    fn of(key: &ForeignKey) -> Self {
        match &key.holder {
            Holder::Token { maker, serial } => Self { serial: serial.clone(), manufacturer: maker.clone() },
            _ => Self { serial: String::new(), manufacturer: None }, // a file of tokens has no other
        }
    }

    fn named(&self) -> Result<NamedToken, ValueError> {
        let maker = self.manufacturer.as_deref().map(|text| TokenText::new("manufacturer", text)).transpose()?;
        Ok(NamedToken { serial: TokenText::new("serial", &self.serial)?, manufacturer: maker })
    }
}

/// Names that a file has more than once. Nobody could tell which of their keys is the token's.
struct Twins(HashMap<TokenIdentity, (Vec<usize>, bool)>);

impl Twins {
    fn of(found: &[Result<ForeignKey, ForeignFault>]) -> Self {
        let mut twins: HashMap<TokenIdentity, (Vec<usize>, bool)> = HashMap::new();
        let mut first: HashMap<TokenIdentity, &ForeignKey> = HashMap::new();
        for key in found.iter().flatten() {
            let name = TokenIdentity::of(key);
            let (lines, differ) = twins.entry(name.clone()).or_default();
            lines.push(key.line);
            *differ |= first.get(&name).is_some_and(|first| !is_same(first, key));
            first.entry(name).or_insert(key);
        }
        Self(twins)
    }

    fn lines_of(&self, name: &TokenIdentity) -> &[usize] {
        self.0.get(name).map_or(&[], |(lines, _)| lines)
    }

    fn differ(&self, name: &TokenIdentity) -> bool {
        self.0.get(name).is_some_and(|(_, differ)| *differ)
    }
}

/// The same key, written twice.
fn is_same(one: &ForeignKey, other: &ForeignKey) -> bool {
    let same_secret = match (&one.secret, &other.secret) {
        (Ok(one), Ok(other)) => one.expose() == other.expose(),
        (one, other) => one.is_err() && other.is_err(),
    };
    let facts = |key: &ForeignKey| (key.moving, key.algorithm, key.digits, key.starts, key.expires);
    same_secret && facts(one) == facts(other)
}

fn list(lines: &[usize]) -> String {
    lines.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
