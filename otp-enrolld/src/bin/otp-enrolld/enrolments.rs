//! A key on its way to its owner: made and shown once, pending in memory and bound to one connection for 15 minutes,
//! stored when a code of it was typed. Until then the gate knows nothing of it; when the connection ends, so does the key.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use otp_core::clock::{Clock, Surroundings};
use otp_core::decision::{ClockTrust, Now, OpenKey, Verdict, decide};
use otp_core::hotp::Codes;
use otp_core::key::{KeyId, Kind, Label, Step};
use otp_core::limits::{Limits, Wait};
use otp_core::origin::Origin;
use otp_core::policy::NewKey;
use otp_core::record::{Account, Key, Record};
use otp_core::seal::{HostKey, Nonce, Sealed};
use otp_core::secret::Secret;
use otp_core::state::{KeyState, State};
use otp_core::typed::Typed;
use otp_core::vault::{ChangeError, Vault};

use crate::random::{self, NoRandomness};

/// How long a key waits for its first code.
pub const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// The counter that an app is told to begin with; HOTP's first code is of this one or of one soon after it.
pub const FIRST_COUNTER: u64 = 1;
/// How many wrong codes end it.
pub const TRIES: u32 = 6;

/// Whose keys are pending, on all connections: one a user.
#[derive(Default)]
pub struct Underway(Arc<Mutex<HashSet<u32>>>);

/// A user's place among them; given up on drop.
struct Turn {
    all: Arc<Mutex<HashSet<u32>>>,
    uid: u32,
}

/// A key that nobody has confirmed yet. Neither printed nor copied: it holds the secret.
pub struct Pending {
    account: Account,
    label: Label,
    kind: Kind,
    new: NewKey,
    secret: Secret,
    id: KeyId,
    created: u64,
    since: Instant,
    tries_left: u32,
    _turn: Turn,
}

/// Why no enrolment begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeginError {
    /// One of this user is under way already.
    Underway,
    /// The kernel gives no random bytes.
    NoRandomness,
}

/// What a typed code does to a pending key.
pub enum Answer {
    /// It is a code of the key: confirmed at this step or counter, which is burnt.
    Confirmed(Step),
    /// It is not; so many tries are left.
    Wrong(u32),
    /// Not a code by its shape; that is no try.
    Junk(u32),
    /// Too late.
    Expired,
}

impl Underway {
    /// Makes a key for `account`.
    pub fn begin(
        &self,
        account: Account,
        label: Label,
        kind: Kind,
        new: NewKey,
        clock: &dyn Clock,
    ) -> Result<Pending, BeginError> {
        let turn = self.turn(account.uid).ok_or(BeginError::Underway)?;
        let secret = Secret::new(random::secret(new.algorithm.key_length())?).map_err(|_| BeginError::NoRandomness)?;
        let id = KeyId(random::bytes()?);
        let (created, since) = (clock.wall(), Instant::now());
        Ok(Pending { account, label, kind, new, secret, id, created, since, tries_left: TRIES, _turn: turn })
    }

    fn turn(&self, uid: u32) -> Option<Turn> {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(uid);
        free.then(|| Turn { all: Arc::clone(&self.0), uid })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.uid);
    }
}

impl Pending {
    /// Whose key it is.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// What its owner calls it.
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// TOTP or HOTP.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its algorithm, digits and period.
    pub fn new_key(&self) -> NewKey {
        self.new
    }

    /// The secret, to be shown once.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// What is left of the 15 minutes.
    pub fn time_left(&self) -> Duration {
        PATIENCE.saturating_sub(self.since.elapsed())
    }

    /// Looks at a typed code. With no tries left the caller drops the key.
    pub fn answer(&mut self, typed: &Typed, limits: &Limits, clock: &dyn Clock) -> Answer {
        if self.time_left().is_zero() {
            return Answer::Expired;
        }
        match self.matching_step(typed, limits, clock) {
            Some(step) => Answer::Confirmed(step),
            None if matches!(typed, Typed::Junk) => Answer::Junk(self.tries_left),
            None => {
                self.tries_left = self.tries_left.saturating_sub(1);
                Answer::Wrong(self.tries_left)
            }
        }
    }

    /// Stores the key, with the step that confirmed it burnt.
    pub fn store(
        &self,
        step: Step,
        vault: &Vault,
        host_key: &HostKey,
        clock: &dyn Surroundings,
    ) -> Result<Record, ChangeError> {
        let nonce = Nonce(random::bytes().map_err(|_| ChangeError::NotSealed)?);
        vault.enrol(&self.account, clock, |generation| {
            let mut key = Key {
                id: self.id,
                label: self.label.clone(),
                kind: self.kind,
                algorithm: self.new.algorithm,
                digits: self.new.digits,
                period: self.new.period,
                sealed: Sealed(Vec::new()),
                fingerprint: host_key.fingerprint(vault.about().id, &self.secret),
                made_in: generation,
                created: self.created,
                confirmed: clock.wall(),
                floor: step,
                redemption: None,
                expires: None,
            };
            let binding = key.binding(&self.account, vault.about().id);
            key.sealed = host_key.seal(&self.secret, &binding, &nonce)?;
            Some(key)
        })
    }

    /// The same decision as at a login, on a state of its own.
    fn matching_step(&self, typed: &Typed, limits: &Limits, clock: &dyn Clock) -> Option<Step> {
        let Typed::Code(code) = typed else { return None };
        let codes = Codes::new(&self.secret, self.new.algorithm, self.new.digits)?;
        let (id, label, floor) = (self.id, self.label.clone(), Step(0));
        let keys = [OpenKey { id, label, kind: self.kind, codes, period: self.new.period, floor, expires: None }];
        let entry = KeyState::new(id, floor);
        let state = State { enrolled: true, keys: vec![entry], ..State::never_enrolled(self.account.uid) };
        let limits = Limits { wait: Wait::None, ..*limits };
        let now = Now { wall: clock.wall(), boot_ms: clock.boot_ms(), clock: ClockTrust::Trusted };
        match decide(&keys, &state, &limits, code, Origin::Socket, now) {
            (Verdict::Accepted(_), Some(next)) => next.key(id).map(|entry| entry.watermark),
            _ => None,
        }
    }
}

impl From<NoRandomness> for BeginError {
    fn from(_: NoRandomness) -> Self {
        Self::NoRandomness
    }
}

#[cfg(test)]
#[path = "enrolments_tests.rs"]
mod tests;
