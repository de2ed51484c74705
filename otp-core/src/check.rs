//! One check of one code: lock the user, decide, store, unlock, answer. Module and daemon both use this, so that a state advances in one
//! way only (R7).

use zeroize::Zeroizing;

use crate::accounts::Account;
use crate::decision::input::{Guess, Typed};
use crate::decision::limits::Limits;
use crate::decision::state::State;
use crate::decision::{Attempt, ClockTrust, Now, Verdict, decide, decide_recovery};
use crate::environment::{Clock, Environment, PolicyClock};
use crate::keys::hotp::Codes;
use crate::keys::key::{KeyId, Kind, Label, NewKey, Step};
use crate::keys::open_key::OpenKey;
use crate::keys::secret::Secret;
use crate::reasons::RefusalReason;
use crate::unix_time::UnixTime;
use crate::unlocked::Unlocked;
use crate::vault::{LockedUser, VaultError};

/// Checks what `account` typed. An error means that nothing was learnt about the code: the caller refuses.
pub fn check(
    unlocked: &Unlocked,
    account: &Account,
    guess: Guess<'_>,
    limits: &Limits,
    environment: &dyn Environment,
) -> Result<Verdict, VaultError> {
    let environment = &PolicyClock { environment, policy: limits.clock };
    let Some(mut locked) = unlocked.vault().lock(account, environment)? else {
        unlocked.prove()?;
        decoy(guess, limits, environment);
        return Ok(Verdict::Refused(RefusalReason::NotEnrolled));
    };
    spend(unlocked, &mut locked, guess, limits, environment)
}

/// The same for a user who is locked already, so that something can be done under the same lock.
pub fn spend(
    unlocked: &Unlocked,
    locked: &mut LockedUser<'_>,
    guess: Guess<'_>,
    limits: &Limits,
    environment: &dyn Environment,
) -> Result<Verdict, VaultError> {
    spend_if(SuspensionWeight::Bars, unlocked, locked, guess, (limits, environment))
}

/// The same where a suspension does not matter, and stays: for what only takes a right away that others have got.
pub fn spend_though_suspended(
    unlocked: &Unlocked,
    locked: &mut LockedUser<'_>,
    guess: Guess<'_>,
    limits: &Limits,
    environment: &dyn Environment,
) -> Result<Verdict, VaultError> {
    spend_if(SuspensionWeight::DoesNotMatter, unlocked, locked, guess, (limits, environment))
}

/// Does a suspension bar the code?
enum SuspensionWeight {
    Bars,
    DoesNotMatter,
}

/// A suspension stays as it is on record, whether or not it bars.
fn spend_if(
    suspension: SuspensionWeight,
    unlocked: &Unlocked,
    locked: &mut LockedUser<'_>,
    guess: Guess<'_>,
    (limits, environment): (&Limits, &dyn Environment),
) -> Result<Verdict, VaultError> {
    let environment = &PolicyClock { environment, policy: limits.clock };
    let Some(record) = locked.record() else {
        unlocked.prove()?;
        decoy(guess, limits, environment);
        return Ok(Verdict::Refused(RefusalReason::NotEnrolled));
    };
    let (vault, host_key, origin) = (unlocked.vault(), unlocked.host_key(), guess.origin);
    let account = locked.account();
    let keys = match record.open(host_key, vault.about().id) {
        Ok(keys) if !keys.is_empty() => keys, // the right host key, then
        opened => {
            unlocked.prove()?;
            opened.map_err(|error| vault.malformed_record(account, &error))?
        }
    };
    let without;
    let seen = match suspension {
        SuspensionWeight::Bars => locked.state(), // no copy: every login comes here
        SuspensionWeight::DoesNotMatter => {
            without = State { suspended: false, ..locked.state().clone() };
            &without
        }
    };
    let (verdict, next) = match guess.typed {
        Typed::Code(code) => decide(&keys, seen, limits, Attempt { code, origin, now: locked.now() }),
        Typed::Recovery(code) => {
            let found = record.recovery_code(code, host_key, vault.about().id);
            decide_recovery(&record.recovery, found, seen, origin)
        }
        Typed::Registration(_) | Typed::Junk => return Ok(Verdict::Refused(RefusalReason::Junk)),
    };
    let suspended = locked.state().suspended;
    match next.map(|next| State { suspended, ..next }) {
        // A stranger's refused recovery code must not cost the last good time that is on record.
        Some(next) if next == *locked.state() && locked.doubts(environment) => {}
        Some(next) => locked.store(next, environment)?,
        None => {}
    }
    Ok(verdict)
}

/// The work of a decision, for nobody: how long it takes does not tell who has no key (R8).
pub fn decoy(guess: Guess<'_>, limits: &Limits, clock: &dyn Clock) {
    let (Typed::Code(code), Ok(secret)) = (guess.typed, Secret::new(Zeroizing::new(vec![0; 20]))) else { return };
    let new = NewKey::default();
    let (Some(codes), Ok(label)) = (Codes::new(&secret, new.algorithm, new.digits), Label::new("decoy")) else {
        return;
    };
    let keys = [OpenKey {
        id: KeyId([0; 16]),
        label,
        kind: Kind::Totp,
        codes,
        period: new.period,
        floor: Step(0),
        expires: None,
    }];
    let now = Now { wall: clock.wall(), boot_ms: clock.boot_ms(), clock: ClockTrust::Trusted, mark: UnixTime::EPOCH };
    let state = State { enrolled: true, ..State::never_enrolled(0) };
    std::hint::black_box(decide(&keys, &state, limits, Attempt { code, origin: guess.origin, now }));
}
