//! May somebody's key be replaced so soon after a change of their password? Reads the records and the policy; the core decides.

use otp_core::accounts::Account;
use otp_core::codes::ids::{PasswordChange, TicketId};
use otp_core::emergency::Reason;
use otp_core::environment::Moment;
use otp_core::files::password_record::PasswordActor;
use otp_core::log_line::{LogLine, Urgency};
use otp_core::policy::cool_down::CoolDown;
use otp_core::reasons::ChangeRefusal;
use otp_core::watch::{CoolDownReason, CoolingDown, PasswordHistory, cool_down};
use otp_protocol::cool_down_status::{PasswordView, with_cool_down};
use otp_protocol::interface::UserStatus;
use otp_protocol::peer::Peer;

use crate::access::groups;
use crate::daemon::Daemon;
use crate::log::events::{about, event, paced, signed};
use crate::machine::System;
use crate::refusals::{Refused, log_vault};

impl Daemon {
    /// The obstacle to a new key instead of the old ones, if there is one now.
    pub(crate) fn cooling_down(&self, account: &Account, policy: CoolDown) -> Option<CoolingDown> {
        cool_down(&self.password_history(account), &Moment::of(&System), policy)
    }

    /// Is the password in the way of a new key? On a host with one administrator root goes past it with a reason, because there is nobody else
    /// to ask.
    pub(crate) fn check_cool_down(
        &self,
        peer: Peer,
        account: &Account,
        reason: Option<&Reason>,
    ) -> Result<CoolDownCheck, Refused> {
        let found = self.cooling_down(account, self.policy(peer)?.cool_down);
        // Where no record says when, a look at the passwords comes first: a code that is made now could not be used.
        let is_known = found.is_some_and(|found| found.why != CoolDownReason::NoRecord);
        let alone =
            reason.filter(|_| is_known && peer.uid == 0 && groups::is_one_admin()).zip(found).map(|(reason, found)| {
                let line = told_in(about("cool-down-overridden", account), &found).field("detail", reason.as_str());
                signed(line, peer)
            });
        Ok(CoolDownCheck { found, alone })
    }

    /// Refused while the password is fresh, unless the code `id` was made in spite of that very change: any other change came after the code,
    /// which was meant for the owner of the password before. No clock is asked which of them was first.
    pub(crate) fn check_cool_down_of_code(&self, peer: Peer, account: &Account, id: TicketId) -> Result<(), Refused> {
        match self.cooling_down(account, self.policy(peer)?.cool_down) {
            None | Some(CoolingDown { why: CoolDownReason::Elsewhere(_), .. }) => Ok(()),
            Some(CoolingDown { why: CoolDownReason::PasswordChanged(change, _), .. }) if id.is_in_spite_of(change) => {
                Ok(())
            }
            Some(found) => Err(refused(peer, account, &found)),
        }
    }

    /// A status with the cool-down of its user. Tickets that cannot be read keep nobody from the rest; doctor names them.
    pub(crate) fn with_cool_down(&self, status: UserStatus, account: &Account, policy: CoolDown) -> UserStatus {
        if !status.enrolled || policy.hours == 0 {
            return status; // no key to be replaced, or at any time
        }
        let history = self.password_history(account);
        let replaced = self.vault().last_replacement(account).unwrap_or_else(|error| {
            log_vault(&error);
            None
        });
        with_cool_down(status, &PasswordView { history: &history, replaced, policy, now: Moment::of(&System) })
    }

    fn password_history(&self, account: &Account) -> PasswordHistory {
        let (history, obstacle) = PasswordHistory::of(&self.site.watch(), account.uid);
        obstacle.iter().for_each(log_vault);
        history
    }
}

/// The password that is in the way of a new key.
#[derive(Default)]
pub(crate) struct CoolDownCheck {
    found: Option<CoolingDown>,
    /// Root goes past it alone: a line for the log, at alert, once nothing else refuses.
    alone: Option<LogLine>,
}

impl CoolDownCheck {
    /// In the way, unless a second admin has agreed.
    pub(crate) fn barred(&self) -> Option<CoolingDown> {
        self.found.filter(|_| self.alone.is_none())
    }

    /// Refused by it.
    pub(crate) fn refuse(&self, peer: Peer, account: &Account) -> Result<(), Refused> {
        self.barred().map_or(Ok(()), |found| Err(refused(peer, account, &found)))
    }

    /// The change in spite of which a code is made.
    pub(crate) fn change(&self) -> Option<PasswordChange> {
        match self.found?.why {
            CoolDownReason::PasswordChanged(change, _) => Some(change),
            CoolDownReason::NoRecord | CoolDownReason::Elsewhere(_) => None,
        }
    }

    /// Tells that root goes past it.
    pub(crate) fn tell(self) {
        self.alone.into_iter().for_each(|line| event(Urgency::Alert, &line.finish()));
    }
}

fn refused(peer: Peer, account: &Account, found: &CoolingDown) -> Refused {
    let line = signed(told_in(about("cool-down", account), found), peer);
    paced("cool-down", Urgency::Notice, peer.accountable_uid, line);
    Refused::not_possible(
        account,
        match found.why {
            CoolDownReason::PasswordChanged(..) | CoolDownReason::NoRecord => ChangeRefusal::CoolDown,
            CoolDownReason::Elsewhere(_) => ChangeRefusal::PasswordElsewhere,
        },
    )
}

/// Until when and why, for the log.
pub(crate) fn told_in(line: LogLine, found: &CoolingDown) -> LogLine {
    let actor = match found.why {
        CoolDownReason::PasswordChanged(_, actor) => actor,
        _ => None,
    };
    line.field("reason", found.why.word())
        .optional("until", found.until.map(|until| until.to_string()).as_deref())
        .optional("changed_by", actor.map(|actor| actor.uid.to_string()).as_deref())
        .optional("login_uid", actor.and_then(login_uid).as_deref())
}

fn login_uid(actor: PasswordActor) -> Option<String> {
    actor.login_uid.map(|uid| uid.to_string())
}
