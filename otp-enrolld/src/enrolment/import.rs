//! A key that root imports from another program. Its owner has long used it, so no code confirms it. Codes that the other program may have
//! accepted never work here.

use otp_core::decision::limits::Window;
use otp_core::environment::Clock;
use otp_core::files::notice::NoticeEvent;
use otp_core::keys::key::{Kind, Period, Step, ValueError};
use otp_core::reasons::ChangeRefusal;
use otp_core::unix_time::UnixTime;
use otp_protocol::interface::{ImportKey, Imported, Refusal, UsedStep};
use otp_protocol::peer::Peer;

use crate::access::check::target;
use crate::access::rights::Act;
use crate::daemon::Daemon;
use crate::enrolment::flow::{log_enrolment, notice_of, plan};
use crate::enrolment::pending::EnrolmentPurpose;
use crate::machine::System;
use crate::refusals::{ChangeOf, Refused};

impl Daemon {
    /// Stores the key, unless its owner has it already: an import that was cut short can begin again.
    pub(crate) fn import_key(&self, peer: Peer, wanted: ImportKey) -> Result<Imported, Refused> {
        let (account, _) = target(peer, Act::ImportKey, Some(&wanted.user))?;
        let purpose = EnrolmentPurpose { event: NoticeEvent::KeyImported, ..EnrolmentPurpose::BY_AN_ADMIN };
        let plan = plan(account, &wanted.key, &self.policy(peer)?, purpose)?;
        let used = used_step(wanted.used_step, plan.new.period, System.wall())?;
        let pending = self.pending_enrolments.begin_with(plan, wanted.secret, &System)?;
        let (plan, account) = (pending.plan(), &pending.plan().account);
        let imported = |already| Imported { user: account.name.clone(), uid: account.uid, already };
        let _alone = self.import_lock.lock();
        match self.fingerprints.holder(self.vault(), pending.fingerprint(&self.unlocked))? {
            Some(uid) if uid == account.uid => return Ok(imported(true)),
            Some(_) => return Err(Refused::not_possible(account, ChangeRefusal::SecretInUse)),
            None => {
                self.check_unassigned(&pending)?;
                self.check_room(plan)?;
            }
        }
        if wanted.dry_run == Some(true) {
            return Ok(imported(false));
        }
        self.notice(account, notice_of(plan, peer))?;
        let floor = match plan.kind {
            Kind::Totp => floor_at(System.wall(), plan.new.period).max(used),
            Kind::Hotp => floor_below(wanted.counter.map(|next| Step(next.get()))),
        };
        let record = pending.store(floor, Vec::new(), &self.unlocked, &System).of(account)?;
        self.forget_disabling(account.uid);
        log_enrolment("imported", peer, &pending, Some(record.generation));
        Ok(imported(false))
    }
}

/// The step of the last code that was accepted elsewhere. A clock that was wild would keep the user out for as long.
fn used_step(used: Option<UsedStep>, period: Period, now: UnixTime) -> Result<Step, Refused> {
    let used = used.map_or(0, UsedStep::get);
    match used <= period.step_at(now + MOST_AHEAD_S).0 {
        true => Ok(Step(used)),
        false => {
            let error = ValueError::new("used_step", &used.to_string(), "a step at most two days ahead");
            Err(Refusal::from(error).into())
        }
    }
}

/// The last step whose code can have been taken by now, through the widest window.
fn floor_at(now: UnixTime, period: Period) -> Step {
    Step(period.step_at(now).0.saturating_add(Window::MOST))
}

/// The counter before the one that is accepted next. Nothing is below counter 0, whose own code is never accepted.
fn floor_below(next: Option<Step>) -> Step {
    Step(next.map_or(0, |next| next.0.saturating_sub(1)))
}

const MOST_AHEAD_S: u64 = 2 * 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_step_more_than_two_days_ahead_is_refused() {
        let (period, now) = (Period::new(30).unwrap(), UnixTime::new(3000));
        let of = |step| used_step(UsedStep::new(step).ok(), period, now).ok();
        assert_eq!([of(0), of(100 + 5760), of(100 + 5761)], [Some(Step(0)), Some(Step(5860)), None]);
    }

    #[test]
    fn no_code_of_the_time_until_now_is_above_the_floor() {
        let period = Period::new(30).unwrap();
        assert_eq!(floor_at(UnixTime::new(3000), period), Step(102));
        assert_eq!(floor_at(UnixTime::new(3029), period), Step(102));
    }

    #[test]
    fn the_next_counter_is_the_first_above_the_floor() {
        let floor = |next| floor_below(Some(Step(next)));
        assert_eq!([floor(0), floor(1), floor(38)], [Step(0), Step(0), Step(37)]);
        assert_eq!(floor_below(None), Step(0));
    }
}
