//! Every way through a stack, whatever its modules answer: which of them end well although our module did not run, or refused?

use std::collections::BTreeSet;

use super::code::PamCode;
use super::control::StackAction;
use super::modules::{answers, asks_first_factor, is_ours, is_sudo};
use super::reader::{LineKind, LinePlace, StackLine, Stage};
use super::walk::Walk;

/// Something to tell of a stack, each once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// This line, by this answer, leads past ours, and the stack ends well.
    PassedOver { by: LinePlace, module: String, code: PamCode },
    /// This line of the account stage says that the password has expired, and leads past ours or stands for its refusal. The
    /// program lets in all the same, or after a change of the password.
    PassedOverByExpiry { by: LinePlace, module: String },
    /// Our line refuses with this code, and the stack ends well.
    RefusalIgnored { ours: LinePlace, code: PamCode },
    /// A second line of ours runs after the first has accepted.
    Doubled { first: LinePlace, second: LinePlace },
    /// Our line asks before this one, which asks for a first factor.
    CodeFirst { ours: LinePlace, module: String },
    /// There are too many ways to look at.
    TooMany,
}

/// How our module answers.
struct OwnAnswers {
    /// It was asked, and all is well; the key may be due.
    accepted: &'static [PamCode],
    /// It is not wanted: exempt, never enrolled, an emergency mark.
    aside: &'static [PamCode],
    refused: &'static [PamCode],
}

/// The lists of PAM CODES in pam_otp(8), and what libpam says instead of a module that it cannot load.
fn own_answers(stage: Stage) -> OwnAnswers {
    match stage {
        Stage::Account => OwnAnswers {
            accepted: &[PamCode::SUCCESS, PamCode::NEW_AUTHTOK_REQD],
            aside: &[],
            refused: &[
                PamCode::ACCT_EXPIRED,
                PamCode::AUTH_ERR,
                PamCode::AUTHINFO_UNAVAIL,
                PamCode::SERVICE_ERR,
                PamCode::ABORT,
                PamCode::MODULE_UNKNOWN,
            ],
        },
        _ => OwnAnswers {
            accepted: &[PamCode::SUCCESS],
            aside: &[PamCode::IGNORE],
            refused: &[
                PamCode::AUTH_ERR,
                PamCode::AUTHINFO_UNAVAIL,
                PamCode::SERVICE_ERR,
                PamCode::CONV_ERR,
                PamCode::ABORT,
                PamCode::MODULE_UNKNOWN,
            ],
        },
    }
}

/// A way so far: where it is, and what matters of where it was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Trace {
    walk: Walk,
    stage: Stage,
    accepted: Option<LinePlace>,
    refused: Option<(LinePlace, PamCode)>,
    stood_aside: bool,
    /// The first line of ours that asked, until a first factor was asked for.
    asked: Option<LinePlace>,
    first_factor: bool,
    /// The last step that led past a line of ours.
    passed: Option<(LinePlace, String, PamCode)>,
    /// The first line that bars an account because its password has expired.
    barred: Option<(LinePlace, String)>,
}

/// More is no stack that a person wrote.
const MOST_TRACES: usize = 50_000;

/// All that is to be found in the stack of this stage of this service.
pub(crate) fn ways(stack: &[StackLine], service: &str) -> BTreeSet<Way> {
    let begin = Trace {
        walk: Walk::begin(),
        stage: stack.first().map_or(Stage::Auth, |line| line.stage),
        accepted: None,
        refused: None,
        stood_aside: false,
        asked: None,
        first_factor: false,
        passed: None,
        barred: None,
    };
    let (mut found, mut seen, mut open) = (BTreeSet::new(), BTreeSet::from([begin.clone()]), vec![begin]);
    while let Some(trace) = open.pop() {
        let Some(line) = stack.get(trace.walk.at) else {
            found.extend(trace.ending(service));
            continue;
        };
        for code in answers_that_differ(line, service) {
            let next = trace.after(stack, line, code, &mut found);
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
        if seen.len() > MOST_TRACES {
            found.insert(Way::TooMany);
            break;
        }
    }
    found
}

/// The answers of a line; of somebody else's module, one for each thing that may come of it.
pub(crate) fn answers_that_differ(line: &StackLine, service: &str) -> Vec<PamCode> {
    if is_ours(line) {
        let own = own_answers(line.stage);
        return [own.accepted, own.aside, own.refused].concat();
    }
    let told_apart: &[PamCode] = match line.stage {
        Stage::Account => &[PamCode::SUCCESS, PamCode::NEW_AUTHTOK_REQD, PamCode::AUTHTOK_EXPIRED],
        _ => &[PamCode::SUCCESS],
    };
    let mut kinds: BTreeSet<(StackAction, Option<PamCode>)> = BTreeSet::new();
    let all = answers(line, service).into_iter();
    let apart = |code: PamCode| told_apart.contains(&code).then_some(code);
    all.filter(|code| kinds.insert((line.control.action(*code), apart(*code)))).collect()
}

impl Trace {
    fn after(&self, stack: &[StackLine], line: &StackLine, code: PamCode, found: &mut BTreeSet<Way>) -> Self {
        let mut next = self.clone();
        next.walk = self.walk.after(stack, code);
        if is_ours(line) {
            next.ours(line, code, found);
        } else if asks_first_factor(line) {
            if let (Some(ours), false) = (&self.asked, self.first_factor) {
                found.insert(Way::CodeFirst { ours: ours.clone(), module: module_of(line) });
            }
            next.first_factor = true;
        } else if code == PamCode::AUTHTOK_EXPIRED {
            next.barred.get_or_insert_with(|| (line.place.clone(), module_of(line)));
        }
        let skipped = stack.iter().take(next.walk.at).skip(self.walk.at + 1);
        if skipped.into_iter().any(is_ours) {
            next.passed = Some((line.place.clone(), module_of(line), code));
        }
        next
    }

    fn ours(&mut self, line: &StackLine, code: PamCode, found: &mut BTreeSet<Way>) {
        let own = own_answers(line.stage);
        if let Some(first) = self.accepted.clone().filter(|_| !own.aside.contains(&code)) {
            found.insert(Way::Doubled { first, second: line.place.clone() });
        }
        let asked = own.accepted.contains(&code) || own.refused.contains(&code);
        if asked && !forwards(line) {
            self.asked.get_or_insert_with(|| line.place.clone());
        }
        if own.accepted.contains(&code) {
            self.accepted.get_or_insert_with(|| line.place.clone());
        } else if own.aside.contains(&code) {
            self.stood_aside = true;
        } else {
            self.refused.get_or_insert_with(|| (line.place.clone(), code));
        }
    }

    /// The hole that this way shows at its end.
    fn ending(&self, service: &str) -> Option<Way> {
        if self.accepted.is_some() {
            return None;
        }
        match (self.walk.answer(), self.stage) {
            (PamCode::SUCCESS, _) => {}
            (PamCode::NEW_AUTHTOK_REQD, Stage::Account) if self.refused.is_none() => {
                let (by, module, _) = self.passed.clone()?;
                return Some(Way::PassedOverByExpiry { by, module });
            }
            (PamCode::AUTHTOK_EXPIRED, Stage::Account) if is_sudo(service) => {
                let (by, module) = self.barred.clone()?;
                return Some(Way::PassedOverByExpiry { by, module });
            }
            _ => return None,
        }
        if let Some((ours, code)) = self.refused.clone() {
            return Some(Way::RefusalIgnored { ours, code });
        }
        let (by, module, code) = self.passed.clone().filter(|_| !self.stood_aside)?;
        Some(Way::PassedOver { by, module, code })
    }
}

/// Password and code are one answer: then the code comes first by right.
fn forwards(line: &StackLine) -> bool {
    let says = |argument: &String| argument == "forward_pass" || argument.starts_with("forward_pass=");
    matches!(&line.kind, LineKind::Module { arguments, .. } if arguments.iter().any(says))
}

pub(crate) fn module_of(line: &StackLine) -> String {
    match &line.kind {
        LineKind::Module { path, .. } => path.clone(),
        LineKind::Substack => "substack".to_owned(),
        LineKind::MustFail { .. } => "a line that libpam cannot read".to_owned(),
    }
}
