//! The list of the letters that were made: CSV, a reference, a user and the end of the code in a row, with what the list of users had
//! beside their names. It is the journal, too: a row is begun before its code is made and ended when its letter is on disk, so that
//! what a kill or a power cut has left unfinished is found, and told.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use csv::{Position, ReaderBuilder, StringRecord, Terminator, WriterBuilder};

use crate::letter::batch::LetterBatch;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::growing_file::{GrowingFile, open_growing};

/// The list, open for one more row.
pub(crate) struct LetterList {
    path: PathBuf,
    file: File,
    batch: LetterBatch,
    /// Where the row begins that is being made.
    begun: u64,
    /// How many rows there are.
    rows: usize,
    /// The newest letter of each user.
    letters: HashMap<String, ListedLetter>,
    /// A row that was begun and not ended, by an earlier run.
    unfinished: Option<UnfinishedRow>,
}

/// A row that a kill or a power cut has left.
struct UnfinishedRow {
    reference: String,
    /// All its fields but the end.
    fields: Vec<String>,
}

/// A user's newest letter, by the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ListedLetter {
    /// It is there.
    Made(String),
    /// A code may have been made, and its letter was not finished.
    Lost,
}

impl LetterList {
    /// A new list, or that of an earlier run. `columns` are those beside the names.
    pub(crate) fn open(path: &Path, columns: &[String]) -> Result<Self, Failure> {
        let GrowingFile { file, text } = open_growing(path)?;
        let mut list = Self {
            path: path.to_owned(),
            file,
            batch: LetterBatch::new()?,
            begun: 0,
            rows: 0,
            letters: HashMap::new(),
            unfinished: None,
        };
        let head = [&["reference".to_owned(), "user".to_owned()], columns, &["ends".to_owned()]].concat();
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let mut rows: Vec<StringRecord> =
            reader.records().collect::<Result<_, _>>().map_err(|error| list.odd(&error.to_string()))?;
        let torn = if is_whole(&text) { None } else { rows.pop() };
        let whole = torn.as_ref().and_then(StringRecord::position).map_or(text.len() as u64, Position::byte);
        let Some((found, rows)) = rows.split_first() else {
            list.cut(whole)?;
            list.write(&line(&head))?;
            return Ok(list);
        };
        if found.iter().ne(head.iter()) {
            let (found, wanted) = (found.iter().collect::<Vec<_>>().join(","), head.join(","));
            return Err(list.odd(&format!("found the columns {found}; wanted {wanted}: choose another name")));
        }
        for row in rows {
            list.recall(row)?;
        }
        if let Some(row) = torn {
            list.recall_torn(&row, head.len(), whole)?;
        }
        Ok(list)
    }

    fn recall(&mut self, row: &StringRecord) -> Result<(), Failure> {
        self.rows += 1;
        let (Some(reference), Some(user)) = (row.get(0), row.get(1)) else {
            return Err(self.odd(&format!("row {}: wanted a reference and a user", self.rows)));
        };
        self.batch =
            LetterBatch::of(reference).ok_or_else(|| self.odd(&format!("row {}: not a reference", self.rows)))?;
        let is_lost = row.iter().next_back() == Some(LOST);
        let letter = if is_lost { ListedLetter::Lost } else { ListedLetter::Made(reference.to_owned()) };
        self.letters.insert(user.to_owned(), letter);
        Ok(())
    }

    /// A row is on disk up to its last comma before a code is made: with fewer fields than the head there is none, and nothing was begun.
    fn recall_torn(&mut self, row: &StringRecord, columns: usize, begun: u64) -> Result<(), Failure> {
        self.begun = begun;
        if row.len() < columns {
            return self.cut(begun);
        }
        self.recall(row)?;
        let fields: Vec<String> = row.iter().take(columns - 1).map(str::to_owned).collect();
        let (Some(reference), Some(user)) = (fields.first().cloned(), fields.get(1).cloned()) else { return Ok(()) };
        self.letters.insert(user, ListedLetter::Lost);
        self.unfinished = Some(UnfinishedRow { reference, fields });
        Ok(())
    }

    /// The reference of a letter that an earlier run has begun and not finished.
    pub(crate) fn unfinished(&self) -> Option<&str> {
        self.unfinished.as_ref().map(|row| row.reference.as_str())
    }

    /// Ends the row of that letter: never again is it taken for one that is being made. It is written again, whole: what is left of its end
    /// would swallow whatever comes next.
    pub(crate) fn settle(&mut self) -> Result<(), Failure> {
        let Some(row) = self.unfinished.take() else { return Ok(()) };
        self.cut(self.begun)?;
        self.write(&line(&[row.fields, vec![LOST.to_owned()]].concat()))
    }

    /// The newest letter of a user.
    pub(crate) fn letter_of(&self, user: &str) -> Option<&ListedLetter> {
        self.letters.get(user)
    }

    /// Users whose letter was lost, and who have none since.
    pub(crate) fn lost(&self) -> Vec<&str> {
        let lost = self.letters.iter().filter(|(_, letter)| **letter == ListedLetter::Lost);
        let mut users: Vec<_> = lost.map(|(user, _)| user.as_str()).collect();
        users.sort_unstable();
        users
    }

    /// Begins a row, before a code is made, and says which reference it has.
    pub(crate) fn begin(&mut self, user: &str, beside: &[String]) -> Result<String, Failure> {
        let reference = self.batch.reference(self.rows + 1);
        self.begun = self.file.seek(SeekFrom::End(0)).map_err(|error| self.odd(&error.to_string()))?;
        let begun = line(&[&[reference.clone(), user.to_owned()], beside].concat());
        self.write(&format!("{},", begun.trim_end_matches('\n')))?;
        self.rows += 1;
        self.letters.insert(user.to_owned(), ListedLetter::Lost);
        Ok(reference)
    }

    /// Ends it: the letter is on disk.
    pub(crate) fn end(&mut self, user: &str, reference: &str, ends: &str) -> Result<(), Failure> {
        self.write(&line(&[ends.to_owned()]))?;
        self.letters.insert(user.to_owned(), ListedLetter::Made(reference.to_owned()));
        Ok(())
    }

    /// Takes it back: there is no code.
    pub(crate) fn take_back(&mut self, user: &str) -> Result<(), Failure> {
        self.rows -= 1;
        self.letters.remove(user);
        self.cut(self.begun)
    }

    /// Only so many bytes are left.
    fn cut(&self, length: u64) -> Result<(), Failure> {
        self.file.set_len(length).and_then(|()| self.file.sync_all()).map_err(|error| self.odd(&error.to_string()))
    }

    /// Fit to be shown.
    pub(crate) fn shown(&self) -> String {
        escaped(&self.path.to_string_lossy())
    }

    /// On disk when it returns.
    fn write(&mut self, text: &str) -> Result<(), Failure> {
        let written = self.file.seek(SeekFrom::End(0)).and_then(|_| self.file.write_all(text.as_bytes()));
        written.and_then(|()| self.file.sync_data()).map_err(|error: io::Error| self.odd(&error.to_string()))
    }

    fn odd(&self, why: &str) -> Failure {
        Failure::Stopped(format!("{}: {}", self.shown(), escaped(why)))
    }
}

/// Does the text end with the end of a row? A line feed between quotes is none.
fn is_whole(text: &str) -> bool {
    text.is_empty() || (text.ends_with('\n') && text.bytes().filter(|byte| *byte == b'"').count() % 2 == 0)
}

/// A row, with its end. Fields that need them are in quotes.
fn line(fields: &[String]) -> String {
    let mut writer = WriterBuilder::new().terminator(Terminator::Any(b'\n')).from_writer(Vec::new());
    // Writing to memory does not fail, and what was text stays text.
    let _ = writer.write_record(fields);
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

/// Instead of the end of the code.
const LOST: &str = "lost";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("otpctl-{}-{name}.csv", std::process::id()));
        let _ = fs::remove_file(&path);
        path
    }

    #[test]
    fn a_row_that_was_not_ended_is_lost_in_every_later_run_until_there_is_a_letter() {
        let (path, columns) = (file("lost"), ["name".to_owned()]);
        let beside = ["Smith, \"Al\"".to_owned()];
        let mut list = LetterList::open(&path, &columns).expect("made");
        let first = list.begin("alice", &beside).expect("begun");
        list.end("alice", &first, "2026-12-14 15:43 CET").expect("ended");
        let second = list.begin("bob", &beside).expect("begun");
        drop(list);
        let list = LetterList::open(&path, &columns).expect("read");
        assert_eq!((list.unfinished(), list.lost()), (Some(second.as_str()), vec!["bob"]));
        LetterList::open(&path, &columns).and_then(|mut list| list.settle()).expect("settled");
        assert_eq!(list.letter_of("alice"), Some(&ListedLetter::Made(first.clone())));
        let mut list = LetterList::open(&path, &columns).expect("read");
        assert_eq!((list.unfinished(), list.lost()), (None, vec!["bob"]));
        list.begin("carol", &beside).expect("begun");
        list.take_back("carol").expect("taken back");
        let third = list.begin("bob", &beside).expect("begun");
        list.end("bob", &third, "never").expect("ended");
        assert!(LetterList::open(&path, &columns).expect("read").lost().is_empty());
        assert_eq!(
            fs::read_to_string(&path).expect("read"),
            format!(
                "reference,user,name,ends\n{first},alice,\"Smith, \"\"Al\"\"\",2026-12-14 15:43 CET\n\
                 {second},bob,\"Smith, \"\"Al\"\"\",lost\n{third},bob,\"Smith, \"\"Al\"\"\",never\n"
            )
        );
        assert!(first.ends_with("-001") && third.ends_with("-003") && first[..4] == third[..4]);
        fs::remove_file(path).expect("removed");
    }

    /// A list with a letter for alice, and a row for bob that was cut off after so many bytes.
    fn cut_off(name: &str, end: usize, field: &str) -> (PathBuf, String, usize) {
        let (path, columns, beside) = (file(name), ["street".to_owned()], [field.to_owned()]);
        let mut list = LetterList::open(&path, &columns).expect("made");
        let first = list.begin("alice", &beside).expect("begun");
        list.end("alice", &first, "2026-12-14 15:43 CET").expect("ended");
        let whole = fs::read(&path).expect("read").len();
        let second = list.begin("bob", &beside).expect("begun");
        list.end("bob", &second, "2026-12-15 15:43 CET").expect("ended");
        let text = fs::read(&path).expect("read");
        let row = text.len() - whole;
        fs::write(&path, &text[..whole + end.min(row - 1)]).expect("cut");
        (path, second, row)
    }

    #[test]
    fn wherever_a_row_was_cut_off_it_swallows_nothing_that_comes_after_it() {
        let columns = ["street".to_owned()];
        for field in ["plain", "1, \"A\" Road\nTown", "Stra\u{df}e \u{6771}\u{1f3e0}"] {
            let (path, _, row) = cut_off("cut", 0, field);
            fs::remove_file(&path).expect("removed");
            let begun = row - "2026-12-15 15:43 CET\n".len();
            for end in 1..row {
                let (path, second, _) = cut_off("cut", end, field);
                let mut list = LetterList::open(&path, &columns).expect("read");
                let lost = end >= begun;
                assert_eq!(list.unfinished(), lost.then_some(second.as_str()), "{end} of {field:?}");
                assert_eq!(list.lost(), if lost { vec!["bob"] } else { vec![] }, "{end} of {field:?}");
                list.settle().expect("settled");
                let next = list.begin("carol", &[field.to_owned()]).expect("begun");
                list.end("carol", &next, "never").expect("ended");
                let list = LetterList::open(&path, &columns).expect("read again");
                let made = |user| matches!(list.letter_of(user), Some(ListedLetter::Made(_)));
                assert!(made("alice") && made("carol") && list.unfinished().is_none(), "{end} of {field:?}");
                assert_eq!(list.letter_of("bob"), lost.then_some(&ListedLetter::Lost), "{end} of {field:?}");
                assert_eq!(list.letters.len(), if lost { 3 } else { 2 });
                fs::remove_file(path).expect("removed");
            }
        }
    }

    #[test]
    fn a_head_that_was_cut_off_is_written_again() {
        let path = file("head");
        drop(LetterList::open(&path, &[]).expect("made"));
        let whole = fs::read(&path).expect("read");
        for end in 0..whole.len() {
            fs::write(&path, &whole[..end]).expect("cut");
            drop(LetterList::open(&path, &[]).expect("read"));
            assert_eq!(fs::read(&path).expect("read"), whole, "{end}");
        }
        fs::remove_file(path).expect("removed");
    }

    #[test]
    fn a_list_with_other_columns_is_refused() {
        let path = file("columns");
        drop(LetterList::open(&path, &[]).expect("made"));
        let refused = LetterList::open(&path, &["street".to_owned()]).map(drop).map_err(|failure| failure.to_string());
        let wanted = "found the columns reference,user,ends; wanted reference,user,street,ends: choose another name";
        assert!(refused.is_err_and(|why| why.ends_with(wanted)));
        let foreign = b"a list of mine\nStra\xc3";
        fs::write(&path, foreign).expect("written");
        assert!(LetterList::open(&path, &[]).is_err());
        assert_eq!(fs::read(&path).expect("read"), foreign, "a file that is refused is not changed");
        fs::remove_file(path).expect("removed");
    }
}
