//! A code that its owner tries out: it counts as at a login. Of a wrong one the owner is told how wrong the clock of the device is.
//!
//! A login looks for no code at other times (R4), and what is found here moves no watermark and opens nothing. Nor does it help
//! anybody who guesses at the owner's terminal (R8). A wrong code is counted and on disk before it is looked for. One code alone is
//! looked for in the past, whose codes no longer work; in the future only two in a row are, which nobody guesses.

use otp_core::accounts::Account;
use otp_core::check::{decoy, spend};
use otp_core::decision::Verdict;
use otp_core::decision::input::{Code, Guess, Typed};
use otp_core::decision::limits::Limits;
use otp_core::decision::origin::Origin;
use otp_core::decision::state::State;
use otp_core::keys::diagnosis::Diagnosis;
use otp_core::keys::key::{Kind, Step};
use otp_core::keys::open_key::OpenKey;
use otp_core::reasons::{ChangeRefusal, RefusalReason, Viewer};
use otp_core::unix_time::UnixTime;
use otp_core::vault::LockedUser;
use otp_protocol::interface::{Prompt, TriedCode, TryCode, Verify};
use otp_protocol::peer::{Peer, accountable_for};

use crate::access::check::target;
use crate::access::rights::Act;
use crate::daemon::Daemon;
use crate::machine::System;
use crate::refusals::Refused;
use crate::verify::{Decision, Question, log};

/// How far away a code is looked for, in seconds.
const REACH_S: u64 = 24 * 60 * 60;

/// Looks for a wrong code at other times, without the lock.
struct Search {
    keys: Vec<OpenKey>,
    wall: UnixTime,
}

impl Daemon {
    /// One code of the caller's own.
    pub(crate) fn try_code(&self, peer: Peer, wanted: TryCode) -> Result<TriedCode, Refused> {
        let (account, _) = target(peer, Act::TryCode, None)?;
        let TryCode { code, previous } = wanted;
        let asked = Verify { user: None, code, action: None, prompt: Prompt::default() };
        let question = Question { peer, asker: accountable_for(peer.uid), wanted: &asked };
        let typed = asked.code.sorted();
        let Typed::Code(code) = &typed else {
            return Err(Refused::not_possible(&account, ChangeRefusal::CodeRefused)); // a recovery code is not spent on this
        };
        if self.is_bypassed(peer, &account) {
            log(&question, Some(&account), None, &Decision::Bypassed);
            return Ok(TriedCode { verdict: Decision::Bypassed.told_to(Viewer::Owner), diagnosis: None });
        }
        let permit = self.verifying.permit(question.asker, Some(account.uid));
        let _permit = permit.ok_or_else(|| Refused::busy("too many codes at once"))?;
        let limits = self.policy(peer)?.limits;
        let guess = Guess { typed: &typed, origin: Origin::Socket };
        let (verdict, search) = self.tried(question.asker, &account, guess, &limits)?;
        let previous = previous.as_ref().map(|previous| previous.sorted());
        let previous =
            previous.as_ref().and_then(|typed| if let Typed::Code(code) = typed { Some(code) } else { None });
        let found = search.and_then(|search| search.find(code, previous));
        let diagnosis = found.filter(|_| verdict == Verdict::Refused(RefusalReason::Wrong)).map(Diagnosis::word);
        let decision = Decision::Of(verdict);
        log(&question, Some(&account), Some(Origin::Socket), &decision);
        let mut verdict = decision.told_to(Viewer::Owner);
        verdict.key = decision.key();
        Ok(TriedCode { verdict, diagnosis })
    }

    /// Decides and stores, and gives what a wrong code is looked for with.
    fn tried(
        &self,
        asker: u32,
        account: &Account,
        guess: Guess<'_>,
        limits: &Limits,
    ) -> Result<(Verdict, Option<Search>), Refused> {
        let Some(mut locked) = self.locked_for_a_code(asker, account, limits)? else {
            decoy(guess, limits, &System);
            return Ok((Verdict::Refused(RefusalReason::NotEnrolled), None));
        };
        let verdict = spend(&self.unlocked, &mut locked, guess, limits, &System)?;
        let search = match verdict {
            // A used code is looked for as well, and not told: the time that it takes must not tell it from a wrong one (R8).
            Verdict::Refused(RefusalReason::Wrong | RefusalReason::Replayed | RefusalReason::Resync) => {
                Some(self.search(&locked))
            }
            _ => None,
        };
        Ok((verdict, search))
    }

    /// The keys that go by the time and are in force.
    fn search(&self, locked: &LockedUser<'_>) -> Search {
        let (state, wall) = (locked.state(), locked.now().wall);
        let opened = locked.record().map(|record| record.open(self.unlocked.host_key(), self.vault().about().id));
        let keys = opened.and_then(Result::ok).into_iter().flatten();
        Search { keys: keys.filter(|key| has_codes_in_time(key, state, wall)).collect(), wall }
    }
}

/// Does `key` go by the time, and is it in force?
fn has_codes_in_time(key: &OpenKey, state: &State, wall: UnixTime) -> bool {
    let suspended = state.is_key_off(key.id);
    key.kind == Kind::Totp && !suspended && key.expires.is_none_or(|end| wall <= end)
}

/// A time at which a key shows the code. The least of several is the likeliest.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct ShownAt {
    /// The code before it is not the one that was typed before.
    alone: bool,
    /// How far from now, in seconds.
    distance: i64,
    past: bool,
}

impl Search {
    fn find(&self, code: &Code, previous: Option<&Code>) -> Option<Diagnosis> {
        let shown = self.keys.iter().filter_map(|key| shown_at(key, self.wall, code, previous));
        shown.min().map(|at| Diagnosis::Clock(if at.past { -at.distance } else { at.distance }))
    }
}

/// When `key` shows `code`, two in a row before one alone, and that in the past only. Every step is computed, whatever matches.
fn shown_at(key: &OpenKey, wall: UnixTime, code: &Code, previous: Option<&Code>) -> Option<ShownAt> {
    let period = key.period.seconds().max(1);
    let (now, reach) = (key.period.step_at(wall).0, REACH_S / period);
    let newest = if previous.is_some() { now.saturating_add(reach) } else { now };
    let values: Vec<(u64, Option<u32>)> =
        (now.saturating_sub(reach + 1)..=newest).map(|step| (step, key.codes.at(Step(step)))).collect();
    let is = |code: &Code, value: Option<u32>| {
        usize::from(key.codes.digits().get()) == code.length() && value == Some(code.value())
    };
    let shown = values.windows(2).filter_map(|pair| {
        let [(_, before), (step, value)] = pair else { return None };
        let (alone, past) = (!previous.is_some_and(|previous| is(previous, *before)), *step < now);
        let distance = i64::try_from(step.abs_diff(now).saturating_mul(period)).ok()?;
        (is(code, *value) && *step != now && (past || !alone)).then_some(ShownAt { alone, distance, past })
    });
    shown.min()
}

#[cfg(test)]
mod tests {
    use otp_core::decision::state::KeyState;
    use otp_core::keys::hotp::Codes;
    use otp_core::keys::key::{Algorithm, Digits, KeyId, Label, Period};
    use otp_core::keys::secret::Secret;
    use zeroize::Zeroizing;

    use super::*;

    const NOW: UnixTime = UnixTime::new(1_700_000_010);

    fn key() -> OpenKey {
        let secret = Secret::new(Zeroizing::new(b"12345678901234567890".to_vec())).ok().unwrap();
        OpenKey {
            id: KeyId([7; 16]),
            label: Label::new("phone").unwrap(),
            kind: Kind::Totp,
            codes: Codes::new(&secret, Algorithm::Sha256, Digits::new(6).unwrap()).unwrap(),
            period: Period::new(30).unwrap(),
            floor: Step(0),
            expires: None,
        }
    }

    /// The code that a device shows so many steps from now.
    fn shown(steps: i64) -> Code {
        let key = key();
        let step = key.period.step_at(NOW).0.checked_add_signed(steps).unwrap();
        let Typed::Code(code) = Typed::parse(format!("{:06}", key.codes.at(Step(step)).unwrap()).as_bytes()) else {
            panic!("no code")
        };
        code
    }

    fn search() -> Search {
        Search { keys: vec![key()], wall: NOW }
    }

    fn alone(steps: i64) -> Option<Diagnosis> {
        search().find(&shown(steps), None)
    }

    fn after(previous: i64, steps: i64) -> Option<Diagnosis> {
        search().find(&shown(steps), Some(&shown(previous)))
    }

    #[test]
    fn a_slow_clock_is_found_by_one_code_up_to_a_day() {
        for steps in [2, 21, 120, 2880] {
            assert_eq!(alone(-steps), Some(Diagnosis::Clock(-30 * steps)));
        }
        assert_eq!(alone(-2881), None);
    }

    #[test]
    fn r8_a_code_to_come_is_found_only_with_the_one_before_it() {
        for steps in [2, 120, 2880] {
            assert_eq!(alone(steps), None);
            assert_eq!(after(steps - 1, steps), Some(Diagnosis::Clock(30 * steps)));
            assert_eq!(after(steps - 2, steps), None);
            assert_eq!(after(steps, steps), None);
        }
        assert_eq!(after(-121, -120), Some(Diagnosis::Clock(-3600)));
        assert_eq!(after(7, -120), Some(Diagnosis::Clock(-3600)), "the code before was mistyped");
    }

    #[test]
    fn a_key_that_opens_nothing_is_not_searched() {
        let state = |suspended| {
            let entry = KeyState { suspended, ..KeyState::new(key().id, Step(0)) };
            State { keys: vec![entry], ..State::never_enrolled(1000) }
        };
        let searched = |key: OpenKey, suspended| has_codes_in_time(&key, &state(suspended), NOW);
        assert!(searched(key(), false) && searched(OpenKey { expires: Some(NOW), ..key() }, false));
        assert!(!searched(key(), true), "repudiated");
        assert!(!searched(OpenKey { expires: Some(UnixTime::new(1)), ..key() }, false));
        assert!(!searched(OpenKey { kind: Kind::Hotp, ..key() }, false));
    }
}
