//! How far it is, for a person who waits: one line on standard error that is written over, and only where that is a terminal.

use std::cell::Cell;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// The line; none where nobody would see it.
pub(crate) struct Progress {
    next: Option<Cell<Instant>>,
}

impl Progress {
    /// On this process's standard error.
    pub(crate) fn standard() -> Self {
        Self { next: io::stderr().is_terminal().then(|| Cell::new(Instant::now())) }
    }

    /// None: something else is written there.
    pub(crate) fn none() -> Self {
        Self { next: None }
    }

    /// The area that is looked at now.
    pub(crate) fn at(&self, what: &str) {
        self.show(&format!("looking at: {what}"));
    }

    /// One of many; shown a few times a second.
    pub(crate) fn of(&self, what: &str, done: usize, all: usize) {
        if self.is_due() {
            self.show(&format!("looking at: {what}, {done} of {all}"));
        }
    }

    /// How many are done, of all.
    pub(crate) fn done_of(&self, what: &str, done: usize, all: usize) {
        if self.is_due() {
            self.show(&format!("{what}: {done} of {all}"));
        }
    }

    /// One of nobody knows how many; shown as often.
    pub(crate) fn so_far(&self, what: &str, done: usize) {
        if self.is_due() {
            self.show(&format!("{what}: {done}"));
        }
    }

    fn is_due(&self) -> bool {
        self.next.as_ref().is_some_and(|next| next.get() <= Instant::now())
    }

    /// Takes the line away.
    pub(crate) fn done(&self) {
        self.show("");
    }

    fn show(&self, text: &str) {
        if let Some(next) = &self.next {
            next.set(Instant::now() + PAUSE);
            drop(write!(io::stderr(), "\r{text}\x1b[K")); // nothing depends on it
        }
    }
}

const PAUSE: Duration = Duration::from_millis(200);
