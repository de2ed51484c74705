//! Finds tables that a slip has put inside something else although the file is still TOML: a string whose quotes close too late, or a table
//! below that of a service. Otherwise their rules would silently have no effect.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A mistake in a policy, and its offset in the text.
pub(super) type Swallowed = (usize, String);

/// The first table of a service that is not where tables of services are.
pub(super) fn swallowed(text: &str, root: &DeTable<'_>) -> Option<Swallowed> {
    root.iter().find_map(|(name, value)| match (name.get_ref().as_ref(), value.get_ref()) {
        (SERVICES, DeValue::Table(services)) => in_texts(text, value, &is_of_a_table).or_else(|| in_services(services)),
        _ => in_texts(text, value, &is_of_policy),
    })
}

/// A text, however deep, that goes on over a line which is of another table.
fn in_texts(text: &str, value: &Spanned<DeValue<'_>>, is_other: &dyn Fn(&str) -> bool) -> Option<Swallowed> {
    let span = value.span();
    match value.get_ref() {
        DeValue::Table(below) => below.values().find_map(|one| in_texts(text, one, is_other)),
        DeValue::Array(below) => below.iter().find_map(|one| in_texts(text, one, is_other)),
        DeValue::String(_) => {
            let mut lines = text.get(span.clone())?.lines().skip(1);
            let what = || "this text goes on over a table or a key; wanted its end before the next table".to_owned();
            lines.any(is_other).then(|| (span.start, what()))
        }
        _ => None,
    }
}

/// In the tables of services no text has more than one line, so one that looks like a header or like `key = value` is none of its own.
fn is_of_a_table(line: &str) -> bool {
    line.trim_start().starts_with('[') || line.contains('=')
}

/// Elsewhere it may: a command has lines of its own, also some that begin with a bracket or with `key=`.
fn is_of_policy(line: &str) -> bool {
    let key = line.trim_start_matches(|c: char| c == '[' || c.is_whitespace()).trim_start_matches(['"', '\'']);
    TABLES.iter().filter_map(|table| Some((table, key.strip_prefix(table)?))).any(|(table, rest)| {
        let rest = rest.trim_start_matches(['"', '\'']).trim_start();
        let begins = |what: &[char]| rest.starts_with(what);
        match line.trim_start().starts_with('[') {
            true => begins(&['.', ']']),
            false => (begins(&['.']) && rest.contains('=')) || (*table == SERVICES && begins(&['='])),
        }
    })
}

fn in_services(services: &DeTable<'_>) -> Option<Swallowed> {
    services.iter().find_map(|(service, value)| in_service(service.get_ref(), value.get_ref().as_table()?))
}

/// Tables have their place in it: `window`, `guesses` and the elements of `exempt`. Any other one with keys of a service was
/// written for another service.
fn in_service(service: &str, table: &DeTable<'_>) -> Option<Swallowed> {
    table.iter().find_map(|(name, value)| match (name.get_ref().as_ref(), value.get_ref()) {
        ("window" | "guesses", DeValue::Table(below)) => below.values().find_map(|one| of_another(service, one)),
        ("exempt", DeValue::Array(entries)) => {
            let tables = entries.iter().filter_map(|entry| entry.get_ref().as_table());
            tables.flat_map(|below| below.values()).find_map(|one| of_another(service, one))
        }
        _ => of_another(service, value),
    })
}

fn of_another(service: &str, value: &Spanned<DeValue<'_>>) -> Option<Swallowed> {
    match value.get_ref() {
        DeValue::Table(table) if table.keys().any(|key| KEYS.contains(&key.get_ref().as_ref())) => {
            let what = format!("this table is part of [service.{service}]; wanted [service.NAME] for each service");
            Some((value.span().start, what))
        }
        DeValue::Table(table) => table.values().find_map(|one| of_another(service, one)),
        DeValue::Array(below) => below.iter().find_map(|one| of_another(service, one)),
        _ => None,
    }
}

const SERVICES: &str = "service";
/// The tables of a policy.
const TABLES: [&str; 6] = [SERVICES, "rotation", "guesses", "window", "key", "cool_down"];
/// The keys of a service.
const KEYS: [&str; 9] =
    ["prompt", "digits", "unenrolled", "allow_until", "report_only", "exempt", "require", "window", "guesses"];
