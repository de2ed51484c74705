//! A pending key from its creation to its confirmation: what is shown, what each code leads to, what is stored and who is notified.

use otp_core::accounts::Account;
use otp_core::codes::ids::RecoverySetId;
use otp_core::codes::recovery::{RecoveryCode, RecoveryHash, SET};
use otp_core::decision::state::State;
use otp_core::environment::Clock;
use otp_core::files::date::utc;
use otp_core::files::notice::{Notice, Where};
use otp_core::files::ticket::{TicketEnd, TicketEndReason, TicketId, Worth};
use otp_core::files::ticket_file::TicketFile;
use otp_core::keys::diagnosis::Diagnosis;
use otp_core::keys::key::{Kind, Label, NewKey};
use otp_core::log_line::Urgency;
use otp_core::policy::host::HostPolicy;
use otp_core::reasons::ChangeRefusal;
use otp_core::unix_time::UnixTime;
use otp_core::vault::{Replaces, Tickets, VaultError};
use otp_protocol::interface::{
    BeginEnrolment, Begun, Cancelled, ConfirmEnrolment, Confirmed, Enrolment, Refusal, RegistrationReason, Shape,
    WantedKey,
};
use otp_protocol::peer::Peer;
use otp_protocol::qr::{Drawing, Extent, NARROWEST_ZONE, Picture, Theme};
use otp_protocol::status;
use otp_system::random::{self, NoRandomness};
use zeroize::Zeroizing;

use crate::access::check::{account_named, allowed};
use crate::access::groups;
use crate::access::rights::Act;
use crate::daemon::{Daemon, Session};
use crate::enrolment::otpauth::{AppEntry, Provisioning, USUAL_LABEL};
use crate::enrolment::pending::{
    BeginError, CodeOutcome, EnrolmentPurpose, FIRST_COUNTER, PendingEnrolment, Plan, TRIES,
};
use crate::enrolment::slots::Earlier;
use crate::log::events::{about, paced, signed};
use crate::machine::System;
use crate::refusals::{ChangeOf, Refused, log_vault};

impl Daemon {
    /// Root makes a key for somebody, and sees it. Only where the policy says so: otherwise a user is invited.
    pub(crate) fn begin(&self, session: &mut Session, wanted: BeginEnrolment) -> Result<Begun, Refused> {
        allowed(groups::actor(session.peer)?, session.peer, Act::BeginEnrolment, None)?;
        let account = account_named(&wanted.user)?;
        let policy = self.policy(session.peer)?;
        if !policy.admin_enrol {
            let reason = "admins do not see keys: use `otpctl invite`, or set admin_enrol = true in otp.toml";
            return Err(Refused::not_allowed(reason));
        }
        let plan = plan(account, &wanted.key, &policy, EnrolmentPurpose::BY_AN_ADMIN)?;
        let enrolment = self.start(session, plan, Earlier::Stays)?;
        Ok(Begun { enrolment })
    }

    /// Makes the key of a plan and shows it.
    pub(crate) fn start(&self, session: &mut Session, plan: Plan, earlier: Earlier) -> Result<Enrolment, Refused> {
        session.pending = None;
        self.check_room(&plan)?;
        let policy = self.policy(session.peer)?;
        let pending = self.pending_enrolments.begin(plan, earlier, &System)?;
        log_enrolment("enrolment-begun", session.peer, &pending, None);
        let enrolment = enrolment(&pending, &policy)?;
        session.pending = Some(pending);
        Ok(enrolment)
    }

    /// Would the key of this plan find its place? Asked before anything is used up or shown.
    pub(crate) fn check_room(&self, plan: &Plan) -> Result<(), Refused> {
        let locked = self.vault().lock(&plan.account, &System)?;
        if !plan.account.is_named() && locked.as_ref().is_none_or(|locked| locked.record().is_none()) {
            return Err(Refused::not_possible(&plan.account, ChangeRefusal::UnusableName));
        }
        let Some(locked) = locked else { return Ok(()) };
        let grounds = locked.has_grounds(plan.purpose.grounds);
        let room = grounds.and_then(|()| locked.has_room_for(&plan.label, plan.purpose.replaces));
        room.of(&plan.account)
    }

    /// A code of the pending key stores it.
    pub(crate) fn confirm(&self, session: &mut Session, typed: &ConfirmEnrolment) -> Result<Confirmed, Refused> {
        let policy = self.policy(session.peer)?;
        let pending = session.pending.as_mut().ok_or(Refusal::NothingPending {})?;
        let typed = typed.code.sorted();
        let refused = |tries_left, diagnosis| Err(Refusal::CodeRefused { tries_left, diagnosis }.into());
        match pending.answer(&typed, &policy.limits, &System) {
            CodeOutcome::Confirmed(step) => {
                let stored = self.store(session.peer, pending, step);
                session.pending = None;
                stored
            }
            CodeOutcome::Junk(tries_left) => refused(tries_left, None),
            CodeOutcome::Half(tries_left) => refused(tries_left, Some(Diagnosis::NextCode.word())),
            CodeOutcome::Wrong(tries_left, diagnosis) => {
                log_enrolment("enrolment-code-refused", session.peer, pending, None);
                session.pending = session.pending.take().filter(|_| tries_left > 0);
                refused(tries_left, diagnosis.map(|found| found.word()))
            }
            CodeOutcome::Expired => {
                session.pending = None;
                Err(Refusal::EnrolmentExpired {}.into())
            }
        }
    }

    /// The notice first, then the key, then the end of its registration code. If the last fails, the key itself shows that the
    /// code is spent: it descends from it.
    fn store(
        &self,
        peer: Peer,
        pending: &PendingEnrolment,
        step: otp_core::keys::key::Step,
    ) -> Result<Confirmed, Refused> {
        let (plan, purpose) = (pending.plan(), pending.plan().purpose);
        let account = &plan.account;
        let _alone = pending.is_imported().then(|| self.import_lock.lock());
        if pending.is_imported() {
            self.check_secret_is_new(pending)?;
        }
        self.check_room(plan)?; // before anybody is told of a key that would find no place
        if let (Some(ticket), true) = (purpose.ticket, purpose.replaces != Replaces::Nothing) {
            self.check_cool_down_of_code(peer, account, ticket)?; // the password may have changed since the code was typed
        }
        let tickets = match purpose.ticket {
            Some(ticket) => Some((self.ticket_file_with_good(account, ticket)?, ticket)),
            None => None,
        };
        if purpose.recovery {
            self.notice_of_codes(account)?; // of the old set, which is about to go
        }
        let (hashes, codes) = match purpose.recovery {
            true => self.recovery_set(account, purpose.redemption)?,
            false => (Vec::new(), Vec::new()),
        };
        self.notice(account, notice_of(plan, peer))?;
        let record = pending.store(step, hashes, &self.unlocked, &System).of(account)?;
        if purpose.replaces != Replaces::Nothing {
            self.end_sudo_of(peer, account);
        }
        self.end_unassigned(pending);
        self.forget_disabling(account.uid); // nothing is stored beside keys that stay disabled
        if let Some(((tickets, ticket_file), ticket)) = tickets {
            // The key is in force: its owner must hear so, and get the recovery codes.
            end_confirmed(&tickets, ticket_file, ticket).unwrap_or_else(|error| log_vault(&error));
            drop(tickets);
            self.end_used_reset();
        }
        log_enrolment("enrolled", peer, pending, Some(record.generation));
        let key = record.keys.last().ok_or_else(|| Refused::unavailable("the key is stored, but cannot be shown"))?;
        let key = status::key(key, &State::never_enrolled(account.uid));
        let (user, uid) = (account.name.clone(), account.uid);
        Ok(Confirmed { user, uid, key, generation: record.generation, recovery_codes: codes })
    }

    /// A secret that somebody imports may be in use already, also by another user (R4).
    pub(crate) fn check_secret_is_new(&self, pending: &PendingEnrolment) -> Result<(), Refused> {
        let account = &pending.plan().account;
        match self.fingerprints.holder(self.vault(), pending.fingerprint(&self.unlocked))? {
            None => self.check_unassigned(pending),
            Some(uid) if uid == account.uid => Err(Refused::not_possible(account, ChangeRefusal::TokenThere)),
            Some(_) => Err(Refused::not_possible(account, ChangeRefusal::SecretInUse)),
        }
    }

    /// The locked tickets, if this one of the user is still good: it may have been taken back or superseded meanwhile.
    fn ticket_file_with_good(&self, account: &Account, ticket: TicketId) -> Result<(Tickets, TicketFile), Refused> {
        let tickets = self.vault().tickets(account.uid)?;
        let mut ticket_file = tickets.ticket_file(account)?.ticket_file;
        let worth = ticket_file.ticket_mut(ticket).map(|one| (one.end, one.worth(System.wall())));
        match worth {
            // Its last moment may have passed since it was redeemed; the pending key has a life of its own.
            Some((None, Worth::Again | Worth::Stale)) => Ok((tickets, ticket_file)),
            _ => Err(Refused::registration(RegistrationReason::Stale)),
        }
    }

    /// A new set of recovery codes: what is kept, and what is shown.
    pub(crate) fn recovery_set(
        &self,
        account: &Account,
        redemption: Option<TicketId>,
    ) -> Result<(Vec<RecoveryHash>, Vec<Zeroizing<String>>), Refused> {
        let randomness = |_| Refusal::unavailable("the kernel gives no random bytes");
        let set = RecoverySetId::new(random::bytes().map_err(randomness)?);
        let (mut hashes, mut texts) = (Vec::new(), Vec::new());
        for index in 0..SET {
            let bytes = random::secret(RecoveryCode::RANDOM)?;
            let Some(code) = bytes.first_chunk().and_then(|bytes| RecoveryCode::new(index, bytes)) else {
                return Err(Refused::unavailable("a recovery code could not be made"));
            };
            let hash = RecoveryHash::of(&code, set, account.uid, self.unlocked.host_key(), self.vault().about().id);
            hashes.push(RecoveryHash { set, index, hash, redemption });
            texts.push(code.text());
        }
        Ok((hashes, texts))
    }
}

/// A key was made with the ticket.
fn end_confirmed(tickets: &Tickets, mut ticket_file: TicketFile, ticket: TicketId) -> Result<(), VaultError> {
    let end = Some(TicketEnd { why: TicketEndReason::Confirmed, at: System.wall() });
    ticket_file.ticket_mut(ticket).into_iter().for_each(|one| one.end = end);
    tickets.store(&ticket_file, &System)
}

/// Throws the pending key away.
pub(crate) fn cancel(session: &mut Session) -> Result<Cancelled, Refused> {
    session.pending.take().map(|_| Cancelled {}).ok_or(Refused(Refusal::NothingPending {}))
}

/// The wish, filled up from the policy.
pub(crate) fn plan(
    account: Account,
    wanted: &WantedKey,
    policy: &HostPolicy,
    purpose: EnrolmentPurpose,
) -> Result<Plan, Refused> {
    let label = wanted.label.clone().map_or_else(|| label(USUAL_LABEL), Ok)?;
    let kind = wanted.shape.kind.unwrap_or(Kind::Totp);
    let expires = to_come(wanted.expires)?;
    Ok(Plan { account, label, kind, new: new_key(&wanted.shape, policy.key), expires, purpose })
}

/// The end of a key must lie in the future: to end one now there is `Revoke`.
pub(crate) fn to_come(expires: Option<UnixTime>) -> Result<Option<UnixTime>, Refused> {
    match expires {
        Some(end) if end <= System.wall() => {
            let (field, wanted) = ("expires".to_owned(), "a time in the future".to_owned());
            Err(Refusal::InvalidValue { field, found: utc(end), wanted }.into())
        }
        expires => Ok(expires),
    }
}

/// A label that is known to be one.
pub(crate) fn label(text: &str) -> Result<Label, Refused> {
    Label::new(text).map_err(|error| Refused::unavailable(error.to_string()))
}

/// Algorithm, digits and period, where nothing is said those of the policy.
pub(crate) fn new_key(wanted: &Shape, default: NewKey) -> NewKey {
    NewKey {
        algorithm: wanted.algorithm.unwrap_or(default.algorithm),
        digits: wanted.digits.unwrap_or(default.digits),
        period: wanted.period.unwrap_or(default.period),
    }
}

fn enrolment(pending: &PendingEnrolment, policy: &HostPolicy) -> Result<Enrolment, Refused> {
    let Plan { account, label, kind, new, .. } = pending.plan();
    let provisioning = Provisioning {
        entry: &AppEntry::of(&account.name, label.as_str(), policy),
        kind: *kind,
        algorithm: new.algorithm,
        digits: new.digits,
        period: new.period,
    };
    let uri = provisioning.uri(pending.secret());
    let picture = Picture::of(&uri).ok_or_else(|| Refused::unavailable("the URI is too long for a QR code"))?;
    Ok(Enrolment {
        user: account.name.clone(),
        uid: account.uid,
        label: label.as_str().to_owned(),
        kind: kind.as_str().to_owned(),
        algorithm: new.algorithm.as_str().to_owned(),
        digits: new.digits.get(),
        period: u32::try_from(new.period.seconds()).unwrap_or(u32::MAX),
        counter: (*kind == Kind::Hotp).then_some(FIRST_COUNTER),
        secret: pending.secret().base32(),
        qr_svg: picture.svg(),
        qr_dark: for_a_prompt(&picture, Theme::Dark),
        qr_light: for_a_prompt(&picture, Theme::Light),
        uri,
        expires_in: pending.time_left(&System).as_secs(),
        tries: TRIES,
    })
}

/// With the widest margin for which a window of 80 columns and 24 rows has room; a program that shows it may not look at a terminal.
fn for_a_prompt(picture: &Picture, theme: Theme) -> Zeroizing<String> {
    let drawing = Drawing::Plain(theme);
    picture.draw(drawing, picture.margin_within(drawing, PROMPT_ROOM).unwrap_or(NARROWEST_ZONE))
}

impl From<BeginError> for Refused {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::AlreadyPending => Self::busy("an enrolment of this user is under way"),
            BeginError::NoRandomness => NoRandomness.into(),
        }
    }
}

/// The notice to its owner.
pub(crate) fn notice_of(plan: &Plan, peer: Peer) -> Notice {
    let key = Some(plan.label.clone());
    Notice { event: plan.purpose.event, at: System.wall(), by: peer.person(), from: Where::default(), key }
}

/// One line about an enrolment.
pub(crate) fn log_enrolment(what: &'static str, peer: Peer, pending: &PendingEnrolment, generation: Option<u64>) {
    let Plan { account, label, purpose, .. } = pending.plan();
    let line = about(what, account)
        .field("key", label.as_str())
        .field("purpose", purpose.event.word())
        .optional("generation", generation.map(|number| number.to_string()).as_deref());
    // Anyone who has a counter has codes without end, and with each begins something again.
    paced(what, Urgency::Notice, peer.accountable_uid, signed(line, peer));
}

/// That of a window of 80 columns and 24 rows, without a line for the key in letters and one for the question.
const PROMPT_ROOM: Extent = Extent { columns: 80, rows: 22 };
