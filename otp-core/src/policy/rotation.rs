//! How old a key may become: `[rotation]` of the policy. Its owner is reminded, then the key is due and the owner is asked to replace it,
//! then it is overdue and no longer works.

use crate::policy::fields::ranged;
use crate::policy::toml_table::{Table, TableError};
use crate::unix_time::UnixTime;

/// The table `[rotation]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Days after which a key is due.
    pub max_age: u64,
    /// Days from due to overdue.
    pub grace: u64,
    /// PAM services that ask for a new key when it is due.
    pub services: Vec<String>,
}

/// How a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// Nothing to say.
    Young,
    /// A day on which its owner is reminded: due in so many days.
    DueIn(u64),
    /// Due, and overdue in so many days.
    Due(u64),
    /// Overdue.
    Overdue,
}

impl Rotation {
    /// Reads the table.
    pub fn read(mut table: Table<'_>) -> Result<Self, TableError> {
        let at = table.start();
        let max_age = ranged(&mut table, "max_age", 0, 7..=3650)?;
        let grace = ranged(&mut table, "grace", 14, 1..=365)?;
        let services = table.strings("rotate_services")?.iter().map(|found| found.value.to_owned()).collect();
        table.end()?;
        if max_age == 0 {
            return Err(at.error("max_age is missing; wanted 7 to 3650 days".to_owned()));
        }
        Ok(Self { max_age, grace, services })
    }

    /// How a key stands at `now` that was confirmed then.
    pub fn age(&self, confirmed: UnixTime, now: UnixTime) -> Age {
        let days = now.since(confirmed) / 86_400;
        match self.max_age.checked_sub(days) {
            Some(left @ (1..=7 | 14 | 30)) => Age::DueIn(left),
            Some(1..) => Age::Young,
            _ => match (self.max_age + self.grace).checked_sub(days) {
                Some(left @ 1..) => Age::Due(left),
                _ => Age::Overdue,
            },
        }
    }
}
