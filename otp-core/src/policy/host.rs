//! The rules for the whole host, whatever the service.

use crate::decision::limits::{ClockPolicy, Limits};
use crate::keys::key::{Algorithm, Digits, NewKey, Period, ValueError};
use crate::policy::cool_down::CoolDown;
use crate::policy::fields::{guesses, ranged, window};
use crate::policy::notify::Notify;
use crate::policy::rotation::Rotation;
use crate::policy::toml_table::{Located, Table, TableError};

/// The policy of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPolicy {
    /// Name that an app shows above the account, of at most [`ISSUER_BYTES`]; the host's name if absent.
    pub issuer: Option<String>,
    /// Name of this host in an app, after the user and an `@`; the machine's own if absent.
    pub host: Option<String>,
    /// Window, guesses and wait, where no service says otherwise.
    pub limits: Limits,
    /// The settings of a new key.
    pub key: NewKey,
    /// May root make a key for somebody and so see it?
    pub admin_enrol: bool,
    /// Seconds in which an owner may say that somebody else made the key with their registration code. Later, anyone who has an
    /// old letter could suspend people at will.
    pub repudiate_within: u64,
    /// How enrolled users get new keys; by the group otp-helpdesk if absent.
    pub resets: Option<ResetMode>,
    /// Where notices go, if anywhere.
    pub notify: Option<Notify>,
    /// How old a key may become, if there is an end to it.
    pub rotation: Option<Rotation>,
    /// Between the change of a password and the replacement of a key.
    pub cool_down: CoolDown,
    /// Values that hold otherwise than they are written, each with its line.
    pub remarks: Vec<TableError>,
}

/// How an enrolled user gets new keys instead of the old ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetMode {
    /// An invitation with --replace is enough, of anybody who may invite.
    Simple,
    /// Only by a reset, with its proof and its delay.
    Guarded,
}

impl HostPolicy {
    /// Takes from a policy file everything but the tables of services.
    pub(super) fn read(root: &mut Table<'_>) -> Result<Self, TableError> {
        ranged(root, "version", 1, 1..=1)?;
        let mut policy = Self { host: host(root)?, ..Self::default() };
        policy.read_issuer(root)?;
        policy.limits.clock = clock(root)?;
        policy.resets = resets(root)?;
        policy.notify = Notify::read(root)?;
        policy.repudiate_within = ranged(root, "repudiate_within", REPUDIATE_DAYS, 1..=30)? * DAY_S;
        policy.admin_enrol = root.boolean("admin_enrol")?.is_some_and(|found| found.value);
        if let Some(table) = root.table("window")? {
            policy.limits.window = window(table, policy.limits.window)?;
        }
        if let Some(table) = root.table("guesses")? {
            (policy.limits.guesses, policy.limits.wait) = guesses(table, policy.limits)?;
        }
        if let Some(table) = root.table("key")? {
            policy.key = new_key(table)?;
        }
        if let Some(table) = root.table("cool_down")? {
            policy.cool_down = CoolDown::read(table)?;
        }
        policy.rotation = root.table("rotation")?.map(Rotation::read).transpose()?;
        Ok(policy)
    }

    fn read_issuer(&mut self, root: &mut Table<'_>) -> Result<(), TableError> {
        let Some(found) = root.string("issuer")? else { return Ok(()) };
        let (name, plain) = (found.value, |c: char| !c.is_control() && c != ':');
        if !((1..=32).contains(&name.chars().count()) && name.chars().all(plain) && name.trim() == name) {
            let what = format!("issuer is {name:?}; wanted 1 to 32 characters without ':', no space at the ends");
            return Err(root.error(&found, what));
        }
        let short = issuer_for_apps(name);
        if short != name {
            let bytes = name.len();
            let what = format!("issuer has {bytes} bytes; apps are given the first {}, {short:?}", short.len());
            self.remarks.push(root.error(&found, what));
        }
        self.issuer = Some(short.to_owned());
        Ok(())
    }
}

/// As much of an issuer as a QR code has room for: [`ISSUER_BYTES`], cut at a character, without a space at the end.
pub fn issuer_for_apps(name: &str) -> &str {
    let ends = name.char_indices().map(|(at, letter)| at + letter.len_utf8());
    let end = ends.take_while(|end| *end <= ISSUER_BYTES).last().unwrap_or(0);
    name.get(..end).unwrap_or_default().trim_end()
}

/// Of an issuer in a QR code. Each of them may take three characters there.
pub const ISSUER_BYTES: usize = 32;

impl Default for HostPolicy {
    fn default() -> Self {
        Self {
            issuer: None,
            host: None,
            limits: Limits::default(),
            key: NewKey::default(),
            admin_enrol: false,
            repudiate_within: REPUDIATE_DAYS * DAY_S,
            resets: None,
            notify: None,
            rotation: None,
            cool_down: CoolDown::default(),
            remarks: Vec::new(),
        }
    }
}

fn host(root: &mut Table<'_>) -> Result<Option<String>, TableError> {
    let Some(found) = root.string("host")? else { return Ok(None) };
    let (name, parts) = (found.value, |c: char| c.is_control() || c.is_whitespace() || [':', '@'].contains(&c));
    if (1..=HOST_BYTES).contains(&name.len()) && !name.contains(parts) {
        return Ok(Some(name.to_owned()));
    }
    let what = format!("host is {name:?}; wanted 1 to {HOST_BYTES} bytes without spaces, ':' and '@'");
    Err(root.error(&found, what))
}

fn clock(root: &mut Table<'_>) -> Result<ClockPolicy, TableError> {
    let Some(found) = root.string("clock")? else { return Ok(ClockPolicy::Checked) };
    match found.value {
        "checked" => Ok(ClockPolicy::Checked),
        "trusted" => Ok(ClockPolicy::Trusted),
        other => Err(root.error(&found, format!("clock is {other:?}; wanted \"checked\" or \"trusted\""))),
    }
}

fn resets(root: &mut Table<'_>) -> Result<Option<ResetMode>, TableError> {
    let Some(found) = root.string("resets")? else { return Ok(None) };
    match found.value {
        "simple" => Ok(Some(ResetMode::Simple)),
        "guarded" => Ok(Some(ResetMode::Guarded)),
        other => Err(root.error(&found, format!("resets is {other:?}; wanted \"simple\" or \"guarded\""))),
    }
}

fn new_key(mut table: Table<'_>) -> Result<NewKey, TableError> {
    let default = NewKey::default();
    let algorithm = table.string("algorithm")?.map(|found| checked(&table, &found, Algorithm::parse(found.value)));
    let digits = table.integer("digits")?.map(|found| checked(&table, &found, Digits::new(found.value)));
    let period = table.integer("period")?.map(|found| checked(&table, &found, Period::new(found.value)));
    table.end()?;
    Ok(NewKey {
        algorithm: algorithm.unwrap_or(Ok(default.algorithm))?,
        digits: digits.unwrap_or(Ok(default.digits))?,
        period: period.unwrap_or(Ok(default.period))?,
    })
}

fn checked<T, V>(table: &Table<'_>, found: &Located<V>, value: Result<T, ValueError>) -> Result<T, TableError> {
    value.map_err(|error| table.error(found, error.to_string()))
}

/// As long as a machine's own name may be.
const HOST_BYTES: usize = 64;
const DAY_S: u64 = 86_400;
const REPUDIATE_DAYS: u64 = 7;
