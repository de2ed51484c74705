//! A reset is asked for, and a second admin agrees.

use otp_core::codes::ids::ResetId;
use otp_core::emergency::Reason;
use otp_core::environment::Clock as _;
use otp_core::files::notice::NoticeEvent;
use otp_core::files::reset::{Approval, Reset, ResetProof, Waited};
use otp_core::log_line::Urgency;
use otp_core::reasons::ChangeRefusal;
use otp_core::vault::{EnrolmentStatus, FoundReset, StoredReset};
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
use crate::resets::decision::{ResetAnswer, ResetStep, decide, delay};
use crate::resets::list::status;
use crate::resets::waiting::{ResetGroups, actor_of, line};

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
        let groups = ResetGroups::of(account.uid);
        let _alone = self.reset_lock.lock();
        if self.reset_of(account.uid)?.is_some() {
            return Err(Refused::not_possible(&account, ChangeRefusal::ResetThere));
        }
        let tier = groups.target_tier;
        let reset = Reset {
            id: self.new_reset_id()?,
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
        };
        if let ResetAnswer::Refused(why) = decide(ResetStep::Ask, actor, &reset, groups.now()) {
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
        Ok(ResetReply { reset: status(&StoredReset { reset, restored: false }, groups) })
    }

    fn new_reset_id(&self) -> Result<ResetId, Refused> {
        let taken: Vec<ResetId> = self.found_resets()?.iter().map(|found| found.id).collect();
        let mut id = ResetId::new(random::bytes()?);
        while taken.contains(&id) {
            id = ResetId::new(random::bytes()?);
        }
        Ok(id)
    }

    /// A second admin agrees.
    pub(crate) fn approve_reset(&self, peer: Peer, wanted: &ApproveReset) -> Result<ResetReply, Refused> {
        let actor = groups::actor(peer)?;
        allowed(actor, peer, Act::ApproveReset, None)?; // anyone who may approve none learns nothing about the id
        let is_meant = |found: &FoundReset| found.id == wanted.id;
        let found = self.found_resets_alone()?.into_iter().find(is_meant).ok_or_else(no_such_reset)?;
        let uid = found.kept?.reset.account.uid;
        allowed(actor, peer, Act::ApproveReset, Some(uid))?;
        let (by, groups) = (actor_of(peer, actor), ResetGroups::of(uid));
        let _alone = self.reset_lock.lock();
        let kept = self.found_reset(wanted.id)?.ok_or_else(no_such_reset)?.kept?; // it may have gone meanwhile
        let account = &kept.reset.account;
        if kept.restored {
            return Err(ChangeRefusal::ResetRestored).of(account);
        }
        if let ResetAnswer::Refused(why) = decide(ResetStep::Approve, by, &kept.reset, groups.now()) {
            return Err(Refused::not_possible(account, why));
        }
        let at = System.wall();
        self.notice(account, notice(NoticeEvent::ResetApproved, peer, at))?;
        let reset = Reset { approval: Some(Approval { by: by.who, at }), ..kept.reset };
        self.vault().store_reset(&reset, &System)?;
        event(Urgency::Notice, &line("reset-approved", &reset, peer).finish());
        Ok(ResetReply { reset: status(&StoredReset { reset, restored: false }, groups) })
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
