//! The whole answer: all stages, what comes of them together, and how it is told.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Serialize;

use super::question::LoginQuestion;
use super::stage::{Answers, ToldLine, ToldStage};
use crate::output::escape::escaped;
use crate::stack::code::PamCode;
use crate::stack::findings::Survey;
use crate::stack::modules::{MODULE, family, is_ours};
use crate::stack::reader::{ServiceStacks, StackLine, Stage};
use crate::stack::words::Dialect;

/// The outcome of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// Asked for a code; a right one lets in.
    Asked,
    /// Asked for a code, and refused whatever it is.
    AskedAndRefused,
    /// Let in without a code.
    NotAsked,
    /// Refused without a question of ours.
    Refused,
}

#[derive(Serialize)]
pub(crate) struct Explanation {
    user: String,
    uid: Option<u32>,
    service: String,
    /// The file of the service; none where libpam takes that of `other`.
    file: Option<PathBuf>,
    origin: Option<&'static str>,
    outcome: Outcome,
    stages: Vec<ToldStage>,
    notes: Vec<String>,
    /// Everything that this account may not read: the answer is given without it.
    not_read: Vec<String>,
    #[serde(skip)]
    heading: String,
}

/// Explains it. Everything is read, nothing written.
pub(crate) fn explain(question: &LoginQuestion, host: &Survey) -> Explanation {
    let read = |name: &str, libpam| host.services.read(name, libpam);
    let own = read(&question.service, Dialect::New);
    let alike = own == read(&question.service, Dialect::Old);
    let other = read("other", Dialect::New).unwrap_or_default();
    let refused = refused(own.as_ref(), &other);
    let file = own.as_ref().and_then(|own| own.files.first().cloned());
    let own = own.unwrap_or_default();
    let stages = if refused.is_some() { Vec::new() } else { stages(question, host, &own, &other) };
    let unlisted = own.unreadable.iter().chain(&other.unreadable).cloned();
    let unread = stages.iter().flat_map(|stage| &stage.lines).filter_map(|line| line.not_read.clone());
    let not_read: BTreeSet<String> = unlisted.chain(unread).collect();
    let notes = [
        file.is_none()
            .then(|| format!("no PAM file has the name {}: libpam uses the lines of other", question.service)),
        refused.as_ref().map(|why| format!("libpam refuses the service, and everybody, before any line: {why}")),
        (!alike).then(|| TWO_READINGS.to_owned()),
        (refused.is_none() && !stages.iter().any(ToldStage::has_ours)).then(|| {
            format!("no line of {MODULE} is in the stacks of {}: nobody is asked for a code there", question.service)
        }),
        skipped_by_the_program(question),
    ];
    let known = question.known();
    Explanation {
        user: known.map_or_else(|| question.user.clone(), |account| account.name.clone()),
        uid: known.map(|account| account.uid),
        service: question.service.clone(),
        file,
        origin: known.map(|account| question.origin(account).as_str()),
        outcome: Outcome::of(&stages),
        stages,
        notes: notes.into_iter().flatten().collect(),
        not_read: not_read.into_iter().collect(),
        heading: question.told(),
    }
}

const TWO_READINGS: &str = "libpam 1.5 and 1.6 read the file of this service differently; this is how 1.6 reads it, \
                            and `otpctl config check` shows both";

/// auth and account as libpam goes them; of password and session only what is ours.
fn stages(question: &LoginQuestion, host: &Survey, own: &ServiceStacks, other: &ServiceStacks) -> Vec<ToldStage> {
    let lines = |stage| -> (Vec<StackLine>, bool) {
        let lines = own.stage(stage);
        if lines.is_empty() { (other.stage(stage), true) } else { (lines, false) }
    };
    let all = [Stage::Auth, Stage::Account, Stage::Password, Stage::Session];
    let told = all.into_iter().filter_map(|stage| {
        let (lines, of_other) = lines(stage);
        let ours = matches!(stage, Stage::Auth | Stage::Account) || lines.iter().any(is_ours);
        ours.then(|| ToldStage { of_other, ..Answers::new(question, lines, &host.modules).tell(stage) })
    });
    told.collect()
}

/// Why libpam opens nothing at all: then no line is run. A file that only this account cannot read is no reason.
fn refused(own: Option<&ServiceStacks>, other: &ServiceStacks) -> Option<String> {
    let none = || "there is no PAM file for it, and none with the name other".to_owned();
    let of = |stacks: &ServiceStacks| stacks.refused.clone().filter(|_| stacks.unreadable.is_none());
    let nothing = own.is_none() && other.files.is_empty();
    own.and_then(of).or_else(|| of(other)).or_else(|| nothing.then(none))
}

/// Where a program runs the account stage alone.
fn skipped_by_the_program(question: &LoginQuestion) -> Option<String> {
    let text = match family(&question.service) {
        "sudo" => {
            "sudo skips the auth stage where a rule says NOPASSWD, for root, and while its time stamp is fresh; the \
             account stage still runs"
        }
        "sshd" => {
            "sshd skips the auth stage where an SSH key is enough, unless AuthenticationMethods also asks for \
             keyboard-interactive"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

impl Outcome {
    fn of(stages: &[ToldStage]) -> Self {
        let gates = || stages.iter().filter(|stage| [Stage::Auth.name(), Stage::Account.name()].contains(&stage.stage));
        // A key that is to be replaced, or a password, lets in after that.
        let opens = |stage: &ToldStage| {
            let replaced = stage.stage == Stage::Account.name() && stage.right == PamCode::NEW_AUTHTOK_REQD;
            stage.right == PamCode::SUCCESS || replaced
        };
        match (gates().any(|stage| stage.asks), !stages.is_empty() && gates().all(opens)) {
            (true, true) => Self::Asked,
            (true, false) => Self::AskedAndRefused,
            (false, true) => Self::NotAsked,
            (false, false) => Self::Refused,
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Self::Asked => "asked for a code, and let in by a correct one",
            Self::AskedAndRefused => "asked for a code, and refused whatever it is",
            Self::NotAsked => "let in without a code",
            Self::Refused => "refused without being asked for a code",
        }
    }
}

impl Explanation {
    /// Was something not read by this account, so that the answer may be another one?
    pub(crate) fn is_whole(&self) -> bool {
        self.not_read.is_empty()
    }

    pub(crate) fn text(&self) -> String {
        let uid = self.uid.map_or_else(|| "no account".to_owned(), |uid| format!("uid {uid}"));
        let mut text = format!(
            "{} ({uid}) at {}{}: {}\n",
            escaped(&self.user),
            escaped(&self.service),
            escaped(&self.heading),
            self.outcome.sentence()
        );
        for unread in &self.not_read {
            text.push_str(&format!("not read, so the answer may be different: {}\n", escaped(unread)));
        }
        text.extend(self.stages.iter().map(ToldStage::text));
        text.extend(self.notes.iter().map(|note| format!("note: {}\n", escaped(note))));
        text
    }
}

impl ToldStage {
    fn has_ours(&self) -> bool {
        !self.passed_over.is_empty() || self.lines.iter().any(|line| line.ours)
    }

    fn text(&self) -> String {
        let other = if self.of_other { " (lines of other)" } else { "" };
        let answer = match self.asks {
            true => format!("{} with a correct code, {} with a wrong one", self.right.name(), self.wrong.name()),
            false => self.right.name().to_owned(),
        };
        let answer = match self.stage {
            "auth" | "account" => format!("libpam answers {answer}"),
            _ => "only its lines of pam_otp.so".to_owned(),
        };
        let mut text = format!("{}{other}: {answer}\n", self.stage);
        let shown = self.lines.iter().filter(|line| line.ours || matches!(self.stage, "auth" | "account"));
        text.extend(shown.map(ToldLine::text));
        text.extend(self.passed_over.iter().map(|one| format!("  {}\n", one.told())));
        text.extend(self.depends.iter().map(|one| format!("  {}\n", one.told())));
        text
    }
}

impl ToldLine {
    fn text(&self) -> String {
        let place = format!("{} line {}", self.file.display(), self.line);
        let mut text = format!("  {}: {} {}\n", escaped(&place), escaped(&self.module), escaped(&self.text));
        text.extend(self.because.iter().map(|one| format!("    {}\n", one.told())));
        text
    }
}
