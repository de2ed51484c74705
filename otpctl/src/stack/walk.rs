//! One way through a stack, line by line, as `_pam_dispatch` of Linux-PAM goes it when it authenticates or manages an account.

use super::code::PamCode;
use super::control::StackAction;
use super::reader::{LineKind, StackLine};

/// The sum of the lines so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Impression {
    Undefined,
    Positive,
    Negative,
}

/// How far a way has come. Two that are equal go on alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Walk {
    /// The line that is next.
    pub at: usize,
    impression: Impression,
    status: PamCode,
    /// The sum at the beginning of each level, for `reset`, up to the level of the line before.
    frames: Vec<(Impression, PamCode)>,
}

/// The answer of libpam where nothing was decided.
const MUST_FAIL: PamCode = PamCode::PERM_DENIED;

impl Walk {
    pub(crate) fn begin() -> Self {
        let begun = (Impression::Undefined, MUST_FAIL);
        Self { at: 0, impression: begun.0, status: begun.1, frames: vec![begun] }
    }

    /// The answer of libpam if the stack ends here.
    pub(crate) fn answer(&self) -> PamCode {
        match (self.status, self.impression) {
            (PamCode::SUCCESS, Impression::Undefined | Impression::Negative) => MUST_FAIL,
            (status, _) => status,
        }
    }

    /// After the line at which it stands has answered with `code`.
    pub(crate) fn after(&self, stack: &[StackLine], code: PamCode) -> Self {
        let Some(line) = stack.get(self.at) else { return self.clone() };
        let mut next = self.clone();
        next.enter(line.level);
        if line.kind == LineKind::Substack {
            next.at += 1;
            return next;
        }
        if code == PamCode::INCOMPLETE {
            next.status = code;
            next.at = stack.len();
            return next;
        }
        match line.control.action(code) {
            StackAction::Ignore => {}
            StackAction::Reset => {
                if let Some((impression, status)) = next.frames.last() {
                    (next.impression, next.status) = (*impression, *status);
                }
            }
            StackAction::Ok => drop(next.good(code)),
            StackAction::Done => {
                if next.good(code) {
                    next.at = end_of_level(stack, self.at);
                }
            }
            StackAction::Bad => next.refuse(code),
            StackAction::Die => {
                next.refuse(code);
                next.at = end_of_level(stack, self.at);
            }
            StackAction::Jump(lines) => {
                let (last, left) = jumped(stack, self.at, lines);
                next.at = last;
                if left > 0 {
                    (next.impression, next.status) = (Impression::Negative, MUST_FAIL);
                }
            }
        }
        next.at += 1;
        next
    }

    /// A level that is entered is remembered as it begins; what is deeper is forgotten.
    fn enter(&mut self, level: usize) {
        self.frames.truncate(level + 1);
        while self.frames.len() <= level {
            self.frames.push((self.impression, self.status));
        }
    }

    /// Whether all is well so far.
    fn good(&mut self, code: PamCode) -> bool {
        let well = self.impression == Impression::Positive && self.status == PamCode::SUCCESS;
        if self.impression == Impression::Undefined || well {
            (self.impression, self.status) = (Impression::Positive, code);
        }
        self.impression == Impression::Positive
    }

    fn refuse(&mut self, code: PamCode) {
        if self.impression != Impression::Negative {
            self.impression = Impression::Negative;
            self.status = if code == PamCode::IGNORE { MUST_FAIL } else { code };
        }
    }
}

fn level(stack: &[StackLine], at: usize) -> Option<usize> {
    stack.get(at).map(|line| line.level)
}

/// Does some line's jump pass over the place before the line `at`? Then a line that is put there changes where the jump ends.
pub(crate) fn is_jumped_over(stack: &[StackLine], at: usize) -> bool {
    let jumps = |line: &StackLine| -> Vec<usize> {
        PamCode::all()
            .filter_map(|code| match line.control.action(code) {
                StackAction::Jump(lines) => Some(lines),
                _ => None,
            })
            .collect()
    };
    stack.iter().enumerate().take(at).any(|(from, line)| {
        jumps(line).into_iter().any(|lines| {
            let (last, left) = jumped(stack, from, lines);
            last >= at || left > 0
        })
    })
}

/// The last line of the level, and of what is deeper.
fn end_of_level(stack: &[StackLine], at: usize) -> usize {
    let here = level(stack, at);
    let within = stack.iter().skip(at + 1).take_while(|line| Some(line.level) >= here);
    at + within.count()
}

/// The last line that a jump passes over, and how many more it should have. A substack is one line.
pub(crate) fn jumped(stack: &[StackLine], from: usize, lines: usize) -> (usize, usize) {
    let here = level(stack, from);
    let (mut at, mut left) = (from, lines);
    while left > 0 && level(stack, at + 1).is_some_and(|next| Some(next) >= here) {
        at += 1;
        while level(stack, at + 1).is_some_and(|next| Some(next) > here) {
            at += 1;
        }
        left -= 1;
    }
    (at, left)
}
