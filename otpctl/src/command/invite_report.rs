//! The outcome for each user of a list: a line for each who needs a look, counts of the rest; for scripts an object each.

use otp_core::unix_time::UnixTime;
use serde::Serialize;

use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::local_time::to_the_minute;
use crate::output::progress::Progress;
use crate::output::terminal::Terminal;

/// The outcome for one user.
pub(crate) enum ListOutcome {
    /// There is a letter.
    Invited {
        reference: String,
        ends: UnixTime,
        instead: bool,
    },
    /// Has a code that is good; the letter of this list with it.
    AlreadyInvited(Option<String>),
    AlreadyEnrolled,
    /// The code has another end.
    Extended(UnixTime),
    /// The code was taken back.
    Revoked,
    /// There was nothing to change.
    Unchanged(String),
    /// The same as in an earlier line.
    Twice(u64),
    /// Not in this list of users: an earlier run has lost the letter.
    Lost,
    /// Why not.
    Refused(String),
}

/// A row for scripts.
#[derive(Serialize)]
struct ReportRow<'a> {
    line: Option<u64>,
    user: &'a str,
    outcome: &'static str,
    why: Option<String>,
    reference: Option<&'a str>,
    ends: Option<u64>,
}

/// The last object.
#[derive(Default, Serialize)]
struct ReportCounts {
    changed: bool,
    done: usize,
    already: usize,
    refused: usize,
}

/// All of it.
pub(crate) struct ListReport<'a> {
    terminal: &'a mut Terminal,
    format: OutputFormat,
    progress: Progress,
    all: usize,
    seen: usize,
    counts: ReportCounts,
    /// Lines that are shown at the end, when the line of progress is gone.
    told: String,
}

impl ListOutcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Invited { .. } => "invited",
            Self::AlreadyInvited(_) => "already-invited",
            Self::AlreadyEnrolled => "already-enrolled",
            Self::Extended(_) => "extended",
            Self::Revoked => "revoked",
            Self::Unchanged(_) => "unchanged",
            Self::Twice(_) => "twice",
            Self::Lost => "lost",
            Self::Refused(_) => "refused",
        }
    }

    /// For a person; none where there is nothing to see to.
    fn told(&self) -> Option<String> {
        match self {
            Self::Invited { instead: false, .. } | Self::Revoked | Self::Extended(_) => None,
            Self::Invited { reference, .. } => {
                Some(format!("invited again, letter {reference}: the letter before it was not finished"))
            }
            Self::AlreadyInvited(Some(reference)) => Some(format!("already invited, letter {reference}")),
            Self::AlreadyInvited(None) => Some(
                "already invited, but not by a letter of this list; if nobody has that code, take it back (invite \
                 --revoke) and run this again"
                    .to_owned(),
            ),
            Self::AlreadyEnrolled => Some("already enrolled".to_owned()),
            Self::Unchanged(why) => Some(why.clone()),
            Self::Twice(line) => Some(format!("the same user as in line {line}")),
            Self::Lost => Some(
                "a letter was not finished, and nobody has its code; invite this user again (otpctl invite)".to_owned(),
            ),
            Self::Refused(why) => Some(format!("refused: {why}")),
        }
    }

    fn row<'a>(&'a self, line: Option<u64>, user: &'a str) -> ReportRow<'a> {
        let (reference, ends) = match self {
            Self::Invited { reference, ends, .. } => (Some(reference.as_str()), Some(ends.seconds())),
            Self::AlreadyInvited(reference) => (reference.as_deref(), None),
            Self::Extended(ends) => (None, Some(ends.seconds())),
            _ => (None, None),
        };
        ReportRow { line, user, outcome: self.word(), why: self.told(), reference, ends }
    }
}

impl<'a> ListReport<'a> {
    /// Of a list with so many users.
    pub(crate) fn begin(terminal: &'a mut Terminal, format: OutputFormat, all: usize) -> Self {
        let progress = if format == OutputFormat::Text { Progress::standard() } else { Progress::none() };
        Self { terminal, format, progress, all, seen: 0, counts: ReportCounts::default(), told: String::new() }
    }

    /// One more user, by the name in the list.
    pub(crate) fn add(&mut self, line: Option<u64>, user: &str, outcome: &ListOutcome) -> Result<(), Failure> {
        self.seen += 1;
        match outcome {
            ListOutcome::Invited { .. } | ListOutcome::Extended(_) | ListOutcome::Revoked => self.counts.done += 1,
            ListOutcome::Lost | ListOutcome::Refused(_) => self.counts.refused += 1,
            _ => self.counts.already += 1,
        }
        if self.format == OutputFormat::Json {
            return self.terminal.json(&outcome.row(line, user));
        }
        if let Some(told) = outcome.told() {
            let place = line.map_or_else(|| "earlier".to_owned(), |line| format!("line {line}"));
            self.told.push_str(&format!("{place:<10}  {:<16}  {told}\n", escaped(user)));
        }
        self.progress.done_of("users", self.seen, self.all);
        Ok(())
    }

    /// The counts. One refusal makes the whole a failure.
    pub(crate) fn end(mut self, done: &str, advice: Option<&str>) -> Result<(), Failure> {
        self.progress.done();
        self.counts.changed = self.counts.done > 0;
        let ReportCounts { done: count, already, refused, .. } = self.counts;
        let advice = advice.filter(|_| count > 0).unwrap_or_default();
        let text = format!("{}{done}: {count}, unchanged: {already}, refused: {refused}\n{advice}", self.told);
        self.terminal.tell(self.format, &self.counts, &text)?;
        match refused {
            0 => Ok(()),
            _ => Err(Failure::Stopped(format!("users who were refused or whose letter was lost: {refused}"))),
        }
    }
}

/// The end of a code, as it is told.
pub(crate) fn unchanged_end(ends: UnixTime) -> ListOutcome {
    ListOutcome::Unchanged(format!("the code ends at {}, as before", to_the_minute(ends)))
}
