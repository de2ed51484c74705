//! One letter, and the note that goes apart from it, in files of their own.

use std::path::Path;

use otp_protocol::interface::Invitation;

use crate::letter::batch::LetterBatch;
use crate::letter::page::{PageFormat, Paper, Sheet, SheetWords};
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::new_file::NewFile;

/// The files of one invitation, made and still empty.
pub(crate) struct LetterFiles {
    letter: Option<SheetFile>,
    note: Option<SheetFile>,
    paper: Paper,
    reference: String,
}

struct SheetFile {
    file: NewFile,
    words: SheetWords,
    format: PageFormat,
}

impl LetterFiles {
    /// Makes the files that were asked for. A template that is broken, or a file that is there, ends it here.
    pub(crate) fn create(letter: Option<&Path>, note: Option<&Path>, paper: Paper) -> Result<Self, Failure> {
        let letter = letter.map(|path| format_of(path).map(|format| (path, format))).transpose()?;
        let letter_words = letter.map(|(_, format)| SheetWords::of_a_letter(format)).transpose()?;
        let note = note.map(|path| (path, note_format(path)));
        let note_words = note.map(|(_, format)| SheetWords::of_a_note(format)).transpose()?;
        let made = |found: Option<(&Path, PageFormat)>, words: Option<SheetWords>| match (found, words) {
            (Some((path, format)), Some(words)) => Ok(Some(SheetFile { file: NewFile::create(path)?, words, format })),
            _ => Ok::<_, Failure>(None),
        };
        let reference = LetterBatch::new()?.reference(1);
        Ok(Self { letter: made(letter, letter_words)?, note: made(note, note_words)?, paper, reference })
    }

    /// Writes them, and says which reference is on the letter.
    pub(crate) fn write(mut self, invitation: &Invitation) -> Result<Option<String>, Failure> {
        let sheet = Sheet { invitation, reference: &self.reference };
        if let Some(letter) = &mut self.letter {
            let page = letter.words.letter(sheet)?;
            letter.write(&page, self.paper)?;
        }
        if let Some(note) = &mut self.note {
            let page = note.words.note(sheet)?;
            note.write(&page, self.paper)?;
        }
        let has_reference = self.letter.is_some();
        [self.letter, self.note].into_iter().flatten().for_each(|sheet| sheet.file.keep());
        Ok(has_reference.then_some(self.reference))
    }
}

impl SheetFile {
    fn write(&mut self, page: &str, paper: Paper) -> Result<(), Failure> {
        let head = if self.format == PageFormat::Html { paper.head() } else { String::new() };
        let shown = self.file.shown();
        self.file.write(&head).and_then(|()| self.file.write(page)).and_then(|()| self.file.sync()).map_err(|error| {
            Failure::Stopped(format!(
                "{shown}: {error}; the code was made and is lost; invite again, which replaces it"
            ))
        })
    }
}

fn format_of(path: &Path) -> Result<PageFormat, Failure> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => Ok(PageFormat::Html),
        Some("txt") => Ok(PageFormat::Text),
        _ => {
            let shown = escaped(&path.to_string_lossy());
            Err(Failure::Usage(format!("--letter: found {shown}, wanted a name that ends in .html or .txt")))
        }
    }
}

/// Under any other name it is text.
fn note_format(path: &Path) -> PageFormat {
    if path.extension().is_some_and(|extension| extension == "html") { PageFormat::Html } else { PageFormat::Text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_is_written() {
        assert!(format_of(Path::new("/x/a.html")).is_ok_and(|format| format == PageFormat::Html));
        assert!(format_of(Path::new("a.txt")).is_ok_and(|format| format == PageFormat::Text));
        for name in ["a", "a.pdf", ".html", "a.html.gz", "a.HTML"] {
            assert!(format_of(Path::new(name)).is_err_and(|failure| failure.code() == 2), "{name}");
        }
    }
}
