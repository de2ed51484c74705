//! Reading a TOML table field by field: each is taken by name and type, and what nobody took is an error with its place.
//! Used for the policy, the secret file and vault.toml. The parser's own messages are not passed on where a file holds
//! secrets: they quote the line.

use std::fmt;

use crate::unix_time::UnixTime;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::files::date::Day;

/// A parsed document.
pub struct Document<'i> {
    text: &'i str,
    root: Spanned<DeTable<'i>>,
}

/// A table of a document, while its fields are taken.
pub struct Table<'d> {
    text: &'d str,
    fields: &'d DeTable<'d>,
    start: usize,
    taken: Vec<&'d str>,
}

/// Where a table begins.
#[derive(Debug, Clone, Copy)]
pub struct Start<'d> {
    text: &'d str,
    at: usize,
}

/// A value and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its offset in the text, in bytes.
    at: usize,
}

/// An element of an array that may hold both.
pub enum TextOrTable<'d> {
    /// A text.
    Text(Located<&'d str>),
    /// A table.
    Table(Table<'d>),
}

/// A fault in a document, and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableError {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The text that was found and the form that was wanted. May quote a field's name or a value.
    pub what: String,
}

impl<'i> Document<'i> {
    /// Parses `text`.
    pub fn parse(text: &'i str) -> Result<Self, TableError> {
        match DeTable::parse(text) {
            Ok(root) => Ok(Self { text, root }),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                Err(TableError::new(text, at, error.message().to_owned()))
            }
        }
    }

    /// An error about a place that `find` finds in the text and its top table.
    pub(crate) fn refuse(
        &self,
        find: impl FnOnce(&str, &DeTable<'i>) -> Option<(usize, String)>,
    ) -> Result<(), TableError> {
        let found = find(self.text, self.root.get_ref());
        found.map_or(Ok(()), |(at, what)| Err(TableError::new(self.text, at, what)))
    }

    /// Its top table.
    pub fn root(&self) -> Table<'_> {
        Table { text: self.text, fields: self.root.get_ref(), start: self.root.span().start, taken: Vec::new() }
    }
}

impl Start<'_> {
    /// An error about the table that begins here.
    pub fn error(&self, what: String) -> TableError {
        TableError::new(self.text, self.at, what)
    }
}

impl<'d> Table<'d> {
    /// A whole number, if the field is there.
    pub fn integer(&mut self, name: &'d str) -> Result<Option<Located<i64>>, TableError> {
        self.typed(name, NUMBER, |value| {
            let number = value.as_integer()?;
            i64::from_str_radix(number.as_str(), number.radix()).ok()
        })
    }

    /// A text, if the field is there.
    pub fn string(&mut self, name: &'d str) -> Result<Option<Located<&'d str>>, TableError> {
        self.typed(name, "a string", |value| value.as_str())
    }

    /// True or false, if the field is there.
    pub fn boolean(&mut self, name: &'d str) -> Result<Option<Located<bool>>, TableError> {
        self.typed(name, "true or false", |value| value.as_bool())
    }

    /// A date without time, if the field is there.
    pub fn date(&mut self, name: &'d str) -> Result<Option<Located<Day>>, TableError> {
        self.typed(name, "a date like 2027-01-31", |value| {
            let moment = value.as_datetime()?;
            let date = moment.date.filter(|_| moment.time.is_none() && moment.offset.is_none())?;
            Some(Day { year: date.year, month: date.month, day: date.day })
        })
    }

    /// An array of whole numbers; none if it is absent.
    pub fn integers(&mut self, name: &'d str) -> Result<Vec<Located<i64>>, TableError> {
        self.array(name, "an array of whole numbers", |value| {
            let number = value.as_integer()?;
            i64::from_str_radix(number.as_str(), number.radix()).ok()
        })
    }

    /// An array of texts; none if it is absent.
    pub fn strings(&mut self, name: &'d str) -> Result<Vec<Located<&'d str>>, TableError> {
        self.array(name, "an array of strings", |value| value.as_str())
    }

    /// An array of texts and tables; none if it is absent.
    pub fn strings_or_tables(&mut self, name: &'d str) -> Result<Vec<TextOrTable<'d>>, TableError> {
        let text = self.text;
        let found =
            self.array(name, "an array of strings and tables", |value| match (value.as_str(), value.as_table()) {
                (Some(text), _) => Some(Ok(text)),
                (None, table) => table.map(Err),
            })?;
        let one = |found: Located<Result<&'d str, &'d DeTable<'d>>>| match found.value {
            Ok(value) => TextOrTable::Text(Located { value, at: found.at }),
            Err(fields) => TextOrTable::Table(Table { text, fields, start: found.at, taken: Vec::new() }),
        };
        Ok(found.into_iter().map(one).collect())
    }

    /// Names of the fields, in the file's order.
    pub fn names(&self) -> impl Iterator<Item = &'d str> + use<'d> {
        self.fields.keys().map(|name| name.get_ref().as_ref())
    }

    /// A whole number of at least 0 that must be there.
    pub fn required_number(&mut self, name: &'d str) -> Result<u64, TableError> {
        let found = self.integer(name)?;
        let found = found.ok_or_else(|| self.missing(name))?;
        u64::try_from(found.value).map_err(|_| self.error(&found, format!("{name} is below 0")))
    }

    /// A moment that must be there, in seconds since 1970.
    pub fn required_time(&mut self, name: &'d str) -> Result<UnixTime, TableError> {
        self.required_number(name).map(UnixTime::new)
    }

    /// A text that must be there.
    pub fn required_string(&mut self, name: &'d str) -> Result<&'d str, TableError> {
        let found = self.string(name)?;
        found.map(|found| found.value).ok_or_else(|| self.missing(name))
    }

    /// A table below this one, if it is there.
    pub fn table(&mut self, name: &'d str) -> Result<Option<Table<'d>>, TableError> {
        let text = self.text;
        let below = self.typed(name, "a table", |value| value.as_table())?;
        Ok(below.map(|found| Table { text, fields: found.value, start: found.at, taken: Vec::new() }))
    }

    /// An array of tables; none if it is absent.
    pub fn tables(&mut self, name: &'d str) -> Result<Vec<Table<'d>>, TableError> {
        let text = self.text;
        let all = self.array(name, "an array of tables", |value| value.as_table())?;
        let table =
            |found: Located<&'d DeTable<'d>>| Table { text, fields: found.value, start: found.at, taken: vec![] };
        Ok(all.into_iter().map(table).collect())
    }

    /// Every field must have been taken.
    pub fn end(self) -> Result<(), TableError> {
        let unknown = self.fields.keys().find(|name| !self.taken.contains(&name.get_ref().as_ref()));
        match unknown {
            None => Ok(()),
            Some(name) => {
                let what = format!("there is no field {:?} here; there are {}", name.get_ref(), self.taken.join(", "));
                Err(TableError::new(self.text, name.span().start, what))
            }
        }
    }

    /// An error about a value that was found.
    pub fn error<T>(&self, found: &Located<T>, what: String) -> TableError {
        TableError::new(self.text, found.at, what)
    }

    /// Where the table is, for an error that is found when it has been read.
    pub fn start(&self) -> Start<'d> {
        Start { text: self.text, at: self.start }
    }

    /// An error about the table as a whole.
    pub fn error_here(&self, what: String) -> TableError {
        TableError::new(self.text, self.start, what)
    }

    /// An error about a field that must be there.
    pub(crate) fn missing(&self, name: &str) -> TableError {
        self.error_here(format!("the field {name} is missing"))
    }

    fn array<T>(
        &mut self,
        name: &'d str,
        wanted: &str,
        take: impl Fn(&'d DeValue<'d>) -> Option<T>,
    ) -> Result<Vec<Located<T>>, TableError> {
        let all = self.typed(name, wanted, |value| {
            let one = |one: &'d Spanned<DeValue<'d>>| {
                let value = take(one.get_ref())?;
                Some(Located { value, at: one.span().start })
            };
            value.as_array()?.iter().map(one).collect::<Option<Vec<_>>>()
        })?;
        Ok(all.map_or_else(Vec::new, |found| found.value))
    }

    fn typed<T>(
        &mut self,
        name: &'d str,
        wanted: &str,
        take: impl FnOnce(&'d DeValue<'d>) -> Option<T>,
    ) -> Result<Option<Located<T>>, TableError> {
        self.taken.push(name);
        let Some(value) = self.fields.get(name) else { return Ok(None) };
        let at = value.span().start;
        let found = value.get_ref().type_str();
        match take(value.get_ref()) {
            Some(value) => Ok(Some(Located { value, at })),
            None if found == "integer" && wanted == NUMBER => {
                Err(TableError::new(self.text, at, format!("{name} is too large; wanted a number of at most 63 bits")))
            }
            None => {
                let article = if found.starts_with(['a', 'i']) { "an" } else { "a" };
                Err(TableError::new(self.text, at, format!("{name} is {article} {found}; wanted {wanted}")))
            }
        }
    }
}

const NUMBER: &str = "a whole number";

impl TableError {
    fn new(text: &str, offset: usize, what: String) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Self { line, column, what }
    }

    /// Where, without what: for files whose contents must not reach a log.
    pub fn place(&self) -> String {
        format!("line {}, column {}", self.line, self.column)
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.what)
    }
}

impl std::error::Error for TableError {}

/// A basic string of TOML 1.0, quoted and escaped.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_survives_the_quotes() {
        for text in ["", "plain", "quo\"te", "back\\slash", "line\nbreak", "\u{1}\u{7f}", "ü√"] {
            let text_of_file = format!("x = {}", quoted(text));
            let document = Document::parse(&text_of_file).unwrap();
            assert_eq!(document.root().required_string("x"), Ok(text));
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let fault = |text: &str, read: &dyn Fn(&mut Table<'_>) -> Result<(), TableError>| {
            let document = Document::parse(text).unwrap();
            let mut root = document.root();
            let error = read(&mut root).and_then(|()| root.end()).unwrap_err();
            (error.line, error.column)
        };
        let read_a = |table: &mut Table<'_>| table.integer("a").map(drop);
        assert_eq!(fault("a = \"x\"", &read_a), (1, 5));
        assert_eq!(fault("a = 99999999999999999999", &read_a), (1, 5));
        assert_eq!(fault("a = 1\nb = 2", &read_a), (2, 1));
        assert_eq!(fault("b = 1", &|table| table.required_number("a").map(drop)), (1, 1));
        assert_eq!(fault("a = -1", &|table| table.required_number("a").map(drop)), (1, 5));
        assert_eq!(fault("a = [1]", &|table| table.tables("a").map(drop)), (1, 5));
        assert!(Document::parse("a = 1\na = 2").is_err());
        let document = Document::parse("a = 9223372036854775808").unwrap();
        let error = document.root().integer("a").unwrap_err();
        assert!(error.what.contains("a is too large; wanted a number of at most 63 bits"), "{error}");
    }

    #[test]
    fn numbers_are_read_in_every_notation_of_toml() {
        let document = Document::parse("a = 1_000\nb = 0x10\nc = +7").unwrap();
        let mut root = document.root();
        let mut number = |name| root.required_number(name).unwrap();
        assert_eq!((number("a"), number("b"), number("c")), (1000, 16, 7));
    }
}
