//! A reset is asked for, and a second admin agrees.

use otp_core::accounts::Account;
use otp_core::codes::ids::ResetId;
use otp_core::emergency::Reason;
use otp_core::environment::Clock as _;
use otp_core::files::notice::NoticeEvent;
use otp_core::files::reset::{Approval, Reset, ResetProof, Waited};
use otp_core::log_line::Urgency;
use otp_core::reasons::ChangeRefusal;
use otp_core::vault::{EnrolmentStatus, StoredReset};
use otp_protocol::interface::{ApproveReset, NamedProof, RequestReset, ResetReply};
use otp_protocol::peer::Peer;
use otp_system::random;

use crate::access::check::{account_named, account_of, allowed, target};
use crate::access::groups;
use crate::access::rights::Act;
use crate::daemon::Daemon;
use crate::enrolment::invite::notice;
use crate::log::events::event;
use crate::machine::System;
use crate::refusals::{ChangeOf as _, Refused};
use crate::resets::decision::{ResetAnswer, ResetStep, TieredActor, decide, delay};
use crate::resets::waiting::{actor_of, line, now};

impl Daemon {
    /// Somebody wants new keys for a user. The user is told before the reset counts.
    pub(crate) fn request_reset(&self, peer: Peer, wanted: RequestReset) -> Result<ResetReply, Refused> {
        let (account, _) = target(peer, Act::RequestReset, Some(&wanted.user))?;
        let actor = actor_of(peer, groups::actor(peer)?);
        let proof = proof_of(&wanted.proof)?;
        if self.vault().enrolment_status(&account, &System)? == EnrolmentStatus::NeverEnrolled {
            return Err(Refused::not_possible(&account, ChangeRefusal::NotEnrolled));
        }
        let reason = Reason::new(wanted.reason.as_str()).ok();
        let overridden = self.check_cool_down(peer, &account, reason.as_ref())?; // a code would be refused, too
        let _alone = self.reset_lock.lock();
        if self.reset_of(account.uid)?.is_some() {
            return Err(Refused::not_possible(&account, ChangeRefusal::ResetThere));
        }
        let reset = self.new_reset(account, actor, wanted, proof)?;
        if let ResetAnswer::Refused(why) = decide(ResetStep::Ask, actor, &reset, now(reset.account.uid)) {
            return Err(Refused::not_possible(&reset.account, why));
        }
        if !self.reset_pace.allows(peer.accountable_uid) {
            return Err(Refused::busy("too many resets within an hour"));
        }
        overridden.into_iter().for_each(|line| event(Urgency::Alert, &line.finish()));
        self.notice(&reset.account, notice(NoticeEvent::ResetAsked, peer, System.wall()))?;
        self.vault().store_reset(&reset, &System)?;
        let asked = line("reset-asked", &reset, peer)
            .field("proof", reset.proof.as_str())
            .optional("voucher", reset.proof.voucher().map(|uid| uid.to_string()).as_deref())
            .field("delay", &reset.delay.to_string())
            .field("why", reset.reason.as_str());
        event(Urgency::Notice, &asked.finish());
        if let Some(voucher) = reset.proof.voucher().and_then(|uid| account_of(uid).ok()) {
            self.notice_after(&voucher, notice(NoticeEvent::NamedAsVoucher, peer, System.wall()));
        }
        self.told_to(peer, reset)
    }

    fn new_reset(
        &self,
        account: Account,
        actor: TieredActor,
        wanted: RequestReset,
        proof: ResetProof,
    ) -> Result<Reset, Refused> {
        let tier = groups::tier(account.uid);
        let taken: Vec<ResetId> = self.found_resets()?.iter().map(|found| found.id).collect();
        let mut id = ResetId::new(random::bytes()?);
        while taken.contains(&id) {
            id = ResetId::new(random::bytes()?);
        }
        Ok(Reset {
            id,
            account,
            tier,
            asked_by: actor.who,
            asked: System.wall(),
            proof,
            reason: wanted.reason,
            delay: delay(proof, tier),
            waited: Waited::from(System.boot_ms()),
            approval: None,
            tickets: Vec::new(),
        })
    }

    fn told_to(&self, peer: Peer, reset: Reset) -> Result<ResetReply, Refused> {
        let (actor, policy) = (groups::actor(peer)?, self.policy(peer)?.cool_down);
        Ok(ResetReply { reset: self.reset_status(&StoredReset { reset, restored: false }, actor, policy) })
    }

    /// A second admin agrees.
    pub(crate) fn approve_reset(&self, peer: Peer, wanted: &ApproveReset) -> Result<ResetReply, Refused> {
        let actor = groups::actor(peer)?;
        allowed(actor, peer, Act::ApproveReset, None)?; // anyone who may approve none learns nothing about the id
        let _alone = self.reset_lock.lock();
        let kept = match self.found_reset(wanted.id)? {
            Some(found) => found.kept?,
            None => return Err(no_such_reset()),
        };
        allowed(actor, peer, Act::ApproveReset, Some(kept.reset.account.uid))?;
        let account = &kept.reset.account;
        if kept.restored {
            return Err(ChangeRefusal::ResetRestored).of(account);
        }
        let by = actor_of(peer, actor);
        if let ResetAnswer::Refused(why) = decide(ResetStep::Approve, by, &kept.reset, now(account.uid)) {
            return Err(Refused::not_possible(account, why));
        }
        let at = System.wall();
        self.notice(account, notice(NoticeEvent::ResetApproved, peer, at))?;
        let reset = Reset { approval: Some(Approval { by: by.who, at }), ..kept.reset };
        self.vault().store_reset(&reset, &System)?;
        event(Urgency::Notice, &line("reset-approved", &reset, peer).finish());
        self.told_to(peer, reset)
    }
}

/// Nobody is named: a reset that is gone was nobody's.
pub(super) fn no_such_reset() -> Refused {
    Refused(otp_protocol::interface::Refusal::not_possible("", ChangeRefusal::NoSuchReset))
}

fn proof_of(named: &NamedProof) -> Result<ResetProof, Refused> {
    Ok(match named {
        NamedProof::InPerson => ResetProof::InPerson,
        NamedProof::Callback => ResetProof::Callback,
        NamedProof::Factor => ResetProof::Factor,
        NamedProof::Vouched(user) => ResetProof::Vouched(account_named(user)?.uid),
    })
}
