//! Marks beside a user's files: accounts that are gone, suspensions that wait for a lock.

use super::*;
use crate::environment::Moment;
use crate::manage::suspension::{Suspension, suspend};
use crate::vault::marks::MarkKind;

impl Bench {
    fn mark_gone(&self) {
        let account = self.account.clone();
        let mark = crate::files::user_mark::UserMark { account, since: UnixTime::new(7), lost: None };
        assert!(self.vault().lock_itself().unwrap().mark(MarkKind::Gone, &mark).unwrap());
        assert!(!self.vault().lock_itself().unwrap().mark(MarkKind::Gone, &mark).unwrap(), "the first sighting stays");
    }

    /// The users that are marked as gone now.
    fn missing(&self, clock: &dyn Clock) -> Result<Vec<Account>, VaultError> {
        let mut marked = Vec::new();
        self.vault().mark_missing(clock, &mut |account| marked.push(account.clone())).map(|()| marked)
    }

    fn needs_word(&self, word: &str) -> bool {
        fs::read_to_string(self.dir.join("vault.toml")).unwrap().contains(&format!("\"{word}\""))
    }

    fn has_mark(&self, kind: &str) -> bool {
        self.dir.join(kind).join("1000").exists()
    }
}

#[test]
fn who_is_marked_as_gone_is_refused_until_adopted_or_forgotten() {
    let clock = Shifted::by(0);
    for end in ["adopt", "rename", "renumber", "forget"] {
        let bench = Bench::enrolled();
        bench.mark_gone();
        assert!(bench.needs_word("gone"), "{end}");
        for answer in [
            bench.vault().lock(&bench.account, &clock),
            bench.vault().look(&bench.account, &clock, short_lock_deadline()),
        ] {
            assert!(matches!(answer.err().unwrap(), VaultError::Gone(_)));
        }
        assert!(bench.outcome(&bench.now_code()).is_err());
        let to = match end {
            "rename" => Account { name: "alicia".into(), uid: 1000 },
            "renumber" => Account { name: "alice".into(), uid: 2000 },
            _ => bench.account.clone(),
        };
        match end {
            "forget" => bench.vault().forget(1000).unwrap(),
            _ => drop(bench.vault().adopt(&bench.account, &to, &bench.reseal(), &clock).unwrap()),
        }
        assert!(!bench.needs_word("gone") && !bench.has_mark("gone"), "{end}");
        assert_eq!(bench.vault().lock(&to, &clock).unwrap().is_some(), end != "forget", "{end}");
    }
    let bench = Bench::enrolled();
    let unmarked = bench.vault().adopt(&bench.account, &bench.account, &bench.reseal(), &clock);
    assert_eq!(unmarked, Err(ChangeRefusal::AlreadyAdopted.into()));
}

#[test]
fn only_local_accounts_with_keys_that_are_there_neither_by_name_nor_by_uid_are_marked() {
    let bench = Bench::enrolled();
    let clock = Shifted::by(0);
    assert_eq!(bench.missing(&clock), Ok(vec![]), "never in /etc/passwd");
    let local = |name: &str, uid| {
        let account = Account { name: name.into(), uid };
        let text = crate::files::name_entry::NameEntry { account: account.clone(), local: true }.to_toml();
        let path = bench.dir.join("names").join(crate::files::name_entry::NameEntry::file_name(name));
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        account
    };
    local("root", 1000);
    local("nobody-here", 0);
    local("nobody-there", 4_000_000);
    assert_eq!(bench.missing(&clock), Ok(vec![]), "the name is there, the uid is there, there is no key file");
    let zoe = Account { name: "zoe-of-no-machine".into(), uid: 4_000_001 };
    let make = |_: &Account, generation| Some(bench.other_key(generation, 11, Kind::Totp));
    bench.vault().enrol(&zoe, &FREELY, &clock, make).unwrap();
    assert_eq!(bench.missing(&clock), Ok(vec![]), "enrolled, and never in /etc/passwd");
    local(&zoe.name, zoe.uid);
    assert_eq!(bench.missing(&clock), Ok(vec![zoe.clone()]));
    assert_eq!(bench.missing(&clock), Ok(vec![]), "once");
    let marks = bench.vault().marked(MarkKind::Gone).unwrap();
    assert_eq!(marks[0].1.as_ref().unwrap().account, zoe);
}

#[test]
fn a_suspension_beside_the_state_counts_for_the_next_who_locks_and_is_written_into_both_slots() {
    for slot in [0, 1] {
        let bench = Bench::enrolled();
        let clock = Shifted::by(0);
        bench.vault().suspend_aside(&bench.account, &clock).unwrap();
        assert!(bench.needs_word("suspended") && bench.has_mark("suspended"));
        assert!(refused(&bench.outcome(&bench.now_code()).unwrap(), RefusalReason::Suspended));
        assert!(bench.locked().state().suspended && bench.has_mark("suspended"), "looking changes nothing");
        bench.locked().settle_suspension(&clock).unwrap();
        assert!(!bench.needs_word("suspended") && !bench.has_mark("suspended"));
        bench.spoil(slot);
        assert!(refused(&bench.outcome(&bench.now_code()).unwrap(), RefusalReason::Suspended));
    }
}

#[test]
fn a_suspension_beside_the_state_ends_with_resume_and_with_forget_and_goes_along_with_an_adoption() {
    let clock = Shifted::by(0);
    let aside = || {
        let bench = Bench::enrolled();
        bench.vault().suspend_aside(&bench.account, &clock).unwrap();
        bench
    };
    let bench = aside();
    bench.locked().set_use(KeyUse::Allowed, &clock).unwrap();
    assert!(accepted(&bench.outcome(&bench.now_code()).unwrap()) && !bench.needs_word("suspended"));
    let bench = aside();
    bench.vault().forget(1000).unwrap();
    assert!(!bench.needs_word("suspended") && !bench.has_mark("suspended"));
    let bench = aside();
    let to = Account { name: "alice".into(), uid: 2000 };
    bench.vault().adopt(&bench.account, &to, &bench.reseal(), &clock).unwrap();
    assert!(bench.vault().lock(&to, &clock).unwrap().unwrap().state().suspended && !bench.needs_word("suspended"));
}

impl Bench {
    fn report_lost(&self) {
        let clock = Shifted::by(0);
        self.locked().report_lost(None, &Moment::of(&clock), &clock).unwrap();
    }

    fn lost(&self) -> bool {
        self.vault().lost_report_of(&self.account).unwrap().is_some()
    }
}

#[test]
fn a_report_of_a_lost_device_stays_beside_the_state_until_its_owner_takes_it_back() {
    for slot in [0, 1] {
        let (bench, clock) = (Bench::enrolled(), Shifted::by(0));
        bench.report_lost();
        assert!(bench.needs_word("suspended") && bench.lost());
        bench.locked().settle_suspension(&clock).unwrap();
        assert!(bench.lost(), "a list and the hourly round leave it");
        bench.spoil(slot);
        fs::remove_file(bench.dir.join("suspended/1000")).unwrap();
        assert!(bench.locked().state().suspended, "the state says it, too");
    }
    let (bench, clock) = (Bench::enrolled(), Shifted::by(0));
    bench.report_lost();
    assert_eq!(bench.locked().take_back_lost(&clock), Ok(true));
    assert!(!bench.locked().state().suspended && !bench.has_mark("suspended") && !bench.needs_word("suspended"));
}

#[test]
fn a_suspension_by_somebody_else_takes_the_way_back_of_the_owner_away() {
    let (bench, clock) = (Bench::enrolled(), Shifted::by(0));
    bench.report_lost();
    assert_eq!(suspend(bench.vault(), &bench.account, &clock), Ok(Suspension::Stored));
    assert!(!bench.lost() && !bench.has_mark("suspended") && bench.locked().state().suspended);
    assert_eq!(suspend(bench.vault(), &bench.account, &clock), Ok(Suspension::Already));
    let bench = Bench::enrolled();
    bench.report_lost();
    assert!(bench.vault().suspend_aside(&bench.account, &clock).unwrap(), "it replaces the report");
    assert!(!bench.lost() && bench.has_mark("suspended"));
    bench.report_lost();
    assert!(!bench.lost(), "a report replaces nothing");
    let bench = Bench::enrolled();
    bench.report_lost();
    let mut owner = bench.locked();
    bench.vault().suspend_aside(&bench.account, &clock).unwrap();
    assert_eq!(owner.take_back_lost(&clock), Ok(false), "a helper came while the lock was held");
    drop(owner);
    assert!(bench.locked().state().suspended && bench.has_mark("suspended"));
}

#[test]
fn a_report_of_a_lost_device_ends_with_resume_forget_and_adopt_and_on_the_way_back_to_version_1() {
    let clock = Shifted::by(0);
    let reported = || {
        let bench = Bench::enrolled();
        bench.report_lost();
        bench
    };
    let bench = reported();
    bench.locked().set_use(KeyUse::Allowed, &clock).unwrap();
    assert!(!bench.lost() && !bench.locked().state().suspended);
    let bench = reported();
    bench.vault().forget(1000).unwrap();
    assert!(!bench.has_mark("suspended"));
    let bench = reported();
    let to = Account { name: "alice".into(), uid: 2000 };
    bench.vault().adopt(&bench.account, &to, &bench.reseal(), &clock).unwrap();
    assert!(bench.vault().lost_report_of(&to).unwrap().is_none() && !bench.has_mark("suspended"));
    assert!(bench.vault().lock(&to, &clock).unwrap().unwrap().state().suspended);
    let bench = reported();
    drop(crate::manage::vault_version::back_to_1(bench.vault(), &clock));
    assert!(!bench.has_mark("suspended") && bench.locked().state().suspended);
}

#[test]
fn a_mark_that_cannot_be_read_counts_and_a_place_for_marks_that_is_gone_refuses() {
    let clock = Shifted::by(0);
    for (kind, text) in [("gone", ""), ("gone", "crc32"), ("suspended", "crc32")] {
        let bench = Bench::enrolled();
        fs::create_dir(bench.dir.join(kind)).unwrap();
        fs::set_permissions(bench.dir.join(kind), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(bench.dir.join(kind).join("1000"), text).unwrap();
        let answer = bench.outcome(&bench.now_code());
        assert!(answer.is_err() || refused(&answer.unwrap(), RefusalReason::Suspended), "{kind}");
    }
    let bench = Bench::enrolled();
    bench.mark_gone();
    fs::remove_dir_all(bench.dir.join("gone")).unwrap();
    bench.vault().sweep().unwrap();
    assert!(bench.vault().suspend_aside(&bench.account, &clock).is_ok(), "another kind");
    let reopened = Vault::open(&VaultPlace { dir: bench.dir.clone(), owner: 0 }).unwrap();
    assert!(matches!(reopened.lock(&bench.account, &clock).err().unwrap(), VaultError::Missing(_)));
}

#[test]
fn a_word_without_a_mark_goes_at_the_next_start_and_one_with_a_mark_keeps_the_vault_from_version_1() {
    let bench = Bench::enrolled();
    bench.mark_gone();
    assert_eq!(bench.vault().need_nothing(), Ok(false));
    fs::remove_file(bench.dir.join("gone/1000")).unwrap();
    assert!(bench.needs_word("gone"), "as a crash between the two leaves it");
    bench.vault().sweep().unwrap();
    assert!(!bench.needs_word("gone"));
    assert_eq!(bench.vault().need_nothing(), Ok(true));
}

#[test]
fn a_user_is_forgotten_while_a_program_holds_the_lock_and_that_program_accepts_no_code_afterwards() {
    let bench = Bench::enrolled();
    let clock = Shifted::by(0);
    let mut held = bench.locked();
    bench.vault().forget(1000).unwrap();
    assert!(bench.vault().lock(&bench.account, &clock).unwrap().is_none());
    let next = held.state().clone();
    assert!(
        matches!(held.store(next, &clock), Err(VaultError::Missing(_))),
        "an answer would be that of a forgotten user"
    );
}

#[path = "resets_tests.rs"]
mod resets;
