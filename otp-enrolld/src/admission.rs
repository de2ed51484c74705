//! Who may hold how many connections: so many per uid, so many in all, and a reserve for uid 0 that nobody else can use up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::limits::Limits;

/// Counts the open connections.
pub struct Admission {
    limits: Limits,
    open: Arc<Mutex<HashMap<u32, usize>>>,
}

/// The right to one connection; given back when dropped.
pub struct Place {
    uid: u32,
    open: Arc<Mutex<HashMap<u32, usize>>>,
}

impl Admission {
    pub fn new(limits: Limits) -> Self {
        Self { limits, open: Arc::default() }
    }

    /// A place for one more connection of `uid`, if there is one.
    pub fn admit(&self, uid: u32) -> Option<Place> {
        let mut open = locked(&self.open);
        if !has_room(&self.limits, &open, uid) {
            return None;
        }
        let count = open.entry(uid).or_default();
        *count = count.saturating_add(1);
        Some(Place { uid, open: Arc::clone(&self.open) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = locked(&self.open);
        let left = open.get(&self.uid).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            open.remove(&self.uid);
        } else {
            open.insert(self.uid, left);
        }
    }
}

fn has_room(limits: &Limits, open: &HashMap<u32, usize>, uid: u32) -> bool {
    let own = open.get(&uid).copied().unwrap_or_default();
    if uid == 0 {
        return own < limits.connections_root;
    }
    let others = open.iter().filter(|(uid, _)| **uid != 0);
    let all: usize = others.map(|(_, count)| count).sum();
    own < limits.connections_per_uid && all < limits.connections
}

/// The counts stay right when a thread panics: no code runs between reading and writing them.
fn locked(open: &Mutex<HashMap<u32, usize>>) -> MutexGuard<'_, HashMap<u32, usize>> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission() -> Admission {
        Admission::new(Limits { connections: 5, connections_per_uid: 2, connections_root: 3, ..Limits::default() })
    }

    fn admit_all(admission: &Admission, uid: u32) -> Vec<Place> {
        std::iter::from_fn(|| admission.admit(uid)).collect()
    }

    #[test]
    fn one_uid_gets_its_share_and_no_more() {
        assert_eq!(admit_all(&admission(), 1000).len(), 2);
    }

    #[test]
    fn all_together_get_the_whole_and_no_more() {
        let admission = admission();
        let places: Vec<Place> = (1000..1010).flat_map(|uid| admit_all(&admission, uid)).collect();
        assert_eq!(places.len(), 5);
    }

    #[test]
    fn root_has_a_reserve_that_others_cannot_use_up() {
        let admission = admission();
        let _others: Vec<Place> = (1000..1010).flat_map(|uid| admit_all(&admission, uid)).collect();
        assert_eq!(admit_all(&admission, 0).len(), 3);
    }

    #[test]
    fn root_cannot_use_up_what_belongs_to_others() {
        let admission = admission();
        let _root = admit_all(&admission, 0);
        assert_eq!(admit_all(&admission, 1000).len(), 2);
    }

    #[test]
    fn a_closed_connection_gives_its_place_back() {
        let admission = admission();
        drop(admit_all(&admission, 1000));
        assert_eq!(admit_all(&admission, 1000).len(), 2);
    }
}
