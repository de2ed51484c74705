//! Who may hold how many connections. Three shares that cannot use each other up: root's own; root-owned processes that
//! somebody else started (su, polkit's helper), by that somebody; everybody else, by uid. One user may have many uids lent
//! to him, and so all of these together leave half of the places to others. Where a key is pending, a connection waits for a
//! person for minutes, and counts apart, so that many who enrol on one day keep nobody out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::peer::Peer;
use crate::server::limits::ServerLimits;

/// On whose account a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Share {
    /// Root itself.
    Root,
    /// A process of root's that this uid started.
    Started(u32),
    /// This uid.
    Own(u32),
    /// This uid, which was lent to some user.
    Subuid(u32),
    /// This uid, or a root-owned process that it started, with a key pending.
    Pending(u32),
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
        match (peer.uid, peer.accountable_uid, peer.subuid) {
            (0, 0, _) => Self::Root,
            (0, uid, _) => Self::Started(uid),
            (uid, _, None) => Self::Own(uid),
            (uid, _, Some(_)) => Self::Subuid(uid),
        }
    }

    fn pending(self) -> Self {
        match self {
            Self::Root => Self::Pending(0),
            Self::Started(uid) | Self::Own(uid) | Self::Subuid(uid) | Self::Pending(uid) => Self::Pending(uid),
        }
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
    let own = open.get(&share).copied().unwrap_or_default();
    let all = |alike: fn(&Share) -> bool| -> usize {
        open.iter().filter(|(share, _)| alike(share)).map(|(_, count)| count).sum()
    };
    match share {
        Share::Root => own < limits.connections_root,
        Share::Started(_) => {
            own < limits.connections_per_uid && all(|share| matches!(share, Share::Started(_))) < limits.connections
        }
        Share::Pending(uid) => {
            let most = if uid == 0 { limits.connections_pending / 2 } else { limits.connections_per_uid };
            own < most && all(|share| matches!(share, Share::Pending(_))) < limits.connections_pending
        }
        Share::Own(_) | Share::Subuid(_) => {
            let is_subuid = matches!(share, Share::Subuid(_));
            own < limits.connections_per_uid
                && all(|share| matches!(share, Share::Own(_) | Share::Subuid(_))) < limits.connections
                && (!is_subuid || all(|share| matches!(share, Share::Subuid(_))) < limits.connections / 2)
        }
    }
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
        admit_peers(admission, Peer { uid, pid: 1, accountable_uid: uid, subuid: None })
    }

    /// What su does for `accountable_uid`.
    fn admit_started_by(admission: &Admission, accountable_uid: u32) -> Vec<ConnectionPermit> {
        admit_peers(admission, Peer { uid: 0, pid: 1, accountable_uid, subuid: None })
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

    #[test]
    fn uids_that_were_lent_leave_half_of_the_places_to_others() {
        let admission = admission();
        let subuid = |uid| admit_peers(&admission, Peer { uid, pid: 1, accountable_uid: uid, subuid: Some(100_000) });
        let crowd: Vec<ConnectionPermit> = (100_000..100_010).flat_map(subuid).collect();
        assert_eq!(crowd.len(), 2);
        let others: Vec<ConnectionPermit> = (1000..1010).flat_map(|uid| admit_all(&admission, uid)).collect();
        assert_eq!(others.len(), 3);
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
