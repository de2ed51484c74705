//! A reason, and the place where it stands.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::output::escape::escaped;

/// Why something would happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Because {
    pub text: String,
    /// The file that says so; none for what no file says.
    pub file: Option<PathBuf>,
    pub line: Option<usize>,
}

impl Because {
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), file: None, line: None }
    }

    pub(crate) fn file(file: impl AsRef<Path>, text: impl Into<String>) -> Self {
        Self { text: text.into(), file: Some(file.as_ref().to_owned()), line: None }
    }

    pub(crate) fn line(file: impl AsRef<Path>, line: Option<usize>, text: impl Into<String>) -> Self {
        Self { line, ..Self::file(file, text) }
    }

    /// `FILE line NUMBER: TEXT`.
    pub(crate) fn told(&self) -> String {
        let place = match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{} line {line}: ", file.display()),
            (Some(file), None) => format!("{}: ", file.display()),
            (None, _) => String::new(),
        };
        escaped(&format!("{place}{}", self.text))
    }
}
