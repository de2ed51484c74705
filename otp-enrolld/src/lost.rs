//! A device that its owner reports as lost: the keys stop at once. The owner may take that back for an hour, with a factor that the
//! thief of the device does not have. Not after somebody else has suspended the keys: that is not for their owner to end.

use otp_core::accounts::Account;
use otp_core::decision::Proof;
use otp_core::decision::input::Guess;
use otp_core::decision::origin::Origin;
use otp_core::environment::{Clock as _, Moment};
use otp_core::files::notice::NoticeEvent;
use otp_core::keys::key::KeyId;
use otp_core::reasons::{ChangeRefusal, RefusalReason};
use otp_core::vault::LockedUser;
use otp_protocol::interface::{Done, LostReply, ReportLost, TakeBackLost};
use otp_protocol::peer::Peer;

use crate::access::check::target;
use crate::access::rights::Act;
use crate::admin::log;
use crate::daemon::Daemon;
use crate::enrolment::invite::notice;
use crate::machine::System;
use crate::refusals::{ChangeOf as _, Refused};

impl Daemon {
    /// Refuses every code of a user, and ends what is on its way, as a suspension does.
    pub(crate) fn report_lost(&self, peer: Peer, wanted: &ReportLost) -> Result<LostReply, Refused> {
        let (account, _) = target(peer, Act::ReportLost, wanted.user.as_deref())?;
        let limits = self.policy(peer)?.limits;
        let _permit = self.permit(&account)?;
        if wanted.code.is_none() && !has_asked_for_the_password(peer, &account) {
            return Err(Refused::not_possible(&account, ChangeRefusal::NeedsPassword));
        }
        let mut locked = self.locked_enrolled(&account)?;
        let (word, key) = match &wanted.code {
            Some(code) => {
                let guess = Guess { typed: &code.sorted(), origin: Origin::Socket };
                let proof = self.proven(&mut locked, guess, &limits)?;
                (if matches!(proof, Proof::Key(_)) { "key" } else { "recovery-code" }, key_of(&locked, &proof))
            }
            // Nobody turns somebody else's suspension into a report that the owner can take back.
            None if locked.state().suspended => return Err(Refused::not_possible(&account, RefusalReason::Suspended)),
            None => ("password", None),
        };
        locked.report_lost(key, &Moment::of(&System), &System).of(&account)?;
        let until = locked.lost_report()?.and_then(|lost| lost.until(&Moment::of(&System)));
        drop(locked);
        self.notice_after(&account, notice(NoticeEvent::ReportedLost, peer, System.wall()));
        log("reported-lost", &account, peer, |line| line.field("proof", word));
        self.end_invitation(&account).map_err(|_| Refused::unavailable(HALF_REPORTED))?;
        Ok(LostReply { until })
    }

    /// Ends a suspension of the caller's own. Where it cannot end, no code is looked at.
    pub(crate) fn take_back_lost(&self, peer: Peer, wanted: &TakeBackLost) -> Result<Done, Refused> {
        let (account, _) = target(peer, Act::TakeBackLost, None)?;
        let refused = |reason| Refused::not_possible(&account, reason);
        let _permit = self.permit(&account)?;
        let mut locked = self.locked_enrolled(&account)?;
        let lost = locked.lost_report()?.ok_or_else(|| refused(ChangeRefusal::NotReportedLost))?;
        lost.left_ms(&Moment::of(&System)).ok_or_else(|| refused(ChangeRefusal::LostTooLong))?;
        let guess = Guess { typed: &wanted.code.sorted(), origin: Origin::Socket };
        let limits = self.policy(peer)?.limits;
        match self.proven_though_suspended(&mut locked, guess, &limits)? {
            Proof::Recovery { .. } => {}
            proof @ Proof::Key(_) => match key_of(&locked, &proof) {
                Some(key) if lost.key == Some(key) => {}
                _ => return Err(refused(ChangeRefusal::PerhapsTheLostKey)),
            },
        }
        let in_use = locked.take_back_lost(&System).of(&account)?;
        drop(locked);
        if !in_use {
            return Err(refused(ChangeRefusal::NotReportedLost));
        }
        self.notice_after(&account, notice(NoticeEvent::KeysResumed, peer, System.wall()));
        log("lost-taken-back", &account, peer, |line| line);
        Ok(Done {})
    }

    fn locked_enrolled(&self, account: &Account) -> Result<LockedUser<'_>, Refused> {
        let locked = self.vault().lock(account, &System)?;
        locked.filter(|locked| locked.record().is_some()).ok_or(ChangeRefusal::NotEnrolled).of(account)
    }
}

/// Does root say that the owner's UNIX password was checked? Only where the owner started the process, as with passwd: the kernel says
/// so. It takes the owner's own keys away and opens nothing, so this stands in for a code here and nowhere else (R11).
fn has_asked_for_the_password(peer: Peer, owner: &Account) -> bool {
    peer.uid == 0 && owner.uid != 0 && peer.accountable_uid == owner.uid && !peer.is_subuid
}

/// The key that a code was of.
fn key_of(locked: &LockedUser<'_>, proof: &Proof) -> Option<KeyId> {
    let Proof::Key(label) = proof else { return None };
    locked.record()?.keys.iter().find(|key| key.label == *label).map(|key| key.id)
}

const HALF_REPORTED: &str =
    "the keys are suspended, but a registration code that is on its way could not be ended and may still work";

#[cfg(test)]
mod tests {
    use otp_protocol::peer::UNKNOWN_UID;

    use super::*;

    #[test]
    fn r11_only_a_root_process_that_the_owner_started_reports_without_a_code() {
        let says = |uid, accountable_uid, is_subuid, owner| {
            let peer = Peer { uid, pid: 1, accountable_uid, is_subuid, login_uid: None };
            has_asked_for_the_password(peer, &Account { name: "alice".to_owned(), uid: owner })
        };
        assert!(says(0, 1001, false, 1001), "passwd, run by the owner");
        assert!(!says(0, 1002, false, 1001), "a setuid program of somebody else");
        assert!(!says(0, 0, false, 1001), "root may suspend");
        assert!(!says(0, UNKNOWN_UID, false, 1001), "nobody knows who started it");
        assert!(!says(0, 1001, true, 1001), "a uid that is only lent");
        assert!(!says(1001, 1001, false, 1001), "the owner's own process says what it likes");
        assert!(!says(1002, 1002, false, 1001));
        assert!(!says(0, 0, false, 0), "root, about itself");
    }
}
