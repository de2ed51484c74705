//! Questions to the account database that have an end, whatever it does. A directory that hangs keeps a thread for each; nobody
//! waits for it longer than `PATIENCE`, and accounts of /etc/passwd are looked up beside it.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
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
    match local(uid_field(uid)) {
        true => accounts::account_of(uid),
        false => ask(move || accounts::account_of(uid)).unwrap_or(Err(Errno::ETIMEDOUT)),
    }
}

/// The account that a name or `uid:NUMBER` means.
pub fn meant(text: &str) -> AccountAnswer {
    if let Some(uid) = accounts::numbered(text) {
        return account_of(uid);
    }
    let name = text.to_owned();
    match local(|line| line.split(':').next() == Some(text)) {
        true => accounts::named(text),
        false => ask(move || accounts::named(&name)).unwrap_or(Err(Errno::ETIMEDOUT)),
    }
}

/// The accounts of these uids. All together have the time of one question: those of this machine are asked for first.
pub fn accounts_of(uids: &[u32]) -> HashMap<u32, AccountAnswer> {
    let here = local_uids();
    let (first, rest): (Vec<u32>, Vec<u32>) = uids.iter().partition(|uid| here.contains(uid));
    let mut found: HashMap<u32, AccountAnswer> =
        first.into_iter().map(|uid| (uid, accounts::account_of(uid))).collect();
    let (wanted, (tell, answers)) = (rest.len(), mpsc::channel());
    let begun = begin(move || {
        for uid in rest {
            if tell.send((uid, accounts::account_of(uid))).is_err() {
                break;
            }
        }
    });
    let end = Instant::now() + PATIENCE;
    for _ in 0..begun.map_or(0, |()| wanted) {
        match answers.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok((uid, answer)) => drop(found.insert(uid, answer)),
            Err(_) => break,
        }
    }
    for uid in uids {
        found.entry(*uid).or_insert(Err(Errno::ETIMEDOUT));
    }
    found
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
    asks_a_directory() && !others.is_empty() && !accounts_of(&others).values().any(|one| matches!(one, Ok(Some(_))))
}

/// Has the account database a source besides files?
fn asks_a_directory() -> bool {
    let text = fs::read_to_string(SWITCH).unwrap_or_default();
    let sources = text.lines().filter_map(|line| line.trim().strip_prefix("passwd:"));
    let mut words = sources.flat_map(str::split_whitespace);
    words.any(|word| !["files", "compat", "db", "extrausers", "systemd"].contains(&word) && !word.starts_with('['))
}

fn local_uids() -> HashSet<u32> {
    let passwd = fs::read(PASSWD).unwrap_or_default();
    let passwd = String::from_utf8_lossy(&passwd);
    passwd.lines().filter_map(|line| line.split(':').nth(2)?.parse().ok()).collect()
}

/// Is there such a line in /etc/passwd? It is the first source, which answers at once.
fn local(is_it: impl Fn(&str) -> bool) -> bool {
    fs::read(PASSWD).is_ok_and(|passwd| String::from_utf8_lossy(&passwd).lines().any(is_it))
}

fn uid_field(uid: u32) -> impl Fn(&str) -> bool {
    move |line| line.split(':').nth(2).and_then(|field| field.parse().ok()) == Some(uid)
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
        assert!((PATIENCE..2 * PATIENCE).contains(&begun.elapsed()));
        assert_eq!(ask(|| 7), Ok(7));
    }

    #[test]
    fn accounts_of_this_machine_and_none() {
        let found = accounts_of(&[0, 1, 3_999_999]);
        assert_eq!(found[&0].as_ref().unwrap().as_ref().unwrap().name, "root");
        assert!(found[&1].as_ref().unwrap().is_some() && found[&3_999_999] == Ok(None));
    }
}
