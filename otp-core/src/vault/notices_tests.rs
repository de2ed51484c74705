//! On real files, as root.

use super::*;
use crate::files::notice::{Notice, NoticeEvent, Where};
use crate::files::notice_file::{MOST, SHOWINGS, Showing};

fn added(at: u64) -> Notice {
    Notice { event: NoticeEvent::KeyAdded, at, by: 0, from: Where::default(), key: Label::new("phone").ok() }
}

fn names(bench: &Bench, dir: &str) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(bench.dir.join(dir)).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn place(bench: &Bench) -> VaultPlace {
    VaultPlace { dir: bench.dir.clone(), owner: 0 }
}

#[test]
fn a_notice_is_there_until_it_was_shown_three_times() {
    let bench = Bench::new();
    let there = || has_notices(&place(&bench), 1000, as_it_is).unwrap();
    assert!(!there() && bench.vault().notices(&bench.account).unwrap().is_empty());
    bench.vault().spool(&bench.account, added(7)).unwrap();
    for _ in 0..SHOWINGS {
        assert!(there());
        let [one] = bench.vault().notices(&bench.account).unwrap().try_into().unwrap();
        assert_eq!(one.notice, added(7));
        bench.vault().notices_shown(&bench.account, one.id, Showing::AtALogin).unwrap();
    }
    assert!(!there() && names(&bench, "notices") == ["outbox"]);
}

#[test]
fn parallel_writers_lose_nothing() {
    let bench = Bench::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..5).for_each(|at| bench.vault().spool(&bench.account, added(at)).unwrap()));
        }
    });
    let all = bench.vault().notices(&bench.account).unwrap();
    assert_eq!((all.len(), all.iter().map(|one| one.times).sum::<u32>()), (MOST, 20));
}

#[test]
fn notices_of_another_account_or_to_everybodys_reach_are_refused() {
    let bench = Bench::new();
    bench.vault().spool(&bench.account, added(7)).unwrap();
    let other = Account { name: "bob".into(), uid: 1000 };
    assert!(matches!(bench.vault().notices(&other), Err(VaultError::Malformed { .. })));
    assert!(matches!(bench.vault().spool(&other, added(8)), Err(VaultError::Malformed { .. })));
    fs::set_permissions(bench.dir.join("notices/1000"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(bench.vault().notices(&bench.account), Err(VaultError::Untrusted { .. })));
}

#[test]
fn who_is_forgotten_leaves_no_notices_and_who_is_adopted_takes_them_along() {
    let bench = Bench::enrolled();
    bench.vault().spool(&bench.account, added(7)).unwrap();
    let alicia = Account { name: "alicia".into(), uid: 1001 };
    let nonce = || Some(Nonce([4; 24]));
    let reseal = Reseal { host_key: bench.host_key(), nonce: &nonce };
    bench.vault().adopt(&bench.account, &alicia, &reseal, &Shifted::by(0)).unwrap();
    assert_eq!(bench.vault().notices(&alicia).unwrap()[0].notice, added(7));
    assert_eq!(names(&bench, "notices"), ["1001", "outbox"]);
    bench.vault().forget(1001).unwrap();
    assert_eq!(names(&bench, "notices"), ["outbox"]);
}

#[test]
fn who_takes_files_over_loses_no_notices_of_his_own() {
    let bench = Bench::enrolled();
    let alicia = Account { name: "alicia".into(), uid: 1001 };
    for at in 0..MOST as u64 {
        bench.vault().spool(&bench.account, added(2 * at)).unwrap();
        bench.vault().spool(&alicia, added(2 * at + 1)).unwrap();
    }
    let nonce = || Some(Nonce([4; 24]));
    let reseal = Reseal { host_key: bench.host_key(), nonce: &nonce };
    bench.vault().adopt(&bench.account, &alicia, &reseal, &Shifted::by(0)).unwrap();
    let told = bench.vault().notices(&alicia).unwrap();
    assert_eq!(told.iter().map(|one| one.times).sum::<u32>() as usize, 2 * MOST);
    assert!(told.len() <= MOST && told.is_sorted_by_key(|one| one.last) && told.is_sorted_by_key(|one| one.id));
    bench.vault().spool(&alicia, added(99)).unwrap();
    assert_eq!(bench.vault().notices(&alicia).unwrap().last().map(|one| one.last), Some(99));
}

#[test]
fn a_sweep_makes_the_outbox_and_clears_away_what_was_left_half_made() {
    let bench = Bench::new();
    fs::remove_dir(bench.dir.join("notices/outbox")).unwrap();
    assert!(Outbox::open(&place(&bench)).unwrap().is_none());
    fs::write(bench.dir.join("notices/.1000.new"), "x").unwrap();
    bench.vault().sweep().unwrap();
    assert_eq!(names(&bench, "notices"), ["outbox"]);
    assert!(Outbox::open(&place(&bench)).unwrap().is_some());
}

#[test]
fn letters_leave_the_outbox_in_order_and_can_be_put_off() {
    let bench = Bench::new();
    for at in [7, 7, 5] {
        assert_eq!(bench.vault().post(&bench.account, added(at)), Ok(Posted::Kept));
    }
    let outbox = Outbox::open(&place(&bench)).unwrap().unwrap();
    let letters = outbox.letters().unwrap();
    let times: Vec<u64> = letters.iter().map(|letter| outbox.read(letter).unwrap().1.notice.at).collect();
    assert_eq!(times, [7, 7, 5], "in the order of posting, whatever the clock says");
    assert_eq!(outbox.read(&letters[0]).unwrap().0, bench.account);
    outbox.put_off(&letters[0], 99).unwrap();
    outbox.remove(&letters[1]).unwrap();
    let left = outbox.letters().unwrap();
    assert_eq!(left.iter().map(|letter| (letter.tries, letter.not_before)).collect::<Vec<_>>(), [(1, 99), (0, 0)]);
}

#[test]
fn an_outbox_that_nobody_empties_is_bounded() {
    let bench = Bench::new();
    for number in 0..OUTBOX_CAP {
        fs::write(bench.dir.join(format!("notices/outbox/{number:020}.0.0")), "").unwrap();
    }
    assert_eq!(bench.vault().post(&bench.account, added(7)), Ok(Posted::Full));
    assert_eq!(names(&bench, "notices/outbox").len(), OUTBOX_CAP);
}

#[test]
fn a_program_of_the_users_own_does_not_use_up_the_last_showing() {
    let bench = Bench::new();
    bench.vault().spool(&bench.account, added(7)).unwrap();
    for _ in 0..10 {
        bench.vault().notices_shown(&bench.account, u64::MAX, Showing::OnRequest).unwrap();
    }
    assert_eq!(bench.vault().notices(&bench.account).unwrap().len(), 1);
    bench.vault().notices_shown(&bench.account, u64::MAX, Showing::AtALogin).unwrap();
    assert!(bench.vault().notices(&bench.account).unwrap().is_empty());
}
