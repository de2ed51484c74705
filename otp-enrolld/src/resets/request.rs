//! A reset is asked for, and a second admin agrees.

use otp_core::codes::ids::ResetId;
use otp_core::emergency::Reason;
use otp_core::environment::Clock as _;
use otp_core::files::notice::NoticeEvent;
use otp_core::files::reset::{Approval, OverriddenChange, Reset, ResetProof, ResetReason, Waited};
use otp_core::log_line::Urgency;
use otp_core::reasons::ChangeRefusal;
use otp_core::vault::{EnrolmentStatus, FoundReset, StoredReset};
use otp_core::watch::{CoolDownReason, CoolingDown};
use otp_protocol::interface::{ApproveReset, NamedProof, Refusal, RequestReset, ResetReply};
use otp_protocol::peer::Peer;
use otp_system::random;

use crate::access::check::{account_named, account_of, allowed, target};
use crate::access::groups;
use crate::access::rights::Act;
use crate::cool_down::told_in;
use crate::daemon::Daemon;
use crate::enrolment::invite::notice;
use crate::log::events::event;
use crate::machine::System;
use crate::refusals::{ChangeOf as _, Refused};
use crate::resets::decision::{ResetAnswer, ResetStep, decide, delay};
use crate::resets::list::told;
use crate::resets::waiting::{ResetGroups, actor_of, line};

impl Daemon {
    /// Somebody wants new keys for a user. The user is told before the reset counts.
    pub(crate) fn request_reset(&self, peer: Peer, wanted: RequestReset) -> Result<ResetReply, Refused> {
        let (account, _) = target(peer, Act::RequestReset, Some(&wanted.user))?;
        let known = groups::actor(peer)?;
        let actor = actor_of(peer, known);
        let proof = proof_of(&wanted.proof)?;
        if self.vault().enrolment_status(&account, &System)? == EnrolmentStatus::NeverEnrolled {
            return Err(Refused::not_possible(&account, ChangeRefusal::NotEnrolled));
        }
        let reason = Reason::new(wanted.reason.as_str()).ok();
        let cool_down = self.check_cool_down(peer, &account, reason.as_ref())?; // a code would be refused, too
        let groups = ResetGroups::of(account.uid, peer.uid);
        let alone = self.reset_lock.lock();
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
        let now = groups.now(cool_down.barred());
        match decide(ResetStep::Ask, actor, &reset, now) {
            ResetAnswer::Refused(ChangeRefusal::CoolDown | ChangeRefusal::PasswordElsewhere) => {
                cool_down.refuse(peer, &reset.account)?;
            }
            ResetAnswer::Refused(why) => return Err(Refused::not_possible(&reset.account, why)),
            _ => {}
        }
        if !self.reset_pace.allows(peer.accountable_uid) {
            return Err(Refused::busy("too many resets within an hour"));
        }
        cool_down.tell();
        self.notice(&reset.account, notice(NoticeEvent::ResetAsked, peer, System.wall()))?;
        self.vault().store_reset(&reset, &System)?;
        drop(alone);
        let asked = line("reset-asked", &reset, peer)
            .field("proof", reset.proof.as_str())
            .optional("voucher", reset.proof.voucher().map(|uid| uid.to_string()).as_deref())
            .field("delay", &reset.delay.to_string())
            .field("why", reset.reason.as_str());
        event(Urgency::Notice, &asked.finish());
        if let Some(voucher) = reset.proof.voucher().and_then(|uid| account_of(uid).ok()) {
            self.notice_after(&voucher, notice(NoticeEvent::NamedAsVoucher, peer, System.wall()));
        }
        Ok(ResetReply { reset: told(&StoredReset { reset, restored: false }, known, now) })
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
        let meant = self.found_resets_alone()?.into_iter().find(is_meant).ok_or_else(no_such_reset)?.kept?.reset;
        allowed(actor, peer, Act::ApproveReset, Some(meant.account.uid))?;
        let (by, groups) = (actor_of(peer, actor), ResetGroups::of_reset(&meant));
        let _alone = self.reset_lock.lock();
        let kept = self.found_reset(wanted.id)?.ok_or_else(no_such_reset)?.kept?; // it may have gone meanwhile
        let account = &kept.reset.account;
        if kept.restored {
            return Err(ChangeRefusal::ResetRestored).of(account);
        }
        let found = self.cooling_down(account, self.policy(peer)?.cool_down);
        let now = groups.now(found);
        if let ResetAnswer::Refused(why) = decide(ResetStep::Approve, by, &kept.reset, now) {
            return Err(Refused::not_possible(account, why));
        }
        let in_spite_of = overridden(found, wanted.reason.as_ref())?;
        let at = System.wall();
        self.notice(account, notice(NoticeEvent::ResetApproved, peer, at))?;
        let reset = Reset { approval: Some(Approval { by: by.who, at, in_spite_of }), ..kept.reset };
        self.vault().store_reset(&reset, &System)?;
        let why = wanted.reason.as_ref().map(ResetReason::as_str);
        event(Urgency::Notice, &line("reset-approved", &reset, peer).optional("why", why).finish());
        let overrides = reset.approval.as_ref().is_some_and(|one| one.in_spite_of.is_some());
        if let (true, Some(found), Some(why)) = (overrides, found, why) {
            let told = told_in(line("cool-down-overridden", &reset, peer), &found).field("detail", why);
            event(Urgency::Alert, &told.finish());
        }
        Ok(ResetReply { reset: told(&StoredReset { reset, restored: false }, actor, now) })
    }
}

/// The change of the password that an agreement is about, which takes a reason.
fn overridden(found: Option<CoolingDown>, reason: Option<&ResetReason>) -> Result<Option<OverriddenChange>, Refused> {
    let Some(CoolingDown { why: CoolDownReason::PasswordChanged(change, _), .. }) = found else { return Ok(None) };
    let none = || Refusal::InvalidValue {
        field: "reason".to_owned(),
        found: String::new(),
        wanted: "a reason, because the password was changed a short time ago".to_owned(),
    };
    Ok(Some(OverriddenChange { change, reason: reason.ok_or_else(none)?.clone() }))
}

/// Nobody is named: a reset that is gone was nobody's.
pub(super) fn no_such_reset() -> Refused {
    Refused(Refusal::not_possible("", ChangeRefusal::NoSuchReset))
}

fn proof_of(named: &NamedProof) -> Result<ResetProof, Refused> {
    Ok(match named {
        NamedProof::InPerson => ResetProof::InPerson,
        NamedProof::Callback => ResetProof::Callback,
        NamedProof::Factor => ResetProof::Factor,
        NamedProof::Vouched(user) => ResetProof::Vouched(account_named(user)?.uid),
    })
}
