//! Reads the files beside the key files without changing anything. It takes no lock, because each of these files is replaced whole.

use super::error::VaultError;
use super::names;
use super::tickets::{StoredTickets, read_ticket_file};
use super::{TICKETS, Vault};
use crate::accounts::Account;

impl Vault {
    /// Uids that have a state file, in rising order.
    pub fn state_uids(&self) -> Result<Vec<u32>, VaultError> {
        self.state.uids(|name| name.parse().ok())
    }

    /// The ticket file of `account`, if there is one.
    pub fn examine_tickets(&self, account: &Account) -> Result<Option<StoredTickets>, VaultError> {
        let dir = self.dir.open_dir(TICKETS)?;
        read_ticket_file(&dir, account.uid)?.map(|kept| kept.of_account(&dir, account)).transpose()
    }

    /// Tells of every entry of the index of names that cannot be read. Nobody with that name counts as never enrolled.
    pub fn examine_names(&self, tell: &mut dyn FnMut(VaultError)) -> Result<(), VaultError> {
        names::unreadable_in(&self.dir, tell)
    }
}
