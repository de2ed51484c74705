//! Redeems a registration code (`presented_code` finds its ticket): the use is on disk and the owner's notice is spooled before a key is
//! made and shown. The owner may also say that somebody else used it.

use otp_core::accounts::Account;
use otp_core::decision::origin::Origin;
use otp_core::environment::Clock;
use otp_core::files::notice::{Notice, NoticeEvent, Where};
use otp_core::files::ticket::{TicketEnd, TicketEndReason, TicketId, TicketUse, Worth};
use otp_core::log_line::Urgency;
use otp_core::reasons::ChangeRefusal;
use otp_core::repair::RestoredEvidence;
use otp_core::vault::{self, Grounds, Replaces, StoredTickets};
use otp_protocol::interface::{Redeem, Redeemed, RegistrationReason, Repudiate, Repudiated};
use otp_protocol::peer::Peer;

use crate::access::rights::Act;
use crate::daemon::{Daemon, Session};
use crate::enrolment::flow::plan;
use crate::enrolment::invite::{log, notice};
use crate::enrolment::pending::EnrolmentPurpose;
use crate::enrolment::presented_code::{Presented, alarm, descends, from_fields, place, redemption, refused};
use crate::enrolment::slots::Earlier;
use crate::log::events::{about, paced, signed};
use crate::machine::System;
use crate::refusals::{ChangeOf, Refused};

impl Daemon {
    /// Begins an enrolment with a registration code.
    pub(crate) fn redeem(&self, session: &mut Session, wanted: Redeem) -> Result<Redeemed, Refused> {
        let peer = session.peer;
        session.pending = None;
        let account = self.owner(peer, Act::Redeem, wanted.user.as_deref())?;
        let presented = Presented {
            peer,
            account: &account,
            origin: self.origin(peer, &wanted.prompt, account.uid)?,
            from: place(&wanted.prompt),
            service: wanted.prompt.service.as_deref(),
            code: wanted.registration,
        };
        let _permit = self.permit(&account)?;
        let (record, tickets) = self.looked_up(&presented)?;
        let StoredTickets { mut ticket_file, restored, evidence } = tickets.ticket_file(&account)?;
        let invited = ticket_file.account.clone(); // by this name, where the account has several
        let now = System.wall();
        let Some((id, worth)) = self.found(&ticket_file, &presented, now) else {
            return Err(self.unknown(&tickets, &presented));
        };
        let ticket = ticket_file.ticket_mut(id).ok_or_else(refused)?;
        // A crash may have come between the key and the end of its ticket.
        let repudiated = matches!(ticket.end, Some(TicketEnd { why: TicketEndReason::Repudiated, .. }));
        let worth = if descends(record.as_ref(), id) && !repudiated { Worth::Spent } else { worth };
        match worth {
            Worth::Fresh | Worth::Again if !restored => {}
            worthless => {
                self.throttle.count(account.uid, presented.origin);
                return Err(match worthless {
                    Worth::Spent => self.spent(&presented, ticket),
                    Worth::Stale => self.stale(&presented, id),
                    Worth::Early => Refused::registration(RegistrationReason::Early),
                    Worth::Fresh | Worth::Again => {
                        evidence.iter().for_each(|evidence| log_restored(&presented, evidence));
                        Refused::registration(RegistrationReason::Restored)
                    }
                });
            }
        }
        // At a prompt only a first key: the person who sees the prompt has not logged in.
        let purpose = if ticket.replaces && presented.origin == Origin::Socket { instead_of_all } else { first };
        let plan = plan(invited, &wanted.key, &self.policy(peer)?, purpose(id))?;
        self.check_room(&plan)?;
        if ticket.replaces {
            self.check_cool_down_of_code(peer, &account, id)?;
        }
        // The one before this: if somebody used the code in between, the next one hears of it.
        let earlier = ticket.used.as_ref().map(|(_, last)| redemption(last));
        ticket.redeem(TicketUse { at: now, from: presented.from.clone() });
        let uses = ticket.uses;
        tickets.store(&ticket_file, &System)?;
        let start_number = self.pending_enrolments.next_start_number(); // under the lock: in the order in which the code was used
        drop(tickets);
        let by = Notice { from: presented.from.clone(), ..notice(NoticeEvent::RegistrationCodeUsed, peer, now) };
        self.notice(&account, by)?;
        self.throttle.forget(account.uid, presented.origin);
        log("registration-code-used", &account, peer, Some(id), |line| {
            from_fields(line, &presented).field("uses", &uses.to_string())
        });
        let enrolment = self.start(session, plan, Earlier::EndsIfOlder(start_number))?;
        Ok(Redeemed { enrolment, earlier })
    }

    /// The owner says that somebody else has used the code: what descends from that use is suspended.
    pub(crate) fn repudiate(&self, peer: Peer, wanted: Repudiate) -> Result<Repudiated, Refused> {
        let account = self.owner(peer, Act::Repudiate, None)?;
        let presented = Presented {
            peer,
            account: &account,
            origin: Origin::Socket,
            from: Where::default(),
            service: None,
            code: wanted.registration,
        };
        let _permit = self.permit(&account)?;
        let (record, tickets) = self.looked_up(&presented)?;
        let kept = tickets.ticket_file(&account)?;
        let now = System.wall();
        let Some((id, _)) = self.found(&kept.ticket_file, &presented, now) else {
            return Err(self.unknown(&tickets, &presented));
        };
        let mut ticket_file = kept.settled(now);
        let ticket = ticket_file.ticket_mut(id).ok_or_else(refused)?;
        let since = match ticket.end {
            // Once said, it may be said again: the answer may have been lost.
            Some(TicketEnd { why: TicketEndReason::Confirmed | TicketEndReason::Repudiated, at }) => at,
            _ if descends(record.as_ref(), id) => now,
            _ => {
                self.throttle.count(account.uid, presented.origin);
                return Err(self.stale(&presented, id));
            }
        };
        if now > since + self.policy(peer)?.repudiate_within {
            self.throttle.count(account.uid, presented.origin);
            alarm("registration-code-repudiated-late", &presented, id);
            return Err(Refused::not_possible(&account, ChangeRefusal::TooLate));
        }
        let suspended = self.suspend_descendants(&account, id)?;
        self.end_sudo_of(peer, &account); // it may be of the person who had the code
        let end = Some(TicketEnd { why: TicketEndReason::Repudiated, at: since });
        let anew = suspended.anew || ticket.end != end;
        ticket.end = end;
        tickets.store(&ticket_file, &System)?;
        drop(tickets);
        if anew {
            // Said once more it is answered, but nobody need hear of it again.
            alarm("registration-code-repudiated", &presented, id);
            self.notice_after(&account, notice(NoticeEvent::Repudiated, peer, now));
        }
        Ok(Repudiated { keys: suspended.keys })
    }

    /// Also what is under way on some connection: it may descend from it, too.
    fn suspend_descendants(&self, account: &Account, id: TicketId) -> Result<vault::RepudiationOutcome, Refused> {
        let locked = self.vault().lock(account, &System)?;
        let Some(mut locked) = locked else { return Ok(vault::RepudiationOutcome { keys: 0, anew: false }) };
        let suspended = locked.repudiate(id, &System).of(account);
        self.pending_enrolments.end(account.uid); // under the lock: what begins later sees the marks
        suspended
    }
}

/// A good code in a file that is not to be believed: which file, and both of its times.
fn log_restored(presented: &Presented<'_>, evidence: &RestoredEvidence) {
    let line = evidence.told_in(about("registration-code-restored", presented.account));
    paced("registration-code-restored", Urgency::Alert, presented.peer.accountable_uid, signed(line, presented.peer));
}

/// A first key, with its recovery codes.
fn first(id: TicketId) -> EnrolmentPurpose {
    redemption_of(id, NoticeEvent::KeyEnrolled, Grounds::FirstKey, Replaces::Nothing)
}

/// A key instead of all that there are, with new recovery codes.
fn instead_of_all(id: TicketId) -> EnrolmentPurpose {
    redemption_of(id, NoticeEvent::KeyRotated, Grounds::Any, Replaces::All)
}

fn redemption_of(id: TicketId, event: NoticeEvent, grounds: Grounds, replaces: Replaces) -> EnrolmentPurpose {
    EnrolmentPurpose { event, grounds, replaces, recovery: true, ticket: Some(id), redemption: Some(id) }
}
