//! A suspension. It must not depend on its user, so it is written beside the state while somebody holds the user's lock.

use otp_core::environment::Clock;
use otp_core::files::notice::NoticeEvent;
use otp_core::log_line::Urgency;
use otp_core::manage::suspension::{self, Suspension};
use otp_core::reasons::ChangeRefusal;
use otp_protocol::interface::{Suspend, Suspended};
use otp_protocol::peer::Peer;

use crate::access::rights::Act;
use crate::daemon::Daemon;
use crate::enrolment::invite::{self, notice};
use crate::log::events::{about, event, signed};
use crate::machine::System;
use crate::refusals::{ChangeOf, Refused};

impl Daemon {
    /// Refuses every code of a user, and ends what is on its way: before it, so that no confirmation that has begun comes after it,
    /// and after it, for what was made meanwhile. Of the never enrolled that is all there is to end, so there it must not fail.
    pub(crate) fn suspend(&self, peer: Peer, wanted: &Suspend) -> Result<Suspended, Refused> {
        let (account, _) = self.target_on_file(peer, Act::Suspend, Some(&wanted.user))?;
        let ended = self.end_invitation(&account);
        let reached = suspension::suspend(self.vault(), &account, &System).of(&account)?;
        if reached != Suspension::NeverEnrolled {
            self.end_sudo_of(peer, &account); // also when repeated: the first time may have come to an end here
        }
        let line = match reached {
            Suspension::NeverEnrolled => {
                let ended = ended?.ok_or(ChangeRefusal::NotEnrolled).of(&account)?;
                invite::log("registration-code-revoked", &account, peer, Some(ended), |line| line);
                return Ok(Suspended { invitation_only: Some(true), changed: None });
            }
            Suspension::Already => {
                let changed = match ended? {
                    None => Some(false),
                    ended => {
                        invite::log("registration-code-revoked", &account, peer, ended, |line| line);
                        None
                    }
                };
                return Ok(Suspended { invitation_only: None, changed });
            }
            Suspension::Stored | Suspension::OfGone => about("suspended", &account),
            Suspension::Aside(holder) => {
                let holder = holder.map_or_else(|| "unknown".to_owned(), |process| process.to_string());
                about("suspended", &account).field("holder", &holder)
            }
        };
        self.pending_enrolments.end(account.uid); // what was begun before stands on other ground now
        self.notice_after(&account, notice(NoticeEvent::KeysSuspended, peer, System.wall()));
        event(Urgency::Notice, &signed(line, peer).finish());
        self.end_invitation(&account).map_err(|_| Refused::unavailable(HALF_SUSPENDED))?;
        Ok(Suspended { invitation_only: None, changed: None })
    }
}

const HALF_SUSPENDED: &str =
    "the keys are suspended, but a registration code that is on its way could not be ended and may still work";
