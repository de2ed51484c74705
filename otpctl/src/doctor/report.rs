//! All that was found, as text in the shape of a monitoring plugin and as JSON. Bounded: of each id the first findings are kept, the rest is counted.

use std::collections::BTreeMap;

use serde::Serialize;

use super::finding::DoctorFinding;
use super::gravity::Gravity;
use super::ids::FindingId;
use crate::output::escape::escaped;

/// All findings on a host.
#[derive(Default)]
pub(crate) struct Report {
    found: BTreeMap<FindingId, FoundOfId>,
    facts: Vec<&'static str>,
}

/// The findings of one id.
#[derive(Default)]
struct FoundOfId {
    first: Vec<DoctorFinding>,
    count: usize,
}

/// The whole report in JSON.
#[derive(Serialize)]
pub(crate) struct ShownReport {
    /// ok, warning, critical or unknown.
    status: &'static str,
    /// The first of each id.
    findings: Vec<ShownFinding>,
    /// How often each id was found.
    counts: BTreeMap<&'static str, usize>,
    /// The rules that hold on this host by who is in its groups.
    facts: Vec<&'static str>,
}

#[derive(Serialize)]
struct ShownFinding {
    id: &'static str,
    severity: &'static str,
    what: String,
    why: &'static str,
    command: String,
    /// The decision of a person before or after the command; none where the command mends it.
    decide: Option<&'static str>,
}

impl Report {
    pub(crate) fn add(&mut self, finding: DoctorFinding) {
        let found = self.found.entry(finding.id).or_default();
        found.count += 1;
        if found.first.len() < MOST_OF_ONE_ID {
            found.first.push(finding);
        }
    }

    /// Something that holds here and is no fault.
    pub(crate) fn note(&mut self, fact: &'static str) {
        self.facts.push(fact);
    }

    /// Something that could not be looked at, and why.
    pub(crate) fn not_looked_at(&mut self, what: &str, why: &str) {
        self.add(DoctorFinding::run(FindingId::NotLookedAt, format!("not looked at: {what}: {why}"), AS_ROOT));
    }

    /// The worst of all; none if nothing was found.
    pub(crate) fn gravity(&self) -> Option<Gravity> {
        self.found.keys().map(|id| id.gravity()).max()
    }

    /// How often an id was found.
    pub(crate) fn count(&self, id: FindingId) -> usize {
        self.found.get(&id).map_or(0, |found| found.count)
    }

    /// 0 if nothing was found.
    pub(crate) fn exit_code(&self) -> u8 {
        self.gravity().map_or(0, Gravity::exit_code)
    }

    /// The worst first, and of these in the order of the table.
    fn by_gravity(&self) -> Vec<(&FindingId, &FoundOfId)> {
        let mut all: Vec<_> = self.found.iter().collect();
        all.sort_by_key(|(id, _)| std::cmp::Reverse(id.gravity()));
        all
    }

    fn of(&self, gravity: Gravity) -> usize {
        self.found.iter().filter(|(id, _)| id.gravity() == gravity).map(|(_, found)| found.count).sum()
    }

    /// In words: one line for a monitoring system, then the findings.
    pub(crate) fn text(&self) -> String {
        let all = self.by_gravity();
        let details: String = all.into_iter().map(|(id, found)| told(*id, found)).collect();
        let facts: String = self.facts.iter().map(|fact| format!("\n{fact}\n")).collect();
        format!("{}\n{}{facts}", self.first_line(), plain(&details))
    }

    /// `OTP WARNING - 2 warnings: a, b | critical=0 warning=2 unknown=0`
    fn first_line(&self) -> String {
        let counts = [Gravity::Critical, Gravity::Warning, Gravity::Unknown].map(|gravity| self.of(gravity));
        let [critical, warning, unknown] = counts;
        let told = [(critical, "critical", "critical"), (warning, "warning", "warnings")];
        let told = told.into_iter().chain([(unknown, "not looked at", "not looked at")]);
        let told: Vec<String> = told
            .filter(|(count, ..)| *count > 0)
            .map(|(count, one, more)| format!("{count} {}", if count == 1 { one } else { more }))
            .collect();
        let ids: Vec<&str> = self.by_gravity().into_iter().map(|(id, _)| id.id()).collect();
        let summary = match ids.is_empty() {
            true => "nothing is wrong".to_owned(),
            false => format!("{}: {}", told.join(", "), ids.join(", ")),
        };
        let status = status(self.gravity()).to_ascii_uppercase();
        format!("OTP {status} - {summary} | critical={critical} warning={warning} unknown={unknown}")
    }

    pub(crate) fn shown(&self) -> ShownReport {
        let findings = self.by_gravity().into_iter().flat_map(|(_, found)| &found.first).map(|one| ShownFinding {
            id: one.id.id(),
            severity: one.id.gravity().word(),
            what: one.what.clone(),
            why: one.id.why(),
            command: one.mend.command().to_owned(),
            decide: one.mend.decision(),
        });
        ShownReport {
            status: status(self.gravity()),
            findings: findings.collect(),
            counts: self.found.iter().map(|(id, found)| (id.id(), found.count)).collect(),
            facts: self.facts.clone(),
        }
    }
}

/// All findings of an id: what was found, why it matters, and each command once.
fn told(id: FindingId, found: &FoundOfId) -> String {
    let mut text = format!("\n{} {}\n", id.gravity().word().to_ascii_uppercase(), id.id());
    for one in &found.first {
        text.push_str(&format!("  {}\n", escaped(&one.what)));
    }
    let more = found.count - found.first.len();
    if more > 0 {
        text.push_str(&format!("  and {more} more; they are shown when these are fixed\n"));
    }
    text.push_str(&format!("  Why it matters: {}\n", id.why()));
    let mut told: Vec<String> = Vec::new();
    for one in &found.first {
        let command = escaped(one.mend.command());
        let line = match one.mend.decision() {
            None => format!("  Mend it:\n{COMMAND}{command}\n"),
            Some(decision) => format!("  Decide: {decision}.\n  Use:\n{COMMAND}{command}\n"),
        };
        if !told.contains(&line) {
            told.push(line);
        }
    }
    text.extend(told);
    text
}

fn status(gravity: Option<Gravity>) -> &'static str {
    gravity.map_or("ok", Gravity::word)
}

/// A monitoring system takes what follows a bar for numbers.
fn plain(text: &str) -> String {
    text.replace('|', "\\x7c")
}

/// Before a command, which has a line of its own that is never broken.
pub(crate) const COMMAND: &str = "    ";
/// Findings of one id that are kept.
const MOST_OF_ONE_ID: usize = 20;
const AS_ROOT: &str = "sudo otpctl doctor";

#[cfg(test)]
mod tests {
    use super::*;

    fn report(ids: &[FindingId]) -> Report {
        let mut report = Report::default();
        for id in ids {
            report.add(DoctorFinding::run(*id, "a|b\x1b[2J", "true"));
        }
        report
    }

    #[test]
    fn the_first_line_and_the_exit_code_are_those_of_a_monitoring_plugin() {
        let cases: [(&[FindingId], &str, u8); 4] = [
            (&[], "OTP OK - nothing is wrong | critical=0 warning=0 unknown=0", 0),
            (
                &[FindingId::DiskNearlyFull, FindingId::DiskNearlyFull],
                "OTP WARNING - 2 warnings: disk-nearly-full | critical=0 warning=2 unknown=0",
                1,
            ),
            (
                &[FindingId::NotLookedAt, FindingId::DiskFull, FindingId::DiskNearlyFull],
                "OTP CRITICAL - 1 critical, 1 warning, 1 not looked at: disk-full, disk-nearly-full, not-looked-at | critical=1 warning=1 unknown=1",
                2,
            ),
            (
                &[FindingId::NotLookedAt],
                "OTP UNKNOWN - 1 not looked at: not-looked-at | critical=0 warning=0 unknown=1",
                3,
            ),
        ];
        for (ids, line, code) in cases {
            let report = report(ids);
            assert_eq!((report.text().lines().next(), report.exit_code()), (Some(line), code));
        }
    }

    #[test]
    fn what_was_found_moves_no_cursor_and_makes_no_numbers() {
        let text = report(&[FindingId::DiskFull]).text();
        assert_eq!(text.matches('|').count(), 1, "{text}");
        assert!(text.contains("  a\\x7cb\\x1b[2J\n"), "{text}");
    }

    #[test]
    fn of_a_hundred_thousand_findings_few_are_kept_and_all_are_counted() {
        let report = report(&vec![FindingId::DiskFull; 100_000]);
        assert_eq!(report.count(FindingId::DiskFull), 100_000);
        let text = report.text();
        assert!(text.contains("  and 99980 more;") && text.lines().count() < 30, "{text}");
        assert_eq!(text.matches("Mend it:\n    true\n").count(), 1, "a command is told once");
    }
}
