//! Our lines instead of those that ask for the password: for programs that give one answer to every prompt, and where a key or an open
//! session stands for the password.

use std::collections::BTreeSet;

use super::insertion::Insertion;
use crate::stack::code::PamCode;
use crate::stack::control::StackAction;
use crate::stack::modules::{asks_first_factor, file_name, is_ours};
use crate::stack::reader::{LineKind, OwnLine, ServiceStacks, StackLine, Stage};
use crate::stack::walk::jumped;

/// The insertion, and the numbers of the lines that are out of use then. An error says why nothing can be put in.
pub(super) fn instead_of_password(
    text: &str,
    service: &ServiceStacks,
    rules: &[&str],
) -> Result<(Insertion, BTreeSet<usize>), String> {
    let auth = service.stage(Stage::Auth);
    if let Some((line, module)) = auth.iter().find_map(another_factor) {
        let (file, number) = (line.place.file.display(), line.place.line);
        return Err(format!(
            "{file} line {number}: {module} asks for a first factor, and the stack of docs/hosts.md has pam_unix.so alone; write it by hand"
        ));
    }
    let replaced = replaced(&auth)?;
    let Some(first) = replaced.first() else {
        return Err(
            "no auth line asks for a password, as far as this command knows; wanted one that does, for example \
             pam_unix.so"
                .to_owned(),
        );
    };
    let mut insertion = Insertion::new(first.first, rules);
    for own in &replaced {
        insertion.rules.extend(other_stages(text, *own, service));
    }
    Ok((insertion, replaced.iter().flat_map(|own| own.first..=own.last).collect()))
}

/// A first factor that our lines do not stand for.
fn another_factor(line: &StackLine) -> Option<(&StackLine, &str)> {
    let LineKind::Module { path, .. } = &line.kind else { return None };
    let module = file_name(path);
    (asks_first_factor(line) && module != "pam_unix.so").then_some((line, module))
}

/// The lines of the file that ask for the password or, by including a gated file, for a code, with the lines that they jump over.
fn replaced(auth: &[StackLine]) -> Result<BTreeSet<OwnLine>, String> {
    let asks = |line: &&StackLine| asks_first_factor(line) || is_ours(line);
    let mut found: BTreeSet<OwnLine> = auth.iter().filter(asks).map(|line| line.own).collect();
    for (at, line) in auth.iter().enumerate() {
        if !found.contains(&line.own) {
            continue;
        }
        for lines in jumps(line) {
            let (last, left) = jumped(auth, at, lines);
            if left > 0 {
                let (file, number) = (line.place.file.display(), line.place.line);
                return Err(format!("{file} line {number}: it jumps beyond the end of the stack; write it by hand"));
            }
            found.extend(auth.iter().take(last + 1).skip(at).map(|over| over.own));
        }
    }
    Ok(found)
}

fn jumps(line: &StackLine) -> Vec<usize> {
    let jump = |code| match line.control.action(code) {
        StackAction::Jump(lines) => Some(lines),
        _ => None,
    };
    PamCode::all().filter_map(jump).collect()
}

/// Debian's `@include` is for all stages: those that are not replaced go on by lines of their own.
fn other_stages(text: &str, own: OwnLine, service: &ServiceStacks) -> Vec<String> {
    let line = text.lines().nth(own.first.saturating_sub(1)).unwrap_or_default();
    let mut words = line.split_whitespace();
    let (Some(word), Some(file)) = (words.next(), words.next()) else { return Vec::new() };
    if !word.eq_ignore_ascii_case("@include") {
        return Vec::new();
    }
    let has = |stage: &Stage| service.lines.iter().any(|line| line.own == own && line.stage == *stage);
    let stages = [Stage::Account, Stage::Password, Stage::Session].into_iter().filter(has);
    stages.map(|stage| format!("{} include {file}", stage.name())).collect()
}
