//! Questions to the account database with a deadline. Each question that hangs keeps a thread, but nobody waits longer than `PATIENCE`, and
//! accounts of /etc/passwd are looked up without it.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use otp_core::accounts::{self, Account};

/// The answer about an account; ETIMEDOUT where none came.
pub type AccountAnswer = Result<Option<Account>, Errno>;

/// No answer in time, or too many questions without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slow;

/// Asks in a thread of its own.
pub fn ask<T: Send + 'static>(question: impl FnOnce() -> T + Send + 'static) -> Result<T, Slow> {
    let (tell, answer) = mpsc::sync_channel(1);
    begin(move || drop(tell.send(question())))?; // an answer that comes too late is nobody's
    answer.recv_timeout(PATIENCE).map_err(|_| Slow)
}

/// The account of that uid.
pub fn account_of(uid: u32) -> AccountAnswer {
    match local_line(|line| uid_of_line(line) == Some(uid)) {
        Some(line) => local_account(&line).map_or_else(|| accounts::account_of(uid), |account| Ok(Some(account))),
        None => ask(move || accounts::account_of(uid)).unwrap_or(Err(Errno::ETIMEDOUT)),
    }
}

/// The account that a name or `uid:NUMBER` means.
pub fn meant(text: &str) -> AccountAnswer {
    if let Some(uid) = accounts::numbered(text) {
        return account_of(uid);
    }
    let name = text.to_owned();
    match local_line(|line| line.split(|byte| *byte == b':').next() == Some(text.as_bytes())) {
        Some(line) => local_account(&line).map_or_else(|| accounts::named(text), |account| Ok(Some(account))),
        None => ask(move || accounts::named(&name)).unwrap_or(Err(Errno::ETIMEDOUT)),
    }
}

/// The accounts of many uids, in their order, some at a time. Each time has that of one question; once a time was not enough, nobody is
/// asked any more.
pub struct AccountPages<'u> {
    left: &'u [u32],
    local: LocalAccounts,
    /// How many of those that are left were looked for in /etc/passwd.
    scanned: usize,
    hangs: bool,
}

impl<'u> AccountPages<'u> {
    /// Of these uids.
    pub fn of(uids: &'u [u32]) -> Self {
        Self { left: uids, local: LocalAccounts::default(), scanned: 0, hangs: false }
    }
}

impl Iterator for AccountPages<'_> {
    type Item = Vec<(u32, AccountAnswer)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.scanned == 0 {
            let some = self.left.get(..SCANNED).unwrap_or(self.left);
            (self.local, self.scanned) = (LocalAccounts::of(some), some.len());
        }
        let count = PAGE.min(self.scanned);
        let (page, left) = self.left.split_at_checked(count).filter(|(page, _)| !page.is_empty())?;
        (self.left, self.scanned) = (left, self.scanned - count);
        let asked: Vec<u32> = page.iter().copied().filter(|uid| !self.local.answers.contains_key(uid)).collect();
        let mut answers = if self.hangs { HashMap::new() } else { answers(asked).collect() };
        let mut answer = |uid| {
            let known = self.local.answers.remove(&uid).or_else(|| answers.remove(&uid));
            self.hangs |= known.is_none();
            (uid, known.unwrap_or(Err(Errno::ETIMEDOUT)))
        };
        Some(page.iter().map(|uid| answer(*uid)).collect())
    }
}

/// Asks for these accounts in a thread of its own; ends when all have an answer, or with the time of one question.
fn answers(uids: Vec<u32>) -> impl Iterator<Item = (u32, AccountAnswer)> {
    let (wanted, (tell, answers)) = (uids.len(), mpsc::sync_channel(PAGE));
    let begun = match wanted {
        0 => Ok(()),
        _ => begin(move || {
            for uid in uids {
                if tell.send((uid, accounts::account_of(uid))).is_err() {
                    break; // nobody listens any more
                }
            }
        }),
    };
    let (wanted, end) = (begun.map_or(0, |()| wanted), Instant::now() + PATIENCE);
    (0..wanted).map_while(move |_| answers.recv_timeout(end.saturating_duration_since(Instant::now())).ok())
}

/// Accounts of this machine, which answer at once.
#[derive(Default)]
struct LocalAccounts {
    answers: HashMap<u32, AccountAnswer>,
}

impl LocalAccounts {
    /// Those of `uids` that /etc/passwd has. Where it is the first source it is the answer: to be asked for one account the C library reads it
    /// from the beginning, which with many users takes long.
    fn of(uids: &[u32]) -> Self {
        let (wanted, first) = (uids.iter().copied().collect::<HashSet<u32>>(), files_come_first());
        let mut answers = HashMap::new();
        let taken = each_local_line(&mut |line| {
            let Some(uid) = uid_of_line(line).filter(|uid| wanted.contains(uid)) else { return };
            answers.entry(uid).or_insert_with(|| match first.then(|| Account::of_passwd_line(line, uid)).flatten() {
                Some(account) => Ok(Some(account)),
                None => accounts::account_of(uid),
            });
        });
        Self { answers: taken.map_or_else(|_| HashMap::new(), |()| answers) }
    }
}

/// Is this a user whose account is not there, at a time when it may only be away? If nobody can say, or nobody else of the users that a
/// directory may have can be found either. sssd that cannot reach its server, and has nothing in its cache, says of everybody that there is
/// no such user.
pub fn may_be_away(uid: u32, enrolled: &[u32]) -> bool {
    match account_of(uid) {
        Ok(Some(_)) => return false,
        Err(_) => return true,
        Ok(None) => {}
    }
    let here = local_uids();
    let others: Vec<u32> = enrolled.iter().copied().filter(|other| *other != uid && !here.contains(other)).collect();
    asks_a_directory() && !others.is_empty() && !answers(others).any(|(_, one)| matches!(one, Ok(Some(_))))
}

/// Has the account database a source besides files?
pub fn asks_a_directory() -> bool {
    let mut words = sources().into_iter();
    words.any(|word| {
        !["files", "compat", "db", "extrausers", "systemd"].contains(&word.as_str()) && !word.starts_with('[')
    })
}

/// Is /etc/passwd the first source of the account database, or the only one? The file that says so is read again when it is another.
fn files_come_first() -> bool {
    static KNOWN: Mutex<Option<(FileVersion, bool)>> = Mutex::new(None);
    let version = FileVersion::of(SWITCH);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    match (&*known, version) {
        (Some((then, first)), Some(now)) if *then == now => *first,
        _ => {
            let first = sources().first().is_none_or(|word| word == "files");
            *known = version.map(|version| (version, first));
            first
        }
    }
}

/// Which file was read: device, inode, size, and when it was changed last.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileVersion(u64, u64, u64, i64, i64);

impl FileVersion {
    /// As the file at `path` is now.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let about = fs::metadata(path).ok()?;
        Some(Self(about.dev(), about.ino(), about.size(), about.ctime(), about.ctime_nsec()))
    }
}

/// Where the account database looks, in that order, with what follows an answer.
fn sources() -> Vec<String> {
    let text = fs::read_to_string(SWITCH).unwrap_or_default();
    let sources = text.lines().filter_map(|line| line.trim().strip_prefix("passwd:"));
    sources.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

fn local_uids() -> HashSet<u32> {
    let mut uids = HashSet::new();
    each_local_line(&mut |line| uids.extend(uid_of_line(line))).unwrap_or_default();
    uids
}

/// Hands on each line of /etc/passwd, without its end.
fn each_local_line(take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let (mut passwd, mut line) = (BufReader::new(File::open(PASSWD)?), Vec::new());
    while passwd.read_until(b'\n', &mut line)? > 0 {
        take(line.trim_ascii_end());
        line.clear();
    }
    Ok(())
}

fn uid_of_line(line: &[u8]) -> Option<u32> {
    std::str::from_utf8(line.split(|byte| *byte == b':').nth(2)?).ok()?.parse().ok()
}

/// The first such line of /etc/passwd, if the whole file can be read.
fn local_line(is_it: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let mut found = None;
    let read = each_local_line(&mut |line| {
        if found.is_none() && is_it(line) {
            found = Some(line.to_vec());
        }
    });
    found.filter(|_| read.is_ok())
}

/// The account of such a line, where /etc/passwd is the first source of the account database, so that it need not be asked once more.
fn local_account(line: &[u8]) -> Option<Account> {
    Account::of_passwd_line(line, uid_of_line(line)?).filter(|_| files_come_first())
}

/// Runs `question` beside this thread, unless too many run that have no answer.
pub(crate) fn begin(question: impl FnOnce() + Send + 'static) -> Result<(), Slow> {
    static RUNNING: AtomicUsize = AtomicUsize::new(0);
    if RUNNING.fetch_add(1, Ordering::Relaxed) >= AT_A_TIME {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
        return Err(Slow);
    }
    let running = RunningQuestion(&RUNNING); // dropped with the closure, too, where no thread can begin
    let begun = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
        question();
        drop(running);
    });
    begun.map(drop).map_err(|_| Slow)
}

/// One question that runs.
struct RunningQuestion(&'static AtomicUsize);

impl Drop for RunningQuestion {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Long for a directory that answers, short for a person who waits.
const PATIENCE: Duration = Duration::from_secs(3);
/// Accounts that are asked for in the time of one question.
const PAGE: usize = 256;
/// Accounts for which /etc/passwd is read once: so much is kept of it.
const SCANNED: usize = 32 * PAGE;
/// Questions without an answer, each of which keeps a thread.
const AT_A_TIME: usize = 64;
/// Enough for NSS modules.
const STACK_BYTES: usize = 512 * 1024;
const PASSWD: &str = "/etc/passwd";
const SWITCH: &str = "/etc/nsswitch.conf";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_hangs_ends_and_is_not_in_the_way_of_others() {
        let begun = Instant::now();
        assert_eq!(ask(thread::park), Err(Slow));
        assert!(begun.elapsed() >= PATIENCE);
        assert_eq!(ask(|| 7), Ok(7));
    }

    #[test]
    fn accounts_of_this_machine_and_none() {
        let pages: Vec<_> = AccountPages::of(&[0, 1, 3_999_999]).collect();
        let [page] = pages.as_slice() else { panic!("{pages:?}") };
        assert_eq!(page.iter().map(|(uid, _)| *uid).collect::<Vec<_>>(), [0, 1, 3_999_999]);
        for (uid, answer) in page {
            assert_eq!(*answer, accounts::account_of(*uid), "{uid}");
        }
    }

    #[test]
    fn many_come_in_pages_each_once_and_in_order() {
        let uids: Vec<u32> = (3_000_000..).take(SCANNED + PAGE + 1).chain([4_000_000_000]).collect();
        let pages: Vec<_> = AccountPages { hangs: true, ..AccountPages::of(&uids) }.collect();
        assert!(pages.iter().all(|page| (1..=PAGE).contains(&page.len())));
        assert_eq!(pages.concat().into_iter().map(|(uid, _)| uid).collect::<Vec<_>>(), uids);
        assert!(pages.concat().iter().all(|(_, answer)| *answer == Err(Errno::ETIMEDOUT)), "nobody was asked");
        assert_eq!(AccountPages::of(&[]).count(), 0);
    }
}
