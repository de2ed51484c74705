//! The decision (R1): given what is on record and what was typed, is it accepted, and what is the next state?
//! A pure function; whoever calls it must store the next state before answering (R2).

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::hotp::Codes;
use crate::key::{KeyId, Label, Period, Step};
use crate::limits::{ClockPolicy, FAR_AHEAD_S, Limits, Window};
use crate::origin::Origin;
use crate::state::State;
use crate::typed::Code;

/// A key whose secret is open, as the decision needs it.
pub struct OpenKey {
    /// Which key.
    pub id: KeyId,
    /// What its owner calls it.
    pub label: Label,
    /// Its codes.
    pub codes: Codes,
    /// Its time step.
    pub period: Period,
    /// Never accept this step or an earlier one, whatever the state says: the step burnt at confirmation.
    pub floor: Step,
    /// Unix time after which it no longer counts.
    pub expires: Option<u64>,
}

/// The time, as read under the user's lock.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Unix time in seconds.
    pub wall: u64,
    /// Milliseconds of CLOCK_BOOTTIME.
    pub boot_ms: u64,
    /// What the clock may be trusted with.
    pub clock: ClockTrust,
}

/// May a time far ahead of the last known one be believed?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockTrust {
    /// The kernel says that it is synchronised.
    Trusted,
    /// Not synchronised; the newest time that is known to have passed.
    Unsynchronised {
        /// Unix time in seconds.
        newest_known: u64,
    },
}

/// What comes of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Accepted, by this key.
    Accepted(Label),
    /// Refused.
    Refused(Refusal),
}

/// Why a code is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Matches nothing in the window. The only refusal that counts.
    Wrong,
    /// Matches a step that is used up.
    Replayed,
    /// Too many wrong codes of late; nothing was evaluated.
    Waiting {
        /// Milliseconds that are left.
        left_ms: u64,
    },
    /// This origin has used up its guesses.
    Closed,
    /// The user has used up all guesses; only a new key helps.
    Disabled,
    /// Suspended by an admin.
    Suspended,
    /// Every key has run out.
    Expired,
    /// Enrolled, but without any key.
    NoKey,
    /// The clock lies behind the last accepted code.
    ClockBehind,
    /// The clock is far ahead of anything known and nobody vouches for it.
    ClockAhead,
}

/// Decides. The second part is the state to store; `None` leaves it as it is.
pub fn decide(
    keys: &[OpenKey],
    state: &State,
    limits: &Limits,
    code: &Code,
    origin: Origin,
    now: Now,
) -> (Verdict, Option<State>) {
    if let Some(refusal) = barred(state, limits, origin, now) {
        return (Verdict::Refused(refusal), None);
    }
    let live: Vec<&OpenKey> = keys.iter().filter(|key| key.expires.is_none_or(|end| now.wall <= end)).collect();
    if live.is_empty() {
        let refusal = if keys.is_empty() { Refusal::NoKey } else { Refusal::Expired };
        return (Verdict::Refused(refusal), None);
    }
    let fitting: Vec<&OpenKey> = live.into_iter().filter(|key| same_length(key, code)).collect();
    let behind = |key: &&OpenKey| current(key, now).0 + Window::MOST < watermark(key, state).0;
    if !fitting.is_empty() && fitting.iter().all(behind) {
        return (Verdict::Refused(Refusal::ClockBehind), None);
    }
    let matched: Vec<(&OpenKey, Step)> =
        fitting.iter().filter_map(|key| Some((*key, last_match(key, code, limits.window, now)?))).collect();
    let mut next = state.clone();
    let Some((key, _)) = matched.iter().find(|(key, step)| *step > watermark(key, state)) else {
        if matched.is_empty() {
            next.count_failure(origin, limits.of(origin), now.boot_ms);
            return (Verdict::Refused(Refusal::Wrong), Some(next));
        }
        return (Verdict::Refused(Refusal::Replayed), Some(next)); // written like a wrong one: the same work (R8)
    };
    next.forget_failures(origin);
    for (key, step) in &matched {
        advance(&mut next, key.id, *step, now);
    }
    (Verdict::Accepted(key.label.clone()), Some(next))
}

/// How long `origin` still has to wait, in milliseconds. Counted on a clock that nobody can set; after a reboot it starts again.
pub fn wait_left(state: &State, limits: &Limits, origin: Origin, boot_ms: u64) -> u64 {
    let budget = state.origin(origin);
    let passed = boot_ms.checked_sub(budget.last_failure_ms).unwrap_or(boot_ms);
    limits.wait.after(budget.failures).saturating_sub(passed)
}

/// What refuses before any code is looked at.
fn barred(state: &State, limits: &Limits, origin: Origin, now: Now) -> Option<Refusal> {
    let left_ms = wait_left(state, limits, origin, now.boot_ms);
    match now.clock {
        _ if state.suspended => Some(Refusal::Suspended),
        _ if state.disabled => Some(Refusal::Disabled),
        _ if state.origin(origin).closed => Some(Refusal::Closed),
        _ if left_ms > 0 => Some(Refusal::Waiting { left_ms }),
        ClockTrust::Unsynchronised { newest_known }
            if limits.clock == ClockPolicy::Checked && now.wall > newest_known.saturating_add(FAR_AHEAD_S) =>
        {
            Some(Refusal::ClockAhead)
        }
        _ => None,
    }
}

fn same_length(key: &OpenKey, code: &Code) -> bool {
    usize::from(key.codes.digits().get()) == code.length()
}

fn current(key: &OpenKey, now: Now) -> Step {
    key.period.step_at(now.wall)
}

/// The last used step, never below the floor that is sealed into the key file.
fn watermark(key: &OpenKey, state: &State) -> Step {
    state.key(key.id).map_or(key.floor, |entry| entry.watermark.max(key.floor))
}

/// The highest step in the window whose code this is. Every step is computed and compared, whatever matches (R8);
/// the highest counts, so that a code which two steps share is used up at once.
fn last_match(key: &OpenKey, code: &Code, window: Window, now: Now) -> Option<Step> {
    let middle = current(key, now).0;
    let (mut found, mut step) = (Choice::from(0), 0);
    for candidate in middle.saturating_sub(window.back)..=middle.saturating_add(window.forward) {
        let same = key.codes.at(Step(candidate))?.ct_eq(&code.value());
        step = u64::conditional_select(&step, &candidate, same);
        found |= same;
    }
    bool::from(found).then_some(Step(step))
}

/// Raises the watermark of a key; it never falls.
fn advance(state: &mut State, id: KeyId, step: Step, now: Now) {
    for entry in state.keys.iter_mut().filter(|entry| entry.id == id) {
        if step > entry.watermark {
            entry.watermark = step;
            entry.last_used = now.wall;
        }
    }
}

#[cfg(test)]
#[path = "decision_tests.rs"]
mod tests;
