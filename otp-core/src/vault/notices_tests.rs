//! On real files, as root.

use super::*;
use crate::decision::origin::Origin;
use crate::files::notice::{Notice, NoticeEvent, Where};
use crate::files::notice_file::{MOST, SHOWINGS, Showing};
use crate::vault::outbox::{OUTBOX_CAP, Outbox, OutboxPlace, Posted};

fn added(at: u64) -> Notice {
    Notice {
        event: NoticeEvent::KeyAdded,
        at: UnixTime::new(at),
        by: 0,
        from: Where::default(),
        key: Label::new("phone").ok(),
    }
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
    let there = || has_notices(&place(&bench), 1000, |_, call| call(), &RootDirs::default()).unwrap();
    assert!(!there() && bench.vault().notices(&bench.account).unwrap().is_empty());
    bench.vault().spool(&bench.account, added(7)).unwrap();
    for _ in 0..SHOWINGS {
        assert!(there());
        let [one] = bench.vault().notices(&bench.account).unwrap().try_into().unwrap();
        assert_eq!(one.notice, added(7));
        bench.vault().notices_shown(&bench.account, one.id, Showing::AtALogin).unwrap();
    }
    assert!(!there() && names(&bench, "notices").is_empty());
}

#[test]
fn what_holds_on_is_there_until_it_no_longer_does() {
    let bench = Bench::new();
    let asked = Notice { event: NoticeEvent::ResetAsked, ..added(7) };
    let words = || bench.vault().notices(&bench.account).unwrap().into_iter().map(|one| one.notice.event);
    bench.vault().unspool(&bench.account, NoticeEvent::ResetAsked).unwrap();
    bench.vault().spool(&bench.account, asked.clone()).unwrap();
    bench.vault().spool(&bench.account, added(8)).unwrap();
    for _ in 0..=SHOWINGS {
        bench.vault().notices_shown(&bench.account, 2, Showing::AtALogin).unwrap();
    }
    assert!(words().eq([NoticeEvent::ResetAsked]));
    bench.vault().unspool(&bench.account, NoticeEvent::Disabled).unwrap();
    assert!(words().eq([NoticeEvent::ResetAsked]));
    bench.vault().unspool(&bench.account, NoticeEvent::ResetAsked).unwrap();
    assert!(names(&bench, "notices").is_empty());
}

#[test]
fn parallel_writers_lose_nothing() {
    let bench = Bench::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..7).for_each(|at| bench.vault().spool(&bench.account, added(at)).unwrap()));
        }
    });
    let all = bench.vault().notices(&bench.account).unwrap();
    assert_eq!((all.len(), all.iter().map(|one| one.times).sum::<u32>()), (MOST, 28));
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
    assert_eq!(names(&bench, "notices"), ["1001"]);
    bench.vault().forget(1001).unwrap();
    assert!(names(&bench, "notices").is_empty());
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
    assert_eq!(bench.vault().notices(&alicia).unwrap().last().map(|one| one.last), Some(UnixTime::new(99)));
}

/// An outbox beside the vault, all of it owned by root.
fn outbox_of(bench: &Bench) -> OutboxPlace {
    let dir = bench.dir.with_extension("outbox");
    if !dir.exists() {
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o2770)).unwrap();
    }
    OutboxPlace { dir, owner: 0, group: 0, writer: 0 }
}

fn letter_names(place: &OutboxPlace) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(&place.dir).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_sweep_clears_away_what_was_left_half_made() {
    let bench = Bench::new();
    fs::write(bench.dir.join("notices/.1000.new"), "x").unwrap();
    bench.vault().sweep().unwrap();
    assert!(names(&bench, "notices").is_empty());
}

#[test]
fn letters_leave_the_outbox_in_order_and_can_be_put_off() {
    let bench = Bench::new();
    let place = outbox_of(&bench);
    for at in [7, 7, 5] {
        assert_eq!(bench.vault().post(&place, &bench.account, added(at)), Ok(Posted::Kept));
    }
    let outbox = Outbox::open(&place).unwrap().unwrap();
    let letters = outbox.letters().unwrap();
    let times: Vec<u64> = letters.iter().map(|letter| outbox.read(letter).unwrap().1.notice.at.seconds()).collect();
    assert_eq!(times, [7, 7, 5], "in the order of posting, whatever the clock says");
    assert_eq!(outbox.read(&letters[0]).unwrap().0, bench.account);
    let modes = |name: &String| fs::metadata(place.dir.join(name)).unwrap().permissions().mode() & 0o7777;
    assert!(letter_names(&place).iter().map(modes).all(|mode| mode == 0o640));
    outbox.put_off(&letters[0], UnixTime::new(99)).unwrap();
    outbox.remove(&letters[1]).unwrap();
    let left = outbox.letters().unwrap();
    assert_eq!(
        left.iter().map(|letter| (letter.tries, letter.not_before.seconds())).collect::<Vec<_>>(),
        [(1, 99), (0, 0)]
    );
}

#[test]
fn an_outbox_that_nobody_empties_is_bounded() {
    let bench = Bench::new();
    let place = outbox_of(&bench);
    for number in 0..OUTBOX_CAP {
        fs::write(place.dir.join(format!("{number:020}.0.0")), "").unwrap();
    }
    assert_eq!(bench.vault().post(&place, &bench.account, added(7)), Ok(Posted::Full));
    assert_eq!(letter_names(&place).len(), OUTBOX_CAP);
}

#[test]
fn an_outbox_that_is_not_as_it_must_be_is_not_trusted() {
    let bench = Bench::new();
    let place = outbox_of(&bench);
    let refused = || matches!(bench.vault().post(&place, &bench.account, added(7)), Err(VaultError::Untrusted { .. }));
    for mode in [0o770, 0o2777, 0o2775, 0o2750, 0o3770] {
        fs::set_permissions(&place.dir, fs::Permissions::from_mode(mode)).unwrap();
        assert!(refused(), "{mode:o}");
    }
    fs::set_permissions(&place.dir, fs::Permissions::from_mode(0o2770)).unwrap();
    for (owner, group) in [(1, 0), (0, 1)] {
        let other = OutboxPlace { owner, group, ..outbox_of(&bench) };
        assert!(bench.vault().post(&other, &bench.account, added(7)).is_err());
    }
    let elsewhere = bench.dir.with_extension("elsewhere");
    fs::rename(&place.dir, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &place.dir).unwrap();
    assert!(refused(), "a link");
    assert!(letter_names(&OutboxPlace { dir: elsewhere, ..place.clone() }).is_empty());
}

#[test]
fn only_a_file_of_the_daemons_is_a_letter() {
    let bench = Bench::new();
    let place = outbox_of(&bench);
    bench.vault().post(&place, &bench.account, added(7)).unwrap();
    let outbox = Outbox::open(&place).unwrap().unwrap();
    let [letter] = outbox.letters().unwrap().try_into().unwrap();
    let path = place.dir.join(&letter_names(&place)[0]);
    for mode in [0o660, 0o642, 0o644] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert!(outbox.read(&letter).is_err(), "{mode:o}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(outbox.read(&letter).is_ok());
    let another = OutboxPlace { writer: 1, ..place };
    assert!(Outbox::open(&another).unwrap().unwrap().read(&letter).is_err(), "somebody else's");
}

#[test]
fn what_a_former_vault_had_inside_is_moved_out_once() {
    let bench = Bench::new();
    let place = outbox_of(&bench);
    bench.vault().empty_former_outbox(&place).unwrap();
    bench.vault().post(&place, &bench.account, added(7)).unwrap();
    bench.vault().post(&place, &bench.account, added(8)).unwrap();
    let former = bench.dir.join("notices/outbox");
    fs::create_dir(&former).unwrap();
    fs::set_permissions(&former, fs::Permissions::from_mode(0o700)).unwrap();
    let (first, second) = (letter_names(&place)[0].clone(), letter_names(&place)[1].clone());
    fs::copy(place.dir.join(&first), former.join(&first)).unwrap(); // killed between the two
    fs::rename(place.dir.join(&second), former.join(&second)).unwrap();
    fs::write(former.join(".new"), "half").unwrap();
    for name in [&first, &second] {
        fs::set_permissions(former.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    bench.vault().empty_former_outbox(&place).unwrap();
    assert_eq!(letter_names(&place), [first, second]);
    assert!(names(&bench, "notices").is_empty());
    let outbox = Outbox::open(&place).unwrap().unwrap();
    let times: Vec<u64> =
        outbox.letters().unwrap().iter().map(|one| outbox.read(one).unwrap().1.notice.at.seconds()).collect();
    assert_eq!(times, [7, 8]);
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

#[test]
fn it_is_remembered_of_how_many_wrong_codes_somebody_was_told_until_there_are_none() {
    let bench = Bench::enrolled();
    let told = |uid| bench.vault().told_of_wrong_codes(uid).unwrap();
    bench.vault().forget_wrong_codes(1000).unwrap();
    assert_eq!(told(1000), None);
    for count in [5, 20] {
        bench.vault().note_wrong_codes(1000, Origin::Other, count).unwrap();
        assert_eq!(told(1000), Some((Origin::Other, count)));
    }
    let alicia = Account { name: "alicia".into(), uid: 1001 };
    let nonce = || Some(Nonce([4; 24]));
    let reseal = Reseal { host_key: bench.host_key(), nonce: &nonce };
    bench.vault().adopt(&bench.account, &alicia, &reseal, &Shifted::by(0)).unwrap();
    assert_eq!((told(1000), told(1001)), (None, Some((Origin::Other, 20))));
    for nonsense in ["", "other", "other x\n", "nowhere 5\n", "other 5"] {
        bench.vault().note_wrong_codes(1001, Origin::Other, 5).unwrap();
        fs::write(bench.dir.join("notices/1001.wrong-codes"), nonsense).unwrap();
        assert_eq!(told(1001), None, "{nonsense:?}");
    }
    bench.vault().forget_wrong_codes(1001).unwrap();
    assert!(names(&bench, "notices").is_empty());
    bench.vault().note_wrong_codes(1001, Origin::Myself, 5).unwrap();
    bench.vault().forget(1001).unwrap();
    assert!(names(&bench, "notices").is_empty());
}
