//! What an admin may choose: `/etc/otp/otp.toml`. Everything is optional, nothing unknown is passed over, and an error
//! says where it stands, what was found and what was wanted.

pub mod audience;
pub mod directory;
pub(crate) mod fields;
pub mod notify;
pub mod rotation;
pub mod service;
mod swallowed;
pub mod toml_table;

use crate::decision::limits::{ClockPolicy, Limits};
use crate::decision::origin::Origin;
use crate::keys::key::{Algorithm, Digits, NewKey, Period, ValueError};
use crate::policy::fields::{guesses, ranged, window};
use crate::policy::notify::Notify;
use crate::policy::rotation::Rotation;
use crate::policy::service::ServicePolicy;
use crate::policy::swallowed::swallowed;
use crate::policy::toml_table::{Document, Located, Table, TableError};

const DAY_S: u64 = 86_400;
const REPUDIATE_DAYS: u64 = 7;

/// Largest policy file in bytes.
pub const POLICY_CAP: usize = 64 * 1024;

/// The policy of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Name that an app shows above the account; the host's name if absent.
    pub issuer: Option<String>,
    /// Window, guesses and wait.
    pub limits: Limits,
    /// What a new key is.
    pub key: NewKey,
    /// May root make a key for somebody and so see it?
    pub admin_enrol: bool,
    /// Seconds after a key was made with a registration code in which its owner may say that it was not him. Later, whoever holds
    /// an old letter could suspend people at will.
    pub repudiate_within: u64,
    /// Where notices go, if anywhere.
    pub notify: Option<Notify>,
    /// How old a key may become, if there is an end to it.
    pub rotation: Option<Rotation>,
    /// What the table of the service says that this was read for.
    pub service: Option<ServicePolicy>,
    /// All services that have a table, by name; only where all were read.
    pub services: Vec<(String, ServicePolicy)>,
}

impl Policy {
    /// Reads the text of a policy file, with every service in it, and wants no contradiction between them and the rest.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        Self::read(text, ServicesWanted::All)
    }

    /// Reads it for one PAM service: a wrong value in another one's table does not matter here. A file that is not TOML is an error
    /// for all of them: nobody can tell where the broken table ends, and which others it has swallowed.
    pub fn parse_for(text: &str, service: &str) -> Result<Self, TableError> {
        Self::read(text, ServicesWanted::One(service))
    }

    fn read(text: &str, wanted: ServicesWanted<'_>) -> Result<Self, TableError> {
        let document = Document::parse(text)?;
        document.refuse(swallowed)?;
        let mut root = document.root();
        ranged(&mut root, "version", 1, 1..=1)?;
        let mut policy = Self { issuer: issuer(&mut root)?, ..Self::default() };
        policy.limits.clock = clock(&mut root)?;
        policy.notify = Notify::read(&mut root)?;
        policy.repudiate_within = ranged(&mut root, "repudiate_within", REPUDIATE_DAYS, 1..=30)? * DAY_S;
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
        if let Some(mut services) = root.table("service")? {
            for name in services.names().filter(|name| wanted.holds(name)) {
                let Some(table) = services.table(name)? else { continue };
                let (at, service) = (table.start(), ServicePolicy::read(table, policy.limits)?);
                if let (ServicesWanted::All, Some(why)) = (&wanted, service.contradicts(policy.key)) {
                    return Err(at.error(why));
                }
                if let ServicesWanted::All = wanted {
                    policy.services.push((name.to_owned(), service.clone()));
                }
                policy.service = Some(service);
            }
        }
        root.end()?;
        Ok(policy)
    }

    /// Window, guesses and wait for the service that this was read for.
    pub fn limits(&self) -> Limits {
        self.service.as_ref().map_or(self.limits, |service| service.limits)
    }

    /// The origin of a guess at the service that was asked for, which a root-owned host or the kernel says is `found`.
    pub fn origin(&self, found: Origin) -> Origin {
        found.lowered_to(self.service.as_ref().and_then(|service| service.origin))
    }
}

/// Which services are read.
enum ServicesWanted<'a> {
    All,
    One(&'a str),
}

impl ServicesWanted<'_> {
    fn holds(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::One(wanted) => *wanted == name,
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

impl Default for Policy {
    fn default() -> Self {
        Self {
            issuer: None,
            limits: Limits::default(),
            key: NewKey::default(),
            admin_enrol: false,
            repudiate_within: REPUDIATE_DAYS * DAY_S,
            notify: None,
            rotation: None,
            service: None,
            services: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
