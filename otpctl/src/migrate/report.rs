//! A service's file as it would be with our lines: what each old line becomes, what is not understood, what would be wrong then.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::cut_over::{CutOver, changes, led, lets_in_more};
use super::new_line::{FormAt, NewLine, SKIP, StackForm, added_at};
use super::new_text::{Replacements, jumps, with, with_jumps};
use super::old_module::OldModule;
use super::old_option::{OptionOutcome, Password};
use super::policy_block::PolicyWishes;
use crate::gate::edit::account_places;
use crate::gate::marks::ACCOUNT_RULE;
use crate::stack::code::PamCode;
use crate::stack::control::StackAction;
use crate::stack::finding::{FindingKind, StackFinding};
use crate::stack::findings::Survey;
use crate::stack::modules::{MODULE, ModuleDirectories, is_ours};
use crate::stack::reader::{LineKind, LinePlace, PamDirectories, ServiceStacks, StackLine, Stage, StandIn};
use crate::stack::words::{Dialect, lines};

/// The whole of it.
#[derive(Debug, Serialize)]
pub(crate) struct MigrationReport {
    pub file: PathBuf,
    pub service: String,
    pub form: StackForm,
    pub lines: Vec<NewLine>,
    /// Other lines of the file that change or come in: the number now, before which the new text stands or which it replaces.
    pub others: Vec<OtherLine>,
    /// The table for /etc/otp/otp.toml.
    pub policy: Option<String>,
    pub notes: Vec<String>,
    pub not_understood: Vec<NotUnderstood>,
    /// The findings of `otpctl config check` in the new text.
    pub findings: BTreeSet<StackFinding>,
    /// The new text of the file.
    pub stack: String,
}

/// A line beside the old ones.
#[derive(Debug, Serialize)]
pub(crate) struct OtherLine {
    pub line: usize,
    /// The line as it is; none if one comes in before it.
    pub old: Option<String>,
    /// The line as it would be; none if it goes.
    pub new: Option<String>,
}

/// A line that nobody here can read.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct NotUnderstood {
    pub file: PathBuf,
    pub line: Option<usize>,
    pub text: String,
}

impl MigrationReport {
    /// Of the file as it is, on this host.
    pub(crate) fn of(original: StandIn, form: StackForm, policy: &str) -> Self {
        let host = PamDirectories::standard();
        let directories = host.with(original.clone());
        let read = |dialect| directories.read(&original.service, dialect).unwrap_or_default();
        let (old, new) = (read(Dialect::Old), read(Dialect::New));
        let mut plan = MigrationPlan {
            original: &original,
            stacks: &new,
            auth: new.stage(Stage::Auth),
            form,
            not_understood: BTreeSet::new(),
            notes: Vec::new(),
            wishes: PolicyWishes::default(),
        };
        plan.name_what_is_not_understood(&old);
        let (lines, replacements) = plan.lines();
        let beside = plan.beside();
        let all: Replacements = replacements.into_iter().chain(beside.clone()).collect();
        let (stack, account, findings) = plan.whole_text(&all, &host);
        plan.compare(&lines, &stack, &host);
        let policy = plan.policy(policy);
        if findings.iter().any(|one| one.kind == FindingKind::PassedOver) {
            plan.notes.push(PASSED.to_owned());
        }
        let changed = beside.into_iter().filter_map(|(own, lines)| {
            let old = original.text.lines().nth(own.first.checked_sub(1)?)?.to_owned();
            Some(OtherLine { line: own.first, old: Some(old), new: lines.into_iter().next() })
        });
        let account = account.map(|line| OtherLine { line, old: None, new: Some(ACCOUNT_RULE.to_owned()) });
        let others = changed.chain(account).collect();
        let MigrationPlan { notes, not_understood, .. } = plan;
        let not_understood = not_understood.into_iter().collect();
        let StandIn { service, path: file, .. } = original;
        Self { file, service, form, lines, others, policy, notes, not_understood, findings, stack }
    }

    /// Is there anything that a person has to look at?
    pub(crate) fn is_clean(&self) -> bool {
        self.not_understood.is_empty() && self.findings.is_empty()
    }
}

/// The use of a file to programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileExtent {
    /// The stacks of a service.
    Whole,
    /// A part of other services, such as common-auth.
    Part,
}

struct MigrationPlan<'a> {
    original: &'a StandIn,
    stacks: &'a ServiceStacks,
    auth: Vec<StackLine>,
    form: StackForm,
    not_understood: BTreeSet<NotUnderstood>,
    notes: Vec<String>,
    wishes: PolicyWishes,
}

impl MigrationPlan<'_> {
    fn odd(&mut self, file: &Path, line: Option<usize>, text: impl Into<String>) {
        self.not_understood.insert(NotUnderstood { file: file.to_owned(), line, text: text.into() });
    }

    fn name_what_is_not_understood(&mut self, old: &ServiceStacks) {
        let file = self.original.path.clone();
        if let Some(why) = self.stacks.refused.as_ref().or(self.stacks.unreadable.as_ref()) {
            self.odd(&file, None, format!("libpam refuses the service: {why}"));
        } else if old != self.stacks {
            self.odd(&file, None, DIALECTS);
        }
        let returns = |line: &str| line.ends_with('\r') && !line.trim_start().starts_with('#');
        let found = (1..).zip(self.original.text.split('\n')).find(|(_, line)| returns(line)).map(|(number, _)| number);
        if let Some(number) = found {
            self.odd(&file, Some(number), "it ends in a carriage return, which libpam takes as part of the last word");
        }
        let odd: Vec<(LinePlace, String)> =
            self.stacks.lines.iter().filter_map(|line| Some((line.place.clone(), oddity(line)?))).collect();
        odd.into_iter().for_each(|(place, why)| self.odd(&place.file, Some(place.line), why));
        let meant = |words: &[String]| words.iter().any(|word| OldModule::is_meant(word));
        let left = self.stacks.left_over.iter().filter(|(_, words)| meant(words)).map(|(place, _)| place.clone());
        left.collect::<Vec<_>>().into_iter().for_each(|place| {
            self.odd(&place.file, Some(place.line), "the old module is a word after the file that is included");
        });
    }

    /// The old lines, and those of the file itself with what stands for them.
    fn lines(&mut self) -> (Vec<NewLine>, Replacements) {
        let (mut found, mut replacements) = (Vec::new(), Replacements::new());
        let auth = self.auth.clone();
        for (at, line) in auth.iter().enumerate() {
            let Some(module) = OldModule::of(line) else { continue };
            let Some(text) = self.text_of(&line.place) else { continue };
            let later = auth.iter().skip(at + 1).any(takes_password);
            let password = if later { Password::IsTakenLater } else { Password::StaysHere };
            let new = self
                .form_at(&auth, at, &text)
                .and_then(|form| NewLine::of((line, module), &text, password, &form, &mut self.wishes));
            match new {
                Err(why) => self.odd(&line.place.file, Some(line.place.line), why),
                Ok(new) => {
                    self.unknown_options(&new);
                    match self.is_own(line) {
                        true => drop(replacements.insert(line.own, new.new.clone())),
                        false => self.note_include(line),
                    }
                    found.push(new);
                }
            }
        }
        (found, replacements)
    }

    fn unknown_options(&mut self, new: &NewLine) {
        for option in new.options.iter().filter(|one| one.outcome == OptionOutcome::Unknown) {
            self.odd(&new.file, Some(new.line), format!("{}: {}", option.option, option.why));
        }
    }

    fn note_include(&mut self, line: &StackLine) {
        let name = line.place.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (file, number) = (line.place.file.display(), line.own.first);
        self.notes.push(format!(
            "line {number} includes {file}, and other services may include it, too: see `otpctl migrate-pam {name}`"
        ));
    }

    fn is_own(&self, line: &StackLine) -> bool {
        line.place.file == self.original.path
    }

    fn form_at(&self, auth: &[StackLine], at: usize, text: &str) -> Result<FormAt, String> {
        let Some(line) = auth.get(at) else { return Ok(FormAt::OursAlone) };
        let changes = changes(auth, &self.original.path, self.form);
        let new = |lines: usize| led(auth, at, lines, &changes);
        match (self.form, CutOver::round(auth, at)) {
            (StackForm::OursAlone, None) => Ok(FormAt::OursAlone),
            (StackForm::OursAlone, Some(CutOver { options, .. })) => {
                Ok(FormAt::EndOfBoth { old: with_jumps(text, new), options })
            }
            (StackForm::Both, Some(_)) => Err(BEGUN.to_owned()),
            (StackForm::Both, None) => {
                added_at(line)?;
                let success = match line.control.action(PamCode::SUCCESS) {
                    StackAction::Done => "done".to_owned(),
                    StackAction::Jump(lines) => new(lines).saturating_add(1).to_string(),
                    _ => "1".to_owned(),
                };
                Ok(FormAt::Both { kept: with_jumps(text, new), success })
            }
        }
    }

    /// Lines of the file whose jumps lead over lines that come in or go, and lines that go.
    fn beside(&self) -> Replacements {
        let changes = changes(&self.auth, &self.original.path, self.form);
        let own =
            || self.auth.iter().enumerate().filter(|(_, line)| self.is_own(line) && OldModule::of(line).is_none());
        let going = own().filter(|(at, _)| changes.get(at).is_some_and(|lines| *lines < 0));
        let jumping = own().filter(|(_, line)| jumps(line)).filter_map(|(at, line)| {
            let text = self.text_of(&line.place)?;
            let new = with_jumps(&text, |lines| led(&self.auth, at, lines, &changes));
            (new != text).then_some((line.own, vec![new]))
        });
        jumping.chain(going.map(|(_, line)| (line.own, Vec::new()))).collect()
    }

    /// The line as libpam puts it together.
    fn text_of(&self, place: &LinePlace) -> Option<String> {
        let text = match place.file == self.original.path {
            true => self.original.text.clone(),
            false => fs::read_to_string(&place.file).ok()?,
        };
        let found = lines(&text, Dialect::New).lines.into_iter().find(|line| line.number == place.line)?;
        let raw = text.lines().nth(place.line.checked_sub(1)?)?;
        Some(if found.last == found.number { raw.to_owned() } else { found.text.trim_end().to_owned() })
    }

    /// The text with an account line of ours where nothing is found wrong, or else in the likeliest place.
    fn whole_text(
        &mut self,
        replacements: &Replacements,
        host: &PamDirectories,
    ) -> (String, Option<usize>, BTreeSet<StackFinding>) {
        let text = &self.original.text;
        let mut places = vec![None];
        let extent = self.extent(host);
        if extent == FileExtent::Part {
            self.notes.push(PART.to_owned());
        } else if !replacements.is_empty() {
            match account_places(self.stacks) {
                Ok(found) if found.is_empty() => {}
                Ok(found) => places = found.into_iter().map(Some).collect(),
                Err(why) => self.notes.push(format!("no account line of pam_otp.so is added: {why}")),
            }
        }
        let mut tried = Vec::new();
        for place in places {
            let new = with(text, replacements, place.map(|before| (before, ACCOUNT_RULE)));
            let found = self.findings(&new, host, extent);
            if found.is_empty() {
                return (new, place, found);
            }
            tried.push((new, place, found));
        }
        tried.into_iter().next().unwrap_or_default()
    }

    /// Is anybody let in by `pam_permit.so` who was not before?
    fn compare(&mut self, lines: &[NewLine], text: &str, host: &PamDirectories) {
        let directories = host.with(StandIn { text: text.to_owned(), ..self.original.clone() });
        let after = directories.read(&self.original.service, Dialect::New).unwrap_or_default().stage(Stage::Auth);
        let may_ignore = |line: &NewLine| line.options.iter().any(|one| one.becomes.as_deref() == Some(SKIP));
        let ignores = lines.iter().any(may_ignore).then_some(PamCode::IGNORE);
        let old: Vec<PamCode> = [PamCode::SUCCESS, PamCode::AUTH_ERR].into_iter().chain(ignores).collect();
        let more = lets_in_more(&self.auth, &after, &old, &self.original.service);
        if let Some(line) = lines.first().filter(|_| more && self.form == StackForm::Both) {
            self.odd(&line.file, Some(line.line), MORE);
        }
    }

    fn findings(&self, text: &str, host: &PamDirectories, extent: FileExtent) -> BTreeSet<StackFinding> {
        let services = host.with(StandIn { text: text.to_owned(), ..self.original.clone() });
        let users = users_of(&services, &self.original.path);
        let survey = Survey { services, modules: ModuleDirectories::standard(), single_file: PathBuf::new() };
        let elsewhere =
            |kind| extent == FileExtent::Part && [FindingKind::NoAccountLine, FindingKind::NoTwin].contains(&kind);
        let own = |one: &StackFinding| users.contains(&one.service) && !one.is_note() && !is_about_the_host(one);
        survey.findings().into_iter().filter(own).filter(|one| !elsewhere(one.kind)).collect()
    }

    fn extent(&self, host: &PamDirectories) -> FileExtent {
        let has = |stage| !self.stacks.stage(stage).is_empty();
        let directories = host.with(self.original.clone());
        let is_whole = has(Stage::Auth) && has(Stage::Account);
        match is_whole || users_of(&directories, &self.original.path).len() < 2 {
            true => FileExtent::Whole,
            false => FileExtent::Part,
        }
    }

    fn policy(&mut self, policy: &str) -> Option<String> {
        let (block, hindrance) = self.wishes.block(&self.original.service, policy)?;
        if let Some(why) = hindrance {
            self.notes.push(format!(
                "added to the policy as it is, the block is refused ({why}): put its lines into the existing table"
            ));
        }
        Some(block)
    }
}

/// The services that read this file.
fn users_of(directories: &PamDirectories, path: &Path) -> BTreeSet<String> {
    let reads = |name: &String| {
        let stacks = directories.read(name, Dialect::New);
        stacks.is_some_and(|stacks| stacks.files.iter().any(|file| file == path))
    };
    directories.names().into_iter().filter(reads).collect()
}

/// The module is installed with this command, or the stack is for another host.
fn is_about_the_host(finding: &StackFinding) -> bool {
    finding.kind == FindingKind::NoSuchModule && finding.text.contains(&format!("{MODULE:?}"))
}

fn takes_password(line: &StackLine) -> bool {
    let takes = |word: &String| ["use_first_pass", "try_first_pass"].contains(&word.as_str());
    matches!(&line.kind, LineKind::Module { arguments, .. } if arguments.iter().any(takes))
}

/// Why a line cannot be carried over as it is.
fn oddity(line: &StackLine) -> Option<String> {
    match &line.kind {
        LineKind::MustFail { why, text } => Some(format!("libpam cannot read it: {why}: {text}")),
        _ if line.control.wrong.is_some() && line.kind != LineKind::Substack => {
            line.control.wrong.map(|why| format!("libpam cannot read the control: {why}"))
        }
        LineKind::Module { .. } if OldModule::of(line).is_some() => {
            let name = line.stage.name();
            (line.stage != Stage::Auth).then(|| format!("the old module does nothing in the {name} stage; wanted auth"))
        }
        LineKind::Module { path, .. } if OldModule::is_meant(path) => {
            Some(format!("{path:?} is not a module; wanted pam_google_authenticator.so or pam_oath.so"))
        }
        LineKind::Module { path, arguments } if !is_ours(line) => {
            let meant = arguments.iter().any(|word| OldModule::ALL.iter().any(|one| word.ends_with(one.file())));
            meant.then(|| format!("the old module is an argument of {path} here, and nothing runs it"))
        }
        _ => None,
    }
}

const DIALECTS: &str =
    "libpam 1.5 and 1.7 read this file differently; look for a comment or a blank line after a backslash";
const BEGUN: &str = "both modules already ask here; without --both their lines become one of ours";
const MORE: &str = "the line of pam_permit.so would let in users who have a key nowhere, by the option that passes them: nothing else in the stack accepts them today; take that option off the old line first";
const PASSED: &str = "where a line skips ours on purpose, remove it and name the users, groups or networks that are \
                      not asked in `exempt` in otp.toml";
const PART: &str = "other services include this file, and the account stage is theirs: each of them wants `account required pam_otp.so`, which `otpctl doctor` looks for";
