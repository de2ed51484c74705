//! Tickets on disk: `tickets/<uid>`, the daemon's alone, under a lock for each user, `tickets/<uid>.lock`. A change is on
//! disk before anybody hears of it: a code that was redeemed stays redeemed.

use std::fs::{File, Metadata};
use std::io::Write;
use std::os::unix::fs::MetadataExt;

use nix::errno::Errno;
use nix::fcntl::Flock;

use super::error::VaultError;
use super::open::TrustedDir;
use super::read::{Access, errno_of, unreadable};
use super::{TICKETS, Vault};
use crate::accounts::Account;
use crate::environment::Clock;
use crate::files::ticket::{Ticket, TicketEnd, TicketEndReason, TicketId};
use crate::files::ticket_file::{TICKET_FILE_CAP, TicketFile, TicketFileError, Written};
use crate::repair::RestoredEvidence;
use crate::unix_time::UnixTime;

/// The tickets of one user, locked. Those of others can be read, too.
pub struct Tickets {
    dir: TrustedDir,
    _lock: Flock<File>,
}

/// A ticket file as it lies on disk.
pub struct StoredTickets {
    /// The ticket file.
    pub ticket_file: TicketFile,
    /// The file is a copy from a backup: what it says may have been used up since.
    pub restored: bool,
    /// The marks of such a copy.
    pub evidence: Option<RestoredEvidence>,
}

/// A ticket as somebody sees it who only looks.
pub struct SeenTicket {
    /// Whose the file says it is.
    pub account: Account,
    /// The ticket.
    pub ticket: Ticket,
    /// It is a copy from a backup, which is worth nothing.
    pub restored: bool,
}

impl StoredTickets {
    /// The same, if it is that of `account`.
    pub(super) fn of_account(self, dir: &TrustedDir, account: &Account) -> Result<Self, VaultError> {
        let wrong = |why: TicketFileError| VaultError::malformed(&dir.path_of(&name(account.uid)), why.to_string());
        Ok(Self { ticket_file: self.ticket_file.for_account(account).map_err(wrong)?, ..self })
    }

    /// The ticket file to be written again. Once it is, nobody can tell any more that it came from a backup: what was good in it is not.
    pub fn settled(mut self, now: UnixTime) -> TicketFile {
        if self.restored {
            self.ticket_file.end_all(TicketEndReason::Revoked, now);
        }
        self.ticket_file
    }
}

impl Vault {
    /// Locks the tickets of `uid`.
    pub fn tickets(&self, uid: u32) -> Result<Tickets, VaultError> {
        let dir = self.dir.open_dir(TICKETS)?;
        let lock = dir.lock_file(&format!("{uid}.lock"))?;
        Ok(Tickets { dir, _lock: lock })
    }

    /// When the registration code of `account` ends that is good at `now`. A file from a backup is worth nothing.
    pub fn invitation(&self, account: &Account, now: UnixTime) -> Result<Option<UnixTime>, VaultError> {
        let seen = self.last_ticket(account.uid)?.filter(|seen| account.owns(&seen.account).is_ok());
        let good = seen.filter(|seen| !seen.restored && seen.ticket.is_good(now));
        Ok(good.map(|seen| seen.ticket.not_after))
    }

    /// The newest ticket under `uid`, whosever it is; a look, which takes no lock and makes none. No other one can be good.
    pub fn last_ticket(&self, uid: u32) -> Result<Option<SeenTicket>, VaultError> {
        let Some(kept) = read_ticket_file(&self.dir.open_dir(TICKETS)?, uid)? else { return Ok(None) };
        let StoredTickets { ticket_file: TicketFile { account, tickets }, restored, .. } = kept;
        Ok(tickets.into_iter().next_back().map(|ticket| SeenTicket { account, ticket, restored }))
    }

    /// When the keys of `account` were last replaced with a registration code, or one that replaces them was last redeemed; a look, as above. A
    /// file from a backup says so, too.
    pub fn last_replacement(&self, account: &Account) -> Result<Option<UnixTime>, VaultError> {
        let kept = read_ticket_file(&self.dir.open_dir(TICKETS)?, account.uid)?;
        let mine = kept.and_then(|kept| kept.ticket_file.for_account(account).ok());
        Ok(mine.and_then(|file| file.tickets.iter().filter_map(Ticket::replaced_at).max()))
    }

    /// Uids that have a ticket file, in rising order.
    pub fn ticket_uids(&self) -> Result<Vec<u32>, VaultError> {
        self.dir.open_dir(TICKETS)?.uids(|name| name.parse().ok())
    }

    /// The ticket file under `from` becomes that of `to`. Codes are bound to a uid: with another one they are worth nothing. Nor are those
    /// of a ticket file that came back from a backup, because it is made again here.
    pub(super) fn move_tickets(&self, from: u32, to: &Account, clock: &dyn Clock) -> Result<(), VaultError> {
        let tickets = self.tickets(from)?;
        match tickets.ticket_file_of(from)? {
            Some(kept) if from == to.uid => {
                tickets.store(&TicketFile { account: to.clone(), ..kept.settled(clock.wall()) }, clock)
            }
            Some(_) if from != to.uid => tickets.forget(from),
            _ => Ok(()),
        }
    }

    /// Accepts a ticket file from a backup. Says what it was.
    pub(super) fn restored_tickets(&self, account: &Account, clock: &dyn Clock) -> Result<StoredTickets, VaultError> {
        let tickets = self.tickets(account.uid)?;
        let kept = tickets.ticket_file(account)?;
        if kept.restored {
            tickets.store(&kept.ticket_file, clock)?;
        }
        Ok(kept)
    }

    /// Revokes every ticket of `account` that is not over. Says which one was good.
    pub fn revoke_tickets(&self, account: &Account, clock: &dyn Clock) -> Result<Option<TicketId>, VaultError> {
        self.revoke(account, clock, TicketFile::end_all)
    }

    /// The same before a suspension. Says of which one a key could still have come, also one that was redeemed for the last time.
    pub fn end_invitation(&self, account: &Account, clock: &dyn Clock) -> Result<Option<TicketId>, VaultError> {
        self.revoke(account, clock, |ticket_file, why, now| {
            let under_way = ticket_file.under_way(now);
            ticket_file.end_all(why, now);
            under_way
        })
    }

    /// Nothing is written for a user without tickets, not even their lock.
    fn revoke(
        &self,
        account: &Account,
        clock: &dyn Clock,
        end: impl FnOnce(&mut TicketFile, TicketEndReason, UnixTime) -> Option<TicketId>,
    ) -> Result<Option<TicketId>, VaultError> {
        if !self.dir.open_dir(TICKETS)?.has(&name(account.uid))? {
            return Ok(None);
        }
        let tickets = self.tickets(account.uid)?;
        let before = tickets.ticket_file(account)?.ticket_file;
        let mut after = before.clone();
        let ended = end(&mut after, TicketEndReason::Revoked, clock.wall());
        if after != before {
            tickets.store(&after, clock)?;
        }
        Ok(ended)
    }

    /// Ends every ticket that a key of `account` was made with: a crash may have come between the two. While the key is there, it
    /// tells so itself; this is to be done before it goes.
    pub fn end_confirmed_tickets(&self, account: &Account, clock: &dyn Clock) -> Result<(), VaultError> {
        let tickets = self.tickets(account.uid)?;
        let StoredTickets { mut ticket_file, restored, .. } = tickets.ticket_file(account)?;
        let Some(record) = self.record_of(account)? else { return Ok(()) };
        let made_with = |id: TicketId| record.keys.iter().any(|key| key.redemption == Some(id));
        let before = ticket_file.clone();
        for ticket in ticket_file.tickets.iter_mut().filter(|ticket| ticket.end.is_none() && made_with(ticket.id)) {
            ticket.end = Some(TicketEnd { why: TicketEndReason::Confirmed, at: clock.wall() });
        }
        if ticket_file == before || restored { Ok(()) } else { tickets.store(&ticket_file, clock) }
    }

    /// Removes what a killed writer left half-made.
    pub(super) fn sweep_tickets(&self) -> Result<(), VaultError> {
        let dir = self.dir.open_dir(TICKETS)?;
        for name in dir.names()?.iter().filter(|name| name.starts_with('.')) {
            dir.remove(name)?;
        }
        Ok(())
    }
}

impl Tickets {
    /// The ticket file of `account`; an empty one if there is none.
    pub fn ticket_file(&self, account: &Account) -> Result<StoredTickets, VaultError> {
        match self.ticket_file_of(account.uid)? {
            Some(kept) => kept.of_account(&self.dir, account),
            None => Ok(StoredTickets { ticket_file: TicketFile::new(account), restored: false, evidence: None }),
        }
    }

    /// The ticket file of a uid, whosever it was.
    pub fn ticket_file_of(&self, uid: u32) -> Result<Option<StoredTickets>, VaultError> {
        read_ticket_file(&self.dir, uid)
    }

    /// Stores a ticket file; on disk when this returns. Without a ticket there is no file.
    pub fn store(&self, ticket_file: &TicketFile, clock: &dyn Clock) -> Result<(), VaultError> {
        let name = name(ticket_file.account.uid);
        if ticket_file.tickets.is_empty() {
            self.dir.remove(&name)?;
            return self.dir.sync();
        }
        let temporary = format!(".{name}.new");
        self.dir.remove(&temporary)?; // left by a writer that was killed here
        let written = self.write_aside(&temporary, ticket_file, clock);
        let renamed = written.and_then(|()| self.dir.rename(&temporary, &name));
        renamed.inspect_err(|_| drop(self.dir.remove(&temporary)))?;
        self.dir.sync()
    }

    /// Is there a ticket file of a uid, whosever it was?
    pub(super) fn has(&self, uid: u32) -> Result<bool, VaultError> {
        self.dir.has(&name(uid))
    }

    /// Removes the ticket file of a uid.
    pub fn forget(&self, uid: u32) -> Result<(), VaultError> {
        self.dir.remove(&name(uid))?;
        self.dir.sync()
    }

    /// The file has to be there before it can name its own inode.
    fn write_aside(&self, temporary: &str, ticket_file: &TicketFile, clock: &dyn Clock) -> Result<(), VaultError> {
        let path = self.dir.path_of(temporary);
        let mut file = self.dir.create(temporary, &[])?;
        let inode = file.metadata().map_err(|error| unreadable(&path, &error))?.ino();
        let text = ticket_file.to_toml(Written { inode, at: clock.wall() });
        if text.len() > TICKET_FILE_CAP {
            return Err(VaultError::cannot_persist(&path, Errno::EFBIG)); // it could not be read again
        }
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(|error| VaultError::cannot_persist(&path, errno_of(&error)))
    }
}

pub(super) fn read_ticket_file(dir: &TrustedDir, uid: u32) -> Result<Option<StoredTickets>, VaultError> {
    let (name, path) = (name(uid), dir.path_of(&name(uid)));
    let file = match dir.open_file(&name, Access::Read) {
        Err(VaultError::Missing(_)) => return Ok(None),
        opened => opened?,
    };
    let about = file.metadata().map_err(|error| unreadable(&path, &error))?;
    let bytes = dir.read(&name, TICKET_FILE_CAP)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| VaultError::malformed(&path, "not UTF-8"))?;
    let (ticket_file, written) =
        TicketFile::parse(text).map_err(|error| VaultError::malformed(&path, error.to_string()))?;
    let restored = is_restored(&about, written);
    let (changed, moved) = (UnixTime::from_kernel(about.ctime()), written.inode != about.ino());
    let evidence = restored.then_some(RestoredEvidence { file: path, written: written.at, changed, moved });
    Ok(Some(StoredTickets { ticket_file, restored, evidence }))
}

/// Is a file that says this of itself a copy from a backup?
pub(super) fn is_restored(about: &Metadata, written: Written) -> bool {
    written.inode != about.ino() || UnixTime::from_kernel(about.ctime()) > written.at + LATE_S
}

fn name(uid: u32) -> String {
    uid.to_string()
}

/// A file that changed so much later than it says, in seconds, was put back from somewhere.
const LATE_S: u64 = 60;
