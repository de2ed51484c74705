//! Uids that one user has besides their own: the ranges of subordinate uids that they may use in namespaces of theirs
//! (subuid(5)). Anyone who has a range has tens of thousands of uids, and is one person all the same.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::database::{FileVersion, begin, meant};

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
    version: Option<FileVersion>,
    ranges: Vec<Range>,
    owners: BTreeMap<String, Owner>,
}

/// The uid of an owner, if one was found, and when it was looked for.
type Owner = (Option<u32>, Instant);

/// On whose account `uid` counts, if it was lent to somebody: that of the user to whom /etc/subuid gives its range. Where that
/// is root, for whom containers of others run, or nobody that is known, it is the first uid that the file gives them: all
/// their ranges still count together. A uid that an account has is lent to nobody, wherever it lies.
pub(crate) fn account_of(uid: u32) -> Option<u32> {
    let (owner, first) = {
        let lent = lent()?;
        let owner = &lent.ranges.iter().find(|range| (range.first..=range.last).contains(&uid))?.owner;
        (owner.clone(), lent.ranges.iter().find(|range| range.owner == *owner)?.first)
    };
    if is_an_accounts(uid) {
        return None;
    }
    Some(uid_of(owner).filter(|uid| *uid != 0).unwrap_or(first))
}

/// Has an account this uid? The database is asked beside the caller, who accepts connections and waits for nobody: until there is an
/// answer, the uid counts as lent.
fn is_an_accounts(uid: u32) -> bool {
    static ASKED: Mutex<BTreeMap<u32, (Instant, bool)>> = Mutex::new(BTreeMap::new());
    let asked = || ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    let (at, answer) = asked().get(&uid).copied().unzip();
    if at.is_none_or(|at| at.elapsed() > REMEMBERED) {
        let note = move |answer| {
            let mut asked = asked();
            if asked.len() >= MOST_REMEMBERED {
                asked.clear();
            }
            asked.insert(uid, (Instant::now(), answer));
        };
        note(answer.unwrap_or(false)); // nobody asks meanwhile
        let question = move || otp_core::accounts::account_of(uid).map_or((), |found| note(found.is_some()));
        begin(question).unwrap_or_default(); // with too many questions it is asked again later
    }
    answer.unwrap_or(false)
}

/// The file as it is now; it is read again when it is another.
fn lent() -> Option<MutexGuard<'static, Lent>> {
    let version = Some(FileVersion::of(SUBUID)?);
    let mut lent = known();
    if lent.version != version {
        *lent = Lent { version, ranges: ranges(&fs::read_to_string(SUBUID).ok()?), owners: BTreeMap::new() };
    }
    Some(lent)
}

/// The name service is asked without the lock: nobody else must wait for it, and it is not waited for without end. Its no counts for a minute.
fn uid_of(owner: String) -> Option<u32> {
    if let Ok(uid) = owner.parse() {
        return Some(uid);
    }
    match known().owners.get(&owner) {
        Some((Some(uid), _)) => return Some(*uid),
        Some((None, asked)) if asked.elapsed() < Duration::from_secs(60) => return None,
        _ => {}
    }
    let uid = meant(&owner).ok().flatten().map(|account| account.uid);
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
/// How long an answer about a uid is good.
const REMEMBERED: Duration = Duration::from_secs(600);
const MOST_REMEMBERED: usize = 4096;

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
