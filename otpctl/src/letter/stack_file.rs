//! A stack of sheets in one HTML file, to which sheets are added one by one. Each is on disk before the next is begun; one that was
//! not finished is taken out again.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::letter::page::{BEGIN, END, Paper};
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::growing_file::{GrowingFile, open_growing};

/// One file of sheets.
pub(crate) struct StackFile {
    path: PathBuf,
    file: File,
}

impl StackFile {
    /// A new one, or one that an earlier run has made.
    pub(crate) fn open(path: &Path, paper: Paper) -> Result<Self, Failure> {
        let shown = escaped(&path.to_string_lossy());
        if path.extension().is_none_or(|extension| extension != "html") {
            return Err(Failure::Usage(format!("found {shown}; wanted a name that ends in .html")));
        }
        let GrowingFile { mut file, text } = open_growing(path)?;
        let head = paper.head();
        let opened = match text.strip_prefix(&head) {
            None if text.is_empty() => file.write_all(head.as_bytes()).and_then(|()| file.sync_all()),
            None => {
                let why = "found a file that is not a stack, or one for another paper size; wanted a new name or the \
                     stack of an earlier run";
                return Err(Failure::Usage(format!("{shown}: {why}")));
            }
            Some(sheets) => cut(&file, head.len() + sheets.rfind(END).map_or(0, |end| end + END.len())),
        };
        opened.map_err(|error| failed(path, &error))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Adds a sheet; on disk when it returns.
    pub(crate) fn add(&mut self, sheet: &str) -> Result<(), Failure> {
        let added = self.file.seek(SeekFrom::End(0)).and_then(|_| self.file.write_all(sheet.as_bytes()));
        added.and_then(|()| self.file.sync_all()).map_err(|error| failed(&self.path, &error))
    }

    /// Fit to be shown.
    pub(crate) fn shown(&self) -> String {
        escaped(&self.path.to_string_lossy())
    }

    /// Takes out the last sheet, if it is this one.
    pub(crate) fn take_out(&mut self, reference: &str) -> Result<(), Failure> {
        let GrowingFile { text, .. } = open_growing(&self.path)?;
        let Some(begin) = text.rfind(&format!("\n{BEGIN}")) else { return Ok(()) };
        match text.get(begin + 1..).is_some_and(|sheet| sheet.starts_with(&format!("{BEGIN}{reference}\""))) {
            true => cut(&self.file, begin + 1).map_err(|error| failed(&self.path, &error)),
            false => Ok(()),
        }
    }
}

/// A sheet that was torn goes.
fn cut(file: &File, length: usize) -> io::Result<()> {
    file.set_len(u64::try_from(length).map_err(io::Error::other)?)?;
    file.sync_all()
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::Stopped(format!("{}: {error}", escaped(&path.to_string_lossy())))
}
