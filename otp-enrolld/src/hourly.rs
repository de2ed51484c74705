//! Counts what one person does within an hour that begins with the first time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::lock::Lock;

const HOUR: Duration = Duration::from_secs(3600);

/// The count of each uid.
#[derive(Default)]
pub(crate) struct HourlyCounts(Lock<HashMap<u32, (Instant, u32)>>);

impl HourlyCounts {
    /// Adds to the count of `uid`, and tells it.
    pub(crate) fn add(&self, uid: u32, more: u32) -> u32 {
        let mut all = self.0.lock();
        all.retain(|_, (since, _)| since.elapsed() < HOUR);
        let (_, count) = all.entry(uid).or_insert((Instant::now(), 0));
        *count = count.saturating_add(more);
        *count
    }
}
