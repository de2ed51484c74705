//! How far apart the change of a password and the replacement of a key must be: `[cool_down]`.

use crate::policy::fields::ranged;
use crate::policy::toml_table::{Table, TableError};

/// The table `[cool_down]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoolDown {
    /// Hours between them, either way; 0 for no cool-down.
    pub hours: u64,
    /// The rule for accounts whose password is not on this host, where the table has one.
    pub elsewhere: Option<PasswordElsewhere>,
}

/// The rule for an account whose password a directory has, of which nobody here sees a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordElsewhere {
    /// No reset.
    Refuse,
    /// A reset that a second admin approves.
    FourEyes,
}

impl CoolDown {
    /// In seconds.
    pub fn seconds(self) -> u64 {
        self.hours * 3600
    }

    /// The rule for accounts whose password is not on this host.
    pub fn elsewhere(self) -> PasswordElsewhere {
        self.elsewhere.unwrap_or(PasswordElsewhere::FourEyes)
    }

    /// Reads the table.
    pub fn read(mut table: Table<'_>) -> Result<Self, TableError> {
        let hours = ranged(&mut table, "hours", Self::default().hours, 0..=720)?;
        let elsewhere = match table.string("elsewhere")? {
            None => None,
            Some(found) => match found.value {
                "refuse" => Some(PasswordElsewhere::Refuse),
                "four-eyes" => Some(PasswordElsewhere::FourEyes),
                other => {
                    let what = format!("elsewhere is {other:?}; wanted \"refuse\" or \"four-eyes\"");
                    return Err(table.error(&found, what));
                }
            },
        };
        table.end()?;
        Ok(Self { hours, elsewhere })
    }
}

impl Default for CoolDown {
    fn default() -> Self {
        Self { hours: 72, elsewhere: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::host::HostPolicy;
    use crate::policy::service::ServicePolicy;

    fn read(text: &str) -> Result<CoolDown, String> {
        HostPolicy::parse(text).map(|policy| policy.cool_down).map_err(|error| error.to_string())
    }

    #[test]
    fn three_days_unless_the_table_says_otherwise() {
        assert_eq!(read("").map(|found| (found.hours, found.seconds())), Ok((72, 259_200)));
        assert_eq!(read("[cool_down]\nhours = 0\n").map(CoolDown::seconds), Ok(0));
        assert_eq!(read("").map(CoolDown::elsewhere), Ok(PasswordElsewhere::FourEyes));
        let refuse = CoolDown { hours: 720, elsewhere: Some(PasswordElsewhere::Refuse) };
        assert_eq!(read("[cool_down]\nhours = 720\nelsewhere = \"refuse\"\n"), Ok(refuse));
        for text in ["hours = 721", "hours = -1", "elsewhere = \"allow\"", "days = 3"] {
            assert!(read(&format!("[cool_down]\n{text}\n")).is_err(), "{text}");
        }
    }

    #[test]
    fn a_service_takes_it_over_from_the_host() {
        let text = "[cool_down]\nhours = 5\n[service.passwd]\nprompt = \"x\"\n";
        for service in [None, Some("passwd"), Some("su")] {
            assert_eq!(ServicePolicy::parse(text, service).unwrap().cool_down.hours, 5, "{service:?}");
        }
    }
}
