//! The lines of otp.toml on which a rule stands. The file has been read as the module reads it; here it is only looked up again.

use std::fs;
use std::path::{Path, PathBuf};

use otp_core::policy::toml_table::{Document, Located, Table, TableError, TextOrTable};
use otp_core::site::Site;

use super::because::Because;

/// A policy file, for its line numbers.
pub(crate) struct PolicyLines {
    file: PathBuf,
    text: Option<String>,
}

impl PolicyLines {
    /// Of the file that the PAM line names, or of the standard one.
    pub(crate) fn of(named: Option<&Path>) -> Self {
        let file = named.unwrap_or(Path::new(Site::STANDARD.policy)).to_owned();
        let text = fs::read_to_string(&file).ok();
        Self { file, text }
    }

    /// A reason in the table of this service, at `field`.
    pub(crate) fn at(&self, service: &str, field: &str, text: impl Into<String>) -> Because {
        let line = self.look(|root| of_field(&mut table_of(root, service)?, field));
        Because::line(&self.file, line, text)
    }

    /// The same for one entry of the list `field`.
    pub(crate) fn entry(&self, service: &str, field: &str, entry: &str, text: impl Into<String>) -> Because {
        let line = self.look(|root| of_entry(&mut table_of(root, service)?, field, entry));
        Because::line(&self.file, line, text)
    }

    /// A reason in the table `[rotation]`.
    pub(crate) fn rotation(&self, text: impl Into<String>) -> Because {
        let line = self.look(|root| of_field(&mut root.table("rotation").ok()??, "max_age"));
        Because::line(&self.file, line, text)
    }

    /// A rule that no line says.
    pub(crate) fn default(&self, text: &str) -> Because {
        let there = if self.text.is_some() { "does not say otherwise" } else { "is not there" };
        Because::file(&self.file, format!("{there}: {text}"))
    }

    fn look(&self, find: impl FnOnce(&mut Table<'_>) -> Option<usize>) -> Option<usize> {
        let document = Document::parse(self.text.as_deref()?).ok()?;
        find(&mut document.root())
    }
}

fn table_of<'d>(root: &mut Table<'d>, service: &str) -> Option<Table<'d>> {
    let mut tables = root.table("service").ok()??;
    let name = tables.names().find(|name| *name == service)?;
    tables.table(name).ok()?
}

/// The line of a value, of whatever type: of another one the reader tells it as a mistake.
fn of_field(table: &mut Table<'_>, field: &str) -> Option<usize> {
    let name = table.names().find(|name| *name == field)?;
    match table.string(name) {
        Ok(found) => Some(line(table, &found?)),
        Err(TableError { line, .. }) => Some(line),
    }
}

fn of_entry(table: &mut Table<'_>, field: &str, entry: &str) -> Option<usize> {
    let name = table.names().find(|name| *name == field)?;
    let all = table.strings_or_tables(name).ok()?;
    all.into_iter().find_map(|one| match one {
        TextOrTable::Text(found) => (found.value == entry).then(|| line(table, &found)),
        TextOrTable::Table(mut below) => {
            let who = below.string("who").ok()??;
            (who.value == entry).then(|| line(&below, &who))
        }
    })
}

fn line<T>(table: &Table<'_>, found: &Located<T>) -> usize {
    table.error(found, String::new()).line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_found_on_its_line() {
        let text = "version = 1\n[rotation]\n\nmax_age = 30\n[service.sudo]\nunenrolled = \"skip\"\nallow_until = 2031-01-01\n\
                    exempt = [\n  \"user:a\",\n  { who = \"user:b\",\n    until = 2031-01-01 },\n]\nreport_only = true\n";
        let lines = PolicyLines { file: PathBuf::from("/x"), text: Some(text.to_owned()) };
        let at = |field| lines.at("sudo", field, "").line;
        assert_eq!([at("unenrolled"), at("allow_until"), at("report_only")], [Some(6), Some(7), Some(13)]);
        let entry = |entry| lines.entry("sudo", "exempt", entry, "").line;
        assert_eq!([entry("user:a"), entry("user:b"), entry("user:c")], [Some(9), Some(10), None]);
        assert_eq!((lines.rotation("").line, lines.at("su", "exempt", "").line), (Some(4), None));
    }
}
