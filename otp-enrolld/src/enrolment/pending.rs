//! A key on its way to its owner: made and shown once, pending in memory and bound to one connection for 15 minutes,
//! stored when a code of it was typed. Until then the gate knows nothing of it; when the connection ends, so does the key.

use std::time::Duration;

use otp_core::accounts::Account;
use otp_core::codes::recovery::RecoveryHash;
use otp_core::decision::input::Typed;
use otp_core::decision::limits::{HOTP_WIDEST, Limits, Wait};
use otp_core::decision::origin::Origin;
use otp_core::decision::state::{KeyState, State};
use otp_core::decision::{Attempt, ClockTrust, Now, Verdict, decide};
use otp_core::environment::{Clock, Environment};
use otp_core::files::key_file::{Key, Record};
use otp_core::files::notice::NoticeEvent;
use otp_core::files::ticket::TicketId;
use otp_core::files::unassigned_token::UnassignedToken;
use otp_core::keys::diagnosis::Diagnosis;
use otp_core::keys::hotp::Codes;
use otp_core::keys::key::{KeyId, Kind, Label, NewKey, Step};
use otp_core::keys::open_key::OpenKey;
use otp_core::keys::seal::{Fingerprint, Nonce, Sealed};
use otp_core::keys::secret::Secret;
use otp_core::reasons::RefusalReason;
use otp_core::unix_time::UnixTime;
use otp_core::unlocked::Unlocked;
use otp_core::vault::{ChangeError, Grounds, KeyAddition, Replaces};
use otp_system::random::{self, NoRandomness};

use crate::enrolment::diagnosis::diagnose;
use crate::enrolment::slots::{Earlier, PendingEnrolments, PendingSlot, StartedBy};

/// How long a key waits for its first code.
pub(crate) const PENDING_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// The counter that an app is told to begin with; HOTP's first code is of this one or of one soon after it.
pub(crate) const FIRST_COUNTER: u64 = 1;
/// How many wrong codes end it.
pub(crate) const TRIES: u32 = 6;
/// A counting token that is assigned is looked for in so many windows of [`HOTP_WIDEST`] codes.
const FURTHER: u64 = 20;

/// A key that is to be made.
pub(crate) struct Plan {
    /// Whose it will be.
    pub account: Account,
    /// Its owner's name for it.
    pub label: Label,
    /// TOTP or HOTP.
    pub kind: Kind,
    /// Algorithm, digits, period.
    pub new: NewKey,
    /// The last second at which it will be good.
    pub expires: Option<UnixTime>,
    /// Why it may be made, and what it does to what is there.
    pub purpose: EnrolmentPurpose,
}

/// Why a key may be made, and what it does to what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EnrolmentPurpose {
    /// The event of the notice when it is stored.
    pub event: NoticeEvent,
    /// Looked at again when it is stored.
    pub grounds: Grounds,
    /// Keys that end then.
    pub replaces: Replaces,
    /// Are new recovery codes made with it?
    pub recovery: bool,
    /// The registration code that it is made with.
    pub ticket: Option<TicketId>,
    /// The ticket that it descends from.
    pub redemption: Option<TicketId>,
}

/// A key that nobody has confirmed yet. Neither printed nor copied: it holds the secret.
pub(crate) struct PendingEnrolment {
    plan: Plan,
    secret: Secret,
    id: KeyId,
    created: UnixTime,
    /// Milliseconds of CLOCK_BOOTTIME.
    since_ms: u64,
    tries_left: u32,
    /// Its secret is in a device already, and was not made here.
    imported: bool,
    /// The unassigned token that it is of.
    token: Option<PendingToken>,
    /// State of the key so far: a token may have given the first of its two codes.
    entry: KeyState,
    slot: PendingSlot,
}

/// A token that is being assigned.
pub(crate) struct PendingToken {
    /// The name of its file.
    pub file: String,
    /// The counter that its maker's file has, less one.
    floor: Step,
}

/// Why no enrolment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BeginError {
    /// One of this user is under way already.
    AlreadyPending,
    /// The kernel gives no random bytes.
    NoRandomness,
}

/// The effect of a typed code on a pending key.
pub(crate) enum CodeOutcome {
    /// It is a code of the key: confirmed at this step or counter, which is burnt.
    Confirmed(Step),
    /// It is the first of two; the next one is wanted.
    Half(u32),
    /// It is not; so many tries are left, and this may be why.
    Wrong(u32, Option<Diagnosis>),
    /// Not a code by its shape; that is no try.
    Junk(u32),
    /// Too late, or another enrolment has taken its place.
    Expired,
}

impl EnrolmentPurpose {
    /// One more key, which an admin has seen or imported.
    pub(crate) const BY_AN_ADMIN: Self = Self {
        event: NoticeEvent::AdminEnrolled,
        grounds: Grounds::Any,
        replaces: Replaces::Nothing,
        recovery: false,
        ticket: None,
        redemption: None,
    };
}

impl PendingEnrolments {
    /// Makes a key.
    pub(crate) fn begin(
        &self,
        plan: Plan,
        earlier: Earlier,
        clock: &dyn Clock,
    ) -> Result<PendingEnrolment, BeginError> {
        let length = plan.new.algorithm.key_length();
        let secret = Secret::new(random::secret(length)?).map_err(|_| BeginError::NoRandomness)?;
        self.pending(plan, secret, earlier, clock)
    }

    /// Takes a secret that is in a device already. A counter that stands anywhere is found by two codes in a row.
    pub(crate) fn begin_with(
        &self,
        plan: Plan,
        secret: Secret,
        clock: &dyn Clock,
    ) -> Result<PendingEnrolment, BeginError> {
        let mut pending = self.pending(plan, secret, Earlier::Stays, clock)?;
        (pending.imported, pending.entry.resync) = (true, pending.plan.kind == Kind::Hotp);
        Ok(pending)
    }

    fn pending(
        &self,
        plan: Plan,
        secret: Secret,
        earlier: Earlier,
        clock: &dyn Clock,
    ) -> Result<PendingEnrolment, BeginError> {
        let started_by = plan.purpose.ticket.map_or(StartedBy::Otherwise, |_| StartedBy::WithAnInvitation);
        let slot = self.slot(plan.account.uid, earlier, started_by).ok_or(BeginError::AlreadyPending)?;
        let id = KeyId(random::bytes()?);
        let (created, since_ms) = (clock.wall(), clock.boot_ms());
        Ok(PendingEnrolment {
            plan,
            secret,
            id,
            created,
            since_ms,
            tries_left: TRIES,
            imported: false,
            token: None,
            entry: KeyState::new(id, Step(0)),
            slot,
        })
    }
}

impl PendingEnrolment {
    /// Its settings.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The secret, to be shown once.
    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Was its secret imported?
    pub(crate) fn is_imported(&self) -> bool {
        self.imported
    }

    /// The same, as the assignment of a token: its counter is looked for from where its file has it.
    pub(crate) fn of_token(mut self, token: &UnassignedToken) -> Self {
        let floor = Step(token.counter.0.saturating_sub(1));
        self.entry.watermark = floor;
        self.token = Some(PendingToken { file: token.name.file_name(), floor });
        self
    }

    /// The unassigned token that it is of.
    pub(crate) fn token(&self) -> Option<&PendingToken> {
        self.token.as_ref()
    }

    /// The rest of the 15 minutes, on a clock that nobody can set.
    pub(crate) fn time_left(&self, clock: &dyn Clock) -> Duration {
        PENDING_TIMEOUT.saturating_sub(Duration::from_millis(clock.boot_ms().saturating_sub(self.since_ms)))
    }

    /// Has nothing taken its place, and is it not too old?
    pub(crate) fn lasts(&self, clock: &dyn Clock) -> bool {
        self.slot.lasts() && !self.time_left(clock).is_zero()
    }

    /// Its keyed fingerprint.
    pub(crate) fn fingerprint(&self, unlocked: &Unlocked) -> Fingerprint {
        unlocked.host_key().fingerprint(unlocked.vault().about().id, &self.secret)
    }

    /// Looks at a typed code. With no tries left the caller drops the key.
    pub(crate) fn answer(&mut self, typed: &Typed, limits: &Limits, clock: &dyn Clock) -> CodeOutcome {
        if !self.lasts(clock) {
            return CodeOutcome::Expired;
        }
        let Typed::Code(code) = typed else { return CodeOutcome::Junk(self.tries_left) };
        let heard = match self.decide(self.entry, typed, limits, clock) {
            Some((Verdict::Accepted(_), next)) => return CodeOutcome::Confirmed(next.watermark),
            Some((Verdict::Refused(RefusalReason::Resync), next)) => Some(next),
            _ => self.heard_further_on(typed, limits, clock),
        };
        if let Some(heard) = heard {
            self.entry = heard;
            return CodeOutcome::Half(self.tries_left);
        }
        self.tries_left = self.tries_left.saturating_sub(1);
        CodeOutcome::Wrong(self.tries_left, diagnose(&self.secret, self.plan.kind, self.plan.new, code, clock.wall()))
    }

    /// Stores the key, with the step that confirmed it burnt.
    pub(crate) fn store(
        &self,
        step: Step,
        recovery: Vec<RecoveryHash>,
        unlocked: &Unlocked,
        environment: &dyn Environment,
    ) -> Result<Record, ChangeError> {
        let nonce = Nonce(random::bytes().map_err(|_| ChangeError::NotSealed)?);
        let (Plan { account, label, kind, new, .. }, purpose) = (&self.plan, self.plan.purpose);
        let how = KeyAddition { grounds: purpose.grounds, replaces: purpose.replaces, recovery };
        unlocked.vault().enrol(account, &how, environment, |account, generation| {
            let mut key = Key {
                id: self.id,
                label: label.clone(),
                kind: *kind,
                algorithm: new.algorithm,
                digits: new.digits,
                period: new.period,
                sealed: Sealed(Vec::new()),
                fingerprint: self.fingerprint(unlocked),
                made_in: generation,
                created: self.created,
                confirmed: environment.wall(),
                floor: step,
                redemption: purpose.redemption,
                expires: self.plan.expires,
            };
            let binding = key.binding(account, unlocked.vault().about().id);
            key.sealed = unlocked.host_key().seal(&self.secret, &binding, &nonce)?;
            Some(key)
        })
    }

    /// The first of two codes, looked for again and further on: a token may have been pressed often before it was assigned.
    fn heard_further_on(&self, typed: &Typed, limits: &Limits, clock: &dyn Clock) -> Option<KeyState> {
        let token = self.token.as_ref().filter(|_| self.plan.kind == Kind::Hotp)?;
        (0..FURTHER).find_map(|window| {
            let watermark = Step(token.floor.0.saturating_add(window * HOTP_WIDEST));
            let fresh = KeyState { resync: true, ..KeyState::new(self.id, watermark) };
            let (verdict, heard) = self.decide(fresh, typed, limits, clock)?;
            (verdict == Verdict::Refused(RefusalReason::Resync)).then_some(heard)
        })
    }

    /// The same decision as at a login, on a state of its own, in which nothing is counted.
    fn decide(
        &self,
        entry: KeyState,
        typed: &Typed,
        limits: &Limits,
        clock: &dyn Clock,
    ) -> Option<(Verdict, KeyState)> {
        let (Typed::Code(code), Plan { label, kind, new, account, .. }) = (typed, &self.plan) else { return None };
        let codes = Codes::new(&self.secret, new.algorithm, new.digits)?;
        let (id, label) = (self.id, label.clone());
        let keys = [OpenKey { id, label, kind: *kind, codes, period: new.period, floor: Step(0), expires: None }];
        let state = State { enrolled: true, keys: vec![entry], ..State::never_enrolled(account.uid) };
        let limits = Limits { wait: Wait::None, ..*limits };
        let now =
            Now { wall: clock.wall(), boot_ms: clock.boot_ms(), clock: ClockTrust::Trusted, mark: UnixTime::EPOCH };
        let (verdict, next) = decide(&keys, &state, &limits, Attempt { code, origin: Origin::Socket, now });
        let entry = next.as_ref().and_then(|next| next.key(id)).copied().unwrap_or(entry);
        Some((verdict, entry))
    }
}

impl From<NoRandomness> for BeginError {
    fn from(_: NoRandomness) -> Self {
        Self::NoRandomness
    }
}

#[cfg(test)]
#[path = "pending_tests.rs"]
mod tests;
