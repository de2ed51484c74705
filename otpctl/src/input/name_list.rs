//! A list of users: names one a line, or a table with a head, as a spreadsheet or a directory exports it (CSV, also with semicolons or
//! tabs).

use csv::{ReaderBuilder, StringRecord, Trim};
use otp_protocol::interface::UserName;

use crate::output::escape::escaped;

/// The whole list.
pub(crate) struct NameList {
    /// Heads of the columns beside the names.
    pub columns: Vec<String>,
    pub rows: Vec<NamedRow>,
}

/// One user.
pub(crate) struct NamedRow {
    pub line: u64,
    /// The name, as it was found.
    pub found: String,
    /// The name, or why it is none.
    pub user: Result<UserName, String>,
    /// The fields of the other columns.
    pub beside: Vec<String>,
}

/// Where the names are.
struct NameColumn {
    place: usize,
    heads: Vec<String>,
}

/// Reads a list. An error is about all of it; one about a row is in that row.
pub(crate) fn read(bytes: &[u8], column: Option<&str>) -> Result<NameList, String> {
    let text = text_of(bytes)?;
    let lines = ListLines::of(text);
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .comment(Some(b'#'))
        .delimiter(delimiter_of(text))
        .from_reader(text.as_bytes());
    let rows: Vec<StringRecord> = reader.records().collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    let mut rows = rows.iter().filter(|row| row.iter().any(|field| !field.is_empty())).peekable();
    let Some(first) = rows.peek() else {
        return Err("found no name; wanted one per line, or a table with a header row".to_owned());
    };
    let head = NameColumn::of(first, column).map_err(|why| format!("line {}: {why}", lines.number(first)))?;
    if head.is_some() {
        rows.next();
    }
    let head = head.unwrap_or(NameColumn { place: 0, heads: vec![String::new()] });
    let columns = head.beside(&head.heads);
    let rows = rows.map(|row| head.row(row, lines.number(row))).collect();
    Ok(NameList { columns, rows })
}

impl NameColumn {
    /// From the head; none where the list has one name a line and nothing else.
    fn of(first: &StringRecord, wanted: Option<&str>) -> Result<Option<Self>, String> {
        let is_wanted = |head: &str| match wanted {
            Some(wanted) => head.eq_ignore_ascii_case(wanted),
            None => USUAL_HEADS.iter().any(|usual| head.eq_ignore_ascii_case(usual)),
        };
        let places: Vec<usize> = (0..).zip(first).filter(|(_, head)| is_wanted(head)).map(|(place, _)| place).collect();
        match places.as_slice() {
            [place] => Ok(Some(Self { place: *place, heads: first.iter().map(str::to_owned).collect() })),
            [] if wanted.is_none() && first.len() == 1 => Ok(None),
            _ => {
                let wanted = wanted.map_or_else(|| USUAL_HEADS.join(", "), escaped);
                let found = first.iter().map(escaped).collect::<Vec<_>>().join(", ");
                Err(format!("found the columns {found}; wanted one called {wanted}, or name another with --column"))
            }
        }
    }

    fn row(&self, row: &StringRecord, line: u64) -> NamedRow {
        let found = row.get(self.place).unwrap_or_default().to_owned();
        let fields: Vec<String> = row.iter().map(str::to_owned).collect();
        let user = match fields.iter().any(|field| field.contains(['\n', '\r'])) {
            true => Err("found quotes that end in a later line; wanted both quotes of a field on one line".to_owned()),
            false if fields.len() != self.heads.len() => {
                Err(format!("found {} columns; wanted {}, as in the header row", fields.len(), self.heads.len()))
            }
            false if found.is_empty() => Err("found nothing; wanted the name of a user".to_owned()),
            false => UserName::new(&found).map_err(|error| error.to_string()),
        };
        NamedRow { line, found, user, beside: self.beside(&fields) }
    }

    fn beside(&self, fields: &[String]) -> Vec<String> {
        (0..).zip(fields).filter(|(place, _)| *place != self.place).map(|(_, field)| field.clone()).collect()
    }
}

/// The lines of a text. The CSV reader's own numbers are too low by one where lines end as on Windows.
struct ListLines<'a>(Vec<(usize, &'a str)>);

impl<'a> ListLines<'a> {
    fn of(text: &'a str) -> Self {
        let lines = text.split_inclusive('\n').scan(0, |begin, line| {
            let start = *begin;
            *begin += line.len();
            Some((start, line))
        });
        Self(lines.collect())
    }

    /// That in which a row begins; the reader counts what it leaves out before it as the row's.
    fn number(&self, row: &StringRecord) -> u64 {
        let begin = row.position().map_or(0, csv::Position::byte);
        let at = self.0.partition_point(|(start, _)| (*start as u64) < begin);
        let left_out = self.0.iter().skip(at).take_while(|(_, line)| line.starts_with(['#', '\n', '\r'])).count();
        (at + left_out) as u64 + 1
    }
}

/// Without the mark that some programs begin UTF-8 with.
fn text_of(bytes: &[u8]) -> Result<&str, String> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("found UTF-16; wanted UTF-8: export it as \"CSV UTF-8\"".to_owned());
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
        format!("line {line}: found bytes that are not UTF-8; wanted UTF-8: export it as \"CSV UTF-8\"")
    })?;
    Ok(text.trim_start_matches('\u{feff}'))
}

/// The character between columns: the one that is most often in the first line.
fn delimiter_of(text: &str) -> u8 {
    let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with('#')).unwrap_or_default();
    let count = |delimiter: &u8| first.bytes().filter(|byte| byte == delimiter).count();
    b"\t;,".iter().copied().max_by_key(count).unwrap_or(b',')
}

const USUAL_HEADS: [&str; 3] = ["user", "username", "login"];

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &[u8]) -> Vec<(u64, String, bool)> {
        let list = read(text, None).expect("a list");
        list.rows.into_iter().map(|row| (row.line, row.found, row.user.is_ok())).collect()
    }

    fn good(rows: &[(u64, &str)]) -> Vec<(u64, String, bool)> {
        rows.iter().map(|(line, name)| (*line, (*name).to_owned(), true)).collect()
    }

    #[test]
    fn names_stand_one_a_line_however_lines_end() {
        let both = good(&[(1, "alice"), (2, "bob")]);
        for text in ["alice\nbob", "alice\r\nbob\r\n", "\u{feff}alice\n  bob \n\n", "\"alice\"\n\"bob\""] {
            assert_eq!(names(text.as_bytes()), both, "{text:?}");
        }
        assert_eq!(names(b"# leavers\n\nalice\n"), good(&[(3, "alice")]));
        assert_eq!(
            names(b"user,x\r\nalice,\r\n\r\n# away\r\nbob,\r\ncarol,"),
            good(&[(2, "alice"), (5, "bob"), (6, "carol")])
        );
        assert_eq!(names(b"user\nalice\n"), good(&[(2, "alice")]));
    }

    #[test]
    fn a_table_gives_the_names_and_what_is_beside_them() {
        for text in [
            "Name,User,Street\n\"Smith, Al\",alice,\"1 \"\"A\"\" Road\"\n",
            "Name;User;Street\r\n\"Smith, Al\";alice;\"1 \"\"A\"\" Road\"",
            "\u{feff}Name\tUser\tStreet\nSmith, Al\talice\t1 \"A\" Road",
        ] {
            let list = read(text.as_bytes(), None).expect("a list");
            assert_eq!(list.columns, ["Name", "Street"]);
            let row = list.rows.first().expect("a row");
            assert_eq!((row.line, row.found.as_str()), (2, "alice"));
            assert_eq!(row.beside, ["Smith, Al", "1 \"A\" Road"]);
        }
        let list = read(b"uid,mail\nalice,a@example.org\n", Some("UID")).expect("a list");
        assert_eq!(list.rows.first().map(|row| row.found.as_str()), Some("alice"));
    }

    #[test]
    fn what_is_wrong_with_a_row_is_told_in_that_row() {
        let list = read(b"user,name\n,x\nalice\nbob,\"open\ncarol,x\n", None).expect("a list");
        let told: Vec<_> =
            list.rows.iter().map(|row| (row.line, row.user.as_ref().err().map(String::as_str))).collect();
        let quotes = "found quotes that end in a later line; wanted both quotes of a field on one line";
        let wanted = [
            (2, Some("found nothing; wanted the name of a user")),
            (3, Some("found 1 columns; wanted 2, as in the header row")),
            (4, Some(quotes)),
        ];
        assert_eq!(told, wanted);
        assert!(names(b"alice\n\x07bob\n").iter().any(|(line, _, good)| *line == 2 && !good));
    }

    #[test]
    fn what_is_wrong_with_all_of_it_is_told_with_its_line() {
        let told = |text: &[u8], column| read(text, column).map(drop).unwrap_err();
        assert_eq!(
            told(b"\nname,mail\n", None),
            "line 2: found the columns name, mail; wanted one called user, username, login, or name another with --column"
        );
        assert!(told(b"user,user\na,b\n", None).starts_with("line 1: found the columns user, user"));
        assert!(told(b"user\nalice\n", Some("uid")).contains("wanted one called uid"));
        assert!(told(b"alice\nj\xf6rg\n", None).starts_with("line 2: found bytes that are not UTF-8"));
        assert!(told(b"\xff\xfea\0", None).starts_with("found UTF-16"));
        assert!(told(b" \n# x\n", None).starts_with("found no name"));
    }
}
