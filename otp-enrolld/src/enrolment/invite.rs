//! Registration codes from their making to their keyed hash. The code itself leaves once, in the answer to whoever had it made.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use otp_core::accounts::Account;
use otp_core::codes::registration::{CodeForm, RegistrationCode};
use otp_core::environment::Clock;
use otp_core::files::notice::{Notice, NoticeEvent, Where};
use otp_core::files::ticket::{Ticket, TicketId};
use otp_core::files::ticket_file::TicketFileError;
use otp_core::keys::seal::{CodeHash, CodePlace, HashedCode};
use otp_core::log_line::{LogLine, Urgency};
use otp_core::reasons::ChangeRefusal;
use otp_core::unix_time::UnixTime;
use otp_core::vault::EnrolmentStatus;
use otp_protocol::interface::{Done, Invitation, Invite, Invited, Refusal, RevokeInvitation};
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
        let replaces = wanted.replaces.unwrap_or(false);
        let status = self.vault().enrolment_status(&account, &System)?;
        if status == EnrolmentStatus::Enrolled && !replaces {
            return Err(Refused::not_possible(&account, ChangeRefusal::AlreadyEnrolled));
        }
        let code = RegistrationCode::new(form, &random::secret(form.symbols())?).ok_or(NoRandomness)?;
        let now = System.wall();
        let ticket =
            self.ticket(&account, &code, NewTicket { form, issued: now, lasts, replaces, issued_by: peer.uid })?;
        let (id, ends) = (ticket.id, ticket.not_after);
        let tickets = self.vault().tickets(account.uid)?;
        let mut ticket_file = tickets.ticket_file(&account)?.ticket_file;
        let superseded = ticket_file.issue(ticket, now).map_err(|error| no_room(&account, &error))?;
        self.notice(&account, notice(NoticeEvent::RegistrationCodeIssued, peer, now))?;
        tickets.store(&ticket_file, &System)?;
        drop(tickets);
        self.pending_enrolments.end(account.uid); // what was begun with an older code
        log("registration-code-issued", &account, peer, Some(id), |line| {
            let line = line.field("form", form.as_str()).field("ends", &ends.to_string());
            let line = line.field("replaces", if replaces { "yes" } else { "no" });
            line.optional("superseded", superseded.map(TicketId::hex).as_deref())
        });
        let (user, uid, form) = (account.name, account.uid, form.as_str().to_owned());
        let superseded = superseded.is_some();
        Ok(Invited { invitation: Invitation { user, uid, form, codes: code.parts(), replaces, ends, superseded } })
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
        let NewTicket { form, issued, lasts, replaces, issued_by } = new;
        let id = TicketId::new(random::bytes()?);
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

/// How long it is to last; what its form allows is a hard limit.
fn life(form: CodeForm, wanted: Option<u64>) -> Result<u64, Refused> {
    let seconds = wanted.unwrap_or(form.usual_life());
    if (SHORTEST_LIFE_S..=form.longest_life()).contains(&seconds) {
        return Ok(seconds);
    }
    let wanted = format!("{SHORTEST_LIFE_S} to {} seconds for the form {}", form.longest_life(), form.as_str());
    Err(Refusal::InvalidValue { field: "lasts".to_owned(), found: seconds.to_string(), wanted }.into())
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

fn no_room(account: &Account, error: &TicketFileError) -> Refused {
    match error {
        TicketFileError::Full => Refused::not_possible(account, ChangeRefusal::TooManyCodes),
        other => Refused::unavailable(other.to_string()),
    }
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
