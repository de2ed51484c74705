//! One stage of a service, followed line by line as libpam goes it: with a right code, and with a wrong one.

use std::ffi::CStr;
use std::path::PathBuf;

use serde::{Serialize, Serializer};

use super::because::Because;
use super::others::{self, OtherAnswer};
use super::own::{self, OwnFate, TypedBefore};
use super::question::LoginQuestion;
use crate::stack::code::PamCode;
use crate::stack::explore::{answers_that_differ, module_of};
use crate::stack::findings::own_arguments;
use crate::stack::modules::{MODULE, ModuleDirectories, asks_first_factor, is_ours};
use crate::stack::reader::{LineKind, LinePlace, StackLine, Stage};
use crate::stack::walk::Walk;

/// The outcome of one stage.
#[derive(Serialize)]
pub(crate) struct ToldStage {
    pub stage: &'static str,
    /// The file whose lines these are; none where no file has any.
    pub file: Option<PathBuf>,
    /// Are they those of `other`, because the service has none for this stage?
    pub of_other: bool,
    pub asks: bool,
    /// libpam's answer with a right code, or without one where none is asked for.
    #[serde(serialize_with = "by_name")]
    pub right: PamCode,
    /// libpam's answer with any other code.
    #[serde(serialize_with = "by_name")]
    pub wrong: PamCode,
    pub lines: Vec<ToldLine>,
    /// Lines of ours that are not reached, and by which line.
    pub passed_over: Vec<Because>,
    /// Lines of others by whose answer the user would be let in another way.
    pub depends: Vec<Because>,
}

/// The outcome of one line.
#[derive(Serialize)]
pub(crate) struct ToldLine {
    pub file: PathBuf,
    pub line: usize,
    pub module: String,
    pub ours: bool,
    #[serde(serialize_with = "by_name")]
    pub answer: PamCode,
    /// Is the answer taken to be so, and not known?
    pub assumed: bool,
    pub text: String,
    pub because: Vec<Because>,
    pub not_read: Option<String>,
}

/// The lines of a stage, with what answers at each.
pub(crate) struct Answers {
    stack: Vec<StackLine>,
    at: Vec<LineAnswer>,
    service: String,
}

enum LineAnswer {
    Ours(OwnFate),
    Other(OtherAnswer),
}

/// Which code is typed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CodeTyped {
    Right,
    Wrong,
}

/// A way through the stack.
struct StageWay {
    reached: Vec<usize>,
    asks: bool,
    answer: PamCode,
}

impl Answers {
    pub(crate) fn new(question: &LoginQuestion, stack: Vec<StackLine>, modules: &ModuleDirectories) -> Self {
        let mut before = TypedBefore::Nothing;
        let at = stack
            .iter()
            .map(|line| {
                let answer = match own_arguments(line).filter(|_| modules.has(&module_of(line))) {
                    Some(arguments) => {
                        let arguments: Vec<&CStr> = arguments.iter().map(|one| one.as_c_str()).collect();
                        LineAnswer::Ours(fate(question, line.stage, &arguments, before))
                    }
                    None => LineAnswer::Other(others::answer(question, line, modules)),
                };
                if asks_first_factor(line) {
                    before = TypedBefore::Something;
                }
                answer
            })
            .collect();
        Self { stack, at, service: question.service.clone() }
    }

    /// The stage, told.
    pub(crate) fn tell(&self, stage: Stage) -> ToldStage {
        let (right, wrong) = (self.way(CodeTyped::Right, None), self.way(CodeTyped::Wrong, None));
        let lines = right.reached.iter().filter_map(|at| self.line(*at)).collect();
        ToldStage {
            stage: stage.name(),
            file: self.stack.first().map(|line| line.place.file.clone()),
            of_other: false,
            asks: right.asks,
            right: right.answer,
            wrong: wrong.answer,
            lines,
            passed_over: self.passed_over(&right),
            depends: self.depends(&right),
        }
    }

    fn code(&self, at: usize, typed: CodeTyped) -> PamCode {
        match (self.at.get(at), typed) {
            (Some(LineAnswer::Ours(fate)), CodeTyped::Right) => fate.right,
            (Some(LineAnswer::Ours(fate)), CodeTyped::Wrong) => fate.wrong,
            (Some(LineAnswer::Other(other)), _) => other.code,
            (None, _) => PamCode::PERM_DENIED,
        }
    }

    /// The way with this code, where one line may answer otherwise.
    fn way(&self, typed: CodeTyped, otherwise: Option<(usize, PamCode)>) -> StageWay {
        let (mut walk, mut reached, mut asks) = (Walk::begin(), Vec::new(), false);
        while walk.at < self.stack.len() {
            let at = walk.at;
            reached.push(at);
            asks |= matches!(self.at.get(at), Some(LineAnswer::Ours(fate)) if fate.asks);
            let code = otherwise.filter(|(line, _)| *line == at).map_or_else(|| self.code(at, typed), |(_, code)| code);
            walk = walk.after(&self.stack, code);
        }
        StageWay { reached, asks, answer: walk.answer() }
    }

    fn line(&self, at: usize) -> Option<ToldLine> {
        let line = self.stack.get(at).filter(|line| line.kind != LineKind::Substack)?;
        let LinePlace { file, line: number } = line.place.clone();
        let mut told = ToldLine {
            file,
            line: number,
            module: module_of(line),
            ours: is_ours(line),
            answer: self.code(at, CodeTyped::Right),
            assumed: false,
            text: String::new(),
            because: Vec::new(),
            not_read: None,
        };
        match self.at.get(at)? {
            LineAnswer::Other(other) => (told.assumed, told.text) = (other.assumed, other.text.clone()),
            LineAnswer::Ours(fate) => {
                told.text = words(fate);
                (told.because, told.not_read) = (fate.because.clone(), fate.not_read.clone());
            }
        }
        if let Some(why) = line.control.wrong {
            told.text
                .push_str(&format!("; libpam cannot read the control and treats every answer as a refusal: {why}"));
        }
        Some(told)
    }

    fn passed_over(&self, way: &StageWay) -> Vec<Because> {
        let ours = self.stack.iter().enumerate().filter(|(_, line)| is_ours(line));
        let missed = ours.filter(|(at, _)| !way.reached.contains(at));
        missed
            .map(|(at, line)| {
                let by = way.reached.iter().rev().find(|reached| **reached < at).and_then(|by| self.stack.get(*by));
                let by = by.map_or_else(String::new, |by| {
                    format!(
                        ", because {} in {} line {} ends or leaves the stack",
                        module_of(by),
                        by.place.file.display(),
                        by.place.line
                    )
                });
                Because::line(&line.place.file, Some(line.place.line), format!("{MODULE} is not reached{by}"))
            })
            .collect()
    }

    /// One line at a time answers otherwise: is the user then let in with another question?
    fn depends(&self, way: &StageWay) -> Vec<Because> {
        let mut found = Vec::new();
        for at in &way.reached {
            let (Some(line), Some(LineAnswer::Other(OtherAnswer { assumed: true, .. }))) =
                (self.stack.get(*at), self.at.get(*at))
            else {
                continue;
            };
            for code in answers_that_differ(line, &self.service) {
                let other = self.way(CodeTyped::Right, Some((*at, code)));
                if other.answer == PamCode::SUCCESS && (other.asks != way.asks || way.answer != PamCode::SUCCESS) {
                    let then = if other.asks { "a code is asked for" } else { "the user is let in without a code" };
                    let text = format!("if {} answers {}, {then}", module_of(line), code.name());
                    found.push(Because::line(&line.place.file, Some(line.place.line), text));
                    break;
                }
            }
        }
        found
    }
}

fn fate(question: &LoginQuestion, stage: Stage, arguments: &[&CStr], before: TypedBefore) -> OwnFate {
    match stage {
        Stage::Auth => own::authenticate(question, arguments, before),
        Stage::Account => own::manage(question, arguments),
        Stage::Password => own::change(arguments),
        Stage::Session => {
            OwnFate::fixed(PamCode::IGNORE, vec![Because::plain(format!("{MODULE} does nothing at the session stage"))])
        }
    }
}

/// A line of ours in a few words.
fn words(fate: &OwnFate) -> String {
    match (fate.asks, fate.right) {
        (true, PamCode::SUCCESS) => "asks for a code; a correct one is accepted".to_owned(),
        (true, code) => format!("asks for a code, and refuses every one with {}", code.name()),
        (false, PamCode::SUCCESS) => "accepts the user".to_owned(),
        (false, PamCode::IGNORE) => "asks nothing, and its answer does not count".to_owned(),
        (false, PamCode::NEW_AUTHTOK_REQD) => "asks for the key to be replaced".to_owned(),
        (false, code) => format!("refuses with {}, and asks nothing", code.name()),
    }
}

fn by_name<S: Serializer>(code: &PamCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.name())
}
