//! Uids that one user has besides their own: the ranges of subordinate uids that they may use in namespaces of theirs
//! (subuid(5)). Anyone who has a range has tens of thousands of uids, and is one person all the same.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Which file was read: device, inode, size, and when it was changed last.
type Version = (u64, u64, u64, i64, i64);

/// First and last uid, and the owner as the file names it.
#[derive(Debug, PartialEq, Eq)]
struct Range {
    first: u32,
    last: u32,
    owner: String,
}

/// The file as it was read last, and the uids of its owners, as far as anybody has asked.
#[derive(Default)]
struct Lent {
    version: Option<Version>,
    ranges: Vec<Range>,
    owners: BTreeMap<String, Owner>,
}

/// The uid of an owner, if one was found, and when it was looked for.
type Owner = (Option<u32>, Instant);

/// On whose account `uid` counts, if it was lent to somebody: that of the user to whom /etc/subuid gives its range. Where that
/// is root, for whom containers of others run, or nobody that is known, it is the first uid that the file gives them: all
/// their ranges still count together.
pub(crate) fn account_of(uid: u32) -> Option<u32> {
    let (owner, first) = {
        let lent = lent()?;
        let owner = &lent.ranges.iter().find(|range| (range.first..=range.last).contains(&uid))?.owner;
        (owner.clone(), lent.ranges.iter().find(|range| range.owner == *owner)?.first)
    };
    Some(uid_of(owner).filter(|uid| *uid != 0).unwrap_or(first))
}

/// The file as it is now; it is read again when it is another.
fn lent() -> Option<MutexGuard<'static, Lent>> {
    let about = fs::metadata(SUBUID).ok()?;
    let version = Some((about.dev(), about.ino(), about.size(), about.ctime(), about.ctime_nsec()));
    let mut lent = known();
    if lent.version != version {
        *lent = Lent { version, ranges: ranges(&fs::read_to_string(SUBUID).ok()?), owners: BTreeMap::new() };
    }
    Some(lent)
}

/// The name service is asked without the lock: nobody else must wait for it. Its no counts for a minute.
fn uid_of(owner: String) -> Option<u32> {
    if let Ok(uid) = owner.parse() {
        return Some(uid);
    }
    match known().owners.get(&owner) {
        Some((Some(uid), _)) => return Some(*uid),
        Some((None, asked)) if asked.elapsed() < Duration::from_secs(60) => return None,
        _ => {}
    }
    let uid = otp_core::accounts::named(&owner).ok().flatten().map(|account| account.uid);
    known().owners.insert(owner, (uid, Instant::now()));
    uid
}

fn known() -> MutexGuard<'static, Lent> {
    static KNOWN: Mutex<Lent> = Mutex::new(Lent { version: None, ranges: Vec::new(), owners: BTreeMap::new() });
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A line each: user, first uid, how many. Lines that are none of these lend nothing.
fn ranges(text: &str) -> Vec<Range> {
    text.lines().filter_map(range).collect()
}

fn range(line: &str) -> Option<Range> {
    let mut fields = line.split(':').map(str::trim);
    let owner = fields.next().filter(|owner| !owner.is_empty())?.to_owned();
    let (first, count) = (fields.next()?.parse::<u32>().ok()?, fields.next()?.parse::<u32>().ok()?);
    Some(Range { first, last: first.saturating_add(count.checked_sub(1)?), owner })
}

const SUBUID: &str = "/etc/subuid";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_lends_a_range_to_its_owner_and_everything_else_lends_nothing() {
        let text =
            "alice:100000:65536\n\n# a word\nbob:x:1\ncarol:7\ndave:9:0\n:9:9\n1001:165536:65536\neve:4294967295:9\n";
        let found: Vec<_> = ranges(text).into_iter().map(|range| (range.owner, range.first, range.last)).collect();
        let wanted = [("alice", 100_000, 165_535), ("1001", 165_536, 231_071), ("eve", u32::MAX, u32::MAX)];
        assert_eq!(found, wanted.map(|(owner, first, last)| (owner.to_owned(), first, last)));
    }
}
