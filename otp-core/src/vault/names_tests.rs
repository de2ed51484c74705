//! The index of names: what an entry proves, what a crash leaves of it, and how it is made again.

use super::*;
use crate::files::name_entry::NameEntry;
use crate::files::user_mark::UserMark;

impl Bench {
    fn elsewhere(&self, name: &str, uid: u32) -> Result<(), VaultError> {
        self.vault().nowhere_else(&Account { name: name.into(), uid })
    }

    fn entry_path(&self, name: &str) -> PathBuf {
        self.dir.join("names").join(NameEntry::file_name(name))
    }

    fn entry(&self, name: &str) -> Option<NameEntry> {
        let text = fs::read(self.entry_path(name)).ok()?;
        Some(NameEntry::parse(&text, &NameEntry::file_name(name)).unwrap())
    }

    /// An entry of somebody whom /etc/passwd had.
    fn write_entry(&self, account: &Account) {
        let text = NameEntry { account: account.clone(), local: true }.to_toml();
        fs::create_dir_all(self.dir.join("names")).unwrap();
        fs::set_permissions(self.dir.join("names"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(self.entry_path(&account.name), text).unwrap();
        fs::set_permissions(self.entry_path(&account.name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn about(&self) -> String {
        fs::read_to_string(self.dir.join("vault.toml")).unwrap()
    }

    /// A key file of that name under another uid, as if nobody had adopted it.
    fn enrol_as(&self, name: &str, uid: u32) -> Account {
        let account = Account { name: name.into(), uid };
        let number = u8::try_from(uid % 200).unwrap();
        let make = |_: &Account, generation| Some(self.other_key(generation, number, Kind::Totp));
        self.vault().enrol(&account, &FREELY, &Shifted::by(0), make).unwrap();
        account
    }

    fn rebuild(&self) -> IndexReport {
        self.vault().sweep().unwrap();
        self.vault().rebuild_names(&mut |_, _| {}).unwrap()
    }
}

fn uid_changed(answer: Result<(), VaultError>) -> bool {
    match answer {
        Err(VaultError::UidChanged(_)) => true,
        Ok(()) => false,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_vault_of_version_1_says_nothing_of_other_uids_until_the_index_is_whole() {
    let bench = Bench::enrolled();
    assert!(bench.about().starts_with("version = 1\n") && !uid_changed(bench.elsewhere("alice", 2000)));
    assert!(bench.rebuild().unreadable.is_empty());
    assert!(bench.about().starts_with("version = 2\n") && bench.about().ends_with("needs = [\"names\"]\n"));
    assert!(uid_changed(bench.elsewhere("alice", 2000)));
    assert!(!uid_changed(bench.elsewhere("alice", 1000)) && !uid_changed(bench.elsewhere("bob", 2000)));
    let reopened = Vault::open(&VaultPlace { dir: bench.dir.clone(), owner: 0 }).unwrap();
    assert_eq!(reopened.about().needs, [Need::Names].into());
    let status = reopened.enrolment_status(&Account { name: "alice".into(), uid: 2000 }, &Shifted::by(0));
    assert!(matches!(status, Err(VaultError::UidChanged(_))), "nor does the daemon take that account for a new one");
}

#[test]
fn an_entry_proves_nothing_without_the_key_file_that_names_its_user() {
    let bench = Bench::enrolled();
    bench.rebuild();
    for (name, uid) in [("bob", 3000), ("bob", 1000)] {
        bench.write_entry(&Account { name: name.into(), uid });
        assert!(!uid_changed(bench.elsewhere("bob", 2000)), "{name} {uid}");
    }
}

#[test]
fn what_cannot_be_read_proves_nobody_never_enrolled() {
    let bench = Bench::enrolled();
    bench.rebuild();
    fs::write(bench.key_path(), "crc32").unwrap();
    assert!(matches!(bench.elsewhere("alice", 2000), Err(VaultError::Malformed { .. })), "the key file");
    let bench = Bench::enrolled();
    bench.rebuild();
    fs::write(bench.entry_path("bob"), "crc32").unwrap();
    fs::set_permissions(bench.entry_path("bob"), fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(bench.elsewhere("bob", 2000), Err(VaultError::Malformed { .. })), "the entry");
    fs::set_permissions(bench.entry_path("bob"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(bench.elsewhere("bob", 2000), Err(VaultError::Untrusted { .. })), "the entry");
    fs::remove_dir_all(bench.dir.join("names")).unwrap();
    assert!(matches!(bench.elsewhere("bob", 2000), Err(VaultError::Missing(_))), "the index");
}

#[test]
fn an_index_that_is_lost_comes_back_whole_or_not_at_all() {
    let bench = Bench::enrolled();
    bench.enrol_as("bob", 2000);
    bench.rebuild();
    let (lost, whole) = (bench.dir.join("names"), fs::read(bench.key_path()).unwrap());
    fs::remove_dir_all(&lost).unwrap();
    assert!(matches!(bench.add(11, Kind::Totp), Err(ChangeError::Vault(VaultError::Missing(_)))), "no change hides it");
    fs::write(bench.key_path(), "crc32").unwrap();
    assert_eq!(bench.rebuild().unreadable.len(), 1);
    assert!(!lost.exists() && matches!(bench.elsewhere("carol", 5), Err(VaultError::Missing(_))));
    fs::write(bench.key_path(), whole).unwrap();
    assert_eq!(bench.rebuild().changed, 2);
    assert!(uid_changed(bench.elsewhere("alice", 2000)) && !uid_changed(bench.elsewhere("carol", 5)));
}

#[test]
fn adopting_and_forgetting_keep_the_index_and_leave_no_entry_behind() {
    let bench = Bench::enrolled();
    bench.rebuild();
    let clock = Shifted::by(0);
    let alicia = Account { name: "alicia".into(), uid: 1000 };
    bench.vault().adopt(&bench.account, &alicia, &bench.reseal(), &clock).unwrap();
    assert_eq!((bench.entry("alice"), bench.entry("alicia").unwrap().account), (None, alicia.clone()));
    let moved = Account { uid: 2000, ..alicia.clone() };
    bench.vault().adopt(&alicia, &moved, &bench.reseal(), &clock).unwrap();
    assert_eq!(bench.entry("alicia").unwrap().account, moved);
    assert!(uid_changed(bench.elsewhere("alicia", 1000)) && !uid_changed(bench.elsewhere("alice", 7)));
    bench.vault().forget(2000).unwrap();
    assert_eq!(bench.entry("alicia"), None);
    assert_eq!(bench.rebuild().changed, 0, "there was nothing to mend");
}

#[test]
fn an_account_that_root_takes_over_from_passwd_into_a_directory_is_missed_in_passwd_no_more() {
    let bench = Bench::enrolled();
    bench.rebuild();
    bench.write_entry(&bench.account); // as if /etc/passwd had had it
    let mark = UserMark { account: bench.account.clone(), since: UnixTime::new(1), lost: None };
    bench.vault().lock_itself().unwrap().mark(MarkKind::Gone, &mark).unwrap();
    bench.vault().adopt(&bench.account, &bench.account, &bench.reseal(), &Shifted::by(0)).unwrap();
    assert!(!bench.entry("alice").unwrap().local, "else the next look would mark it again");
}

#[test]
fn while_files_of_a_name_are_left_under_another_uid_the_index_leads_to_some_of_them() {
    let bench = Bench::enrolled();
    bench.rebuild();
    // Before the commit under the new uid, where a crash would leave the old files alone:
    let second = Account { name: "alice".into(), uid: 2000 };
    bench.vault().index_before(&second).unwrap();
    assert_eq!(bench.entry("alice").unwrap().account, bench.account);
    assert!(uid_changed(bench.elsewhere("alice", 2000)), "the account with the new uid does not pass meanwhile");
    bench.enrol_as("alice", 2000);
    assert_eq!(bench.entry("alice").unwrap().account, second);
    bench.vault().forget(2000).unwrap();
    assert!(uid_changed(bench.elsewhere("alice", 2000)), "the first files are there still");
    bench.vault().forget(1000).unwrap();
    assert_eq!(bench.entry("alice"), None);
}

#[test]
fn a_damaged_entry_is_written_again_by_the_next_change_and_hides_no_other_files() {
    let bench = Bench::enrolled();
    bench.rebuild();
    let spoil = || fs::write(bench.entry_path("alice"), "crc32").unwrap();
    spoil();
    bench.add(11, Kind::Totp).unwrap();
    assert_eq!(bench.entry("alice").unwrap().account, bench.account);
    spoil();
    bench.vault().index_before(&Account { name: "alice".into(), uid: 2000 }).unwrap();
    assert!(matches!(bench.elsewhere("alice", 2000), Err(VaultError::Malformed { .. })), "it is not overwritten");
    spoil();
    assert_eq!(bench.rebuild().changed, 1);
    assert!(uid_changed(bench.elsewhere("alice", 2000)));
}

#[test]
fn an_index_is_not_called_whole_while_a_key_file_cannot_be_read() {
    let bench = Bench::enrolled();
    let whole = fs::read(bench.key_path()).unwrap();
    bench.enrol_as("bob", 2000);
    fs::write(bench.key_path(), "crc32").unwrap();
    let report = bench.rebuild();
    assert_eq!(report.unreadable.iter().map(|(uid, _)| *uid).collect::<Vec<_>>(), [1000]);
    assert!(bench.about().starts_with("version = 1\n"));
    fs::write(bench.key_path(), &whole).unwrap();
    assert!(bench.rebuild().unreadable.is_empty() && bench.about().starts_with("version = 2\n"));
    fs::write(bench.key_path(), "crc32").unwrap();
    assert_eq!((bench.rebuild().changed, bench.rebuild().unreadable.len()), (0, 2 - 1));
    assert!(bench.entry("alice").is_some(), "that of a damaged file stays");
    assert!(bench.about().starts_with("version = 2\n"), "whole it was, and each change since has kept it");
}

#[test]
fn rebuilding_drops_what_leads_nowhere_and_keeps_what_is_known_of_passwd() {
    let bench = Bench::enrolled();
    bench.write_entry(&Account { name: "carol".into(), uid: 9 });
    bench.write_entry(&bench.account);
    bench.enrol_as("root", 0);
    fs::write(bench.dir.join("names/.half.new"), "half").unwrap();
    fs::set_permissions(bench.dir.join("names/.half.new"), fs::Permissions::from_mode(0o600)).unwrap();
    assert!(bench.entry("root").unwrap().local, "/etc/passwd has root");
    bench.rebuild();
    assert!(bench.entry("alice").unwrap().local, "/etc/passwd had alice, who is to be missed");
    let names = fs::read_dir(bench.dir.join("names")).unwrap().count();
    assert_eq!((bench.entry("carol"), names), (None, 2));
    assert_eq!(bench.rebuild().changed, 0);
}

#[test]
fn a_key_file_under_a_name_that_the_account_had_before_is_called_renamed() {
    let bench = Bench::enrolled();
    for (name, uid) in [("alicia", 1000), ("Alice", 1000)] {
        let error = bench.vault().lock(&Account { name: name.into(), uid }, &Shifted::by(0)).err().unwrap();
        assert_eq!(error.reason(), UnavailableReason::Renamed);
        assert!(error.to_string().contains("renamed: adopt") && error.to_string().contains("\"alice\""), "{error}");
    }
    fs::rename(bench.key_path(), bench.dir.join("keys/2000.toml")).unwrap();
    let other = Account { name: "alice".into(), uid: 2000 };
    bench.vault().make_state(2000, &Shifted::by(0)).unwrap();
    assert_eq!(
        bench.vault().lock(&other, &Shifted::by(0)).err().unwrap().reason(),
        UnavailableReason::MalformedFile,
        "another uid's"
    );
}
