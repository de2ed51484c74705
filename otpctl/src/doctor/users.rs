//! The files of each user. Root looks at them, one user at a time under their lock for a moment; a viewer asks the daemon.

use std::collections::HashSet;
use std::time::Instant;

use nix::errno::Errno;
use otp_core::accounts::{Account, no_answer};
use otp_core::decision::limits::Limits;
use otp_core::decision::origin::Origin;
use otp_core::decision::refuses_every_code;
use otp_core::environment::Clock as _;
use otp_core::files::date::utc;
use otp_core::files::key_file::{Key, Record};
use otp_core::keys::open_key::KeyFacts;
use otp_core::reasons::RefusalReason;
use otp_core::repair::Repair;
use otp_core::unix_time::UnixTime;
use otp_core::vault::{Passwd, UserView, Vault, VaultError, short_lock_deadline};
use otp_protocol::database::{AccountPages, asks_a_directory, meant};
use otp_protocol::interface::UserList;
use otp_protocol::status::{InvitedToo, without_account};

use super::finding::{DoctorFinding, path_word, user_word};
use super::host::{ExaminedHost, Looker, RUN_AS_ROOT};
use super::ids::FindingId;
use super::report::Report;
use crate::connect::connect;
use crate::machine::Machine;
use crate::paging::each_page;

/// Uids of everybody who has a key; `None` where nobody can say.
pub(crate) fn look(host: &ExaminedHost, report: &mut Report) -> Option<HashSet<u32>> {
    match host.looker {
        Looker::Root => {
            let vault = host.site.open_vault().ok()?; // told elsewhere
            let (deadline, limits) = (short_lock_deadline(), host.rules().limits);
            let users = Users {
                vault: &vault,
                keyed: HashSet::new(),
                deadline,
                limits,
                unanswered: false,
                directory_away: false,
            };
            match users.look(host, report) {
                Ok(keyed) => Some(keyed),
                Err(error) => {
                    report.not_looked_at("users", &error.to_string());
                    None
                }
            }
        }
        Looker::Viewer => {
            report.not_looked_at("recovery codes and interrupted changes of users", RUN_AS_ROOT);
            let mut keyed = HashSet::new();
            match each_page(connect, InvitedToo::LeftOut, &mut |page| {
                keyed.extend(listed(&page, report));
                Ok(())
            }) {
                Ok(()) => Some(keyed),
                Err(failure) => {
                    report.not_looked_at("users", &failure.to_string());
                    None
                }
            }
        }
    }
}

/// The same findings, as far as the daemon's list has them.
fn listed(list: &UserList, report: &mut Report) -> Vec<u32> {
    for user in &list.users {
        if user.restored {
            report.add(restored(&user.user, user.uid));
        }
        let working = user.keys.iter().filter(|key| !key.suspended);
        ending((&user.user, user.uid), working.map(|key| key.expires), Machine.wall())
            .into_iter()
            .for_each(|one| report.add(one));
    }
    for one in &list.unreadable {
        let name = one.user.as_deref().unwrap_or("?");
        let what = format!("{name} (uid {}): {}", one.uid, one.reason);
        report.add(match without_account(one) {
            true => DoctorFinding::decide(FindingId::AccountGone, what, WHOSE_KEYS, GONE),
            false => {
                DoctorFinding::decide(FindingId::UserUnreadable, what, "root sees the cause", "sudo otpctl doctor")
            }
        });
    }
    list.users.iter().filter(|user| !user.keys.is_empty() && !user.expired).map(|user| user.uid).collect()
}

/// One walk through the users of a vault.
struct Users<'v> {
    vault: &'v Vault,
    keyed: HashSet<u32>,
    /// For all locks together, so that stuck users cost no more than one.
    deadline: Instant,
    limits: Limits,
    /// The account database did not answer about a name.
    unanswered: bool,
    /// It knows nobody of a directory that it should ask.
    directory_away: bool,
}

impl Users<'_> {
    fn look(mut self, host: &ExaminedHost, report: &mut Report) -> Result<HashSet<u32>, VaultError> {
        let mut uids = self.vault.enrolled_uids()?;
        uids.extend(self.vault.state_uids()?);
        uids.extend(self.vault.ticket_uids()?);
        uids.sort_unstable();
        uids.dedup();
        let local = Passwd::read()?;
        let mut elsewhere = Vec::new();
        for (done, uid) in uids.iter().enumerate() {
            host.progress.of("users", done, uids.len());
            let owner = self.vault.owner_of(*uid);
            let named =
                owner.as_ref().ok().and_then(Option::as_ref).filter(|owner| owner.uid == *uid && local.has(owner));
            // The account database is not asked about an account of this machine: with many users that takes long.
            match (named.cloned().or_else(|| local.account_of(*uid)), owner) {
                (Some(account), _) => self.user(&account, report),
                (None, Ok(_)) => elsewhere.push(*uid),
                (None, Err(error)) => self.refused(&Account::without_a_name(*uid), &error, report),
            }
        }
        self.of_a_directory(&elsewhere, host, report);
        Ok(self.keyed)
    }

    /// Users who are not of this machine, as far as the account database knows them.
    fn of_a_directory(&mut self, uids: &[u32], host: &ExaminedHost, report: &mut Report) {
        let (mut missing, mut done, mut found) = (Vec::new(), 0, false);
        for (uid, answer) in AccountPages::of(uids).flatten() {
            host.progress.of("users of a directory", done, uids.len());
            done += 1;
            match answer {
                Ok(Some(account)) => {
                    found = true;
                    self.user(&account, report);
                }
                Ok(None) => missing.push(uid),
                Err(errno) => report.not_looked_at(&format!("uid {uid}"), errno.desc()),
            }
        }
        // As `may_be_away` says it of one: of several users of a directory nobody can be found.
        self.directory_away = asks_a_directory() && uids.len() > 1 && !found;
        for uid in missing {
            let Ok(Some(owner)) = self.vault.owner_of(uid) else { continue }; // a state that says nothing, or keys that are gone with their account
            self.without_account(uid, &owner, report);
        }
    }

    fn user(&mut self, account: &Account, report: &mut Report) {
        match self.vault.peek(account, &Machine, self.deadline) {
            Ok(Some(user)) => {
                let keyed = |record: &Record| !record.keys.is_empty() && !record.has_expired(&user.state, user.now);
                if user.record.as_ref().is_some_and(keyed) {
                    self.keyed.insert(account.uid);
                }
                self.state(account, &user, report);
                self.beside(account, report);
            }
            Ok(None) => self.beside(account, report),
            Err(error) => self.refused(account, &error, report),
        }
    }

    /// Files of a uid that no account has: the name may have another one by now.
    fn without_account(&mut self, uid: u32, owner: &Account, report: &mut Report) {
        let what = format!("{} (uid {uid})", owner.name);
        let now = if self.unanswered { Err(Errno::ETIMEDOUT) } else { meant(&owner.name) };
        self.unanswered |= now == Err(Errno::ETIMEDOUT); // the others would wait as long
        match now {
            Ok(Some(now)) => {
                let what = format!("{what}: the account has uid {} now", now.uid);
                report.add(renamed(what, &user_word(&now.name, now.uid)));
            }
            Err(errno) => report.not_looked_at(&what, &no_answer(errno)),
            Ok(None) if self.directory_away => {
                report.not_looked_at(&what, "no account has this uid now, or its directory is down");
            }
            Ok(None) => {
                let what = format!("{what}: no account has this uid now");
                report.add(DoctorFinding::decide(FindingId::AccountGone, what, WHOSE_KEYS, GONE));
            }
        }
    }

    /// Registration codes and notices.
    fn beside(&self, account: &Account, report: &mut Report) {
        match self.vault.examine_tickets(account) {
            Ok(Some(kept)) if kept.restored => report.add(restored(&account.name, account.uid)),
            Ok(_) => {}
            Err(error) => self.spoilt(account, &error, report),
        }
        if let Err(error) = self.vault.notices(account) {
            self.spoilt(account, &error, report);
        }
    }

    /// A file without which the user can do: it is made again.
    fn spoilt(&self, account: &Account, error: &VaultError, report: &mut Report) {
        if let VaultError::Malformed { path, .. } = error {
            let what = format!("{}: {error}", account.name);
            let command = format!("rm {}", path_word(path));
            report.add(DoctorFinding::decide(FindingId::UserFileDamaged, what, NEW_CODE, command));
        }
    }

    /// Why the codes of a user are refused.
    fn refused(&self, account: &Account, error: &VaultError, report: &mut Report) {
        let name = &account.name;
        let (what, user) = (format!("{name}: {error}"), user_word(name, account.uid));
        report.add(match error {
            VaultError::Renamed { .. } | VaultError::UidChanged(_) => renamed(what, &user),
            VaultError::Gone(_) => DoctorFinding::decide(FindingId::AccountGone, what, WHOSE_KEYS, GONE),
            VaultError::LockTimeout { .. } | VaultError::Unreadable { .. } => {
                return report.not_looked_at(name, &error.to_string());
            }
            VaultError::Untrusted { .. } if is_told(report) => return,
            _ => DoctorFinding::decide(
                FindingId::UserFileDamaged,
                what,
                RESTORE_OR_FORGET,
                format!("otpctl forget {user} && otpctl invite {user}"),
            ),
        });
    }

    /// The findings that a user's state tells of.
    fn state(&self, account: &Account, user: &UserView, report: &mut Report) {
        let Account { name, uid } = account;
        let user_word = user_word(name, *uid);
        // An interrupted change that is undone leaves a mark that means nothing, and goes with the next login.
        for (repair, id) in
            [(Repair::BadSlot, FindingId::StateDamaged), (Repair::CommitFinished, FindingId::ChangeInterrupted)]
        {
            if user.repairs.contains(&repair) {
                // To look at a user as root puts right what can be.
                report.add(DoctorFinding::run(id, format!("{name} (uid {uid})"), format!("otpctl status {user_word}")));
            }
        }
        let Some(record) = &user.record else { return };
        if user.state.restored {
            report.add(restored(name, *uid));
        }
        if !record.recovery.is_empty() && user.state.recovery.left_of(&record.recovery) == 0 {
            let what = format!("{name}: all {} recovery codes are used", record.recovery.len());
            let command = format!("otpctl status {user_word}");
            report.add(DoctorFinding::decide(FindingId::RecoveryCodesUsedUp, what, NEW_CODES, command));
        }
        let working = record.keys.iter().filter(|key| !user.state.is_key_off(key.id));
        ending((name, *uid), working.map(|key| key.expires), user.now.for_ends())
            .into_iter()
            .for_each(|one| report.add(one));
        let keys: Vec<KeyFacts> = record.keys.iter().map(KeyFacts::from).collect();
        let refusal = refuses_every_code(&keys, &user.state, &self.limits, Origin::Console, user.now);
        if refusal == Some(RefusalReason::ClockBehind)
            && !is_unused_import(record, user)
            && user.repairs.is_empty()
            && !user.state.restored
        {
            let what = format!("{name}: a code from a later time than the clock shows now was accepted");
            report.add(DoctorFinding::decide(FindingId::ClockBehindUser, what, RIGHT_CLOCK, "date"));
        }
    }
}

/// Is there a key that nobody has used, and that is no newer than the clock says? Its floor lies ahead because it was imported.
fn is_unused_import(record: &Record, user: &UserView) -> bool {
    let unused = |key: &Key| user.state.key(key.id).is_some_and(|entry| entry.last_used.is_none());
    record.keys.iter().any(|key| unused(key) && key.confirmed <= user.now.wall)
}

/// Are files that are not trusted told of already, with what makes them so?
fn is_told(report: &Report) -> bool {
    [FindingId::VaultOwnerOrMode, FindingId::VaultHardLink, FindingId::VaultForeignFile]
        .into_iter()
        .any(|id| report.count(id) > 0)
}

fn restored(name: &str, uid: u32) -> DoctorFinding {
    let what = format!("{name} (uid {uid}): put back from a backup, or touched by another program");
    DoctorFinding::decide(
        FindingId::RestoredCopy,
        what,
        IS_IT_WANTED,
        format!("otpctl accept-restore {}", user_word(name, uid)),
    )
}

/// A finding where each of these keys has an end and the last one comes soon. Without a key that works there is none.
fn ending(
    (name, uid): (&str, u32),
    ends: impl Iterator<Item = Option<UnixTime>>,
    now: UnixTime,
) -> Option<DoctorFinding> {
    let last = ends.collect::<Option<Vec<_>>>()?.into_iter().max()?;
    let is_soon = now <= last && last.since(now) <= SOON_S;
    let what = format!("{name}: the last key ends {}", utc(last));
    let command = format!("otpctl status {}", user_word(name, uid));
    is_soon.then(|| DoctorFinding::decide(FindingId::KeysEnd, what, A_NEW_KEY_IN_TIME, command))
}

fn renamed(what: String, user: &str) -> DoctorFinding {
    DoctorFinding::decide(FindingId::UserRenamed, what, SAME_PERSON, format!("otpctl adopt {user}"))
}

const GONE: &str = "otpctl gc";
const WHOSE_KEYS: &str = "the command lists users whose account is gone. Delete their keys with `otpctl forget \
                          USER`, or give them to the same person's new account with `otpctl adopt USER`";
const SAME_PERSON: &str =
    "only if the account belongs to the same person as before; otherwise delete the keys with `otpctl forget`";
const RESTORE_OR_FORGET: &str = "restore the file from a backup; if there is none, the command deletes the user's \
                                 keys and invites the user again";
const NEW_CODE: &str = "the command removes the file; a registration code of this user that is on its way no longer works, so invite them again";
const NEW_CODES: &str = "the user makes new ones with `otpctl recovery-codes`; the command shows the user's keys";
const A_NEW_KEY_IN_TIME: &str = "the user makes a new key before that with `otpctl rotate`, or `otpctl expire USER KEY DATE` gives the key a later end; the command shows the user's keys";
/// Two weeks.
const SOON_S: u64 = 14 * 86_400;
const IS_IT_WANTED: &str =
    "the command accepts it. If nobody restored a backup or changed the file, ask who did before you accept it";
const RIGHT_CLOCK: &str = "compare the date with a watch. If it is right, the clock was ahead when that code was used: wait, or let the user enrol again";
