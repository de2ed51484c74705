//! May somebody's key be replaced, so soon after their password was changed? The records and the policy are read, the decision is the core's.

use otp_core::accounts::Account;
use otp_core::emergency::Reason;
use otp_core::environment::Moment;
use otp_core::files::password_record::PasswordActor;
use otp_core::log_line::{LogLine, Urgency};
use otp_core::policy::cool_down::CoolDown;
use otp_core::reasons::ChangeRefusal;
use otp_core::unix_time::UnixTime;
use otp_core::watch::{CoolDownReason, CoolingDown, PasswordHistory, cool_down};
use otp_protocol::cool_down_status::{PasswordView, with_cool_down};
use otp_protocol::interface::UserStatus;
use otp_protocol::peer::Peer;

use crate::access::groups;
use crate::daemon::Daemon;
use crate::log::events::{about, event, signed};
use crate::machine::System;
use crate::refusals::{Refused, log_vault};

impl Daemon {
    /// The obstacle to a new key instead of the old ones, if there is one now.
    pub(crate) fn cooling_down(&self, account: &Account, policy: CoolDown) -> Option<CoolingDown> {
        cool_down(&self.password_history(account), &Moment::of(&System), policy)
    }

    /// Refused while the password is fresh. On a host with one administrator root goes past it with a reason: there is nobody else to
    /// ask. The line is for the log, at alert, once nothing else refuses.
    pub(crate) fn check_cool_down(
        &self,
        peer: Peer,
        account: &Account,
        reason: Option<&Reason>,
    ) -> Result<Option<LogLine>, Refused> {
        let Some(found) = self.cooling_down(account, self.policy(peer)?.cool_down) else { return Ok(None) };
        match reason {
            Some(reason) if peer.uid == 0 && groups::is_one_admin() => {
                let line = told_in(about("cool-down-overridden", account), &found).field("detail", reason.as_str());
                Ok(Some(signed(line, peer)))
            }
            _ => Err(refused(peer, account, &found)),
        }
    }

    /// Refused where the password was changed after the registration code was made: the code was meant for the owner of the old one.
    pub(crate) fn check_cool_down_since(&self, peer: Peer, account: &Account, issued: UnixTime) -> Result<(), Refused> {
        let history = self.password_history(account);
        let since = match &history {
            PasswordHistory::Changed { at, .. } => at.wall >= issued,
            PasswordHistory::Unknown => true,
            PasswordHistory::Unwatched | PasswordHistory::Elsewhere => false,
        };
        let found = cool_down(&history, &Moment::of(&System), self.policy(peer)?.cool_down).filter(|_| since);
        found.map_or(Ok(()), |found| Err(refused(peer, account, &found)))
    }

    /// A status with the cool-down of its user. Tickets that cannot be read keep nobody from the rest; doctor names them.
    pub(crate) fn with_cool_down(&self, status: UserStatus, account: &Account, policy: CoolDown) -> UserStatus {
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

fn refused(peer: Peer, account: &Account, found: &CoolingDown) -> Refused {
    event(Urgency::Notice, &signed(told_in(about("cool-down", account), found), peer).finish());
    Refused::not_possible(
        account,
        match found.why {
            CoolDownReason::PasswordChanged(_) | CoolDownReason::NoRecord => ChangeRefusal::CoolDown,
            CoolDownReason::Elsewhere(_) => ChangeRefusal::PasswordElsewhere,
        },
    )
}

/// Until when and why, for the log.
fn told_in(line: LogLine, found: &CoolingDown) -> LogLine {
    let actor = match found.why {
        CoolDownReason::PasswordChanged(actor) => actor,
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
