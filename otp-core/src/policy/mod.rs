//! The admin's choices: `/etc/otp/otp.toml`. Everything is optional, nothing unknown is passed over, and an error
//! says where it is, what was found and what was wanted.
//!
//! A caller reads what it asks about: the host, one service with what it takes over from the host, or everything.

pub mod audience;
pub mod cool_down;
pub mod directory;
pub(crate) mod fields;
pub mod host;
pub mod notify;
pub mod rotation;
pub mod service;
mod swallowed;
pub mod toml_table;

use crate::policy::host::HostPolicy;
use crate::policy::service::ServicePolicy;
use crate::policy::swallowed::swallowed;
use crate::policy::toml_table::{Document, TableError};

/// Largest policy file in bytes.
pub const POLICY_CAP: usize = 64 * 1024;

/// Everything that a policy file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholePolicy {
    /// The rules of the host.
    pub host: HostPolicy,
    /// All services that have a table, by name.
    pub services: Vec<(String, ServicePolicy)>,
}

impl WholePolicy {
    /// Reads the text of a policy file, with every service in it, and wants no contradiction between them and the rest.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        read(text, ServicesWanted::All)
    }
}

impl HostPolicy {
    /// Reads it for no service: a wrong value in a table of one does not matter here. A file that is not TOML is an error for
    /// the host and for every service: nobody can tell where the broken table ends, and which others it has swallowed.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        Ok(read(text, ServicesWanted::One(None))?.host)
    }
}

impl ServicePolicy {
    /// Reads it for one PAM service, or for a caller that is none: a wrong value in another one's table does not matter here.
    pub fn parse(text: &str, service: Option<&str>) -> Result<Self, TableError> {
        let WholePolicy { host, mut services } = read(text, ServicesWanted::One(service))?;
        Ok(services.pop().map_or_else(|| Self::without_table(service, &host), |(_, table)| table))
    }
}

fn read(text: &str, wanted: ServicesWanted<'_>) -> Result<WholePolicy, TableError> {
    let document = Document::parse(text)?;
    document.refuse(swallowed)?;
    let mut root = document.root();
    let host = HostPolicy::read(&mut root)?;
    let mut services = Vec::new();
    if let Some(mut tables) = root.table("service")? {
        for name in tables.names().filter(|name| wanted.holds(name)) {
            let Some(table) = tables.table(name)? else { continue };
            let (at, service) = (table.start(), ServicePolicy::read(name, table, &host)?);
            if let (ServicesWanted::All, Some(why)) = (&wanted, service.contradicts(host.key)) {
                return Err(at.error(why));
            }
            services.push((name.to_owned(), service));
        }
    }
    root.end()?;
    Ok(WholePolicy { host, services })
}

/// Which services are read.
enum ServicesWanted<'a> {
    All,
    One(Option<&'a str>),
}

impl ServicesWanted<'_> {
    fn holds(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::One(wanted) => *wanted == Some(name),
        }
    }
}
