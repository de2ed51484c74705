//! Changes of a text by the numbers of its lines: lines that are put in, and lines that are put out of use.

use std::collections::BTreeSet;

use super::marks::{CHANGED, OUT_OF_USE, marked};

/// Some lines, put before the line with this number.
#[derive(Debug, Clone)]
pub(super) struct Insertion {
    pub before: usize,
    pub rules: Vec<String>,
    pub include: IncludeBefore,
}

/// The line before an insertion, where it includes the first factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IncludeBefore {
    Stays,
    /// An `include` that a `sufficient` line ends would end the whole stage, and a substack ends alone.
    BecomesSubstack,
}

impl Insertion {
    pub(super) fn new(before: usize, rules: &[&str]) -> Self {
        let rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
        Self { before, rules, include: IncludeBefore::Stays }
    }
}

/// The text with these insertions, and without the use of these lines.
pub(super) fn with(text: &str, mut insertions: Vec<Insertion>, out_of_use: &BTreeSet<usize>) -> String {
    insertions.sort_by_key(|one| one.before);
    let deeper = insertions.iter().find(|one| one.include == IncludeBefore::BecomesSubstack).map(|one| one.before);
    let mut insertions = insertions.into_iter().peekable();
    let mut found = String::with_capacity(text.len() + 256);
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        while let Some(due) = insertions.next_if(|one| one.before <= number) {
            add(&mut found, &due);
        }
        match deeper == Some(number + 1) {
            true => found.push_str(&format!("{CHANGED}\n{}", line.replacen("include", "substack", 1))),
            false if out_of_use.contains(&number) => found.push_str(&format!("{OUT_OF_USE}{line}")),
            false => found.push_str(line),
        }
    }
    insertions.for_each(|rest| add(&mut found, &rest));
    found
}

fn add(text: &mut String, insertion: &Insertion) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&marked(&insertion.rules));
}
