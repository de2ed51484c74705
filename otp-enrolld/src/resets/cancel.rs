//! A reset is cancelled: by an admin or helper, or by its owner with any factor that is left.

use otp_core::codes::ids::ResetId;
use otp_core::decision::input::Guess;
use otp_core::decision::origin::Origin;
use otp_core::environment::Clock as _;
use otp_core::files::notice::NoticeEvent;
use otp_core::files::reset::{Reset, Tier};
use otp_core::log_line::Urgency;
use otp_core::reasons::ChangeRefusal;
use otp_core::vault::FoundReset;
use otp_protocol::interface::{CancelReset, CancelledReset, TypedCode};
use otp_protocol::peer::Peer;

use crate::access::check::allowed;
use crate::access::groups;
use crate::access::rights::{Act, Actor, Terms};
use crate::daemon::Daemon;
use crate::enrolment::invite::notice;
use crate::log::events::{event, signed};
use crate::machine::System;
use crate::refusals::{ChangeOf as _, Refused};
use crate::resets::request::no_such_reset;
use crate::resets::waiting::line;

impl Daemon {
    /// Ends a reset, and first whatever a key could still come of. The code is asked for before anything is locked for others.
    pub(crate) fn cancel_reset(&self, peer: Peer, wanted: &CancelReset) -> Result<CancelledReset, Refused> {
        let actor = groups::actor(peer)?;
        let found = self.reset_meant(peer, actor, wanted.id)?;
        let owner = found.kept.as_ref().ok().map(|kept| kept.reset.account.uid);
        // Nobody knows whose one is that cannot be read: what is for admins alone is for everybody who may do it to anybody.
        let terms = allowed(actor, peer, Act::CancelReset, owner)?;
        if let (Ok(kept), true) = (&found.kept, terms != Terms::Freely) {
            self.prove_ownership(peer, &kept.reset, wanted.code.as_ref())?;
        }
        let _alone = self.reset_lock.lock();
        let now = self.found_reset(found.id)?.ok_or_else(no_such_reset)?; // it may have gone meanwhile
        let Ok(kept) = now.kept else {
            self.vault().drop_reset(now.id)?;
            let line = otp_core::log_line::LogLine::default().field("event", "reset-cancelled");
            event(Urgency::Notice, &signed(line.field("reset", &now.id.hex()), peer).finish());
            return Ok(CancelledReset { user: None });
        };
        let reset = kept.reset;
        if !reset.tickets.is_empty() {
            self.end_invitation(&reset.account)?;
        }
        self.drop_reset(&reset)?;
        event(Urgency::Notice, &line("reset-cancelled", &reset, peer).finish());
        self.notice_after(&reset.account, notice(NoticeEvent::ResetCancelled, peer, System.wall()));
        Ok(CancelledReset { user: Some(reset.account.name) })
    }

    /// The one that is named, or that of the caller's own keys. Anyone who may cancel no other finds no other.
    fn reset_meant(&self, peer: Peer, actor: Actor, id: Option<ResetId>) -> Result<FoundReset, Refused> {
        let _alone = self.reset_lock.lock();
        let is_own = |found: &FoundReset| found.kept.as_ref().is_ok_and(|kept| kept.reset.account.uid == peer.uid);
        let is_meant = |found: &FoundReset| match id {
            Some(id) => found.id == id && (groups::tier_of(actor) >= Tier::Helpdesk || is_own(found)),
            None => is_own(found),
        };
        self.found_resets()?.into_iter().find(is_meant).ok_or_else(no_such_reset)
    }

    /// Any code or recovery code of the owner, also of keys that a helper has suspended: one who suspends and asks for a reset must not
    /// keep the owner from cancelling it.
    fn prove_ownership(&self, peer: Peer, reset: &Reset, code: Option<&TypedCode>) -> Result<(), Refused> {
        let (account, limits) = (&reset.account, self.policy(peer)?.limits);
        let code = code.ok_or_else(|| Refused::not_allowed("this needs one of your codes or recovery codes"))?;
        let mut locked = self.vault().lock(account, &System)?.ok_or(ChangeRefusal::NotEnrolled).of(account)?;
        let guess = Guess { typed: &code.sorted(), origin: Origin::Socket };
        self.proven_though_suspended(&mut locked, guess, &limits).map(drop)
    }
}
