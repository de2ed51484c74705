//! A ticket: what is kept of a registration code. The code itself is gone once it was handed over; a keyed hash is left.
//!
//! T1  a user has at most one ticket that is still good; a new one supersedes it
//! T2  its life has a hard end by its form, whatever anybody says
//! T3  redeemed and not yet confirmed, it may be redeemed again by its owner: five times in all, until its end or 15 minutes
//!     after the first use, whichever is later
//! T4  confirmed, superseded, revoked or repudiated it is worthless for ever
//! T5  it is recognised as worthless for 90 days after that, or after its end

pub use crate::codes::ids::TicketId;
use crate::codes::registration::CodeForm;
use crate::files::notice::Where;
use crate::keys::seal::CodeHash;
use crate::unix_time::UnixTime;

/// The record of one registration code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Its random name; what was made with it descends from it.
    pub id: TicketId,
    /// How the code travels.
    pub form: CodeForm,
    /// The keyed hash of the code, or of what Argon2id made of it.
    pub hash: CodeHash,
    /// For Argon2id; of a spoken code only.
    pub salt: Option<[u8; 16]>,
    /// Does it replace keys that are there? Otherwise it is for a first key only.
    pub replaces: bool,
    /// When it was made.
    pub issued: UnixTime,
    /// Uid of the one who had it made.
    pub issued_by: u32,
    /// After this it is no longer good.
    pub not_after: UnixTime,
    /// How often it was redeemed.
    pub uses: u32,
    /// The first and the last time that it was redeemed.
    pub used: Option<(TicketUse, TicketUse)>,
    /// Its end.
    pub end: Option<TicketEnd>,
}

/// One redemption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketUse {
    /// When.
    pub at: UnixTime,
    /// From where.
    pub from: Where,
}

/// The end of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketEnd {
    /// Why it is over.
    pub why: TicketEndReason,
    /// When.
    pub at: UnixTime,
}

/// Why a ticket is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketEndReason {
    /// A key was made with it.
    Confirmed,
    /// A newer one was made for the same user.
    Superseded,
    /// An admin took it back.
    Revoked,
    /// Its owner said that somebody else had used it.
    Repudiated,
}

/// The worth of a ticket at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// Never redeemed.
    Fresh,
    /// Redeemed before, without a key that came of it.
    Again,
    /// A key was made with it.
    Spent,
    /// Expired, superseded, revoked, repudiated, or redeemed too often.
    Stale,
    /// The clock lies before its making.
    Early,
}

impl Ticket {
    /// Its worth at `now`.
    pub fn worth(&self, now: UnixTime) -> Worth {
        match (&self.end, &self.used) {
            (Some(TicketEnd { why: TicketEndReason::Confirmed, .. }), _) => Worth::Spent,
            (Some(_), _) => Worth::Stale,
            _ if now + CLOCK_SLACK_S < self.issued => Worth::Early,
            (None, _) if self.uses >= MOST_USES || now > self.last_moment() => Worth::Stale,
            (None, None) => Worth::Fresh,
            (None, Some(_)) => Worth::Again,
        }
    }

    /// Is it still good for an enrolment?
    pub fn is_good(&self, now: UnixTime) -> bool {
        matches!(self.worth(now), Worth::Fresh | Worth::Again | Worth::Early)
    }

    /// May a key still come of it at `now`? Also of one that was redeemed for the last time: that key may be pending.
    pub fn is_under_way(&self, now: UnixTime) -> bool {
        let pending = self.used.as_ref().is_some_and(|(_, last)| now <= last.at + GRACE_S);
        self.end.is_none() && (self.is_good(now) || pending)
    }

    /// Notes a redemption.
    pub fn redeem(&mut self, this: TicketUse) {
        self.uses = self.uses.saturating_add(1);
        let first = self.used.take().map_or_else(|| this.clone(), |(first, _)| first);
        self.used = Some((first, this));
    }

    /// When keys were replaced with it, or when it was last redeemed to replace them, which may have happened since.
    pub fn replaced_at(&self) -> Option<UnixTime> {
        match (&self.end, &self.used) {
            _ if !self.replaces => None,
            (Some(TicketEnd { why: TicketEndReason::Confirmed | TicketEndReason::Repudiated, at }), _) => Some(*at),
            (None, Some((_, last))) => Some(last.at),
            _ => None,
        }
    }

    /// May it be forgotten at `now` (T5)?
    pub fn is_forgettable(&self, now: UnixTime) -> bool {
        let over = self.end.map_or(self.last_moment(), |end| end.at.max(self.last_moment()));
        now > over + REMEMBERED_S
    }

    /// The last moment at which it is good, if nothing ends it before.
    fn last_moment(&self) -> UnixTime {
        let end = self.not_after.min(self.issued + self.form.longest_life()); // T2, whatever the file says
        self.used.as_ref().map_or(end, |(first, _)| end.max(first.at + GRACE_S))
    }
}

impl TicketEndReason {
    const ALL: [Self; 4] = [Self::Confirmed, Self::Superseded, Self::Revoked, Self::Repudiated];

    /// The word in files and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Superseded => "superseded",
            Self::Revoked => "revoked",
            Self::Repudiated => "repudiated",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.as_str() == text)
    }
}

/// How often one code may be redeemed without a key coming of it.
pub const MOST_USES: u32 = 5;
/// How long after its first use it may be redeemed again, in seconds.
pub const GRACE_S: u64 = 15 * 60;
/// How long a worthless ticket is recognised, in seconds.
pub const REMEMBERED_S: u64 = 90 * 24 * 3600;
/// A clock that was set back by so little does not matter, in seconds.
const CLOCK_SLACK_S: u64 = 300;

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: u64 = 24 * 3600;
    const T: UnixTime = UnixTime::new(1_700_000_000);

    fn before(seconds: u64) -> UnixTime {
        UnixTime::new(T.seconds() - seconds)
    }

    fn ticket(form: CodeForm) -> Ticket {
        let not_after = T + form.usual_life();
        let (id, hash) = (TicketId::new([1; 16]), CodeHash([2; 32]));
        Ticket {
            id,
            form,
            hash,
            salt: None,
            replaces: false,
            issued: T,
            issued_by: 0,
            not_after,
            uses: 0,
            used: None,
            end: None,
        }
    }

    fn used(times: &[UnixTime]) -> Ticket {
        let mut ticket = ticket(CodeForm::Spoken);
        times.iter().for_each(|at| ticket.redeem(TicketUse { at: *at, from: Where::default() }));
        ticket
    }

    #[test]
    fn t2_it_ends_by_itself_and_no_file_makes_it_live_longer() {
        let ticket = ticket(CodeForm::Spoken);
        assert_eq!(
            (ticket.worth(T), ticket.worth(T + 600), ticket.worth(T + 601)),
            (Worth::Fresh, Worth::Fresh, Worth::Stale)
        );
        let forged = Ticket { not_after: T + 365 * DAY, ..ticket };
        assert_eq!(forged.worth(T + 601), Worth::Stale);
    }

    #[test]
    fn a_clock_before_its_making_makes_it_worth_nothing_and_does_not_end_it() {
        let ticket = ticket(CodeForm::Mail);
        assert_eq!((ticket.worth(before(300)), ticket.worth(before(301))), (Worth::Fresh, Worth::Early));
        assert!(ticket.is_good(before(DAY)) && !ticket.is_forgettable(before(DAY)));
    }

    #[test]
    fn t3_five_times_and_15_minutes_from_the_first_use() {
        let late = used(&[T + 590]);
        assert_eq!((late.worth(T + 590 + 900), late.worth(T + 590 + 901)), (Worth::Again, Worth::Stale));
        let often = used(&[T, T + 800]);
        assert_eq!((often.worth(T + 900), often.worth(T + 901)), (Worth::Again, Worth::Stale));
        assert_eq!(used(&[T; 4]).worth(T + 1), Worth::Again);
        assert_eq!(used(&[T; 5]).worth(T + 1), Worth::Stale);
        assert_eq!(often.used.map(|(first, last)| (first.at, last.at)), Some((T, T + 800)));
    }

    #[test]
    fn t4_what_is_over_stays_over() {
        for why in TicketEndReason::ALL {
            let over = Ticket { end: Some(TicketEnd { why, at: T + 1 }), ..ticket(CodeForm::Letter) };
            let worth = if why == TicketEndReason::Confirmed { Worth::Spent } else { Worth::Stale };
            assert_eq!([before(DAY), T + 2, T + 100 * DAY].map(|now| over.worth(now)), [worth; 3]);
        }
    }

    #[test]
    fn t5_remembered_for_90_days_after_the_end_of_its_life() {
        let letter = ticket(CodeForm::Letter);
        let over = T + 14 * DAY;
        assert!(!letter.is_forgettable(over + 90 * DAY) && letter.is_forgettable(over + 90 * DAY + 1));
        let early = Ticket { end: Some(TicketEnd { why: TicketEndReason::Confirmed, at: T }), ..letter.clone() };
        assert!(!early.is_forgettable(over + 90 * DAY));
    }

    prop_compose! {
        pub(crate) fn any_ticket()(
            id: [u8; 16], form in 0..4_usize, hash: [u8; 32], salt: Option<[u8; 16]>, replaces: bool, issued in 0..=u64::MAX / 4,
            issued_by: u32, life in 0..100 * DAY, uses in 0..9_u32, from in crate::files::notice::tests::any_notice(),
            end in proptest::option::of((0..4_usize, 0..=u64::MAX / 4)),
        ) -> Ticket {
            let issued = UnixTime::new(issued);
            let one = TicketUse { at: issued, from: from.from.clone() };
            Ticket {
                id: TicketId::new(id), form: CodeForm::ALL[form], hash: CodeHash(hash), salt, replaces, issued, issued_by,
                not_after: issued + life, uses, used: (uses > 0).then(|| (one.clone(), one)),
                end: end.map(|(why, at)| TicketEnd { why: TicketEndReason::ALL[why], at: UnixTime::new(at) }),
            }
        }
    }
}
