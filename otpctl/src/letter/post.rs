//! Many letters at once: one file each in a directory, or one stack, with the list beside them.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use otp_protocol::interface::Invitation;

use crate::letter::letter_list::LetterList;
use crate::letter::page::{PageFormat, Paper, Sheet, SheetWords};
use crate::letter::stack_file::StackFile;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::growing_file::own_directory;
use crate::output::local_time::to_the_minute;
use crate::output::new_file::NewFile;

/// Where letters go.
#[derive(Clone, Copy)]
pub(crate) enum PostPlace<'a> {
    /// A file each.
    Directory(&'a Path),
    /// A sheet each in one file.
    Stack(&'a Path),
}

/// Letters that are being made.
pub(crate) struct Post {
    letters: PostFiles,
    words: SheetWords,
    notes: Option<(StackFile, SheetWords)>,
    paper: Paper,
    pub list: LetterList,
}

enum PostFiles {
    Directory(PathBuf),
    Stack(StackFile),
}

impl Post {
    /// Opens what an earlier run has left or makes it. A letter that it did not finish is taken out, and is lost by the list.
    pub(crate) fn open(
        place: PostPlace<'_>,
        notes: Option<&Path>,
        paper: Paper,
        columns: &[String],
    ) -> Result<Self, Failure> {
        let words = SheetWords::of_a_letter(PageFormat::Html)?;
        let notes = notes.map(|path| Ok::<_, Failure>((path, SheetWords::of_a_note(PageFormat::Html)?))).transpose()?;
        let (mut letters, list) = match place {
            PostPlace::Directory(path) => {
                make_directory(path)?;
                (PostFiles::Directory(path.to_owned()), path.join("list.csv"))
            }
            PostPlace::Stack(path) => (PostFiles::Stack(StackFile::open(path, paper)?), path.with_extension("csv")),
        };
        let opened = notes.map(|(path, words)| Ok::<_, Failure>((StackFile::open(path, paper)?, words)));
        let mut notes = opened.transpose()?;
        let mut list = LetterList::open(&list, columns)?;
        if let Some(reference) = list.unfinished() {
            letters.take_out(reference)?;
            notes.iter_mut().try_for_each(|(stack, _)| stack.take_out(reference))?;
        }
        list.settle()?;
        Ok(Self { letters, words, notes, paper, list })
    }

    /// Writes the letter of a row that was begun, and ends the row.
    pub(crate) fn add(&mut self, invitation: &Invitation, reference: &str) -> Result<(), Failure> {
        let sheet = Sheet { invitation, reference };
        let page = self.words.letter(sheet)?;
        match &mut self.letters {
            PostFiles::Stack(stack) => stack.add(&page)?,
            PostFiles::Directory(path) => {
                let mut file = NewFile::create(&letter_in(path, reference))?;
                let written =
                    file.write(&self.paper.head()).and_then(|()| file.write(&page)).and_then(|()| file.sync());
                written.map_err(|error| Failure::Stopped(format!("{}: {error}", file.shown())))?;
                file.keep();
            }
        }
        if let Some((stack, words)) = &mut self.notes {
            stack.add(&words.note(sheet)?)?;
        }
        self.list.end(&invitation.user, reference, &to_the_minute(invitation.ends))
    }

    /// Where the letters are, fit to be shown.
    pub(crate) fn shown(&self) -> String {
        match &self.letters {
            PostFiles::Directory(path) => escaped(&path.to_string_lossy()),
            PostFiles::Stack(stack) => stack.shown(),
        }
    }
}

impl PostFiles {
    fn take_out(&mut self, reference: &str) -> Result<(), Failure> {
        match self {
            Self::Stack(stack) => stack.take_out(reference),
            Self::Directory(path) => match fs::remove_file(letter_in(path, reference)) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    Err(Failure::Stopped(format!("{}: {error}", escaped(&path.to_string_lossy()))))
                }
                _ => Ok(()),
            },
        }
    }
}

fn letter_in(directory: &Path, reference: &str) -> PathBuf {
    directory.join(format!("{reference}.html"))
}

/// The caller's own alone, unless it is there.
fn make_directory(path: &Path) -> Result<(), Failure> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(Failure::Usage(format!("{}: {error}", escaped(&path.to_string_lossy()))))
        }
        _ => own_directory(path),
    }
}
