//! The lines that come in or go when a cut-over begins and when it ends, and how users fare who have not moved.

use std::collections::BTreeMap;
use std::path::Path;

use super::new_line::{SKIP, StackForm, added_at};
use super::old_module::OldModule;
use crate::stack::code::PamCode;
use crate::stack::control::StackAction;
use crate::stack::modules::{answers, file_name, is_ours};
use crate::stack::reader::{LineKind, StackLine};
use crate::stack::walk::{Walk, jumped};

/// A cut-over that has begun: our line before an old one and, if it leads to one, `pam_permit.so` after it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CutOver {
    pub ours: usize,
    pub permit: Option<usize>,
    /// Those of our line.
    pub options: Vec<String>,
}

impl CutOver {
    /// Round the old line at this place, as `otpctl migrate-pam --both` writes it.
    pub(super) fn round(auth: &[StackLine], at: usize) -> Option<Self> {
        let (old, before) = (auth.get(at)?, at.checked_sub(1)?);
        let is_beside = |line: &&StackLine| line.place.file == old.place.file && line.level == old.level;
        let ours = auth.get(before).filter(|line| is_ours(line)).filter(is_beside)?;
        let LineKind::Module { arguments, .. } = &ours.kind else { return None };
        let action = |code| ours.control.action(code);
        let ends = action(PamCode::AUTH_ERR) == StackAction::Die && action(PamCode::IGNORE) == StackAction::Ignore;
        let skips = arguments.iter().any(|one| is_skip(one));
        let leads = match action(PamCode::SUCCESS) {
            StackAction::Jump(1) => auth.get(at + 1).filter(is_beside).filter(|line| is_permit(line)).map(|_| at + 1),
            StackAction::Jump(_) | StackAction::Done => None,
            _ => return None,
        };
        (ends && skips).then(|| Self {
            ours: before,
            permit: leads,
            options: arguments.iter().filter(|one| !is_skip(one)).cloned().collect(),
        })
    }
}

fn is_skip(option: &str) -> bool {
    [SKIP, "nullok"].contains(&option)
}

fn is_permit(line: &StackLine) -> bool {
    matches!(&line.kind, LineKind::Module { path, .. } if file_name(path) == "pam_permit.so")
}

/// The lines of this file that come in (or, below zero, go) at each place of the stack.
pub(super) fn changes(auth: &[StackLine], file: &Path, form: StackForm) -> BTreeMap<usize, isize> {
    let old = auth.iter().enumerate().filter(|(_, line)| line.place.file == file && OldModule::of(line).is_some());
    let each = old.flat_map(|(at, line)| match (form, CutOver::round(auth, at)) {
        (StackForm::Both, None) => added_at(line).ok().map(|lines| (at, lines)).into_iter().collect(),
        (StackForm::OursAlone, Some(begun)) => {
            std::iter::once(begun.ours).chain(begun.permit).map(|at| (at, -1)).collect::<Vec<_>>()
        }
        _ => Vec::new(),
    });
    each.collect()
}

/// How far a jump of so many lines leads after these changes.
pub(super) fn led(auth: &[StackLine], from: usize, lines: usize, changes: &BTreeMap<usize, isize>) -> usize {
    let (last, _) = jumped(auth, from, lines);
    let more = changes.range(from + 1..).take_while(|(at, _)| **at <= last).map(|(_, more)| more).sum();
    lines.saturating_add_signed(more)
}

/// Does the new stack let in a user without a key here whom the old one refuses? Each old line answers with one of these codes.
pub(super) fn lets_in_more(before: &[StackLine], after: &[StackLine], old: &[PamCode], service: &str) -> bool {
    let others = [PamCode::SUCCESS, PamCode::AUTH_ERR, PamCode::USER_UNKNOWN, PamCode::IGNORE];
    let pairs = old.iter().flat_map(|old| others.iter().map(move |other| (*old, *other)));
    let lets_in = |stack: &[StackLine], (old, other)| {
        let said = |line: &StackLine| match answers(line, service).as_slice() {
            _ if is_ours(line) => PamCode::IGNORE,
            _ if OldModule::of(line).is_some() => old,
            [only] => *only,
            _ => other,
        };
        let mut walk = Walk::begin();
        while let Some(line) = stack.get(walk.at) {
            walk = walk.after(stack, said(line));
        }
        walk.answer() == PamCode::SUCCESS
    };
    pairs.into_iter().any(|pair| lets_in(after, pair) && !lets_in(before, pair))
}
