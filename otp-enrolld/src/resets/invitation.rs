//! A registration code for somebody who is enrolled: where the policy wants a reset, only by one, after its delay.

use otp_core::accounts::Account;
use otp_core::codes::ids::TicketId;
use otp_core::environment::Clock as _;
use otp_core::files::notice::NoticeEvent;
use otp_core::files::reset::Reset;
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
use crate::resets::decision::{ResetAnswer, ResetStep, decide, left};
use crate::resets::waiting::{actor_of, line, now};

impl Daemon {
    /// The reset on which a code for new keys of `account` may be made now; none where it needs none. The caller holds the lock of resets
    /// from here until the code is stored.
    pub(crate) fn reset_for_invitation(
        &self,
        peer: Peer,
        account: &Account,
        cool_down: &CoolDownCheck,
    ) -> Result<Option<Reset>, Refused> {
        let Some(kept) = self.reset_of(account.uid)? else {
            cool_down.refuse(peer, account)?;
            let helper = matches!(groups::actor(peer)?, Actor::User(_, groups) if groups.helpdesk);
            return match reset_mode(&self.policy(peer)?, || helper || groups::has_a_helpdesk()) {
                ResetMode::Simple => Ok(None),
                ResetMode::Guarded => Err(ChangeRefusal::ResetNeeded).of(account),
            };
        };
        if kept.restored {
            return Err(ChangeRefusal::ResetRestored).of(account);
        }
        let (reset, actor) = (kept.reset, actor_of(peer, groups::actor(peer)?));
        let refused = match decide(ResetStep::Invite, actor, &reset, now(&reset, cool_down.barred())) {
            ResetAnswer::Allowed if reset.tickets.len() < Reset::MOST_TICKETS => return Ok(Some(reset)),
            ResetAnswer::AllowedAlone if reset.tickets.len() < Reset::MOST_TICKETS => {
                event(Urgency::Alert, &line("reset-without-a-second-admin", &reset, peer).finish());
                return Ok(Some(reset));
            }
            ResetAnswer::Allowed | ResetAnswer::AllowedAlone => ChangeRefusal::ResetExpired,
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

    /// Before a code is stored: a key that comes of it ends the reset.
    pub(crate) fn bind_to_reset(&self, reset: Option<Reset>, ticket: TicketId) -> Result<(), Refused> {
        let Some(mut reset) = reset else { return Ok(()) };
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

    /// A notice that a reset waits is told as long as one does.
    pub(crate) fn settle_reset_notice(&self, account: &Account) -> Result<(), Refused> {
        let told = self.vault().notices(account)?;
        if told.iter().any(|one| one.notice.event == NoticeEvent::ResetAsked) {
            let _alone = self.reset_lock.lock(); // while one is asked for, its notice is there first
            if self.reset_of(account.uid)?.is_none() {
                self.vault().unspool(account, NoticeEvent::ResetAsked).unwrap_or_else(|error| log_vault(&error));
            }
        }
        Ok(())
    }
}
