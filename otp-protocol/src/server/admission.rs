//! How many connections each caller may hold. The pools cannot use each other up: root; root-owned processes started by another user (su,
//! polkit's helper), counted for that user; those whose starter nobody can see; everybody else, by uid. Subordinate uids count as their
//! owner's, and all of them together leave half of a pool to others. A connection with a pending key waits minutes for a person and is
//! counted apart, so that a day of many enrolments keeps nobody out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::peer::{Peer, UNKNOWN_UID};
use crate::server::limits::ServerLimits;

/// Places that are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Pool {
    /// Root itself.
    Root,
    /// Root-owned processes that somebody else started.
    Started,
    /// Root-owned processes that nobody knows who started.
    Unknown,
    /// Everybody else.
    Own,
    /// Any of these, with a key pending.
    Pending,
}

/// On whose account a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Share {
    pool: Pool,
    /// The user who is accountable for it.
    uid: u32,
    /// Does it come from a uid that was lent to that user?
    is_subuid: bool,
}

type Counts = HashMap<Share, usize>;

/// Counts the open connections.
pub(crate) struct Admission {
    limits: ServerLimits,
    open: Arc<Mutex<Counts>>,
}

/// The right to one connection; given back when dropped.
pub(crate) struct ConnectionPermit {
    limits: ServerLimits,
    share: Share,
    /// Where it counts when no key is pending.
    home: Share,
    open: Arc<Mutex<Counts>>,
}

impl Admission {
    pub(crate) fn new(limits: ServerLimits) -> Self {
        Self { limits, open: Arc::default() }
    }

    /// A place for one more connection of `peer`, if there is one.
    pub(crate) fn admit(&self, peer: Peer) -> Option<ConnectionPermit> {
        let share = Share::of(peer);
        let mut open = locked(&self.open);
        if !has_room(&self.limits, &open, share) {
            return None;
        }
        enter(&mut open, share);
        Some(ConnectionPermit { limits: self.limits, share, home: share, open: Arc::clone(&self.open) })
    }
}

impl ConnectionPermit {
    /// It turned out whose it is. Whether there is a place for that.
    pub(crate) fn turns_out_to_be(&mut self, peer: Peer) -> bool {
        let wanted = Share::of(peer);
        self.move_to(wanted, |limits, open| has_room(limits, open, wanted));
        self.home = wanted;
        self.share == wanted
    }

    /// Counts among those with a pending key from now on, if there is room there.
    pub(crate) fn count_as_pending(&mut self) {
        let wanted = self.home.pending();
        self.move_to(wanted, |limits, open| has_room(limits, open, wanted));
    }

    /// Counts where it came in: no key is pending.
    pub(crate) fn count_as_usual(&mut self) {
        self.move_to(self.home, |_, _| true);
    }

    fn move_to(&mut self, wanted: Share, allowed: impl FnOnce(&ServerLimits, &Counts) -> bool) {
        let mut open = locked(&self.open);
        if wanted == self.share || !allowed(&self.limits, &open) {
            return;
        }
        leave(&mut open, self.share);
        enter(&mut open, wanted);
        self.share = wanted;
    }
}

impl Share {
    fn of(peer: Peer) -> Self {
        let pool = match (peer.uid, peer.accountable_uid) {
            (0, 0) => Pool::Root,
            (0, UNKNOWN_UID) => Pool::Unknown,
            (0, _) => Pool::Started,
            _ => Pool::Own,
        };
        Self { pool, uid: peer.accountable_uid, is_subuid: peer.is_subuid }
    }

    fn pending(self) -> Self {
        Self { pool: Pool::Pending, ..self }
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        leave(&mut locked(&self.open), self.share);
    }
}

fn enter(open: &mut Counts, share: Share) {
    let count = open.entry(share).or_default();
    *count = count.saturating_add(1);
}

fn leave(open: &mut Counts, share: Share) {
    let left = open.get(&share).map_or(0, |count| count.saturating_sub(1));
    if left == 0 {
        open.remove(&share);
    } else {
        open.insert(share, left);
    }
}

fn has_room(limits: &ServerLimits, open: &Counts, share: Share) -> bool {
    let taken = |alike: &dyn Fn(&Share) -> bool| -> usize {
        open.iter().filter(|(other, _)| other.pool == share.pool && alike(other)).map(|(_, count)| count).sum()
    };
    let (of_one, of_all) = match (share.pool, share.uid) {
        (Pool::Root, _) => (limits.connections_root, limits.connections_root),
        (Pool::Unknown, _) => (limits.connections_unknown, limits.connections_unknown),
        (Pool::Started | Pool::Own, _) => (limits.connections_per_uid, limits.connections),
        (Pool::Pending, 0 | UNKNOWN_UID) => (limits.connections_pending / 2, limits.connections_pending),
        (Pool::Pending, _) => (limits.connections_per_uid, limits.connections_pending),
    };
    taken(&|other| other.uid == share.uid) < of_one
        && taken(&|_| true) < of_all
        && (!share.is_subuid || taken(&|other| other.is_subuid) < of_all / 2)
}

/// The counts stay right when a thread panics: no code runs between reading and writing them.
fn locked(open: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission() -> Admission {
        Admission::new(ServerLimits {
            connections: 5,
            connections_per_uid: 2,
            connections_root: 3,
            ..ServerLimits::default()
        })
    }

    fn admit_all(admission: &Admission, uid: u32) -> Vec<ConnectionPermit> {
        admit_peers(admission, Peer { uid, pid: 1, accountable_uid: uid, is_subuid: false, login_uid: None })
    }

    /// A connection as su makes it for `accountable_uid`.
    fn admit_started_by(admission: &Admission, accountable_uid: u32) -> Vec<ConnectionPermit> {
        admit_peers(admission, Peer { uid: 0, pid: 1, accountable_uid, is_subuid: false, login_uid: None })
    }

    fn admit_peers(admission: &Admission, peer: Peer) -> Vec<ConnectionPermit> {
        std::iter::from_fn(|| admission.admit(peer)).collect()
    }

    #[test]
    fn one_uid_gets_its_share_and_no_more() {
        assert_eq!(admit_all(&admission(), 1000).len(), 2);
    }

    #[test]
    fn all_together_get_the_whole_and_no_more() {
        let admission = admission();
        let places: Vec<ConnectionPermit> = (1000..1010).flat_map(|uid| admit_all(&admission, uid)).collect();
        assert_eq!(places.len(), 5);
    }

    /// Two users who have uids lent to them, each with many of them.
    fn admit_lent(admission: &Admission, root_owned: u32) -> Vec<ConnectionPermit> {
        let lent = |(uid, accountable_uid)| Peer {
            uid: uid * root_owned,
            pid: 1,
            accountable_uid,
            is_subuid: true,
            login_uid: None,
        };
        let peers =
            (100_000..100_010).map(|uid| (uid, 1000)).chain((200_000..200_010).map(|uid| (uid, 1001))).map(lent);
        peers.flat_map(|peer| admit_peers(admission, peer)).collect()
    }

    #[test]
    fn a_lent_uid_counts_as_its_user_also_behind_a_root_owned_process() {
        for root_owned in [0, 1] {
            let admission = Admission::new(ServerLimits { connections: 8, ..admission().limits });
            let lent = admit_lent(&admission, root_owned);
            assert_eq!(lent.len(), 4, "two of each");
            let own = if root_owned == 0 { admit_started_by(&admission, 1000) } else { admit_all(&admission, 1000) };
            assert_eq!(own.len(), 0, "their own count together with them");
        }
    }

    #[test]
    fn uids_that_were_lent_leave_half_of_the_places_to_others() {
        for root_owned in [0, 1] {
            let admission = admission();
            let lent = admit_lent(&admission, root_owned);
            assert_eq!(lent.len(), 2);
            let admit = if root_owned == 0 { admit_started_by } else { admit_all };
            let others: Vec<ConnectionPermit> = (2000..2010).flat_map(|uid| admit(&admission, uid)).collect();
            assert_eq!(others.len(), 3);
        }
    }

    #[test]
    fn processes_that_nobody_knows_who_started_have_a_pool_of_their_own() {
        let admission = Admission::new(ServerLimits { connections_unknown: 4, ..admission().limits });
        assert_eq!(admit_started_by(&admission, UNKNOWN_UID).len(), 4);
        let unknown = admit_started_by(&admission, UNKNOWN_UID);
        assert_eq!(admit_all(&admission, 0).len(), 3);
        assert_eq!(admit_started_by(&admission, 1000).len(), 2);
        drop(unknown);
    }

    #[test]
    fn root_has_a_reserve_that_others_cannot_use_up() {
        let admission = admission();
        let _others: Vec<ConnectionPermit> = (1000..1010).flat_map(|uid| admit_all(&admission, uid)).collect();
        assert_eq!(admit_all(&admission, 0).len(), 3);
    }

    #[test]
    fn root_cannot_use_up_what_belongs_to_others() {
        let admission = admission();
        let _root = admit_all(&admission, 0);
        assert_eq!(admit_all(&admission, 1000).len(), 2);
    }

    #[test]
    fn what_a_user_starts_as_root_counts_for_the_user_and_leaves_roots_reserve_alone() {
        let admission = admission();
        let su = admit_started_by(&admission, 1000);
        assert_eq!(su.len(), 2);
        assert_eq!(admit_all(&admission, 0).len(), 3);
    }

    #[test]
    fn many_users_of_su_leave_the_rest_alone() {
        let admission = admission();
        let su: Vec<ConnectionPermit> = (1000..1010).flat_map(|uid| admit_started_by(&admission, uid)).collect();
        assert_eq!(su.len(), 5);
        assert_eq!(admit_all(&admission, 0).len(), 3);
        assert_eq!(admit_all(&admission, 1000).len(), 2);
    }

    #[test]
    fn a_crowd_on_the_socket_does_not_keep_su_out() {
        let admission = admission();
        let _others: Vec<ConnectionPermit> = (1000..1010).flat_map(|uid| admit_all(&admission, uid)).collect();
        assert_eq!(admit_started_by(&admission, 1000).len(), 2);
    }

    #[test]
    fn who_has_a_pending_key_keeps_nobody_out_while_there_is_room_for_those() {
        let admission = Admission::new(ServerLimits { connections_pending: 4, ..admission().limits });
        let mut people: Vec<ConnectionPermit> = (1000..1010).flat_map(|uid| admit_all(&admission, uid)).collect();
        assert_eq!(people.len(), 5);
        people.iter_mut().for_each(|place| place.count_as_pending());
        let late: Vec<ConnectionPermit> = (1010..1020).flat_map(|uid| admit_all(&admission, uid)).collect();
        assert_eq!(late.len(), 4, "one of the first five found no room");
        people.iter_mut().for_each(|place| place.count_as_usual());
        assert!(admit_all(&admission, 1020).is_empty());
        drop((people, late));
        assert_eq!(admit_all(&admission, 1000).len(), 2);
        assert_eq!(locked(&admission.open).len(), 0);
    }

    #[test]
    fn a_closed_connection_gives_its_place_back() {
        let admission = admission();
        drop(admit_all(&admission, 1000));
        assert_eq!(admit_all(&admission, 1000).len(), 2);
    }
}
