//! A user's state in its two slots, and the lock on it: what is lost, copied or stopped half-way brings nothing back (P1 to P4, R3).

use super::*;
use crate::repair::Repair;

#[test]
fn p2_p3_one_bad_slot_is_mended_and_nothing_used_comes_back() {
    for slot in [0, 1] {
        let bench = Bench::enrolled();
        let clock = Shifted::by(0);
        assert!(accepted(&bench.try_code(&bench.code(clock.wall(), 0), &clock).unwrap().0));
        bench.spoil(slot);
        let (outcome, repaired) = bench.try_code(&bench.code(clock.wall(), 1), &clock).unwrap();
        assert!(refused(&outcome, RefusalReason::Replayed), "slot {slot}: {outcome:?}");
        assert_eq!(repaired, [Repair::BadSlot]);
        let later = Shifted::by(60);
        let (outcome, repaired) = bench.try_code(&bench.code(later.wall(), 1), &later).unwrap();
        assert!(accepted(&outcome) && repaired.is_empty(), "both slots are good again");
    }
}

#[test]
fn what_must_not_come_undone_stands_in_both_slots() {
    let closed_by = |bench: &Bench| {
        let limits = Limits { wait: crate::decision::limits::Wait::None, guesses: [3; 5], ..Limits::default() };
        let clock = Shifted::by(0);
        let wrong = (0..).map(|n| Typed::parse(format!("{n:06}").as_bytes()));
        let refused_wrong = |typed: &Typed| {
            let origin = Origin::Remote;
            let outcome = check(&bench.unlocked, &bench.account, Guess { typed, origin }, &limits, &clock).unwrap();
            refused(&outcome, RefusalReason::Wrong)
        };
        assert_eq!(wrong.filter(refused_wrong).take(3).count(), 3);
    };
    for lost in [0, 1] {
        let bench = Bench::enrolled();
        bench.spoil(lost);
        let clock = Shifted::by(0);
        let locked = bench.vault().lock(&bench.account, &clock).unwrap().unwrap();
        assert!(locked.state().enrolled && locked.state().generation == 1, "after a commit, slot {lost} lost");
        drop(locked);
        closed_by(&bench);
        bench.spoil(lost);
        let locked = bench.vault().lock(&bench.account, &clock).unwrap().unwrap();
        assert!(locked.state().origin(Origin::Remote).closed, "after the closing guess, slot {lost} lost");
    }
}

#[test]
fn r3_a_lock_on_a_file_that_lost_its_name_is_worth_nothing() {
    let bench = Bench::enrolled();
    let locked = bench.vault().lock(&bench.account, &Shifted::by(0)).unwrap().unwrap();
    let waiting = std::thread::scope(|scope| {
        let waiter = scope.spawn(|| bench.try_code(&bench.code(system_wall(), 1), &Shifted::by(0)));
        // While the waiter waits for the old inode, the file is replaced by a copy of another inode.
        let (path, copy) = (bench.state_path(), bench.dir.join("state/.copy"));
        fs::copy(&path, &copy).unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(&copy, &path).unwrap();
        drop(locked);
        waiter.join().unwrap()
    });
    let (outcome, repaired) = waiting.unwrap();
    assert_eq!(repaired, [Repair::RestoredCopy], "it was decided on the file that has the name: {outcome:?}");
}

/// A clock that jumps ahead right after it was read, as it looks to a process that was stopped there.
struct Stopping(std::cell::Cell<u64>);

impl Clock for Stopping {
    fn wall(&self) -> UnixTime {
        let seconds = self.0.get();
        self.0.set(0);
        UnixTime::new(system_wall().seconds() - seconds)
    }

    fn vouched(&self) -> bool {
        true
    }
}

#[test]
fn a_process_that_was_stopped_while_writing_does_not_look_like_a_restored_copy() {
    let bench = Bench::enrolled();
    let locked = bench.vault().lock(&bench.account, &Shifted::by(0)).unwrap().unwrap();
    let (mut locked, stopping) = (locked, Stopping(std::cell::Cell::new(100)));
    let state = locked.state().clone();
    locked.store(state, &stopping).unwrap();
    drop(locked);
    let clock = Shifted::by(0);
    drop(bench.vault().lock(&bench.account, &clock).unwrap());
    assert_eq!(*clock.1.lock().unwrap(), []);
}

#[test]
fn a_wild_clock_and_a_bad_slot_lock_nobody_out_for_years() {
    let bench = Bench::enrolled();
    bench.spoil(0);
    let wild = Unvouched((system_wall() + 10 * 365 * 86_400).seconds());
    let locked = bench.vault().lock(&bench.account, &wild).unwrap().unwrap();
    let raised = UnixTime::new(locked.state().keys[0].watermark.0 * 30);
    assert!(raised <= system_wall() + FAR_AHEAD_S + 90, "raised to {raised}");
    assert!(raised >= system_wall(), "and not too little");
}

#[test]
fn p1_p3_two_bad_slots_and_every_wrong_size_refuse() {
    let clock = Shifted::by(0);
    let bench = Bench::enrolled();
    bench.spoil(0);
    bench.spoil(1);
    assert!(matches!(bench.try_code(&bench.code(clock.wall(), 1), &clock), Err(VaultError::Malformed { .. })));
    for size in [0, 1, 640, 4096, 8191, 8193, 1 << 20] {
        let bench = Bench::enrolled();
        OpenOptions::new().write(true).open(bench.state_path()).unwrap().set_len(size).unwrap();
        assert!(bench.try_code(&bench.code(clock.wall(), 1), &clock).is_err(), "{size}");
    }
}

#[test]
fn p4_a_copy_under_another_inode_has_its_watermarks_raised_and_its_counters_suspended() {
    let bench = Bench::enrolled();
    let clock = Shifted::by(0);
    let (aside, path) = (bench.dir.join("state/copy"), bench.state_path());
    fs::copy(&path, &aside).unwrap();
    fs::set_permissions(&aside, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(&aside, &path).unwrap();
    let (outcome, repaired) = bench.try_code(&bench.code(clock.wall(), 1), &clock).unwrap();
    assert!(refused(&outcome, RefusalReason::Replayed));
    assert_eq!(repaired, [Repair::RestoredCopy]);
    let locked = bench.vault().lock(&bench.account, &clock).unwrap().unwrap();
    assert!(locked.state().restored && locked.repairs().is_empty());
}

#[test]
fn p4_a_late_ctime_is_a_restored_copy_and_sixty_seconds_are_not() {
    for (seconds, want) in [(-50, vec![]), (-70, vec![Repair::RestoredCopy])] {
        let bench = Bench::new();
        // ctime is the machine's own; a clock behind it makes the recorded write look older than the file.
        let slow_clock = Shifted::by(seconds);
        bench.enrol(&slow_clock).unwrap();
        let (_, repaired) = bench.try_code(&Typed::Junk, &Shifted::by(0)).unwrap();
        assert_eq!(repaired, want, "{seconds}");
    }
}

#[test]
fn r3_the_lock_is_waited_for_and_then_given_up_with_its_holder() {
    let bench = Bench::enrolled();
    let locked = bench.vault().lock(&bench.account, &Shifted::by(0)).unwrap().unwrap();
    let error = bench.try_code(&bench.code(system_wall(), 1), &Shifted::by(0)).unwrap_err();
    drop(locked);
    let VaultError::LockTimeout { holder, .. } = error else { panic!("{error}") };
    assert_eq!(holder, Some(std::process::id() as i32));
    assert!(accepted(&bench.try_code(&bench.code(system_wall(), 1), &Shifted::by(0)).unwrap().0));
}

#[test]
fn a_peek_sees_what_the_next_one_who_locks_would_and_changes_nothing() {
    let clock = Shifted::by(0);
    let peek = |bench: &Bench| bench.vault().peek(&bench.account, &clock, short_lock_deadline());
    assert!(peek(&Bench::new()).unwrap().is_none(), "never enrolled");
    for slot in [None, Some(0), Some(1)] {
        let bench = Bench::enrolled();
        slot.into_iter().for_each(|slot| bench.spoil(slot));
        let before = fs::read(bench.state_path()).unwrap();
        let seen = peek(&bench).unwrap().unwrap();
        assert_eq!((fs::read(bench.state_path()).unwrap(), clock.1.lock().unwrap().len()), (before, 0), "{slot:?}");
        let locked = bench.vault().lock(&bench.account, &clock).unwrap().unwrap();
        assert_eq!((&seen.state, seen.record.as_ref()), (locked.state(), locked.record()), "{slot:?}");
        assert_eq!(locked.repairs().len(), usize::from(slot.is_some()));
        clock.1.lock().unwrap().clear();
    }
    let bench = Bench::enrolled();
    fs::remove_file(bench.key_path()).unwrap();
    assert!(peek(&bench).is_err(), "what refuses refuses here, too");
}
