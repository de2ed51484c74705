//! Users whom the account database does not name now: the vault knows name and uid of everybody who is enrolled. An outage keeps nobody
//! from suspending them.

use otp_core::accounts::Account;
use otp_core::manage::on_file::on_file;
use otp_protocol::interface::Refusal;
use otp_protocol::peer::Peer;

use crate::access::check::{allowed, target};
use crate::access::groups;
use crate::access::rights::{Act, Terms};
use crate::daemon::Daemon;
use crate::refusals::Refused;

impl Daemon {
    /// As [`target`]; where the account database knows nobody of that name, or does not answer, the name or the uid in the files counts.
    pub(crate) fn target_on_file(&self, peer: Peer, act: Act, user: Option<&str>) -> Result<(Account, Terms), Refused> {
        match (target(peer, act, user), user) {
            (Err(none @ Refused(Refusal::NoSuchUser { .. } | Refusal::Unavailable { .. })), Some(name)) => {
                // Neither the files nor the time that they take tell anybody else who is enrolled.
                let actor = match none.0 {
                    Refusal::Unavailable { .. } => groups::by_uid(peer), // a second question would wait as long
                    _ => groups::actor(peer)?,
                };
                if !actor.sees_others() {
                    return Err(none);
                }
                let owner = self.on_file(name)?.ok_or(none)?;
                let terms = allowed(actor, peer, act, Some(owner.uid))?;
                Ok((owner, terms))
            }
            (found, _) => found,
        }
    }

    /// Whose files have this name or uid.
    pub(crate) fn on_file(&self, name: &str) -> Result<Option<Account>, Refused> {
        Ok(on_file(self.vault(), name)?)
    }
}
