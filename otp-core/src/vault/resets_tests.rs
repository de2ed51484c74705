//! Resets that wait, and the word for them in vault.toml.

use super::*;
use crate::codes::ids::ResetId;
use crate::files::reset::Reset;
use crate::files::reset::tests::reset;

impl Bench {
    fn reset_ids(&self) -> Vec<String> {
        self.vault().resets().unwrap().iter().map(|found| found.id.hex()).collect()
    }
}

#[test]
fn a_reset_is_named_in_vault_toml_as_long_as_it_waits() {
    let (bench, clock) = (Bench::enrolled(), Shifted::by(0));
    assert!(bench.reset_ids().is_empty() && !bench.needs_word("resets"));
    for id in [2, 1] {
        bench.vault().store_reset(&reset(id, 1000), &clock).unwrap();
        assert!(bench.needs_word("resets"));
    }
    assert_eq!(bench.reset_ids(), ["01010101", "02020202"]);
    let kept = bench.vault().resets().unwrap().remove(0).kept.unwrap();
    assert_eq!(kept, StoredReset { reset: reset(1, 1000), restored: false });
    let later = Reset { delay: 1, ..reset(1, 1000) };
    bench.vault().store_reset(&later, &clock).unwrap();
    assert_eq!(bench.vault().resets().unwrap().remove(0).kept.unwrap().reset, later);
    let id = |byte| ResetId::new([byte; 4]);
    assert_eq!([1, 1, 3].map(|byte| bench.vault().drop_reset(id(byte)).unwrap()), [true, false, false]);
    assert!(bench.needs_word("resets"));
    assert!(bench.vault().drop_reset(id(2)).unwrap() && !bench.needs_word("resets"));
    assert!(bench.reset_ids().is_empty());
}

#[test]
fn a_copy_from_a_backup_is_known_as_one_until_it_is_stored_again() {
    let (bench, clock) = (Bench::enrolled(), Shifted::by(0));
    bench.vault().store_reset(&reset(1, 1000), &clock).unwrap();
    let (path, aside) = (bench.dir.join("resets/01010101"), bench.dir.join("resets/aside"));
    fs::copy(&path, &aside).unwrap();
    fs::rename(&aside, &path).unwrap();
    let restored = || bench.vault().resets().unwrap().remove(0).kept.unwrap().restored;
    assert!(restored());
    bench.vault().store_reset(&reset(1, 1000), &clock).unwrap();
    assert!(!restored());
    bench.vault().store_reset(&reset(1, 1000), &Shifted::by(-61)).unwrap();
    assert!(restored(), "written a minute before the file changed");
}

#[test]
fn one_that_cannot_be_read_is_listed_with_the_reason_and_can_be_ended() {
    let (bench, clock) = (Bench::enrolled(), Shifted::by(0));
    bench.vault().store_reset(&reset(1, 1000), &clock).unwrap();
    let path = bench.dir.join("resets/01010101");
    fs::write(&path, "version = 1\n").unwrap();
    let why = bench.vault().resets().unwrap().remove(0).kept.unwrap_err();
    assert!(why.to_string().contains("01010101: not a file of a reset: the checksum"), "{why}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let why = bench.vault().resets().unwrap().remove(0).kept.unwrap_err();
    assert_eq!(why.reason(), UnavailableReason::UntrustedFile);
    bench.vault().forget(1000).unwrap();
    assert_eq!(bench.reset_ids(), ["01010101"], "nobody knows whose it is");
    assert!(bench.vault().drop_reset(ResetId::new([1; 4])).unwrap() && !bench.needs_word("resets"));
}

#[test]
fn a_lost_directory_refuses_and_is_not_made_again() {
    let (bench, clock) = (Bench::enrolled(), Shifted::by(0));
    bench.vault().store_reset(&reset(1, 1000), &clock).unwrap();
    fs::remove_dir_all(bench.dir.join("resets")).unwrap();
    assert!(matches!(bench.vault().resets(), Err(VaultError::Missing(_))));
    assert!(matches!(bench.vault().store_reset(&reset(2, 1000), &clock), Err(VaultError::Missing(_))));
    bench.vault().sweep().unwrap();
    assert!(bench.needs_word("resets") && bench.vault().need_nothing().is_err());
}

#[test]
fn a_start_removes_what_is_half_made_and_a_word_without_a_file() {
    let (bench, clock) = (Bench::enrolled(), Shifted::by(0));
    bench.vault().store_reset(&reset(1, 1000), &clock).unwrap();
    let half = bench.dir.join("resets/.02020202.new");
    fs::write(&half, "").unwrap();
    bench.vault().sweep().unwrap();
    assert!(!half.exists() && bench.reset_ids() == ["01010101"] && bench.needs_word("resets"));
    assert_eq!(bench.vault().need_nothing(), Ok(false), "version 1 would overlook it");
    fs::remove_file(bench.dir.join("resets/01010101")).unwrap();
    bench.vault().sweep().unwrap();
    assert!(!bench.needs_word("resets") && bench.vault().need_nothing() == Ok(true));
}

#[test]
fn a_user_who_is_forgotten_or_adopted_leaves_no_reset_and_others_keep_theirs() {
    for end in ["forget", "adopt", "rename", "renumber"] {
        let (bench, clock) = (Bench::enrolled(), Shifted::by(0));
        bench.vault().store_reset(&reset(1, 1000), &clock).unwrap();
        bench.vault().store_reset(&reset(2, 1001), &clock).unwrap();
        let to = match end {
            "rename" => crate::accounts::Account { name: "alicia".into(), uid: 1000 },
            "renumber" => crate::accounts::Account { name: "alice".into(), uid: 2000 },
            _ => bench.account.clone(),
        };
        match end {
            "forget" => bench.vault().forget(1000).unwrap(),
            _ => drop(bench.vault().adopt(&bench.account, &to, &bench.reseal(), &clock)),
        }
        assert_eq!(bench.reset_ids(), ["02020202"], "{end}");
    }
}
