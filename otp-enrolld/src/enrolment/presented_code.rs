//! Looks up a presented registration code, in constant time: its user, recent wrong codes, its ticket. Says what the peer and the owner
//! hear when it is unknown, used or over.

use otp_core::accounts::Account;
use otp_core::codes::registration::{CodeForm, RegistrationCode};
use otp_core::decision::origin::Origin;
use otp_core::environment::Clock;
use otp_core::files::key_file::Record;
use otp_core::files::notice::{Claim, Notice, NoticeEvent, Where};
use otp_core::files::ticket::{Ticket, TicketId, TicketUse, Worth};
use otp_core::files::ticket_file::TicketFile;
use otp_core::log_line::{LogLine, Urgency};
use otp_core::reasons::words::Received;
use otp_core::unix_time::UnixTime;
use otp_core::vault::{StoredTickets, Tickets};
use otp_protocol::interface::{ClaimedPlace, Prompt, Redemption, Refusal, RegistrationReason};
use otp_protocol::peer::Peer;

use crate::access::check::target;
use crate::access::groups;
use crate::access::rights::{Act, Actor};
use crate::daemon::Daemon;
use crate::enrolment::invite::notice;
use crate::log::events::{about, bounded, event, signed};
use crate::machine::System;
use crate::refusals::Refused;
use crate::verify;

/// A code that was presented.
pub(crate) struct Presented<'a> {
    /// The peer that brought it.
    pub peer: Peer,
    /// Whose it is said to be.
    pub account: &'a Account,
    /// Where it counts, if it is wrong.
    pub origin: Origin,
    /// The claimed place.
    pub from: Where,
    /// The PAM service, whole, for the log.
    pub service: Option<&'a str>,
    /// The code.
    pub code: RegistrationCode,
}

impl Daemon {
    /// Whose code it is said to be, and whether the peer may.
    pub(crate) fn owner(&self, peer: Peer, act: Act, user: Option<&str>) -> Result<Account, Refused> {
        match target(peer, act, user) {
            Ok((account, _)) => Ok(account),
            Err(denied @ Refused(Refusal::NotAllowed { .. })) => Err(denied),
            Err(_) => Err(refused()), // an unknown name is told by nothing
        }
    }

    /// Where a code counts that is wanted of its owner, for whom a root peer says that it asks.
    pub(crate) fn origin(&self, peer: Peer, prompt: &Prompt, target: u32) -> Result<Origin, Refused> {
        match (groups::by_uid(peer), prompt.real_uid) {
            (Actor::Root, None) if target == 0 => Ok(Origin::Socket), // root itself, with otpctl
            (Actor::Root, _) => {
                let policy = self.service_policy(peer, Some(prompt))?;
                Ok(policy.origin(verify::origin(Actor::Root, prompt, target)))
            }
            (actor, _) => Ok(verify::origin(actor, prompt, target)),
        }
    }

    /// A place among those whose codes for this user are looked at. A user who holds the own lock lets each of them wait, and must not
    /// use up the connections of everybody.
    pub(crate) fn permit(&self, account: &Account) -> Result<impl Sized + use<>, Refused> {
        let permit = self.redeeming.permit(account.uid, Some(account.uid));
        permit.ok_or_else(|| Refused::busy("too many codes at once"))
    }

    /// The record, and the locked tickets. The record comes first, without their lock: a user can stop a root-owned program that
    /// holds the user's lock, and an admin who ends the invitation must not wait for that. The throttle is checked again under the lock,
    /// where every wrong code is counted: many at once are no more guesses than one after the other.
    pub(crate) fn looked_up(&self, presented: &Presented<'_>) -> Result<(Option<Record>, Tickets), Refused> {
        self.check_throttle(presented)?;
        let record = self.record(presented.account)?;
        let tickets = self.vault().tickets(presented.account.uid)?;
        self.check_throttle(presented)?;
        Ok((record, tickets))
    }

    pub(crate) fn check_throttle(&self, presented: &Presented<'_>) -> Result<(), Refused> {
        let wait = self.throttle.wait(presented.account.uid, presented.origin);
        match wait.as_millis().div_ceil(1000) {
            0 => Ok(()),
            seconds => Err(Refused(Refusal::RegistrationRefused {
                reason: Received::Known(RegistrationReason::Refused),
                wait: u64::try_from(seconds).unwrap_or(u64::MAX),
            })),
        }
    }

    /// The ticket of this code, and what it is worth. All are compared, whichever fits; of those with a slow hash that never
    /// were of use only the newest, and at a prompt, where the answer would be the same, none: the time does not tell
    /// how often somebody was invited. However many came after it, a code that was used is known as such.
    pub(crate) fn found(
        &self,
        ticket_file: &TicketFile,
        presented: &Presented<'_>,
        now: UnixTime,
    ) -> Option<(TicketId, Worth)> {
        let code = &presented.code;
        let most = if presented.origin == Origin::Socket { MOST_COMPARED } else { 0 };
        let fitting = ticket_file.tickets.iter().rev().filter(|ticket| code.fits(ticket.form));
        let always = |ticket: &&Ticket| ticket.salt.is_none() || ticket.used.is_some() || ticket.is_good(now);
        let (compared, over): (Vec<_>, Vec<_>) = fitting.partition(always);
        let uid = ticket_file.account.uid;
        let same = |ticket: &&Ticket| self.registration_hash(code, uid, ticket.id, ticket.salt) == Some(ticket.hash);
        let found: Vec<_> = compared.into_iter().chain(over.into_iter().take(most)).filter(same).collect();
        found.first().map(|one| (one.id, one.worth(now)))
    }

    /// Nobody's code, or somebody else's: one answer for both. The owner of a good one and the admins hear of it.
    pub(crate) fn unknown(&self, tickets: &Tickets, presented: &Presented<'_>) -> Refused {
        self.throttle.count(presented.account.uid, presented.origin);
        match self.owner_of_code(tickets, presented) {
            Some((owner, id)) => {
                alarm("registration-code-of-another", presented, id);
                let from = presented.from.clone();
                let event = NoticeEvent::RegistrationCodeTriedByAnother;
                self.notice_after(&owner, Notice { from, ..notice(event, presented.peer, System.wall()) });
            }
            None => {
                let line = line("registration-code-unknown", presented);
                bounded(Urgency::Notice, presented.peer.accountable_uid, line);
            }
        }
        refused()
    }

    /// Whose code it is, of those that are still good. A spoken one costs a slow hash for each, so only the newest are tried.
    pub(crate) fn owner_of_code(&self, tickets: &Tickets, presented: &Presented<'_>) -> Option<(Account, TicketId)> {
        let now = System.wall();
        let uids = self.vault().ticket_uids().ok()?.into_iter().filter(|uid| *uid != presented.account.uid);
        let files = uids.filter_map(|uid| tickets.ticket_file_of(uid).ok().flatten());
        let good = files.filter_map(|StoredTickets { ticket_file, .. }| {
            ticket_file.good(now).cloned().map(|ticket| (ticket_file.account, ticket))
        });
        let mut good: Vec<_> = good.filter(|(_, ticket)| presented.code.fits(ticket.form)).collect();
        good.sort_by_key(|(_, ticket)| std::cmp::Reverse(ticket.issued));
        if presented.code.fits(CodeForm::Spoken) {
            good.truncate(MOST_COMPARED);
        }
        let same = |(owner, ticket): &(Account, Ticket)| {
            self.registration_hash(&presented.code, owner.uid, ticket.id, ticket.salt) == Some(ticket.hash)
        };
        good.into_iter().find(same).map(|(owner, ticket)| (owner, ticket.id))
    }

    /// A key was made with it already: its owner on the socket is told when and from where, so that they can say that it was not
    /// them. Anybody else hears nothing.
    pub(crate) fn spent(&self, presented: &Presented<'_>, ticket: &Ticket) -> Refused {
        alarm("registration-code-replayed", presented, ticket.id);
        let event = NoticeEvent::RegistrationCodeReplayed;
        let from = presented.from.clone();
        self.notice_after(presented.account, Notice { from, ..notice(event, presented.peer, System.wall()) });
        match (&ticket.used, presented.origin) {
            (Some((_, last)), Origin::Socket) => Refusal::RegistrationSpent { used: redemption(last) }.into(),
            _ => refused(),
        }
    }

    pub(crate) fn stale(&self, presented: &Presented<'_>, id: TicketId) -> Refused {
        let line = line("registration-code-stale", presented).field("ticket", &id.hex());
        bounded(Urgency::Notice, presented.peer.accountable_uid, line);
        match presented.origin {
            Origin::Socket => Refused::registration(RegistrationReason::Stale),
            _ => refused(),
        }
    }

    pub(crate) fn record(&self, account: &Account) -> Result<Option<Record>, Refused> {
        let locked = self.vault().lock(account, &System)?;
        Ok(locked.and_then(|locked| locked.record().cloned()))
    }
}

/// Is there a key that was made with this ticket? A crash may have come between the key and the end of the ticket.
pub(crate) fn descends(record: Option<&Record>, id: TicketId) -> bool {
    record.is_some_and(|record| record.keys.iter().any(|key| key.redemption == Some(id)))
}

/// From where, as far as it may be shown.
pub(crate) fn place(prompt: &Prompt) -> Where {
    Where {
        tty: Claim::of(prompt.tty.as_deref()),
        rhost: Claim::of(prompt.rhost.as_deref()),
        service: Claim::of(prompt.service.as_deref()),
    }
}

pub(crate) fn redemption(used: &TicketUse) -> Redemption {
    Redemption { at: used.at, from: ClaimedPlace::of(&used.from) }
}

pub(crate) fn refused() -> Refused {
    Refused::registration(RegistrationReason::Refused)
}

pub(crate) fn line(what: &str, presented: &Presented<'_>) -> LogLine {
    signed(from_fields(about(what, presented.account), presented), presented.peer)
}

pub(crate) fn from_fields(line: LogLine, presented: &Presented<'_>) -> LogLine {
    let text = |claim: &Option<Claim>| claim.as_ref().map(|claim| claim.as_str().to_owned());
    line.field("origin", presented.origin.as_str())
        .service(presented.service)
        .optional("rhost", text(&presented.from.rhost).as_deref())
        .optional("tty", text(&presented.from.tty).as_deref())
}

pub(crate) fn alarm(what: &str, presented: &Presented<'_>, id: TicketId) {
    event(Urgency::Alert, &line(what, presented).field("ticket", &id.hex()).finish());
}

/// How many tickets with a slow hash are compared with one code, of those of its user that never were of use, and of others'.
const MOST_COMPARED: usize = 16;
