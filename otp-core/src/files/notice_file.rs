//! The unread notices of one user, and the file `notices/<uid>` that holds them.
//!
//! N1  TOML 1.0, at most 16 KiB, version 1; the first line is a checksum of the rest; an unknown field refuses the file
//! N2  the uid must be the one it is opened for, and the user name one that the account database gives to this uid
//! N3  at most 26 notices, with numbers that rise and lie below `next`
//! N4  one that was shown three times is gone; one that stays is gone when what it tells no longer holds
//! N5  when it is full, two of the same event become one, which says how often it happened. So no event is lost because
//!     somebody says that it was shown, but its details may be
//! N6  writing and reading are each other's inverse

use std::fmt::{self, Write as _};

use crate::accounts::{Account, NotOwner};
use crate::files::checksum;
use crate::files::notice::{Claim, Notice, NoticeEvent, Telling, Where};
use crate::keys::key::Label;
use crate::policy::toml_table::{Document, Table, TableError, quoted};
use crate::unix_time::UnixTime;

/// Largest file in bytes.
pub const SPOOL_CAP: usize = 16 * 1024;
/// Most notices of one user. Not fewer than there are events: N5 counts on it.
pub const MOST: usize = 26;
/// How often a notice is shown.
pub const SHOWINGS: u8 = 3;

/// Where notices were shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Showing {
    /// By a root-owned program, to the person who logged in.
    AtALogin,
    /// To a program of the user's own.
    OnRequest,
}

/// The notices of one user, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spool {
    /// Whose they are.
    pub account: Account,
    next: u64,
    notices: Vec<Spooled>,
}

/// One notice, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spooled {
    /// Its number; rises within one user.
    pub id: u64,
    /// The event; of several, the first.
    pub notice: Notice,
    /// How often it happened.
    pub times: u32,
    /// When it happened last.
    pub last: UnixTime,
    /// How often it was shown.
    pub shown: u8,
}

/// Why a text is not this user's spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpoolError {
    /// N1: not this format; where and what.
    Syntax(String),
    /// N2: somebody else's.
    Owner(NotOwner),
    /// A value out of its range; which.
    Value(&'static str),
}

impl Spool {
    /// Without a notice.
    pub fn new(account: &Account) -> Self {
        Self { account: account.clone(), next: 1, notices: Vec::new() }
    }

    /// Oldest first.
    pub fn notices(&self) -> &[Spooled] {
        &self.notices
    }

    /// Adds a notice, and makes room for it as N5 says.
    pub fn add(&mut self, notice: Notice) {
        let id = self.next;
        self.next = id.saturating_add(1);
        let last = notice.at;
        self.notices.push(Spooled { id, notice, times: 1, last, shown: 0 });
        if self.notices.len() > MOST {
            self.merge();
        }
    }

    /// They were shown, up to and with the one of this number. A claim over the socket does not use up the last
    /// showing, which is that of a login: somebody in the owner's session must not make an alarm vanish.
    pub fn shown(&mut self, last: u64, place: Showing) {
        let most = if place == Showing::AtALogin { SHOWINGS } else { SHOWINGS - 1 };
        let counts = |one: &&mut Spooled| one.id <= last && one.shown < most && !one.notice.event.stays();
        for one in self.notices.iter_mut().filter(counts) {
            one.shown = one.shown.saturating_add(1);
        }
        self.notices.retain(|one| one.shown < SHOWINGS);
    }

    /// This no longer holds.
    pub fn drop_event(&mut self, event: NoticeEvent) {
        self.notices.retain(|one| one.notice.event != event);
    }

    /// Makes one of two of the same event, the oldest that matter least. With more notices than events there are two.
    fn merge(&mut self) {
        let mut twins = Vec::new();
        for (place, one) in self.notices.iter().enumerate() {
            let same = |other: &&Spooled| other.notice.event.word() == one.notice.event.word();
            let later = self.notices.iter().skip(place + 1).position(|other| same(&other));
            twins.extend(later.map(|offset| (one.notice.event.severity(), place, place + 1 + offset)));
        }
        let Some((_, first, second)) = twins.into_iter().min() else { return };
        let newer = self.notices.remove(second);
        let older = self.notices.remove(first);
        self.notices.insert(second - 1, older.and(newer));
    }

    /// These notices and others, in the order in which they came, with new numbers, and not more than there is room for.
    pub fn and(mut self, other: Option<Self>) -> Self {
        let Some(other) = other else { return self };
        self.notices.extend(other.notices);
        self.notices.sort_by_key(|one| one.last);
        while self.notices.len() > MOST {
            self.merge();
        }
        self.notices.sort_by_key(|one| one.last);
        self.next = self.next.max(other.next);
        for one in &mut self.notices {
            one.id = self.next;
            self.next = one.id.saturating_add(1);
        }
        self
    }

    /// The same notices under another name or uid.
    pub fn of(self, account: &Account) -> Self {
        Self { account: account.clone(), ..self }
    }

    /// These, if they are those of `account` (N2).
    pub fn for_account(self, account: &Account) -> Result<Self, SpoolError> {
        account.owns(&self.account).map_err(SpoolError::Owner)?;
        Ok(self)
    }

    /// Reads the text of a spool, whosever it is.
    pub fn parse(text: &str) -> Result<Self, SpoolError> {
        let text = checksum::checked(text).ok_or(SpoolError::Value("the checksum in the first line"))?;
        let document = Document::parse(text)?;
        let mut root = document.root();
        if root.required_number("version")? != 1 {
            return Err(SpoolError::Value("version is not 1"));
        }
        let name = root.required_string("user")?.to_owned();
        let account = Account { name, uid: small(root.required_number("uid")?, "uid")? };
        let next = root.required_number("next")?;
        let notices = root.tables("notice")?.into_iter().map(Spooled::read).collect::<Result<Vec<_>, _>>()?;
        root.end()?;
        let numbers: Vec<u64> = notices.iter().map(|one| one.id).chain([next]).collect();
        if notices.len() > MOST || !numbers.is_sorted_by(|one, other| one < other) {
            return Err(SpoolError::Value("number or order of the notices"));
        }
        Ok(Self { account, next, notices })
    }

    /// The text of the file.
    pub fn to_toml(&self) -> String {
        let (user, uid) = (quoted(&self.account.name), self.account.uid);
        let mut out = format!("version = 1\nuser = {user}\nuid = {uid}\nnext = {}\n", self.next);
        for one in &self.notices {
            one.write(&mut out);
        }
        format!("{}{out}", checksum::line(&out))
    }
}

impl Spooled {
    /// One line for the owner.
    pub fn text(&self, telling: &Telling<'_>) -> String {
        let text = self.notice.text(telling);
        match self.times {
            1 => text,
            times => format!("{text} It happened {times} times, last at {}.", (telling.time)(self.last)),
        }
    }

    /// This and a newer one of the same event: who and where are those of this one, what is that of the newer one.
    fn and(self, newer: Self) -> Self {
        Self {
            id: newer.id,
            times: self.times.saturating_add(newer.times),
            last: newer.last,
            shown: self.shown.min(newer.shown),
            notice: Notice { event: newer.notice.event, ..self.notice },
        }
    }

    fn read(mut table: Table<'_>) -> Result<Self, SpoolError> {
        let id = table.required_number("id")?;
        let word = table.required_string("event")?;
        let left = number(&mut table, "left")?.map(|left| u8::try_from(left).map_err(|_| SpoolError::Value("left")));
        let event = NoticeEvent::parse(word, left.transpose()?).ok_or(SpoolError::Value("event"))?;
        let (at, by) = (table.required_time("at")?, small(table.required_number("by")?, "by")?);
        let from = Where {
            tty: claim(&mut table, "tty")?,
            rhost: claim(&mut table, "rhost")?,
            service: claim(&mut table, "service")?,
        };
        let key = table.string("key")?.map(|found| Label::new(found.value).map_err(|_| SpoolError::Value("key")));
        let notice = Notice { event, at, by, from, key: key.transpose()? };
        let times = small(table.required_number("times")?, "times")?;
        let last = table.required_time("last")?;
        let shown = u8::try_from(table.required_number("shown")?).map_err(|_| SpoolError::Value("shown"))?;
        table.end()?;
        Ok(Self { id, notice, times, last, shown })
    }

    fn write(&self, out: &mut String) {
        let notice = &self.notice;
        let text = |claim: &Option<Claim>| claim.as_ref().map(|claim| quoted(claim.as_str()));
        let fields = [
            ("id", Some(self.id.to_string())),
            ("event", Some(quoted(notice.event.word()))),
            ("left", notice.event.left().map(|left| left.to_string())),
            ("at", Some(notice.at.to_string())),
            ("by", Some(notice.by.to_string())),
            ("tty", text(&notice.from.tty)),
            ("rhost", text(&notice.from.rhost)),
            ("service", text(&notice.from.service)),
            ("key", notice.key.as_ref().map(|key| quoted(key.as_str()))),
            ("times", Some(self.times.to_string())),
            ("last", Some(self.last.to_string())),
            ("shown", Some(self.shown.to_string())),
        ];
        out.push_str("\n[[notice]]\n");
        for (name, value) in fields.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            let written = writeln!(out, "{name} = {value}");
            debug_assert!(written.is_ok(), "writing to a String does not fail");
        }
    }
}

fn number<'d>(table: &mut Table<'d>, name: &'d str) -> Result<Option<u64>, SpoolError> {
    match table.integer(name)? {
        None => Ok(None),
        Some(_) => Ok(Some(table.required_number(name)?)),
    }
}

fn claim<'d>(table: &mut Table<'d>, name: &'static str) -> Result<Option<Claim>, SpoolError> {
    let found = table.string(name)?.map(|found| Claim::parse(found.value).ok_or(SpoolError::Value(name)));
    found.transpose()
}

fn small(number: u64, what: &'static str) -> Result<u32, SpoolError> {
    u32::try_from(number).map_err(|_| SpoolError::Value(what))
}

impl From<TableError> for SpoolError {
    fn from(error: TableError) -> Self {
        Self::Syntax(error.to_string())
    }
}

impl fmt::Display for SpoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(what) => write!(f, "not a file of notices of version 1: {what}"),
            Self::Owner(why) => why.fmt(f),
            Self::Value(what) => write!(f, "value out of its range: {what}"),
        }
    }
}

impl std::error::Error for SpoolError {}

#[cfg(test)]
#[path = "notice_file_tests.rs"]
mod tests;
