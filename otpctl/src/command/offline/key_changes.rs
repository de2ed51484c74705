//! Changes of one user's keys, made by the functions that the daemon has, under the same locks.

use otp_core::accounts::{Account, may_have_been, no_answer};
use otp_core::environment::Clock as _;
use otp_core::files::notice::NoticeEvent;
use otp_core::keys::seal::Nonce;
use otp_core::manage::changes::Change;
use otp_core::manage::notify_owner;
use otp_core::manage::on_file::on_file;
use otp_core::manage::suspension::{self, Suspension};
use otp_core::reasons::ChangeRefusal;
use otp_core::site::Site;
use otp_core::vault::{ChangeError, LockedUser, Reseal};
use otp_protocol::database::may_be_away;
use otp_system::random;

use super::opened::{Offline, log, not_done, not_posted, note, stopped};
use crate::arguments::{Command, ForgetArgs};
use crate::command::emergency::no_such_user;
use crate::command::key_change::{Reach, done};
use crate::machine::Machine;
use crate::output::failure::Failure;

impl Offline {
    pub(super) fn change_keys(&self, command: &Command) -> Result<Reach, Failure> {
        match command {
            Command::Suspend(options) => self.suspend(&self.account(&options.user)?, command),
            Command::Forget(options) => {
                let Some(uid) = self.forgettable(options)? else { return Ok(Reach::Already) };
                match self.vault.forget(uid) {
                    Ok(()) => {
                        self.post_of_forgetting(Account { name: options.user.clone(), uid });
                        Ok(Reach::Files)
                    }
                    Err(ChangeError::Refused(ChangeRefusal::NotEnrolled)) if may_have_been(&options.user) => {
                        Ok(Reach::Already)
                    }
                    Err(error) => Err(not_done(&error)),
                }
            }
            other => {
                let (user, change) = change(other).ok_or_else(|| stopped("not possible offline"))?;
                self.change(&self.account(&user)?, &change)
            }
        }
    }

    /// The uid of a user who is to be forgotten, if there is one; not while their directory may only be down, unless root says that they are gone.
    fn forgettable(&self, options: &ForgetArgs) -> Result<Option<u32>, Failure> {
        let uid = match otp_core::accounts::uid_named(&options.user) {
            Ok(Some(uid)) => uid,
            known => match on_file(&self.vault, &options.user).map_err(|error| stopped(&error.to_string()))? {
                Some(owner) => owner.uid,
                None if known.is_ok() && !may_have_been(&options.user) => {
                    return Err(no_such_user(&options.user));
                }
                None => return known.map_err(|errno| stopped(&no_answer(errno))),
            },
        };
        let enrolled = self.vault.enrolled_uids().map_err(|error| stopped(&error.to_string()))?;
        if !options.gone && may_be_away(uid, &enrolled) {
            return Err(stopped(&format!("{}: {}", options.user, ChangeRefusal::PerhapsAway)));
        }
        Ok(Some(uid))
    }

    /// A user who is forgotten has no spool; only the outbox hears of it.
    fn post_of_forgetting(&self, account: Account) {
        let notice = notify_owner::notice(NoticeEvent::Forgotten, 0, Machine.wall(), None);
        note(not_posted(self.out.post(&self.vault, &account, notice)));
    }

    /// Ends what is on its way before it, so that no key is stored meanwhile, and after it.
    fn suspend(&self, account: &Account, command: &Command) -> Result<Reach, Failure> {
        let ended = self.vault.end_invitation(account, &Machine).map_err(|error| stopped(&error.to_string()));
        let reached = suspension::suspend(&self.vault, account, &Machine).map_err(|error| not_done(&error))?;
        if reached != Suspension::NeverEnrolled {
            let left = Site::STANDARD.sudo_marks().leave(account.uid);
            note(left.err().map(|error| format!("sudo may not ask for some minutes: {error}")));
        }
        match reached {
            Suspension::NeverEnrolled => return Ok(ended?.map_or(Reach::NoKeys, |_| Reach::Invitation)),
            Suspension::Already => return Ok(ended?.map_or(Reach::Already, |_| Reach::Files)),
            Suspension::Stored | Suspension::Aside(_) | Suspension::OfGone => {}
        }
        let notice = notify_owner::notice(NoticeEvent::KeysSuspended, 0, Machine.wall(), None);
        self.keep(account, notice);
        self.vault.end_invitation(account, &Machine).map(|_| Reach::Files).map_err(|error| {
            log(&format!("{}, but what is on its way is not ended", done(command, Reach::Files)));
            stopped(&format!("suspended, but a registration code that is on its way may still work: {error}"))
        })
    }

    fn change(&self, account: &Account, change: &Change) -> Result<Reach, Failure> {
        if let Change::SetExpiry { expires: Some(end), .. } = change
            && *end <= Machine.wall()
        {
            return Err(stopped("that time has passed; to end a key now, use otpctl revoke"));
        }
        note(change.settle(&self.vault, account, &Machine).err());
        let locked = self.vault.lock(account, &Machine).map_err(|error| stopped(&error.to_string()))?;
        let mut locked = locked.ok_or_else(|| not_done(&ChangeRefusal::NotEnrolled.into()))?;
        if change.is_so(&locked) || was_made_before(change, &locked) {
            return Ok(Reach::Already);
        }
        let notice = notify_owner::of_change(change, &locked, 0, Machine.wall()).map_err(|error| not_done(&error))?;
        let nonce = || random::bytes().ok().map(Nonce);
        let reseal = self.host_key.as_ref().map(|host_key| Reseal { host_key, nonce: &nonce });
        change.apply(&mut locked, reseal.as_ref(), &Machine).map_err(|error| not_done(&error))?;
        drop(locked);
        notice.into_iter().for_each(|notice| self.keep(account, notice));
        Ok(Reach::Files)
    }
}

/// The key is gone, and where it was to get another label, a key has that.
fn was_made_before(change: &Change, locked: &LockedUser<'_>) -> bool {
    let is_gone = change
        .key()
        .is_some_and(|key| matches!(locked.key_named(key), Err(ChangeError::Refused(ChangeRefusal::NoSuchKey))));
    is_gone
        && match change {
            Change::Rename { label, .. } => locked.key_named(label.as_str()).is_ok(),
            Change::SetExpiry { .. } => false,
            _ => true,
        }
}

/// Whose keys, and what is done to them.
fn change(command: &Command) -> Option<(String, Change)> {
    let root = || "root".to_owned();
    match command {
        Command::Resume(options) => Some((options.user.clone(), Change::Resume)),
        Command::Reopen(options) => Some((options.user.clone().unwrap_or_else(root), Change::Reopen(options.origin))),
        Command::Rename(options) => {
            let (key, label) = (options.key.clone(), options.label.clone());
            Some((options.user.clone(), Change::Rename { key, label }))
        }
        Command::Expire(options) => {
            let (key, expires) = (options.key.clone(), options.end.time());
            Some((options.user.clone(), Change::SetExpiry { key, expires }))
        }
        Command::Revoke(options) => {
            Some((options.user.clone().unwrap_or_else(root), Change::Revoke { key: options.key.clone() }))
        }
        _ => None,
    }
}
