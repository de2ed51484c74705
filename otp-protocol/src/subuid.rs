//! Uids that one user has besides his own: the ranges of subordinate uids that he may use in namespaces of his
//! (subuid(5)). Anyone who has a range has tens of thousands of uids, and is one person all the same.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// First and last uid of each range.
type Ranges = Vec<(u32, u32)>;

/// Which file was read: device, inode, size, and when it was changed last.
type Version = (u64, u64, u64, i64, i64);

/// The first uid of the range in which `uid` was lent to somebody. Read again when the file is another.
pub(crate) fn range_of(uid: u32) -> Option<u32> {
    static LAST: Mutex<Option<(Version, Ranges)>> = Mutex::new(None);
    let about = fs::metadata(SUBUID).ok()?;
    let version = (about.dev(), about.ino(), about.size(), about.ctime(), about.ctime_nsec());
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if last.as_ref().is_none_or(|(read, _)| *read != version) {
        *last = Some((version, ranges(&fs::read_to_string(Path::new(SUBUID)).ok()?)));
    }
    last.as_ref().and_then(|(_, ranges)| first_of(ranges, uid))
}

fn first_of(ranges: &Ranges, uid: u32) -> Option<u32> {
    ranges.iter().find(|(first, last)| (*first..=*last).contains(&uid)).map(|(first, _)| *first)
}

/// A line each: user, first uid, how many. Lines that are none of these lend nothing.
fn ranges(text: &str) -> Ranges {
    text.lines().filter_map(range).collect()
}

fn range(line: &str) -> Option<(u32, u32)> {
    let mut fields = line.split(':').skip(1).map(|field| field.trim().parse::<u32>().ok());
    let (first, count) = (fields.next()??, fields.next()??);
    Some((first, first.saturating_add(count.checked_sub(1)?)))
}

const SUBUID: &str = "/etc/subuid";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lent_uid_is_known_by_the_first_of_its_range() {
        let ranges =
            ranges("alice:100000:65536\n\n# a word\nbob:x:1\ncarol:7\ndave:9:0\n1001:165536:65536\neve:4294967295:9\n");
        assert_eq!(ranges, [(100_000, 165_535), (165_536, 231_071), (u32::MAX, u32::MAX)]);
        let found = [99_999, 100_000, 165_535, 165_536, 231_072].map(|uid| first_of(&ranges, uid));
        assert_eq!(found, [None, Some(100_000), Some(100_000), Some(165_536), None]);
    }
}
