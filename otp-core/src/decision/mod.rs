//! The decision (R1): given what is on record and what was typed, is it accepted, and what is the next state?
//! A pure function; its caller must store the next state before answering (R2).

pub mod input;
pub mod limits;
pub mod origin;
pub mod state;

use std::fmt;

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::codes::recovery::RecoveryHash;
use crate::decision::input::Code;
use crate::decision::limits::{ClockPolicy, FAR_AHEAD_S, HOTP_AHEAD, HOTP_WIDEST, Limits, Window};
use crate::decision::origin::Origin;
use crate::decision::state::State;
use crate::keys::key::{KeyId, Kind, Label, Step};
use crate::keys::open_key::{KeyFacts, OpenKey};
use crate::reasons::RefusalReason;
use crate::unix_time::UnixTime;

/// The time, as read under the user's lock.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Wall time.
    pub wall: UnixTime,
    /// Milliseconds of CLOCK_BOOTTIME.
    pub boot_ms: u64,
    /// How far the clock may be trusted.
    pub clock: ClockTrust,
    /// The clock mark, a time that has passed; [`UnixTime::EPOCH`] without one.
    pub mark: UnixTime,
}

/// May a time far ahead of the last known one be believed?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockTrust {
    /// It is not far ahead, or the kernel says that it is synchronised.
    Trusted,
    /// Far ahead and not synchronised; the newest time that is known to have passed.
    Unsynchronised {
        /// When.
        newest_known: UnixTime,
    },
}

impl Now {
    /// The time by which a date is judged. A clock that nobody vouches for is believed as far as codes are accepted by it, and
    /// no further: where it is wild no key is too old for it.
    pub fn believed(self) -> UnixTime {
        match self.clock {
            ClockTrust::Trusted => self.wall,
            ClockTrust::Unsynchronised { newest_known } => self.wall.min(newest_known + FAR_AHEAD_S),
        }
    }

    /// The time by which the end of a key is judged where no code is typed. A clock that was set back revives no key.
    pub fn for_ends(self) -> UnixTime {
        self.believed().max(self.mark)
    }
}

/// The outcome for a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Accepted.
    Accepted(Proof),
    /// Refused.
    Refused(RefusalReason),
}

/// The proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A code of the key of this label.
    Key(Label),
    /// A recovery code.
    Recovery {
        /// How many of its set are left.
        left: usize,
    },
}

impl Verdict {
    /// One word for the log.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Accepted(Proof::Key(_)) => "code",
            Self::Accepted(Proof::Recovery { .. }) => "recovery-code",
            Self::Refused(reason) => reason.word(),
        }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(label) => f.write_str(label.as_str()),
            Self::Recovery { left } => write!(f, "recovery code, {left} left"),
        }
    }
}

/// A code, from where it comes, and when.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// The code.
    pub code: &'a Code,
    /// Whose budget of wrong codes it counts against.
    pub origin: Origin,
    /// When.
    pub now: Now,
}

/// The relation of a code to one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hit {
    /// Of this step or counter, which is above the watermark.
    Fresh(Step),
    /// Of one that is used up.
    Used,
    /// HOTP: of a counter so far above the watermark that a second code must follow it.
    FirstOfTwo(u32),
}

/// Decides. The second part is the state to store; `None` leaves it as it is.
pub fn decide(keys: &[OpenKey], state: &State, limits: &Limits, attempt: Attempt<'_>) -> (Verdict, Option<State>) {
    let Attempt { code, origin, now } = attempt;
    let refusal = barred(state, limits, origin, now).or_else(|| none_alive(facts_of(keys), state, now));
    if let Some(refusal) = refusal {
        return (Verdict::Refused(refusal), None);
    }
    let alive = keys.iter().filter(|key| KeyFacts::from(*key).is_alive(state, now));
    let fitting: Vec<&OpenKey> = alive.filter(|key| same_length(key, code)).collect();
    if let Some(refusal) = none_usable(facts_of(fitting.iter().copied()), state, now) {
        return (Verdict::Refused(refusal), None);
    }
    let usable: Vec<&OpenKey> = fitting.into_iter().filter(|key| KeyFacts::from(*key).is_usable(state)).collect();
    let hits = usable.iter().filter_map(|key| Some((*key, hit(key, state, code, limits.window, now)?)));
    conclude(&hits.collect::<Vec<_>>(), state, limits, origin, now)
}

/// Why every code of these keys is refused now, whatever it is; `None` if there is one that is accepted. Recovery codes are another
/// matter.
pub fn refuses_every_code(
    keys: &[KeyFacts],
    state: &State,
    limits: &Limits,
    origin: Origin,
    now: Now,
) -> Option<RefusalReason> {
    let keys = keys.iter().copied();
    barred(state, limits, origin, now)
        .or_else(|| none_alive(keys.clone(), state, now))
        .or_else(|| none_usable(keys.filter(|key| key.is_alive(state, now)), state, now))
}

/// Decides on a recovery code. `found` is the code of the record that it is, if it is one. Neither waits nor closed origins nor
/// the clock matter: nobody guesses one. The origin that it comes from is open again.
pub fn decide_recovery(
    codes: &[RecoveryHash],
    found: Option<&RecoveryHash>,
    state: &State,
    origin: Origin,
) -> (Verdict, Option<State>) {
    let barred = |refusal| (Verdict::Refused(refusal), None);
    // Written as it was: where nothing can be written, the answer must not tell a good code from a bad one (R2).
    let refused = |refusal| (Verdict::Refused(refusal), Some(state.clone()));
    match found {
        _ if state.suspended || state.recovery.suspended => barred(RefusalReason::Suspended),
        _ if state.restored => barred(RefusalReason::Restored),
        None => refused(RefusalReason::Wrong),
        Some(code) if state.recovery.is_used(code.set, code.index) => refused(RefusalReason::Replayed),
        Some(code) => {
            let recovery = state.recovery.with_used(code.set, code.index);
            let left = recovery.left_of(codes);
            let mut next = State { recovery, ..state.clone() };
            next.forget_failures(origin);
            (Verdict::Accepted(Proof::Recovery { left }), Some(next))
        }
    }
}

/// From what the code is to each key to the verdict. Every hit is written down: one code advances every key that it matches.
fn conclude(
    hits: &[(&OpenKey, Hit)],
    state: &State,
    limits: &Limits,
    origin: Origin,
    now: Now,
) -> (Verdict, Option<State>) {
    let mut next = state.clone();
    for (key, hit) in hits {
        note(&mut next, key.id, *hit, now);
    }
    let fresh = hits.iter().find(|(_, hit)| matches!(hit, Hit::Fresh(_)));
    let verdict = match fresh {
        Some((key, _)) => {
            next.forget_failures(origin);
            Verdict::Accepted(Proof::Key(key.label.clone()))
        }
        None if hits.is_empty() => {
            next.count_failure(origin, limits.of(origin), now.boot_ms);
            Verdict::Refused(RefusalReason::Wrong)
        }
        None if hits.iter().any(|(_, hit)| matches!(hit, Hit::FirstOfTwo(_))) => {
            Verdict::Refused(RefusalReason::Resync)
        }
        None => Verdict::Refused(RefusalReason::Replayed),
    };
    (verdict, Some(next)) // whatever it is, it is written: the same work (R8)
}

/// How long `origin` still has to wait, in milliseconds. Counted on a clock that nobody can set; after a reboot it starts again.
pub fn wait_left(state: &State, limits: &Limits, origin: Origin, boot_ms: u64) -> u64 {
    let budget = state.origin(origin);
    let passed = boot_ms.checked_sub(budget.last_failure_ms).unwrap_or(boot_ms);
    limits.wait.after(budget.failures).saturating_sub(passed)
}

/// The reason to refuse before any code is looked at.
fn barred(state: &State, limits: &Limits, origin: Origin, now: Now) -> Option<RefusalReason> {
    let left_ms = wait_left(state, limits, origin, now.boot_ms);
    match now.clock {
        _ if state.suspended => Some(RefusalReason::Suspended),
        _ if state.disabled => Some(RefusalReason::Disabled),
        _ if state.origin(origin).closed => Some(RefusalReason::Closed),
        _ if left_ms > 0 => Some(RefusalReason::Waiting { left_ms }),
        ClockTrust::Unsynchronised { newest_known }
            if limits.clock == ClockPolicy::Checked && now.wall > newest_known + FAR_AHEAD_S =>
        {
            Some(RefusalReason::ClockAhead)
        }
        _ => None,
    }
}

fn facts_of<'k>(
    keys: impl IntoIterator<Item = &'k OpenKey, IntoIter: Clone>,
) -> impl Iterator<Item = KeyFacts> + Clone {
    keys.into_iter().map(KeyFacts::from)
}

/// Why none of the keys counts.
fn none_alive(keys: impl Iterator<Item = KeyFacts> + Clone, state: &State, now: Now) -> Option<RefusalReason> {
    let is_empty = keys.clone().next().is_none();
    if !is_empty && keys.clone().all(|key| key.is_suspended(state)) {
        return Some(RefusalReason::Suspended);
    }
    let refusal = if is_empty { RefusalReason::NoKey } else { RefusalReason::Expired };
    (!keys.clone().any(|key| key.is_alive(state, now))).then_some(refusal)
}

/// Why no code of these keys, which count, can be judged now.
fn none_usable(keys: impl Iterator<Item = KeyFacts> + Clone, state: &State, now: Now) -> Option<RefusalReason> {
    let mut usable = keys.clone().filter(|key| key.is_usable(state)).peekable();
    match usable.peek() {
        None => keys.clone().next().map(|_| RefusalReason::Restored),
        Some(_) => usable.all(|key| key.is_behind(state, now)).then_some(RefusalReason::ClockBehind),
    }
}

impl KeyFacts {
    fn is_suspended(self, state: &State) -> bool {
        state.is_key_off(self.id)
    }

    fn is_alive(self, state: &State, now: Now) -> bool {
        // A wild clock has been refused by now, unless the policy trusts it.
        !self.is_suspended(state) && self.expires.is_none_or(|end| now.wall.max(now.mark) <= end)
    }

    /// After a restore no counter counts.
    fn is_usable(self, state: &State) -> bool {
        !(state.restored && self.kind == Kind::Hotp)
    }

    /// Does every window that a TOTP key can have lie behind what was used already?
    fn is_behind(self, state: &State, now: Now) -> bool {
        let current = self.period.step_at(now.wall).0;
        self.kind == Kind::Totp && current.saturating_add(Window::MOST) < self.watermark(state).0
    }

    /// The last used step, never below the floor that is sealed into the key file.
    fn watermark(self, state: &State) -> Step {
        state.key(self.id).map_or(self.floor, |entry| entry.watermark.max(self.floor))
    }
}

fn same_length(key: &OpenKey, code: &Code) -> bool {
    usize::from(key.codes.digits().get()) == code.length()
}

fn current(key: &OpenKey, now: Now) -> Step {
    key.period.step_at(now.wall)
}

fn watermark(key: &OpenKey, state: &State) -> Step {
    KeyFacts::from(key).watermark(state)
}

fn hit(key: &OpenKey, state: &State, code: &Code, window: Window, now: Now) -> Option<Hit> {
    match key.kind {
        Kind::Totp => time_hit(key, watermark(key, state), code, window, now),
        Kind::Hotp => counter_hit(key, state, code),
    }
}

/// The highest step in the window whose code this is. Every step is computed and compared, whatever matches (R8);
/// the highest counts, so that a code which two steps share is used up at once.
fn time_hit(key: &OpenKey, used: Step, code: &Code, window: Window, now: Now) -> Option<Hit> {
    let middle = current(key, now).0;
    let steps = middle.saturating_sub(window.back)..=middle.saturating_add(window.forward);
    let found = last_of(&compared(key, code, steps)?, |_| true)?;
    Some(if found > used { Hit::Fresh(found) } else { Hit::Used })
}

/// RFC 4226 section 7.2 and 7.4. A code of one of the next counters opens, unless the key wants two in a row; one from
/// further ahead is noted, and opens together with the one that follows it. Counters that are used up are looked at too, so
/// that a replay is not counted as a guess.
fn counter_hit(key: &OpenKey, state: &State, code: &Code) -> Option<Hit> {
    let used = watermark(key, state).0;
    let (resync, heard) = state.key(key.id).map_or((false, 0), |entry| (entry.resync, u64::from(entry.heard)));
    let near = if resync { 0 } else { HOTP_AHEAD };
    let counters = used.saturating_sub(HOTP_AHEAD)..=used.saturating_add(HOTP_WIDEST + 1);
    let compared = compared(key, code, counters)?;
    let ahead = |counter: u64| counter.saturating_sub(used); // 0: used up
    let opens = |counter| (1..=near).contains(&ahead(counter)) || (heard > 0 && ahead(counter) == heard + 1);
    let noted = |counter| (near + 1..=HOTP_WIDEST).contains(&ahead(counter));
    let spent = |counter| ahead(counter) == 0;
    let note = |counter: Step| Hit::FirstOfTwo(u32::try_from(ahead(counter.0)).unwrap_or(0));
    let fresh = last_of(&compared, opens).map(Hit::Fresh);
    fresh.or(last_of(&compared, noted).map(note)).or(last_of(&compared, spent).map(|_| Hit::Used))
}

/// Each of `steps`, and whether the code is its code.
fn compared(key: &OpenKey, code: &Code, steps: std::ops::RangeInclusive<u64>) -> Option<Vec<(u64, Choice)>> {
    steps.map(|step| Some((step, key.codes.at(Step(step))?.ct_eq(&code.value())))).collect()
}

/// The last step that is the code's and wanted.
fn last_of(compared: &[(u64, Choice)], wanted: impl Fn(u64) -> bool) -> Option<Step> {
    let (mut found, mut last) = (Choice::from(0), 0);
    for (step, same) in compared {
        let same = *same & Choice::from(u8::from(wanted(*step)));
        last = u64::conditional_select(&last, step, same);
        found |= same;
    }
    bool::from(found).then_some(Step(last))
}

/// Writes down what a code was to a key. A watermark never falls.
fn note(state: &mut State, id: KeyId, hit: Hit, now: Now) {
    for entry in state.keys.iter_mut().filter(|entry| entry.id == id) {
        match hit {
            Hit::Fresh(step) if step > entry.watermark => {
                (entry.watermark, entry.last_used) = (step, Some(now.wall));
                (entry.resync, entry.heard) = (false, 0);
            }
            Hit::FirstOfTwo(ahead) => entry.heard = ahead,
            Hit::Fresh(_) | Hit::Used => {}
        }
    }
}
