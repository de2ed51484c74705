//! The resets that wait, as they are shown.

use otp_core::files::reset::Reset;
use otp_core::reasons::ChangeRefusal;
use otp_core::vault::StoredReset;
use otp_protocol::interface::{CoolDownStatus, ResetList, ResetStatus, UnreadableReset};
use otp_protocol::peer::Peer;
use otp_protocol::status::cool_down_seen_with;

use crate::access::check::{allowed, target};
use crate::access::groups;
use crate::access::rights::{Act, Actor, may};
use crate::daemon::Daemon;
use crate::refusals::Refused;
use crate::resets::decision::{ResetAnswer, ResetNow, approval, needs_approval, state};
use crate::resets::waiting::now;

impl Daemon {
    /// All of them, or those of the caller.
    pub(crate) fn list_resets(&self, peer: Peer) -> Result<ResetList, Refused> {
        let actor = groups::actor(peer)?;
        let all = may(actor, Act::ListResets, None).is_ok();
        if all {
            allowed(actor, peer, Act::ListResets, None)?;
        } else {
            target(peer, Act::ListResets, None)?;
        }
        let policy = self.policy(peer)?.cool_down;
        let _alone = self.reset_lock.lock(); // a look may find one that is over
        let (mut resets, mut unreadable) = (Vec::new(), Vec::new());
        for found in self.found_resets()? {
            match found.kept {
                Ok(kept) if all || kept.reset.account.uid == peer.uid => {
                    let found = self.cooling_down(&kept.reset.account, policy);
                    resets.push(told(&kept, actor, now(&kept.reset, found)));
                }
                Ok(_) => {}
                Err(error) if all => {
                    unreadable.push(UnreadableReset { id: found.id.hex(), reason: error.to_string() });
                }
                Err(_) => {}
            }
        }
        Ok(ResetList { resets, unreadable })
    }
}

/// As `actor` is told of it.
pub(super) fn told(kept: &StoredReset, actor: Actor, now: ResetNow) -> ResetStatus {
    let in_the_way = now.cool_down.filter(|_| approval(&kept.reset, now).is_none());
    let cool_down = in_the_way.map(|found| CoolDownStatus::from(&found));
    let sight = actor.sight(kept.reset.account.uid);
    ResetStatus { cool_down: cool_down_seen_with(sight, cool_down), ..status(kept, now) }
}

/// As everybody who may see it is told.
fn status(kept: &StoredReset, now: ResetNow) -> ResetStatus {
    let reset = &kept.reset;
    let (state, left) = match (kept.restored, state(reset, now)) {
        (true, _) => ("restored", 0),
        (false, ResetAnswer::Allowed | ResetAnswer::AllowedAlone) => ("ready", 0),
        (false, ResetAnswer::Waits(left)) => ("waits", left),
        (false, ResetAnswer::NeedsApproval) => ("needs-approval", left(reset, now.boot_ms)),
        (false, ResetAnswer::Refused(ChangeRefusal::ResetExpired)) => ("expired", 0),
        (false, ResetAnswer::Refused(why)) => (why.word(), 0),
    };
    ResetStatus {
        id: reset.id.hex(),
        user: reset.account.name.clone(),
        uid: reset.account.uid,
        asked: reset.asked,
        by: reset.asked_by.shown(),
        proof: reset.proof.as_str().to_owned(),
        voucher: reset.proof.voucher(),
        reason: reset.reason.as_str().to_owned(),
        state: state.to_owned(),
        left,
        approval_wanted: needs_approval(reset, now),
        approved: reset.approval.as_ref().map(|one| one.at),
        approved_by: reset.approval.as_ref().map(|one| one.by.shown()),
        codes: reset.tickets.len(),
        cool_down: None,
    }
}

fn left(reset: &Reset, boot_ms: u64) -> u64 {
    reset.delay.saturating_sub(reset.waited.at(boot_ms).seconds)
}
