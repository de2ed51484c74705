//! The rules of the whole host, whatever the service.

use crate::decision::limits::{ClockPolicy, Limits};
use crate::keys::key::{Algorithm, Digits, NewKey, Period, ValueError};
use crate::policy::fields::{guesses, ranged, window};
use crate::policy::notify::Notify;
use crate::policy::rotation::Rotation;
use crate::policy::toml_table::{Located, Table, TableError};

/// The policy of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPolicy {
    /// Name that an app shows above the account; the host's name if absent.
    pub issuer: Option<String>,
    /// Window, guesses and wait, where no service says otherwise.
    pub limits: Limits,
    /// What a new key is.
    pub key: NewKey,
    /// May root make a key for somebody and so see it?
    pub admin_enrol: bool,
    /// Seconds in which an owner may say that somebody else made the key with their registration code. Later, anyone who has an
    /// old letter could suspend people at will.
    pub repudiate_within: u64,
    /// Where notices go, if anywhere.
    pub notify: Option<Notify>,
    /// How old a key may become, if there is an end to it.
    pub rotation: Option<Rotation>,
}

impl HostPolicy {
    /// Takes from a policy file everything but the tables of services.
    pub(super) fn read(root: &mut Table<'_>) -> Result<Self, TableError> {
        ranged(root, "version", 1, 1..=1)?;
        let mut policy = Self { issuer: issuer(root)?, ..Self::default() };
        policy.limits.clock = clock(root)?;
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
        policy.rotation = root.table("rotation")?.map(Rotation::read).transpose()?;
        Ok(policy)
    }
}

impl Default for HostPolicy {
    fn default() -> Self {
        Self {
            issuer: None,
            limits: Limits::default(),
            key: NewKey::default(),
            admin_enrol: false,
            repudiate_within: REPUDIATE_DAYS * DAY_S,
            notify: None,
            rotation: None,
        }
    }
}

fn issuer(root: &mut Table<'_>) -> Result<Option<String>, TableError> {
    let Some(found) = root.string("issuer")? else { return Ok(None) };
    let (name, plain) = (found.value, |c: char| !c.is_control() && c != ':');
    if (1..=32).contains(&name.chars().count()) && name.chars().all(plain) && name.trim() == name {
        return Ok(Some(name.to_owned()));
    }
    let what = format!("issuer is {name:?}; wanted 1 to 32 characters without ':', no space at the ends");
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

const DAY_S: u64 = 86_400;
const REPUDIATE_DAYS: u64 = 7;
