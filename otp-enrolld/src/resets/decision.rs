//! The steps of a reset, and when each may be taken: a pure function of actor, target, proof, state and time. It comes after the rights table, which
//! says whether a kind of actor may at all.
//!
//! A reset is asked for by somebody else than its target, of no lower tier: user < otp-helpdesk < otp-admin < root. Root has nobody above:
//! it asks for itself. Targets in otp-admin, and root, want a second admin. The delay goes by the proof. Where otp-admin and root are
//! together one person, root goes on alone, also through sudo for its own account.
//!
//! While the password is fresh a reset takes two admins: one who asks, and one who agrees with a reason to this very change of the password.
//! The code goes to an admin, too, and never to the person who changed the password, who would hold both.
//! Where the password is not on this host, and the policy says four eyes, anybody may ask who else may, and a second admin agrees.

use otp_core::files::password_record::PasswordActor;
use otp_core::files::reset::{Approval, Reset, ResetActor, ResetProof, Tier};
use otp_core::policy::cool_down::PasswordElsewhere;
use otp_core::reasons::ChangeRefusal;
use otp_core::unix_time::UnixTime;
use otp_core::watch::{CoolDownReason, CoolingDown};

/// A step of a reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResetStep {
    /// It is asked for.
    Ask,
    /// A second admin agrees.
    Approve,
    /// The registration code is made.
    Invite,
}

/// An actor with its tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TieredActor {
    pub who: ResetActor,
    /// The uid on whose account the process counts, which need not be that of the login.
    pub accountable: u32,
    pub tier: Tier,
}

impl TieredActor {
    /// Nobody of `other`, by uid, login and account.
    fn is_another_than(self, other: ResetActor) -> bool {
        self.who.is_another_than(other) && !other.is(self.accountable)
    }

    /// Is it this uid, by uid, login or account?
    fn is(self, uid: u32) -> bool {
        self.who.is(uid) || self.accountable == uid
    }
}

/// The facts at the moment of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ResetNow {
    /// The tier of the target by now.
    pub target_tier: Tier,
    /// The tier of the one who asked, by now.
    pub asker_tier: Tier,
    /// The password that is in the way, unless root goes past it alone.
    pub cool_down: Option<CoolingDown>,
    /// Are otp-admin and root together one person?
    pub one_admin: bool,
    /// CLOCK_BOOTTIME in milliseconds.
    pub boot_ms: u64,
    /// Wall time. It can end a reset, and shortens no delay.
    pub wall: UnixTime,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResetAnswer {
    Allowed,
    /// By root, without the second admin that there is not.
    AllowedAlone,
    /// Not before so many seconds.
    Waits(u64),
    /// Not before a second admin agrees.
    NeedsApproval,
    Refused(ChangeRefusal),
}

/// May `actor` take this step of `reset`?
pub(crate) fn decide(step: ResetStep, actor: TieredActor, reset: &Reset, now: ResetNow) -> ResetAnswer {
    let refused = match step {
        ResetStep::Ask => asks(actor, reset, now).or_else(|| unfit_voucher(actor, reset)).or_else(|| closed(now)),
        ResetStep::Approve => approves(actor, reset, now),
        ResetStep::Invite => asks(actor, reset, now).or_else(|| holds_both(actor, now)),
    };
    match (refused, step) {
        (Some(why), _) => ResetAnswer::Refused(why),
        (None, ResetStep::Invite) => state(reset, now),
        (None, ResetStep::Ask | ResetStep::Approve) => ResetAnswer::Allowed,
    }
}

/// Whether its registration code may be made by now, by anybody with the right to.
pub(crate) fn state(reset: &Reset, now: ResetNow) -> ResetAnswer {
    let passed = reset.waited.at(now.boot_ms).seconds;
    let delay = reset.delay.max(delay(reset.proof, tier(reset, now)));
    let by_the_wall = now.wall.since(reset.asked);
    if passed > delay.saturating_add(READY_S) || by_the_wall > delay.saturating_add(FORGOTTEN_S) {
        return ResetAnswer::Refused(ChangeRefusal::ResetExpired);
    }
    if let Some(why) = closed(now) {
        return ResetAnswer::Refused(why);
    }
    let alone = match (needs_approval(reset, now), approval(reset, now)) {
        (false, _) | (true, Some(_)) => false,
        (true, None) if now.one_admin && reset.asked_by.uid == 0 => true,
        (true, None) => return ResetAnswer::NeedsApproval,
    };
    match (delay.saturating_sub(passed), alone) {
        (0, true) => ResetAnswer::AllowedAlone,
        (0, false) => ResetAnswer::Allowed,
        (left, _) => ResetAnswer::Waits(left),
    }
}

/// Seconds until it is over, whatever came of it.
pub(crate) fn left(reset: &Reset, boot_ms: u64) -> u64 {
    let passed = reset.waited.at(boot_ms).seconds;
    reset.delay.saturating_add(READY_S).saturating_sub(passed)
}

/// Does a second admin have to agree?
pub(crate) fn needs_approval(reset: &Reset, now: ResetNow) -> bool {
    tier(reset, now) >= Tier::Admin || now.cool_down.is_some()
}

/// The agreement that holds by now. One that was given before the password was changed says nothing about that.
pub(crate) fn approval(reset: &Reset, now: ResetNow) -> Option<&Approval> {
    reset.approval.as_ref().filter(|one| match now.cool_down.map(|found| found.why) {
        Some(CoolDownReason::PasswordChanged(change, _)) => {
            one.in_spite_of.as_ref().is_some_and(|overridden| overridden.change == change)
        }
        _ => true,
    })
}

/// The password forbids it, and no second admin helps. When a change is not known, a look at the passwords comes first.
fn closed(now: ResetNow) -> Option<ChangeRefusal> {
    match now.cool_down?.why {
        CoolDownReason::PasswordChanged(..) if now.asker_tier >= Tier::Admin && !now.one_admin => None,
        CoolDownReason::PasswordChanged(..) | CoolDownReason::NoRecord => Some(ChangeRefusal::CoolDown),
        CoolDownReason::Elsewhere(PasswordElsewhere::FourEyes) => None,
        CoolDownReason::Elsewhere(PasswordElsewhere::Refuse) => Some(ChangeRefusal::PasswordElsewhere),
    }
}

/// Seconds between the request and the registration code.
pub(crate) fn delay(proof: ResetProof, target: Tier) -> u64 {
    match proof {
        ResetProof::InPerson => 0,
        _ if target >= Tier::Admin => 3 * DAY_S,
        _ => DAY_S,
    }
}

/// Of the target: a group that it lost or got meanwhile makes nothing easier.
fn tier(reset: &Reset, now: ResetNow) -> Tier {
    reset.tier.max(now.target_tier)
}

fn asks(actor: TieredActor, reset: &Reset, now: ResetNow) -> Option<ChangeRefusal> {
    let target = reset.account.uid;
    match actor {
        TieredActor { tier: Tier::Root, .. } if target == 0 || now.one_admin => None,
        _ if actor.is(target) => Some(ChangeRefusal::SamePerson),
        TieredActor { tier: asker, .. } if asker < Tier::Helpdesk || asker < tier(reset, now) => {
            Some(ChangeRefusal::LowerTier)
        }
        TieredActor { .. } => None,
    }
}

/// While the two admins override a change of the password: anybody below an admin, and the person who made that change.
fn holds_both(actor: TieredActor, now: ResetNow) -> Option<ChangeRefusal> {
    let by = match now.cool_down?.why {
        CoolDownReason::PasswordChanged(_, by) if closed(now).is_none() => by,
        _ => return None,
    };
    let changed_it = |by: PasswordActor| {
        let who = ResetActor { uid: by.uid, person: by.login_uid.unwrap_or(by.uid) };
        !actor.is_another_than(who)
    };
    match actor.tier {
        tier if tier < Tier::Admin => Some(ChangeRefusal::LowerTier),
        _ => by.is_some_and(changed_it).then_some(ChangeRefusal::SamePerson),
    }
}

/// Four eyes: neither who asked, nor the target, nor who vouches, nor any of them under another uid.
fn approves(actor: TieredActor, reset: &Reset, now: ResetNow) -> Option<ChangeRefusal> {
    let known = [Some(reset.account.uid), reset.proof.voucher()];
    if !needs_approval(reset, now) {
        return Some(ChangeRefusal::ApprovalNotWanted);
    }
    if let Some(why) = closed(now) {
        return Some(why);
    }
    if actor.tier < Tier::Admin {
        return Some(ChangeRefusal::LowerTier);
    }
    let another = actor.is_another_than(reset.asked_by) && !known.iter().flatten().any(|uid| actor.is(*uid));
    (!another).then_some(ChangeRefusal::SamePerson)
}

/// The one who asks is no second proof, and nobody vouches for themselves.
fn unfit_voucher(actor: TieredActor, reset: &Reset) -> Option<ChangeRefusal> {
    let uid = reset.proof.voucher()?;
    let voucher = ResetActor { uid, person: uid };
    let fits = uid != reset.account.uid && actor.is_another_than(voucher);
    (!fits).then_some(ChangeRefusal::NotAVoucher)
}

const DAY_S: u64 = 24 * 3600;
/// How long the registration code may be made, once it may.
const READY_S: u64 = 7 * DAY_S;
/// A reset whose machine was off for so long is asked for again.
const FORGOTTEN_S: u64 = 30 * DAY_S;

#[cfg(test)]
#[path = "decision_tests.rs"]
mod tests;
