//! The content of an emergency mark: whom it lets past the gate, why, and until when. Rule E5 at the head of `emergency` is decided here.

use std::fmt::Write as _;

use crate::accounts::Account;
use crate::environment::{BootId, Moment};
use crate::policy::toml_table::{Document, Table, TableError, quoted};
use crate::unix_time::UnixTime;

/// A mark: who is let past the gate, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmergencyMark {
    /// For whom; both name and uid must match.
    pub account: Account,
    /// Why, in the words of its author.
    pub reason: Reason,
    /// The writer, as far as that could be told. A note, not a proof.
    pub by: String,
    /// When, by a clock that may be wrong.
    pub made: UnixTime,
    /// How long it lasts; none in a mark of version 1, which has no end.
    pub lasts: Option<Lasting>,
}

/// How long a mark lasts (E5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lasting {
    /// Seconds from its making, 1 to [`LONGEST_BYPASS_S`].
    pub seconds: u64,
    /// The boot that wrote it, and what CLOCK_BOOTTIME said then, in milliseconds; none where the boot was not known.
    pub boot: Option<(BootId, u64)>,
}

/// Why somebody is let past the gate: 1 to 128 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl EmergencyMark {
    /// Reads the text of a mark.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let document = Document::parse(text)?;
        let mut root = document.root();
        let version = root.required_number("version")?;
        if !(1..=NEWEST_VERSION).contains(&version) {
            return Err(root.error_here(format!("version is {version}; wanted 1 or {NEWEST_VERSION}")));
        }
        let (name, uid) = (root.required_string("user")?.to_owned(), root.required_number("uid")?);
        let uid = u32::try_from(uid).map_err(|_| root.error_here(format!("uid is {uid}; wanted 32 bits")))?;
        let reason = Reason::new(root.required_string("reason")?).map_err(|wanted| root.error_here(wanted.into()))?;
        let (by, made) = (root.required_string("by")?.to_owned(), root.required_time("made")?);
        let lasts = if version == 1 { None } else { Some(LastingFields::take(&mut root)?) };
        let start = root.start();
        root.end()?; // before a field is missed: what a later program has added says more
        let lasts = lasts.map(LastingFields::checked).transpose().map_err(|what| start.error(what))?;
        Ok(Self { account: Account { name, uid }, reason, by, made, lasts })
    }

    /// Is it over?
    pub fn has_ended(&self, now: &Moment) -> bool {
        self.left_ms(now).is_some_and(|left| left <= 0)
    }

    /// When it ends or has ended, by the clock of `now`; none if it has no end.
    pub fn end(&self, now: &Moment) -> Option<UnixTime> {
        let lasts = self.lasts.as_ref()?;
        let by_wall = self.made + lasts.seconds;
        let left = i64::try_from(self.left_ms(now)?.div_euclid(1000)).unwrap_or(i64::MAX);
        let by_boot = UnixTime::new(now.wall.seconds().saturating_add_signed(left));
        // Both round; where no clock was set they are the same moment.
        Some(if by_boot.since(by_wall).max(by_wall.since(by_boot)) <= ROUNDED_S { by_wall } else { by_boot })
    }

    /// Milliseconds to its end, below 0 after it.
    fn left_ms(&self, now: &Moment) -> Option<i128> {
        let lasts = self.lasts.as_ref()?;
        let whole = i128::from(lasts.seconds) * 1000;
        let gone = match &lasts.boot {
            Some((boot, made_ms)) if now.boot.as_ref() == Some(boot) => i128::from(now.boot_ms) - i128::from(*made_ms),
            _ => (i128::from(now.wall.seconds()) - i128::from(self.made.seconds())) * 1000,
        };
        Some(whole - gone)
    }

    /// The text of the file, of the lowest version that can say it.
    pub fn to_toml(&self) -> String {
        let mut out = format!("version = {}\n", if self.lasts.is_some() { NEWEST_VERSION } else { 1 });
        let (user, reason, by) = (quoted(&self.account.name), quoted(&self.reason.0), quoted(&self.by));
        let (uid, made) = (self.account.uid, self.made);
        let written = write!(out, "user = {user}\nuid = {uid}\nreason = {reason}\nby = {by}\nmade = {made}\n");
        debug_assert!(written.is_ok(), "writing to a String does not fail");
        let Some(Lasting { seconds, boot }) = &self.lasts else { return out };
        let written = writeln!(out, "lasts = {seconds}").and_then(|()| match boot {
            Some((id, made_ms)) => write!(out, "boot = {}\nboot_ms = {made_ms}\n", quoted(id.as_str())),
            None => Ok(()),
        });
        debug_assert!(written.is_ok(), "writing to a String does not fail");
        out
    }
}

impl Lasting {
    /// From now on.
    pub fn from(now: &Moment, seconds: u64) -> Self {
        Self { seconds, boot: now.boot.clone().map(|boot| (boot, now.boot_ms)) }
    }
}

/// The fields of [`Lasting`] as the file has them.
struct LastingFields<'d> {
    seconds: Option<i64>,
    boot: Option<&'d str>,
    boot_ms: Option<i64>,
}

impl<'d> LastingFields<'d> {
    fn take(table: &mut Table<'d>) -> Result<Self, TableError> {
        Ok(Self {
            seconds: table.integer("lasts")?.map(|found| found.value),
            boot: table.string("boot")?.map(|found| found.value),
            boot_ms: table.integer("boot_ms")?.map(|found| found.value),
        })
    }

    fn checked(self) -> Result<Lasting, String> {
        let seconds = self.seconds.ok_or("the field lasts is missing")?;
        let wanted = || format!("lasts is {seconds}; wanted 1 to {LONGEST_BYPASS_S}");
        let in_range = |seconds: &u64| (1..=LONGEST_BYPASS_S).contains(seconds);
        let boot = match (self.boot, self.boot_ms) {
            (None, None) => None,
            (Some(id), Some(made_ms)) => {
                let id = BootId::parse(id).ok_or("boot is not a boot id; wanted 36 hexadecimal digits and hyphens")?;
                Some((id, u64::try_from(made_ms).map_err(|_| "boot_ms is below 0")?))
            }
            _ => return Err("boot and boot_ms must both be there, or neither".to_owned()),
        };
        Ok(Lasting { seconds: u64::try_from(seconds).ok().filter(in_range).ok_or_else(wanted)?, boot })
    }
}

impl Reason {
    /// Checks length and characters; the error says what was wanted.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let good = (1..=128).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        let good = good && !text.trim().is_empty();
        good.then(|| Self(text.to_owned()))
            .ok_or("wanted 1 to 128 characters, none of them a control character, not all blank")
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// No mark lasts longer, in seconds: 30 days.
pub const LONGEST_BYPASS_S: u64 = 30 * 24 * 3600;
/// The version of a mark that has an end.
const NEWEST_VERSION: u64 = 2;
/// Two clocks in whole seconds that differ by no more are the same.
const ROUNDED_S: u64 = 2;
