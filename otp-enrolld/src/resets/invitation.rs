//! A registration code for somebody who is enrolled: where the policy wants a reset, only by one, after its delay.

use otp_core::accounts::Account;
use otp_core::codes::ids::{ResetId, TicketId};
use otp_core::environment::Clock as _;
use otp_core::files::notice::NoticeEvent;
use otp_core::files::reset::Reset;
use otp_core::files::ticket::Ticket;
use otp_core::log_line::Urgency;
use otp_core::manage::reset_mode::reset_mode;
use otp_core::policy::host::ResetMode;
use otp_core::reasons::ChangeRefusal;
use otp_protocol::peer::Peer;

use crate::access::groups;
use crate::access::rights::Actor;
use crate::cool_down::CoolDownCheck;
use crate::daemon::Daemon;
use crate::log::events::event;
use crate::machine::System;
use crate::refusals::{ChangeOf as _, Refused, log_vault};
use crate::resets::decision::{ResetAnswer, ResetStep, TieredActor, decide, left};
use crate::resets::waiting::{ResetGroups, actor_of, line};

/// The word of policy, passwords and group database on a code for somebody who is enrolled.
pub(crate) struct InvitationRules {
    pub cool_down: CoolDownCheck,
    actor: TieredActor,
    mode: ResetMode,
    /// The reset that waits, and the word on it.
    reset: Option<ResetId>,
    groups: Option<ResetGroups>,
}

impl Daemon {
    /// Asked for before the lock of resets is taken: a directory may take seconds.
    pub(crate) fn invitation_rules(
        &self,
        peer: Peer,
        account: &Account,
        cool_down: CoolDownCheck,
    ) -> Result<InvitationRules, Refused> {
        let actor = groups::actor(peer)?;
        let helper = matches!(actor, Actor::User(_, groups) if groups.helpdesk);
        let mode = reset_mode(&self.policy(peer)?, || helper || groups::has_a_helpdesk());
        let found = self.found_resets_alone()?.into_iter().filter_map(|found| found.kept.ok());
        let waits = found.map(|kept| kept.reset).find(|reset| reset.account.uid == account.uid);
        let groups = waits.as_ref().map(ResetGroups::of_reset);
        Ok(InvitationRules { cool_down, actor: actor_of(peer, actor), mode, reset: waits.map(|one| one.id), groups })
    }

    /// The reset on which a code for new keys of `account` may be made now; none where it needs none. The caller holds the lock of resets
    /// from here until the code is stored.
    pub(crate) fn reset_for_invitation(
        &self,
        peer: Peer,
        account: &Account,
        rules: &InvitationRules,
    ) -> Result<Option<Reset>, Refused> {
        let cool_down = &rules.cool_down;
        let Some(kept) = self.reset_of(account.uid)? else {
            cool_down.refuse(peer, account)?;
            return match rules.mode {
                ResetMode::Simple => Ok(None),
                ResetMode::Guarded => Err(ChangeRefusal::ResetNeeded).of(account),
            };
        };
        if kept.restored {
            return Err(ChangeRefusal::ResetRestored).of(account);
        }
        let reset = kept.reset;
        let groups = rules.groups.filter(|_| rules.reset == Some(reset.id));
        let groups = groups.ok_or_else(|| Refused::busy("somebody has just asked for a reset of these keys"))?;
        let refused = match decide(ResetStep::Invite, rules.actor, &reset, groups.now(cool_down.barred())) {
            ResetAnswer::Allowed => return Ok(Some(reset)),
            ResetAnswer::AllowedAlone => {
                event(Urgency::Alert, &line("reset-without-a-second-admin", &reset, peer).finish());
                return Ok(Some(reset));
            }
            ResetAnswer::Waits(_) => ChangeRefusal::ResetWaits,
            ResetAnswer::NeedsApproval => ChangeRefusal::ResetNotApproved,
            ResetAnswer::Refused(ChangeRefusal::CoolDown | ChangeRefusal::PasswordElsewhere) => {
                cool_down.refuse(peer, account)?;
                ChangeRefusal::CoolDown
            }
            ResetAnswer::Refused(why) => why,
        };
        Err(Refused::not_possible(account, refused))
    }

    /// Before a code is stored: a key that comes of it ends the reset. One that was bound and could then not be stored is in no file of
    /// codes; no key can come of it, and it does not count.
    pub(crate) fn bind_to_reset(
        &self,
        reset: Option<Reset>,
        ticket: TicketId,
        stored: &[Ticket],
    ) -> Result<(), Refused> {
        let Some(mut reset) = reset else { return Ok(()) };
        reset.tickets.retain(|bound| stored.iter().any(|one| one.id == *bound));
        if reset.tickets.len() >= Reset::MOST_TICKETS {
            return Err(ChangeRefusal::ResetExpired).of(&reset.account);
        }
        reset.tickets.push(ticket);
        Ok(self.vault().store_reset(&reset, &System)?)
    }

    /// Seconds until the reset is over that this code of `account` is of, if it is of one. The caller holds the lock of resets.
    pub(crate) fn reset_left(&self, account: &Account, ticket: TicketId) -> Result<Option<u64>, Refused> {
        let kept = self.reset_of(account.uid)?.filter(|kept| kept.reset.tickets.contains(&ticket));
        match kept.map(|kept| (kept.restored, left(&kept.reset, System.boot_ms()))) {
            Some((true, _)) => Err(ChangeRefusal::ResetRestored).of(account),
            Some((false, 0)) => Err(ChangeRefusal::ResetExpired).of(account),
            found => Ok(found.map(|(_, left)| left)),
        }
    }

    /// The owner has a key by the reset that waits, if one does. Where that fails, the key itself says so.
    pub(crate) fn end_used_reset(&self) {
        let _alone = self.reset_lock.lock();
        drop(self.found_resets()); // the log has what is wrong with it
    }

    /// A notice that a reset waits is told as long as one does. A login does not wait for that: while resets are changed it is left for
    /// the next time.
    pub(crate) fn settle_reset_notice(&self, account: &Account) -> Result<(), Refused> {
        let told = self.vault().notices(account)?;
        if told.iter().any(|one| one.notice.event == NoticeEvent::ResetAsked) {
            let Some(_alone) = self.reset_lock.try_lock() else { return Ok(()) }; // while one is asked for, its notice is there first
            if self.reset_of(account.uid)?.is_none() {
                self.vault().unspool(account, NoticeEvent::ResetAsked).unwrap_or_else(|error| log_vault(&error));
            }
        }
        Ok(())
    }
}
