//! One pass over the passwords of local accounts: what has changed gets a new record. It is root's, and the only writer of records; who
//! made a change it takes from announcements (`note`).

use crate::environment::{Clock, Moment};
use crate::files::password_announcement::PasswordAnnouncement;
use crate::files::password_record::{PasswordActor, PasswordRecord, SeenAt};
use crate::keys::seal::{HostKey, PasswordFingerprint};
use crate::unix_time::UnixTime;
use crate::vault::VaultError;
use crate::watch::passwords::Passwords;
use crate::watch::records::{KeptRecord, WatchPlace};
use crate::watch::stamps::FileStamps;

/// The findings of a pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WatchReport {
    /// Local accounts, by uid.
    pub accounts: usize,
    /// Uids whose password was not the one of their record, or whose record was not to be believed.
    pub changed: Vec<u32>,
    /// Uids among them whose record was damaged, with why.
    pub damaged: Vec<(u32, VaultError)>,
    /// Records of uids that no account has any more.
    pub removed: usize,
    /// Did the files change during the last look, too? Then no record counts until the next pass.
    pub still_changing: bool,
    /// Was it the first pass of all (W4)?
    pub first: bool,
}

/// Looks at the passwords of this host and writes what is new, as root. `group` is that of the daemon.
pub fn pass(
    place: &WatchPlace<'_>,
    group: u32,
    host_key: &HostKey,
    clock: &dyn Clock,
) -> Result<WatchReport, VaultError> {
    place.make(group)?;
    let _alone = place.lock()?;
    let mut report = WatchReport { first: !place.has_begun(), ..WatchReport::default() };
    for _ in 0..MOST_LOOKS {
        let (began, files) = (Moment::of(clock), FileStamps::now()?); // both before the files are read
        look(place, &Passwords::read()?, host_key, clock, &mut report)?;
        place.tell_looked(&SeenAt::now(&began), &files)?;
        report.still_changing = files != FileStamps::now()?; // a change that came meanwhile starts no unit
        if !report.still_changing {
            break;
        }
    }
    if report.first {
        place.tell_begun(clock.wall())?; // at last: a first pass that was killed is made again
    }
    Ok(report)
}

fn look(
    place: &WatchPlace<'_>,
    passwords: &Passwords,
    host_key: &HostKey,
    clock: &dyn Clock,
    report: &mut WatchReport,
) -> Result<(), VaultError> {
    let seen = Seeing { first: report.first, vouched: clock.vouched(), now: Moment::of(clock) };
    let announced = place.announced_uids()?;
    report.accounts = 0;
    for uid in passwords.uids() {
        report.accounts += 1;
        let Some(fingerprint) = passwords.fingerprint(uid, host_key) else { continue };
        let kept = match place.record(uid) {
            Ok(kept) => Belief::of(kept),
            Err(error) => {
                report.damaged.push((uid, error));
                Belief::Damaged
            }
        };
        let recent = announced.contains(&uid).then(|| place.announcement(uid)).flatten();
        let recent = recent.filter(|one| one.is_of_the_last(ANNOUNCED_S, &seen.now));
        let is_waiting = recent.is_some();
        let held = Held { uid, fingerprint, end_of_day: passwords.end_of_day(uid), announced: recent };
        let next = seen.next(kept, held);
        let is_taken_up = next.is_some();
        if let Some(next) = next {
            // The clock again: many records take their time, and a record that is older than its file is a copy.
            place.write(&PasswordRecord { written: clock.wall(), ..next })?;
            if !report.changed.contains(&uid) {
                report.changed.push(uid);
            }
        }
        if announced.contains(&uid) && (is_taken_up || !is_waiting) {
            place.forget_announcement(uid)?;
        }
    }
    report.removed += place.sweep(|uid| passwords.fingerprint(uid, host_key).is_some())?;
    Ok(())
}

/// The record of one uid before the pass.
enum Belief {
    Missing,
    Damaged,
    Kept(KeptRecord),
}

impl Belief {
    fn of(kept: Option<KeptRecord>) -> Self {
        kept.map_or(Self::Missing, Self::Kept)
    }
}

/// The findings of a pass about one uid.
struct Held {
    uid: u32,
    fingerprint: PasswordFingerprint,
    end_of_day: Option<UnixTime>,
    /// A recent announcement.
    announced: Option<PasswordAnnouncement>,
}

/// The circumstances of a pass.
struct Seeing {
    first: bool,
    /// Does the kernel say that the clock is right?
    vouched: bool,
    now: Moment,
}

impl Seeing {
    /// The record that takes the place of `kept`; none where that one is still right.
    fn next(&self, kept: Belief, held: Held) -> Option<PasswordRecord> {
        let seen_now = || SeenAt::now(&self.now);
        let (changed, by) = match kept {
            Belief::Damaged => (seen_now(), None),
            // A day that is not over has seen nothing that is later than this pass.
            Belief::Missing if self.first => match held.end_of_day.filter(|end| *end < self.now.wall) {
                Some(end) => (SeenAt::wall(end), None),
                None => (seen_now(), None),
            },
            Belief::Missing => (seen_now(), None),
            Belief::Kept(kept) if kept.record.fingerprint != held.fingerprint => (seen_now(), held.maker(&kept)),
            Belief::Kept(kept) if kept.copied.is_some() => (kept.changed(), None),
            // Written while the clock was far ahead. A clock that may itself be wrong brings nothing forward.
            Belief::Kept(kept) if self.vouched && kept.record.changed.left(0, &self.now) > AHEAD_S => {
                (seen_now(), kept.record.by)
            }
            Belief::Kept(kept) if kept.record.by.is_none() && held.is_told_late(&kept.record) => {
                (kept.record.changed, held.announced.as_ref().map(|one| one.by))
            }
            Belief::Kept(_) => return None,
        };
        let Held { uid, fingerprint, .. } = held;
        Some(PasswordRecord { uid, fingerprint, changed, by, written: self.now.wall })
    }
}

impl Held {
    /// The person who announced this very change: to come for the password of the record, or made for the one that there is.
    fn maker(&self, kept: &KeptRecord) -> Option<PasswordActor> {
        let one = self.announced.as_ref().filter(|_| kept.copied.is_none())?;
        [kept.record.fingerprint, self.fingerprint].contains(&one.fingerprint).then_some(one.by)
    }

    /// Was a pass quicker than a line after the change?
    fn is_told_late(&self, record: &PasswordRecord) -> bool {
        let one = self.announced.as_ref().filter(|one| one.fingerprint == record.fingerprint);
        one.is_some_and(|one| record.changed.left(JUST_NOW_S, &one.moment()) > 0)
    }
}

impl WatchReport {
    /// Why `uid` had no record to be believed, if it had a damaged one.
    pub fn damage(&self, uid: u32) -> Option<&VaultError> {
        self.damaged.iter().find(|(damaged, _)| *damaged == uid).map(|(_, error)| error)
    }
}

/// Looks of one pass, while somebody goes on changing passwords. After the last the records do not count, and the caller asks for another pass.
const MOST_LOOKS: usize = 5;
/// For typing a new password twice, in seconds.
const ANNOUNCED_S: u64 = 600;
/// Between a change and a line after it, in seconds.
const JUST_NOW_S: u64 = 10;
/// How far a time may lie ahead of a clock that is right, in seconds.
const AHEAD_S: u64 = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::BootId;

    const NOW: UnixTime = UnixTime::new(1_795_301_571);
    const ONE: PasswordFingerprint = PasswordFingerprint([1; 16]);
    const OTHER: PasswordFingerprint = PasswordFingerprint([2; 16]);
    const ANOTHER: PasswordFingerprint = PasswordFingerprint([3; 16]);
    const OWNER: PasswordActor = PasswordActor { uid: 1000, login_uid: None };

    fn before(seconds: u64) -> UnixTime {
        UnixTime::new(NOW.seconds() - seconds)
    }

    fn seeing() -> Seeing {
        let boot = BootId::parse("0f6f2b7e-9c41-4d7a-8b1e-3a5c9d2e4f60");
        Seeing { first: false, vouched: true, now: Moment { wall: NOW, boot_ms: 9000, boot } }
    }

    fn kept(changed: UnixTime) -> KeptRecord {
        let record = PasswordRecord {
            uid: 1000,
            fingerprint: ONE,
            changed: SeenAt::wall(changed),
            by: Some(OWNER),
            written: changed,
        };
        KeptRecord { record, copied: None }
    }

    fn held(
        fingerprint: PasswordFingerprint,
        end_of_day: Option<UnixTime>,
        announced: Option<PasswordAnnouncement>,
    ) -> Held {
        Held { uid: 1000, fingerprint, end_of_day, announced }
    }

    fn announced(fingerprint: PasswordFingerprint, at: SeenAt) -> Option<PasswordAnnouncement> {
        Some(PasswordAnnouncement { uid: 1000, fingerprint, at, by: OWNER })
    }

    fn next(
        seeing: &Seeing,
        kept: Belief,
        fingerprint: PasswordFingerprint,
    ) -> Option<(SeenAt, Option<PasswordActor>)> {
        seeing.next(kept, held(fingerprint, None, None)).map(|next| {
            assert_eq!((next.uid, next.fingerprint), (1000, fingerprint));
            (next.changed, next.by)
        })
    }

    fn now() -> SeenAt {
        SeenAt::now(&seeing().now)
    }

    #[test]
    fn what_has_not_changed_is_not_written() {
        assert_eq!(next(&seeing(), Belief::Kept(kept(before(5))), ONE), None);
        assert_eq!(next(&Seeing { first: true, ..seeing() }, Belief::Kept(kept(before(5))), ONE), None);
    }

    #[test]
    fn w2_a_change_is_dated_when_it_is_seen_and_is_somebody_elses_unless_it_was_announced() {
        assert_eq!(next(&seeing(), Belief::Kept(kept(before(5))), OTHER), Some((now(), None)));
        for (fingerprint, by) in [(ONE, Some(OWNER)), (OTHER, Some(OWNER)), (ANOTHER, None)] {
            let by_it = |kept| {
                let next = seeing().next(Belief::Kept(kept), held(OTHER, None, announced(fingerprint, now()))).unwrap();
                (next.changed, next.by)
            };
            let kept = kept(before(5));
            assert_eq!(by_it(kept.clone()), (now(), by), "the password before, the one after, one between them");
            assert_eq!(by_it(KeptRecord { copied: Some(NOW), ..kept }), (now(), None), "a copy");
        }
    }

    #[test]
    fn a_line_after_the_change_may_be_slower_than_a_pass() {
        let seen = |by, at| {
            let mut kept = kept(before(500));
            kept.record.changed = now();
            kept.record.by = by;
            let next = seeing().next(Belief::Kept(kept), held(ONE, None, announced(ONE, at)));
            next.map(|next| (next.changed, next.by))
        };
        let later = |ms: u64| SeenAt::now(&Moment { boot_ms: 9000 + ms, ..seeing().now });
        assert_eq!(seen(None, later(9_999)), Some((now(), Some(OWNER))), "the time of the change stays");
        assert_eq!(seen(None, later(10_000)), None);
        assert_eq!(seen(Some(OWNER), later(1)), None);
    }

    #[test]
    fn w3_missing_damaged_or_copied_never_shortens() {
        for first in [false, true] {
            let seeing = Seeing { first, ..seeing() };
            for kept in [Belief::Missing, Belief::Damaged] {
                assert_eq!(next(&seeing, kept, ONE), Some((now(), None)));
            }
            let copied = |at| Belief::Kept(KeptRecord { copied: Some(at), ..kept(before(900)) });
            assert_eq!(next(&seeing, copied(before(100)), ONE), Some((SeenAt::wall(before(100)), None)));
            assert_eq!(next(&seeing, copied(before(1000)), ONE), Some((SeenAt::wall(before(900)), None)));
            assert_eq!(next(&seeing, copied(before(100)), OTHER), Some((now(), None)));
        }
    }

    #[test]
    fn w4_at_the_first_pass_alone_the_day_counts_and_only_one_that_is_over() {
        let first = |first, day| {
            let next = Seeing { first, ..seeing() }.next(Belief::Missing, held(ONE, day, None));
            next.unwrap().changed
        };
        assert_eq!(first(true, Some(before(1))), SeenAt::wall(before(1)));
        for day in [Some(NOW), Some(NOW + 5), None] {
            assert_eq!(first(true, day), now());
        }
        assert_eq!(first(false, Some(before(1))), now());
    }

    #[test]
    fn a_time_that_lies_ahead_is_brought_forward_only_by_a_clock_that_is_right() {
        let year = NOW + 31_536_000;
        assert_eq!(next(&seeing(), Belief::Kept(kept(year)), ONE), Some((now(), Some(OWNER))));
        assert_eq!(next(&Seeing { vouched: false, ..seeing() }, Belief::Kept(kept(year)), ONE), None);
        assert_eq!(next(&seeing(), Belief::Kept(kept(NOW + 60)), ONE), None);
    }
}
