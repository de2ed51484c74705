//! Registration codes from their making to their keyed hash. The code itself leaves once, in the answer to the inviting caller.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use otp_core::accounts::Account;
use otp_core::codes::ids::PasswordChange;
use otp_core::codes::registration::{CodeForm, RegistrationCode};
use otp_core::emergency::Reason;
use otp_core::environment::Clock;
use otp_core::files::notice::{Notice, NoticeEvent, Where};
use otp_core::files::ticket::{Ticket, TicketId};
use otp_core::files::ticket_file::Issued;
use otp_core::keys::seal::{CodeHash, CodePlace, HashedCode};
use otp_core::log_line::{LogLine, Urgency};
use otp_core::reasons::ChangeRefusal;
use otp_core::unix_time::UnixTime;
use otp_core::vault::EnrolmentStatus;
use otp_protocol::interface::{
    Done, ExtendInvitation, ExtendedInvitation, Invitation, Invite, Invited, Refusal, RevokeInvitation,
};
use otp_protocol::peer::Peer;
use otp_system::random::{self, NoRandomness};
use zeroize::Zeroizing;

use crate::access::check::target;
use crate::access::rights::Act;
use crate::daemon::Daemon;
use crate::lock::Lock;
use crate::log::events::{about, event, signed};
use crate::machine::System;
use crate::refusals::Refused;

/// A ticket that is to be made.
struct NewTicket {
    form: CodeForm,
    /// When it is made.
    issued: UnixTime,
    /// Seconds until its end.
    lasts: u64,
    /// May its owner replace the keys that they have?
    replaces: bool,
    /// The uid of who asked for it.
    issued_by: u32,
    /// The fresh password that does not stand in its way.
    in_spite_of: Option<PasswordChange>,
}

impl Daemon {
    /// Makes a registration code for a user. The one before is worthless from now on.
    pub(crate) fn invite(&self, peer: Peer, wanted: &Invite) -> Result<Invited, Refused> {
        let (account, _) = target(peer, Act::Invite, Some(&wanted.user))?;
        if !account.is_named() {
            return Err(Refused::not_possible(&account, ChangeRefusal::UnusableName));
        }
        let form = wanted.form.unwrap_or(CodeForm::Spoken);
        let lasts = life(form, wanted.lasts)?;
        let status = self.vault().enrolment_status(&account, &System)?;
        if status == EnrolmentStatus::Enrolled && wanted.replaces != Some(true) {
            return Err(Refused::not_possible(&account, ChangeRefusal::AlreadyEnrolled));
        }
        let rules = match status {
            EnrolmentStatus::Enrolled => {
                let cool_down = self.check_cool_down(peer, &account, reason(wanted)?.as_ref())?;
                Some(self.invitation_rules(peer, &account, cool_down)?)
            }
            EnrolmentStatus::NeverEnrolled => None,
        };
        let now = System.wall();
        let _alone = rules.is_some().then(|| self.reset_lock.lock());
        let status = match status {
            EnrolmentStatus::Enrolled => self.vault().enrolment_status(&account, &System)?, // forgotten meanwhile?
            EnrolmentStatus::NeverEnrolled => status,
        };
        // A code for a first key stays one: keys that come in another way are not replaced by it, past reset and cool-down.
        let replaces = status == EnrolmentStatus::Enrolled;
        let reset = match (status, &rules) {
            (EnrolmentStatus::Enrolled, Some(rules)) => self.reset_for_invitation(peer, &account, rules)?,
            _ => None,
        };
        if wanted.dry_run == Some(true) {
            let (superseded, ends) = (self.has_a_good_code(&account, now)?, now + lasts);
            let (user, uid, form) = (account.name, account.uid, form.as_str().to_owned());
            return Ok(Invited {
                invitation: Invitation { user, uid, form, codes: Vec::new(), replaces, ends, superseded },
            });
        }
        let cool_down = rules.map(|rules| rules.cool_down).unwrap_or_default();
        let in_spite_of = cool_down.change();
        cool_down.tell();
        let code = RegistrationCode::new(form, &random::secret(form.symbols())?).ok_or(NoRandomness)?;
        let new = NewTicket { form, issued: now, lasts, replaces, issued_by: peer.uid, in_spite_of };
        let ticket = self.ticket(&account, &code, new)?;
        let (id, ends) = (ticket.id, ticket.not_after);
        let tickets = self.vault().tickets(account.uid)?;
        let mut ticket_file = tickets.ticket_file(&account)?.ticket_file;
        let Issued { superseded, unrecognised } = ticket_file.issue(ticket, now);
        self.notice(&account, notice(NoticeEvent::RegistrationCodeIssued, peer, now))?;
        self.bind_to_reset(reset, id, &ticket_file.tickets)?;
        tickets.store(&ticket_file, &System)?;
        drop(tickets);
        self.pending_enrolments.end(account.uid); // what was begun with an older code
        unrecognised.into_iter().for_each(|gone| log_unrecognised(&account, gone));
        log("registration-code-issued", &account, peer, Some(id), |line| {
            let line = line.field("form", form.as_str()).field("ends", &ends.to_string());
            let line = line.field("replaces", if replaces { "yes" } else { "no" });
            line.optional("superseded", superseded.map(TicketId::hex).as_deref())
        });
        let (user, uid, form) = (account.name, account.uid, form.as_str().to_owned());
        let superseded = superseded.is_some();
        Ok(Invited { invitation: Invitation { user, uid, form, codes: code.parts(), replaces, ends, superseded } })
    }

    /// One of a backup is refused, and is none.
    fn has_a_good_code(&self, account: &Account, now: UnixTime) -> Result<bool, Refused> {
        let kept = self.vault().tickets(account.uid)?.ticket_file(account)?;
        Ok(!kept.restored && kept.ticket_file.good(now).is_some())
    }

    /// Makes the good code of a user worthless.
    pub(crate) fn revoke_invitation(&self, peer: Peer, wanted: &RevokeInvitation) -> Result<Done, Refused> {
        let (account, _) = target(peer, Act::RevokeInvitation, Some(&wanted.user))?;
        self.pending_enrolments.end_of_an_invitation(account.uid);
        match self.vault().revoke_tickets(&account, &System)? {
            None => Err(Refused::not_possible(&account, ChangeRefusal::NoInvitation)),
            ended => {
                log("registration-code-revoked", &account, peer, ended, |line| line);
                Ok(Done {})
            }
        }
    }

    /// Gives the good code of a user a later end. Nobody has to hear the code again.
    pub(crate) fn extend_invitation(
        &self,
        peer: Peer,
        wanted: &ExtendInvitation,
    ) -> Result<ExtendedInvitation, Refused> {
        let (account, _) = target(peer, Act::ExtendInvitation, Some(&wanted.user))?;
        let none = || Refused::not_possible(&account, ChangeRefusal::NoInvitation);
        if self.vault().invitation(&account, System.wall())?.is_none() {
            return Err(none()); // without a lock file for somebody who was never invited
        }
        let _alone = self.reset_lock.lock();
        let tickets = self.vault().tickets(account.uid)?;
        let mut ticket_file = tickets.ticket_file(&account)?.ticket_file;
        let now = System.wall();
        let id = ticket_file.good(now).map(|ticket| ticket.id).ok_or_else(none)?;
        let reset_left = self.reset_left(&account, id)?;
        let ticket = ticket_file.ticket_mut(id).ok_or_else(none)?;
        let ends = later_end(ticket, wanted.lasts, reset_left, now)?;
        let (changed, form) = (ends > ticket.not_after, ticket.form.as_str());
        if changed {
            ticket.not_after = ends;
            self.notice(&account, notice(NoticeEvent::RegistrationCodeExtended, peer, now))?;
            tickets.store(&ticket_file, &System)?;
            log("registration-code-extended", &account, peer, Some(id), |line| {
                line.field("form", form).field("ends", &ends.to_string())
            });
        }
        Ok(ExtendedInvitation { changed, form: form.to_owned(), ends })
    }

    /// Before or after a suspension: ends the code of a user, if there is one, and whatever is under way. Says of which code a key
    /// could still have come.
    pub(crate) fn end_invitation(&self, account: &Account) -> Result<Option<TicketId>, Refused> {
        self.pending_enrolments.end(account.uid);
        Ok(self.vault().end_invitation(account, &System)?)
    }

    /// The keyed hash of a code for a ticket of `uid`; a short one is made slow to guess first.
    pub(crate) fn registration_hash(
        &self,
        code: &RegistrationCode,
        uid: u32,
        id: TicketId,
        salt: Option<[u8; 16]>,
    ) -> Option<CodeHash> {
        let place = CodePlace { vault: self.vault().about().id, uid, code: HashedCode::Registration(id) };
        let hash = |input: &[u8]| self.unlocked.host_key().code_hash(&place, input);
        match salt {
            None => Some(hash(code.expose())),
            Some(salt) => slow(code, &salt).map(|slow| hash(slow.as_slice())),
        }
    }

    fn ticket(&self, account: &Account, code: &RegistrationCode, new: NewTicket) -> Result<Ticket, Refused> {
        let NewTicket { form, issued, lasts, replaces, issued_by, in_spite_of } = new;
        let id = TicketId::new(random::bytes()?);
        let id = in_spite_of.map_or(id, |change| id.in_spite_of(change));
        let salt = match form {
            CodeForm::Spoken => Some(random::bytes()?),
            _ => None,
        };
        let hash = self.registration_hash(code, account.uid, id, salt);
        let hash = hash.ok_or_else(|| Refused::unavailable("there is no memory for the hash of the code"))?;
        let not_after = issued + lasts;
        Ok(Ticket { id, form, hash, salt, replaces, issued, issued_by, not_after, uses: 0, used: None, end: None })
    }
}

fn reason(wanted: &Invite) -> Result<Option<Reason>, Refused> {
    let Some(text) = wanted.reason.as_deref() else { return Ok(None) };
    let bad = |wanted: &str| Refusal::InvalidValue {
        field: "reason".to_owned(),
        found: text.to_owned(),
        wanted: wanted.trim_start_matches("wanted ").to_owned(),
    };
    Ok(Some(Reason::new(text).map_err(bad)?))
}

/// How long it is to last; what its form allows is a hard limit.
fn life(form: CodeForm, wanted: Option<u64>) -> Result<u64, Refused> {
    let seconds = wanted.unwrap_or(form.usual_life());
    if (SHORTEST_LIFE_S..=form.longest_life()).contains(&seconds) {
        return Ok(seconds);
    }
    let wanted = format!("{SHORTEST_LIFE_S} to {} seconds for the form {}", form.longest_life(), form.as_str());
    Err(Refusal::InvalidValue { field: "lasts".to_owned(), found: seconds.to_string(), wanted }.into())
}

/// The end that a ticket gets; never an earlier one. Its form limits its life from its making on (T2), and the reset that it is of, for
/// which so many seconds are left, does so too.
fn later_end(ticket: &Ticket, lasts: Option<u64>, reset_left: Option<u64>, now: UnixTime) -> Result<UnixTime, Refused> {
    let by_form = ticket.issued + ticket.form.longest_life();
    let last = reset_left.map_or(by_form, |left| by_form.min(now + left));
    let most = last.since(now);
    match lasts {
        Some(seconds) if !(SHORTEST_LIFE_S..=most).contains(&seconds) => {
            let why = match last == by_form {
                true => {
                    format!(
                        "a {} code ends {} seconds after it was made",
                        ticket.form.as_str(),
                        ticket.form.longest_life()
                    )
                }
                false => "then its reset is over".to_owned(),
            };
            let wanted = format!("{SHORTEST_LIFE_S} to {most} seconds: {why}");
            Err(Refusal::InvalidValue { field: "lasts".to_owned(), found: seconds.to_string(), wanted }.into())
        }
        _ => {
            let lasts = lasts.unwrap_or(ticket.form.usual_life());
            let ends = (now + lasts).min(last);
            // The same command a moment later is no later end: its owner was told.
            Ok(if ends > ticket.not_after + lasts / 1000 { ends } else { ticket.not_after })
        }
    }
}

/// Argon2id (RFC 9106) with 19 MiB and two passes, the second of the parameter sets that OWASP's password storage sheet lists as equal.
fn slow(code: &RegistrationCode, salt: &[u8; 16]) -> Option<Zeroizing<[u8; 32]>> {
    static ONE_AT_A_TIME: Lock<()> = Lock::new(()); // it takes 19 MiB
    let _guard = ONE_AT_A_TIME.lock();
    let params = Params::new(SLOW_KIB, 2, 1, Some(32)).ok()?;
    let mut memory = Vec::new();
    memory.try_reserve_exact(GIVEN_BACK_BLOCKS).ok()?;
    memory.resize(params.block_count(), Block::default());
    let mut out = Zeroizing::new([0; 32]);
    let slow = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    slow.hash_password_into_with_memory(code.expose(), salt, out.as_mut_slice(), &mut memory).ok()?;
    Some(out)
}

/// A redeemed code that gave way to a new one: if somebody else has it and uses it, nobody is told so any more.
fn log_unrecognised(account: &Account, gone: TicketId) {
    let line = about("registration-code-unrecognised", account).field("ticket", &gone.hex());
    event(Urgency::Alert, &line.finish());
}

/// A notice about a registration code.
pub(crate) fn notice(event: NoticeEvent, peer: Peer, at: UnixTime) -> Notice {
    Notice { event, at, by: peer.person(), from: Where::default(), key: None }
}

/// One line about a registration code.
pub(crate) fn log(
    what: &str,
    account: &Account,
    peer: Peer,
    ticket: Option<TicketId>,
    more: impl FnOnce(LogLine) -> LogLine,
) {
    let line = about(what, account).optional("ticket", ticket.map(TicketId::hex).as_deref());
    event(Urgency::Notice, &signed(more(line), peer).finish());
}

/// Memory of a slow hash.
const SLOW_KIB: u32 = 19 * 1024;
/// Blocks of 1 KiB that are asked for. glibc gives back at once what was larger than 32 MiB; of less, every thread's arena would
/// keep its own. The rest is never touched.
const GIVEN_BACK_BLOCKS: usize = 34 * 1024;
/// Nobody types a code in less, in seconds.
const SHORTEST_LIFE_S: u64 = 60;
