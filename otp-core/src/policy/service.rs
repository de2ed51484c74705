//! The rules of one PAM service: its table `[service.NAME]`, with the host's rules for whatever the table does not set. An error in the
//! table refuses that service alone.

use crate::decision::limits::Limits;
use crate::decision::origin::Origin;
use crate::files::date::days_since_1970;
use crate::keys::key::NewKey;
use crate::policy::audience::{Entry, Exemption};
use crate::policy::cool_down::CoolDown;
use crate::policy::fields::{guesses, window};
use crate::policy::host::HostPolicy;
use crate::policy::rotation::{Age, Rotation};
use crate::policy::toml_table::{Located, Table, TableError, TextOrTable};
use crate::unix_time::UnixTime;

/// The rules of one PAM service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServicePolicy {
    /// The prompt.
    pub prompt: Option<String>,
    /// Lengths that count as a code; none means 6, 7 and 8.
    pub digits: Vec<usize>,
    /// The treatment of users who were never enrolled.
    pub unenrolled: Option<Unenrolled>,
    /// Until this day the unenrolled pass: until the first moment of it, in UTC.
    pub allow_until: Option<UnixTime>,
    /// The unenrolled pass, and the log says that they would have been refused.
    pub report_only: bool,
    /// Users who are not asked, some of them until a day.
    pub exempt: Vec<Exemption>,
    /// The only users who are asked, if this has entries.
    pub require: Vec<Entry>,
    /// Window, guesses and wait.
    pub limits: Limits,
    /// Does it ask for a new key when one is due?
    pub rotates: bool,
    /// Where its guesses come from at most: `Remote` or `Other`.
    pub origin: Option<Origin>,
    /// How old a key may become on this host, if there is an end to it.
    pub rotation: Option<Rotation>,
    /// Between the change of a password and the replacement of a key, on this host.
    pub cool_down: CoolDown,
}

/// The treatment of a user who was never enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unenrolled {
    /// Asked like everybody else, and refused.
    Deny,
    /// Not asked; the module stands aside (PAM_IGNORE).
    Skip,
    /// Asked and refused as with `deny`, unless what they type is a registration code of theirs: it makes a first key.
    Enrol,
}

impl Unenrolled {
    /// Reads `deny`, `skip` or `enrol`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "deny" => Some(Self::Deny),
            "skip" => Some(Self::Skip),
            "enrol" => Some(Self::Enrol),
            _ => None,
        }
    }
}

impl ServicePolicy {
    /// The rules of the host for a service without a table, or for a caller that is no service.
    pub(super) fn without_table(service: Option<&str>, host: &HostPolicy) -> Self {
        let asking = host.rotation.iter().flat_map(|rotation| &rotation.services);
        let rotates = asking.into_iter().any(|name| Some(name.as_str()) == service);
        let (rotation, cool_down) = (host.rotation.clone(), host.cool_down);
        Self { limits: host.limits, rotates, rotation, cool_down, ..Self::default() }
    }

    /// Reads the table of one service.
    pub(super) fn read(name: &str, mut table: Table<'_>, host: &HostPolicy) -> Result<Self, TableError> {
        let (general, mut limits) = (host.limits, host.limits);
        if let Some(below) = table.table("window")? {
            limits.window = window(below, general.window)?;
        }
        if let Some(below) = table.table("guesses")? {
            let at = below.start();
            (limits.guesses, limits.wait) = guesses(below, general)?;
            more_than(general, limits).map_or(Ok(()), |what| Err(at.error(what)))?;
        }
        let service = Self {
            prompt: prompt(&mut table)?,
            digits: digits(&mut table)?,
            unenrolled: unenrolled(&mut table)?,
            allow_until: day(&mut table, "allow_until")?,
            report_only: table.boolean("report_only")?.is_some_and(|found| found.value),
            exempt: exemptions(&mut table)?,
            require: required(&mut table)?,
            origin: origin(&mut table)?,
            limits,
            ..Self::without_table(Some(name), host)
        };
        table.end()?;
        Ok(service)
    }

    /// Why nobody with a key as new ones are made could use this service.
    pub(super) fn contradicts(&self, key: NewKey) -> Option<String> {
        let length = usize::from(key.digits.get());
        (!self.takes(length))
            .then(|| format!("digits is {:?}, but a new key has {length}, as [key] says or by default", self.digits))
    }

    /// Does it take codes of this length?
    pub fn takes(&self, length: usize) -> bool {
        self.digits.is_empty() || self.digits.contains(&length)
    }

    /// The origin of a guess here, which a root-owned host or the kernel says is `found`.
    pub fn origin(&self, found: Origin) -> Origin {
        found.lowered_to(self.origin)
    }

    /// Can a key become too old?
    pub fn keys_age(&self) -> bool {
        self.rotation.is_some()
    }

    /// How a key stands at `now` that was confirmed then.
    pub fn age(&self, confirmed: UnixTime, now: UnixTime) -> Age {
        self.rotation.as_ref().map_or(Age::Young, |rotation| rotation.age(confirmed, now))
    }

    /// Does anything in it end on some day?
    pub fn has_days(&self) -> bool {
        self.allow_until.is_some() || self.exempt.iter().any(|one| one.until.is_some())
    }

    /// Do the unenrolled pass today, whatever `unenrolled` says? They pass with a line in the log.
    pub fn unenrolled_pass(&self, now: UnixTime) -> bool {
        self.report_only || self.allow_until.is_some_and(|day| now < day)
    }
}

/// Wrong codes count for all services together, so none of them may have more guesses than all: strangers at one could use up
/// what keeps the key in force at the others.
fn more_than(general: Limits, here: Limits) -> Option<String> {
    let origin = Origin::ALL.into_iter().find(|origin| here.of(*origin) > general.of(*origin))?;
    let (name, found, wanted) = (origin.as_str(), here.of(origin), general.of(origin));
    Some(format!("{name} is {found}; wanted at most {wanted}, for all services together"))
}

fn prompt(table: &mut Table<'_>) -> Result<Option<String>, TableError> {
    let Some(found) = table.string("prompt")? else { return Ok(None) };
    let good = (1..=128).contains(&found.value.len()) && !found.value.chars().any(char::is_control);
    let wanted = || format!("prompt is {:?}; wanted 1 to 128 bytes without control characters", found.value);
    if good { Ok(Some(found.value.to_owned())) } else { Err(table.error(&found, wanted())) }
}

fn digits(table: &mut Table<'_>) -> Result<Vec<usize>, TableError> {
    let found = table.integers("digits")?;
    let length = |one: &Located<i64>| match one.value {
        6 => Ok(6),
        7 => Ok(7),
        8 => Ok(8),
        other => Err(table.error(one, format!("digits has {other}; wanted 6, 7 or 8"))),
    };
    found.iter().map(length).collect()
}

fn unenrolled(table: &mut Table<'_>) -> Result<Option<Unenrolled>, TableError> {
    let Some(found) = table.string("unenrolled")? else { return Ok(None) };
    let wanted =
        || table.error(&found, format!("unenrolled is {:?}; wanted \"deny\", \"skip\" or \"enrol\"", found.value));
    Unenrolled::parse(found.value).map(Some).ok_or_else(wanted)
}

fn origin(table: &mut Table<'_>) -> Result<Option<Origin>, TableError> {
    let Some(found) = table.string("origin")? else { return Ok(None) };
    match Origin::parse(found.value) {
        Some(origin @ (Origin::Remote | Origin::Other)) => Ok(Some(origin)),
        _ => Err(table.error(&found, format!("origin is {:?}; wanted \"remote\" or \"other\"", found.value))),
    }
}

/// The first moment of a day such as `2027-01-31`, in UTC.
fn day<'d>(table: &mut Table<'d>, name: &'d str) -> Result<Option<UnixTime>, TableError> {
    let Some(found) = table.date(name)? else { return Ok(None) };
    let wanted = || table.error(&found, format!("{name} is not a day; wanted a date like 2027-01-31"));
    days_since_1970(found.value).map(|days| Some(UnixTime::of_day(days))).ok_or_else(wanted)
}

fn required(table: &mut Table<'_>) -> Result<Vec<Entry>, TableError> {
    let found = table.strings("require")?;
    found.iter().map(|one| entry(table, "require", one)).collect()
}

fn exemptions(table: &mut Table<'_>) -> Result<Vec<Exemption>, TableError> {
    let found = table.strings_or_tables("exempt")?;
    let one = |one| match one {
        TextOrTable::Text(text) => {
            entry(table, "exempt", &text).map(|entry| Exemption { entry, until: None, reason: None })
        }
        TextOrTable::Table(below) => exemption(below),
    };
    found.into_iter().map(one).collect()
}

/// `{ who = "user:x", until = 2027-01-31, reason = "…" }`; `who` must be there.
fn exemption(mut table: Table<'_>) -> Result<Exemption, TableError> {
    let who = table.string("who")?.ok_or_else(|| table.missing("who"))?;
    let entry = entry(&table, "who", &who)?;
    let found = Exemption { entry, until: day(&mut table, "until")?, reason: noted_reason(&mut table)? };
    table.end()?;
    Ok(found)
}

fn noted_reason(table: &mut Table<'_>) -> Result<Option<String>, TableError> {
    let Some(found) = table.string("reason")? else { return Ok(None) };
    let text = found.value;
    let good = (1..=128).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if good && !text.trim().is_empty() {
        return Ok(Some(text.to_owned()));
    }
    let what = format!("reason is {text:?}; wanted 1 to 128 characters, not all blanks, without control characters");
    Err(table.error(&found, what))
}

fn entry(table: &Table<'_>, name: &str, found: &Located<&str>) -> Result<Entry, TableError> {
    let verb = if name == "who" { "is" } else { "has" };
    Entry::parse(found.value).map_err(|what| table.error(found, format!("{name} {verb} {what}")))
}
