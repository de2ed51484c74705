//! The policy's program for notices: root-owned, it gets each notice on standard input.

use std::path::Path;
use std::time::Duration;

use crate::policy::toml_table::{Located, Table, TableError};

/// The program and how long it may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// Its absolute path and its arguments; no shell sees them.
    pub command: Vec<String>,
    /// After this long it is killed.
    pub deadline: Duration,
}

impl Notify {
    /// Takes `notify_command` and `notify_deadline`.
    pub fn read(root: &mut Table<'_>) -> Result<Option<Self>, TableError> {
        let words = root.strings("notify_command")?;
        let deadline = root.integer("notify_deadline")?;
        let seconds = deadline.map_or(Ok(DEFAULT_SECONDS), |found| seconds(root, &found))?;
        let Some(program) = words.first() else { return Ok(None) };
        if !Path::new(program.value).is_absolute() {
            let what = format!("notify_command begins with {:?}; wanted an absolute path", program.value);
            return Err(root.error(program, what));
        }
        if let Some(bad) = words.iter().find(|word| word.value.contains('\0') || word.value.len() > WORD_BYTES) {
            return Err(root.error(bad, format!("a word of notify_command; wanted at most {WORD_BYTES} bytes, no NUL")));
        }
        let command = words.iter().map(|word| word.value.to_owned()).collect();
        Ok(Some(Self { command, deadline: Duration::from_secs(seconds) }))
    }
}

fn seconds(root: &Table<'_>, found: &Located<i64>) -> Result<u64, TableError> {
    let seconds = u64::try_from(found.value).ok().filter(|seconds| (1..=MOST_SECONDS).contains(seconds));
    let what = || format!("notify_deadline is {}; wanted 1 to {MOST_SECONDS} seconds", found.value);
    seconds.ok_or_else(|| root.error(found, what()))
}

const DEFAULT_SECONDS: u64 = 30;
const MOST_SECONDS: u64 = 600;
const WORD_BYTES: usize = 4096;
