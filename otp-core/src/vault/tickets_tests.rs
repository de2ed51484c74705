//! On real files, as root.

use super::*;
use crate::codes::registration::CodeForm;
use crate::files::notice::Where;
use crate::files::ticket::{Ticket, TicketId, TicketUse, Worth};
use crate::keys::seal::CodeHash;

fn ticket(byte: u8, now: UnixTime) -> Ticket {
    let (id, hash, not_after) = (TicketId::new([byte; 16]), CodeHash([byte; 32]), now + 600);
    let form = CodeForm::Spoken;
    Ticket {
        id,
        form,
        hash,
        salt: None,
        replaces: false,
        issued: now,
        issued_by: 0,
        not_after,
        uses: 0,
        used: None,
        end: None,
    }
}

fn with_one(bench: &Bench) -> UnixTime {
    let (clock, tickets) = (Shifted::by(0), bench.vault().tickets(1000).unwrap());
    let mut ticket_file = tickets.ticket_file(&bench.account).unwrap().ticket_file;
    ticket_file.issue(ticket(1, clock.wall()), clock.wall());
    tickets.store(&ticket_file, &clock).unwrap();
    clock.wall()
}

#[test]
fn a_ticket_is_kept_redeemed_and_superseded() {
    let bench = Bench::new();
    let now = with_one(&bench);
    let tickets = bench.vault().tickets(1000).unwrap();
    let mut kept = tickets.ticket_file(&bench.account).unwrap();
    assert!(!kept.restored && bench.vault().ticket_uids().unwrap() == [1000]);
    kept.ticket_file.tickets[0].redeem(TicketUse { at: now, from: Where::default() });
    tickets.store(&kept.ticket_file, &Shifted::by(0)).unwrap();
    let mut again = tickets.ticket_file(&bench.account).unwrap().ticket_file;
    assert_eq!(
        (again.tickets[0].worth(now), again.good(now).map(|one| one.id)),
        (Worth::Again, Some(TicketId::new([1; 16])))
    );
    assert_eq!(again.issue(ticket(2, now), now).superseded, Some(TicketId::new([1; 16])));
    assert_eq!(
        (again.tickets[0].worth(now), again.good(now).map(|one| one.id)),
        (Worth::Stale, Some(TicketId::new([2; 16])))
    );
}

#[test]
fn what_was_put_back_from_a_backup_is_known_as_such_until_it_is_stored_again() {
    let bench = Bench::new();
    with_one(&bench);
    let path = bench.dir.join("tickets/1000");
    let backup = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let another_inode = fs::File::create(bench.dir.join("tickets/.x")).unwrap();
    fs::write(&path, backup).unwrap();
    drop(another_inode);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let tickets = bench.vault().tickets(1000).unwrap();
    let kept = tickets.ticket_file(&bench.account).unwrap();
    assert!(kept.restored);
    tickets.store(&kept.ticket_file, &Shifted::by(0)).unwrap();
    assert!(!tickets.ticket_file(&bench.account).unwrap().restored);
}

#[test]
fn tickets_of_another_account_or_to_everybodys_reach_are_refused() {
    let bench = Bench::new();
    with_one(&bench);
    let tickets = bench.vault().tickets(1000).unwrap();
    let other = Account { name: "bob".into(), uid: 1000 };
    assert!(matches!(tickets.ticket_file(&other), Err(VaultError::Malformed { .. })));
    fs::set_permissions(bench.dir.join("tickets/1000"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(tickets.ticket_file(&bench.account), Err(VaultError::Untrusted { .. })));
}

#[test]
fn without_a_ticket_there_is_no_file_and_who_is_forgotten_leaves_none() {
    let bench = Bench::new();
    with_one(&bench);
    let tickets = bench.vault().tickets(1000).unwrap();
    tickets.store(&crate::files::ticket_file::TicketFile::new(&bench.account), &Shifted::by(0)).unwrap();
    assert!(
        bench.vault().ticket_uids().unwrap().is_empty()
            && tickets.ticket_file(&bench.account).unwrap().ticket_file.tickets.is_empty()
    );
    tickets.forget(1000).unwrap();
}
