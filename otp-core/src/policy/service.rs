//! The rules of one PAM service: its table `[service.NAME]`, and the rules of the host where that says nothing. An error in the
//! table refuses that service and no other.

use crate::decision::limits::Limits;
use crate::decision::origin::Origin;
use crate::files::date::days_since_1970;
use crate::keys::key::NewKey;
use crate::policy::audience::{Entry, Exemption};
use crate::policy::fields::{guesses, window};
use crate::policy::host::HostPolicy;
use crate::policy::rotation::{Age, Rotation};
use crate::policy::toml_table::{Located, Table, TableError, TextOrTable};
use crate::unix_time::UnixTime;

/// The rules of one PAM service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServicePolicy {
    /// What to ask.
    pub prompt: Option<String>,
    /// Lengths that count as a code; none means 6, 7 and 8.
    pub digits: Vec<usize>,
    /// What becomes of users who were never enrolled.
    pub unenrolled: Option<Unenrolled>,
    /// Until this day the unenrolled pass: until the first moment of it, in UTC.
    pub allow_until: Option<UnixTime>,
    /// The unenrolled pass, and the log says that they would have been refused.
    pub report_only: bool,
    /// Who is not asked, some of them until a day.
    pub exempt: Vec<Exemption>,
    /// Who is asked, if this has entries.
    pub require: Vec<Entry>,
    /// Window, guesses and wait.
    pub limits: Limits,
    /// Does it ask for a new key when one is due?
    pub rotates: bool,
    /// Where its guesses come from at most: `Remote` or `Other`.
    pub origin: Option<Origin>,
    /// How old a key may become on this host, if there is an end to it.
    pub rotation: Option<Rotation>,
}

/// What becomes of a user who was never enrolled.
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
        Self { limits: host.limits, rotates, rotation: host.rotation.clone(), ..Self::default() }
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
    Some(format!("{name} is {found}; wanted at most {wanted}, which holds for all services together"))
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
    let wanted = || table.error(&found, format!("{name} is no day; wanted a date like 2027-01-31"));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::limits::{Wait, Window};
    use crate::policy::WholePolicy;

    fn service(text: &str) -> Result<ServicePolicy, TableError> {
        ServicePolicy::parse(text, Some("sudo"))
    }

    #[test]
    fn every_key_of_a_service_is_read() {
        let found = service(
            r#"
            [service.sudo]
            prompt = "Code: "
            digits = [6, 8]
            unenrolled = "skip"
            allow_until = 1970-03-01
            report_only = true
            exempt = ["user:backup", "gid:7"]
            require = ["net:192.0.2.0/24"]
            window = { back = 2, forward = 0 }
            guesses = { remote = 5, wait = "none" }
            origin = "remote"
            "#,
        )
        .unwrap();
        assert_eq!((found.prompt.as_deref(), found.digits), (Some("Code: "), vec![6, 8]));
        assert_eq!((found.unenrolled, found.allow_until), (Some(Unenrolled::Skip), Some(UnixTime::of_day(59))));
        assert!(found.report_only && found.exempt.len() == 2 && found.require.len() == 1);
        assert_eq!((found.limits.window.back, found.limits.window.forward), (2, 0));
        assert_eq!((found.origin, found.limits.guesses), (Some(Origin::Remote), [20, 20, 20, 5, 20]));
        let enrol = service("[service.sudo]\nunenrolled = \"enrol\"").unwrap();
        assert_eq!(enrol.unenrolled, Some(Unenrolled::Enrol));
    }

    #[test]
    fn what_a_service_leaves_out_of_window_and_guesses_is_as_for_all() {
        let text = "[window]\nback = 0\n[guesses]\nself = 5\nremote = 7\nwait = \"none\"\n[service.sudo]\n";
        let limits = |more: &str| service(&format!("{text}{more}")).unwrap().limits;
        let general = limits("");
        assert_eq!((general.window.back, general.guesses, general.wait), (0, [20, 5, 20, 7, 20], Wait::None));
        let found = limits("window = { forward = 2 }\nguesses = { remote = 4 }");
        assert_eq!((found.window, found.guesses), (Window { back: 0, forward: 2 }, [20, 5, 20, 4, 20]));
        assert_eq!((found.wait, found.clock), (general.wait, general.clock));
        assert_eq!(limits("guesses = { wait = \"growing\" }").wait, Wait::Growing);
    }

    #[test]
    fn a_service_without_a_table_and_a_caller_that_is_none_go_by_the_rules_of_the_host() {
        let text = "[window]\nback = 0\n[rotation]\nmax_age = 90\nrotate_services = [\"sudo\", \"su\"]\n\
                    [service.sudo]\norigin = \"other\"\n[service.sshd]\norigin = \"other\"\nwindow = { back = 2 }\n";
        let of = |name| {
            let found = ServicePolicy::parse(text, name).unwrap();
            (found.origin(Origin::Console), found.limits.window.back, found.keys_age(), found.rotates)
        };
        assert_eq!(of(Some("sudo")), (Origin::Other, 0, true, true));
        assert_eq!(of(Some("sshd")), (Origin::Other, 2, true, false));
        assert_eq!(of(Some("su")), (Origin::Console, 0, true, true));
        assert_eq!(of(Some("login")), (Origin::Console, 0, true, false));
        assert_eq!(of(None), (Origin::Console, 0, true, false));
    }

    #[test]
    fn an_error_in_one_service_refuses_that_one_only() {
        let text = "[service.sudo]\nunenrolled = \"maybe\"\n[service.sshd]\nunenrolled = \"skip\"\n";
        let error = service(text).unwrap_err();
        assert_eq!((error.line, error.column), (2, 14));
        assert_eq!(ServicePolicy::parse(text, Some("sshd")).unwrap().unenrolled, Some(Unenrolled::Skip));
        assert_eq!(ServicePolicy::parse(text, Some("login")), Ok(ServicePolicy::default()));
        assert!(HostPolicy::parse(text).is_ok(), "what holds for the host is in order");
        assert!(WholePolicy::parse(text).is_err(), "`config check` reads them all");
        let unknown = ServicePolicy::parse("[services.sudo]", Some("login"));
        assert!(unknown.is_err(), "an unknown table refuses everybody");
    }

    #[test]
    fn a_service_that_no_new_key_could_use_is_found_by_config_check_alone() {
        for (text, good) in [
            ("[service.sudo]\ndigits = [8]", false),
            ("[key]\ndigits = 8\n[service.sudo]\ndigits = [6, 7]", false),
            ("[key]\ndigits = 8\n[service.sudo]\ndigits = [6, 8]", true),
            ("[service.sudo]\ndigits = []", true),
        ] {
            assert_eq!(WholePolicy::parse(text).is_ok(), good, "{text}");
            assert!(service(text).is_ok(), "keys made before may well fit: {text}");
        }
        let error = WholePolicy::parse("issuer = \"x\"\n[service.sudo]\ndigits = [8]").unwrap_err();
        assert!(error.line == 2 && error.to_string().contains("a new key has 6"), "{error}");
    }

    #[test]
    fn what_is_wrong_in_a_service_is_named() {
        let cases = [
            ("prompt = \"\"", "prompt is \"\""),
            ("prompt = \"a\\nb\"", "control characters"),
            ("digits = [5]", "digits has 5; wanted 6, 7 or 8"),
            ("digits = 6", "digits is an integer; wanted an array of whole numbers"),
            ("allow_until = 2027-02-29", "invalid date"),
            ("allow_until = 1969-12-31", "allow_until is no day"),
            ("allow_until = \"soon\"", "wanted a date"),
            ("report_only = 1", "report_only is an integer; wanted true or false"),
            ("exempt = [\"alice\"]", "exempt has \"alice\"; wanted user:NAME"),
            (
                "require = [\"user:EX\\bob\"]",
                "require has \"user:EX\\u{8}ob\", with the control character U+0008; wanted a name",
            ),
            ("exempt = [\"user:a\\u000Ab\"]", "U+000A"),
            ("exempt = ['user:a\tb']", "U+0009"),
            ("window = { back = 3 }", "back is 3; wanted 0 to 2"),
            ("guesses = { self = 90 }", "self is 90; wanted 3 to 88"),
            ("guesses = { remote = 21, other = 3 }", "remote is 21; wanted at most 20"),
            ("origin = \"console\"", "origin is \"console\"; wanted \"remote\" or \"other\""),
            ("origin = \"self\"", "origin is \"self\""),
            ("origin = 1", "origin is an integer"),
            ("colour = 1", "no field \"colour\""),
        ];
        for (line, what) in cases {
            let error = service(&format!("[service.sudo]\n{line}\n")).expect_err(line);
            assert!(error.to_string().contains(what), "{line}: {error}");
            assert_eq!(error.line, 2, "{line}");
        }
    }

    #[test]
    fn the_unenrolled_pass_until_their_day_or_while_it_only_reports() {
        let until = ServicePolicy { allow_until: Some(UnixTime::of_day(10)), ..ServicePolicy::default() };
        assert!(until.unenrolled_pass(UnixTime::new(10 * 86_400 - 1)) && !until.unenrolled_pass(UnixTime::of_day(10)));
        assert!(
            ServicePolicy { report_only: true, ..ServicePolicy::default() }.unenrolled_pass(UnixTime::new(u64::MAX))
        );
        assert!(!ServicePolicy::default().unenrolled_pass(UnixTime::EPOCH));
    }
}
