//! Calls that give files to an account that now has another name or uid.

use otp_core::keys::seal::Nonce;
use otp_core::manage::adoption::{self, Adoption, AdoptionRequest, Rehearsal};
use otp_core::vault::{MarkKind, Reseal};
use otp_protocol::interface::{Adopt, AdoptAll, AdoptedUsers, Done, GoneUsers};
use otp_protocol::peer::Peer;
use otp_system::random;

use crate::access::check::{account_named, allowed};
use crate::access::groups;
use crate::access::rights::Act;
use crate::admin::log;
use crate::daemon::Daemon;
use crate::machine::System;
use crate::refusals::{ChangeOf, Refused};

impl Daemon {
    /// Of a former name or uid.
    pub(crate) fn adopt(&self, peer: Peer, wanted: &Adopt) -> Result<Done, Refused> {
        allowed(groups::actor(peer)?, peer, Act::Adopt, None)?;
        let to = account_named(&wanted.user)?;
        let nonce = || random::bytes().ok().map(Nonce);
        let reseal = Reseal { host_key: self.unlocked.host_key(), nonce: &nonce };
        let away = |uid| wanted.gone != Some(true) && self.may_be_away(uid).unwrap_or(true);
        let request = AdoptionRequest { from: wanted.from.as_deref(), to: &to, away: &away };
        let _alone = self.reset_lock.lock();
        let adopted = adoption::adopt(self.vault(), &request, &reseal, &System);
        let from = adopted.of(&to)?;
        self.adopted(peer, &Adoption { from, to });
        Ok(Done {})
    }

    /// Of everybody whose account is another one by now.
    pub(crate) fn adopt_all(&self, peer: Peer, wanted: &AdoptAll) -> Result<AdoptedUsers, Refused> {
        allowed(groups::actor(peer)?, peer, Act::Adopt, None)?;
        let rehearsal = if wanted.dry_run == Some(true) { Rehearsal::Dry } else { Rehearsal::Real };
        let nonce = || random::bytes().ok().map(Nonce);
        let reseal = Reseal { host_key: self.unlocked.host_key(), nonce: &nonce };
        let _alone = self.reset_lock.lock();
        let all = adoption::adopt_all(self.vault(), rehearsal, &reseal, &System);
        let all = all?;
        if rehearsal == Rehearsal::Real {
            all.adopted.iter().for_each(|one| self.adopted(peer, one));
        }
        Ok(all.into())
    }

    /// Everybody who is refused because the account was seen missing, after another look into /etc/passwd.
    pub(crate) fn list_gone(&self, peer: Peer) -> Result<GoneUsers, Refused> {
        allowed(groups::actor(peer)?, peer, Act::ListGone, None)?;
        self.look_for_missing();
        Ok(GoneUsers::of(self.vault().marked(MarkKind::Gone)?))
    }

    fn adopted(&self, peer: Peer, one: &Adoption) {
        self.pending_enrolments.end(one.from.uid); // nobody is whose key it would be
        let (from, uid) = (&one.from.name, one.from.uid.to_string());
        log("adopted", &one.to, peer, |line| line.field("from", from).field("from_uid", &uid));
    }
}
