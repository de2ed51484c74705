//! Calls that change existing keys: the check of rights, a code where one is needed, the change under the user's lock, one log line.

use nix::errno::Errno;
use otp_core::accounts::Account;
use otp_core::check::{spend, spend_though_suspended};
use otp_core::decision::input::{Guess, Typed};
use otp_core::decision::limits::Limits;
use otp_core::decision::origin::Origin;
use otp_core::decision::{Proof, Verdict};
use otp_core::environment::Clock;
use otp_core::files::date::utc;
use otp_core::files::key_file::Key;
use otp_core::keys::key::Step;
use otp_core::keys::seal::Nonce;
use otp_core::log_line::{LogLine, Urgency};
use otp_core::manage::changes::{self, Change};
use otp_core::manage::notify_owner::{self, Due};
use otp_core::reasons::{ChangeRefusal, RefusalReason, Viewer};
use otp_core::vault::{LockedUser, Reseal};
use otp_protocol::database::{self, ask};
use otp_protocol::interface::{
    Changed, Done, Forget, Rename, Reopen, Restored, RestoredUsers, Resume, Revoke, SetExpiry, TypedCode, UserName,
};
use otp_protocol::peer::Peer;
use otp_system::random;

use crate::access::check::{account_named, allowed, not_answered};
use crate::access::groups;
use crate::access::rights::{Act, Terms};
use crate::daemon::Daemon;
use crate::enrolment::flow::to_come;
use crate::log::events::{about, bounded, event, paced, signed};
use crate::machine::System;
use crate::refusals::{ChangeOf, Refused, log_vault};

/// A change as it is asked for.
pub(crate) struct RequestedChange {
    act: Act,
    user: Option<UserName>,
    code: Option<TypedCode>,
    /// The last key may go.
    last: bool,
    change: Change,
}

impl Daemon {
    /// Resume, reopen, rename, revoke, set the end of a key.
    pub(crate) fn change(&self, peer: Peer, wanted: RequestedChange) -> Result<Changed, Refused> {
        if let Change::SetExpiry { expires, .. } = wanted.change {
            to_come(expires)?;
        }
        let (account, terms) = self.target_on_file(peer, wanted.act, wanted.user.as_deref())?;
        let limits = self.policy(peer)?.limits;
        // A key goes all the same where that cannot be written; the log says why.
        wanted.change.settle(self.vault(), &account, &System).unwrap_or_else(|error| log_vault(&error));
        let locked = self.vault().lock(&account, &System)?;
        let mut locked = locked.ok_or(ChangeRefusal::NotEnrolled).of(&account)?;
        let is_so = wanted.change.is_so(&locked); // a code of one's own may clear what is to be cleared
        if terms != Terms::Freely {
            not_the_last(&locked, &wanted)?;
            if wanted.change.lengthens(&locked) {
                return Err(Refused::not_possible(&account, ChangeRefusal::LaterEnd));
            }
            self.prove(&mut locked, &wanted, terms, &limits)?;
        }
        if is_so {
            return Ok(Changed { changed: Some(false) });
        }
        let notice = notify_owner::of_change(&wanted.change, &locked, peer.uid, System.wall()).of(&account)?;
        let (before, after) = notice.map_or((None, None), |notice| match Due::of(&wanted.change, &locked) {
            Due::Before => (Some(notice), None),
            Due::After => (None, Some(notice)),
        });
        before.map_or(Ok(()), |notice| self.notice(&account, notice))?;
        let key = wanted.change.key().and_then(|name| locked.key_named(name).ok());
        let key = key.map(|key| (key.label.as_str().to_owned(), key.id.hex()));
        let nonce = || random::bytes().ok().map(Nonce);
        let reseal = Reseal { host_key: self.unlocked.host_key(), nonce: &nonce };
        wanted.change.apply(&mut locked, Some(&reseal), &System).of(&account)?;
        drop(locked);
        if matches!(wanted.change, Change::Revoke { .. }) {
            self.pending_enrolments.end(account.uid); // what was begun before stands on other ground now
        }
        after.into_iter().for_each(|notice| self.notice_after(&account, notice));
        log_change(&wanted.change, key, &account, peer);
        Ok(Changed { changed: None })
    }

    /// Forgets a user, or what is left of one whose account is gone.
    pub(crate) fn forget(&self, peer: Peer, wanted: &Forget) -> Result<Done, Refused> {
        allowed(groups::actor(peer)?, peer, Act::Forget, None)?;
        let named = wanted.user.to_string();
        let known = ask(move || otp_core::accounts::uid_named(&named)).unwrap_or(Err(Errno::ETIMEDOUT));
        let uid = match known {
            Ok(Some(uid)) => uid,
            known => match self.on_file(&wanted.user)? {
                Some(owner) => owner.uid,
                None => {
                    return Err(known.map_or_else(not_answered, |_| Refused::no_such_user(&wanted.user)));
                }
            },
        };
        let account = Account { name: wanted.user.to_string(), uid };
        if wanted.gone != Some(true) && self.may_be_away(uid)? {
            return Err(Refused::not_possible(&account, ChangeRefusal::PerhapsAway));
        }
        let _alone = self.reset_lock.lock(); // an invitation on a reset must not write it again
        self.vault().forget(uid).of(&account)?;
        self.pending_enrolments.end(uid);
        self.forget_disabling(uid);
        log("forgotten", &account, peer, |line| line);
        self.notice_of_forgetting(&account, peer.uid);
        Ok(Done {})
    }

    /// Is this a user whose account is not there, at a time when a directory may be down?
    pub(crate) fn may_be_away(&self, uid: u32) -> Result<bool, Refused> {
        let uids = self.vault().enrolled_uids()?;
        Ok(database::may_be_away(uid, &uids))
    }

    /// Accepts files restored from a backup.
    pub(crate) fn restored(&self, peer: Peer, wanted: &Restored) -> Result<RestoredUsers, Refused> {
        allowed(groups::actor(peer)?, peer, Act::Restored, None)?;
        let users = match &wanted.user {
            Some(name) => {
                let account = account_named(name)?;
                self.vault().restored(&account, &System).of(&account)?;
                vec![account.name]
            }
            None => changes::restored_all(self.vault(), &System, &|uid, error| {
                let line = LogLine::default().field("event", "not-restored").field("uid", &uid.to_string());
                event(Urgency::Error, &line.field("detail", &error.to_string()).finish());
            })?,
        };
        for name in &users {
            let by = peer.uid.to_string();
            let line = LogLine::default().field("event", "restored").field("user", name).field("by", &by);
            event(Urgency::Alert, &line.finish());
        }
        Ok(RestoredUsers { users })
    }

    /// A code of the user's own, or of the key that it is about. It is used up, whatever comes of the change.
    fn prove(
        &self,
        locked: &mut LockedUser<'_>,
        wanted: &RequestedChange,
        terms: Terms,
        limits: &Limits,
    ) -> Result<(), Refused> {
        let code = wanted.code.as_ref().ok_or_else(|| Refused::not_allowed("this needs one of your codes"))?;
        let key = match (terms, wanted.change.key()) {
            (Terms::WithACodeOfThatKey, Some(name)) => Some(locked.key_named(name).of(locked.account())?.id),
            _ => None,
        };
        let watermark = |locked: &LockedUser<'_>| {
            key.and_then(|id| locked.state().key(id)).map_or(Step(0), |entry| entry.watermark)
        };
        let (before, typed) = (watermark(locked), code.sorted());
        if key.is_some() && !matches!(typed, Typed::Code(_)) {
            return Err(Refused::not_possible(locked.account(), ChangeRefusal::CodeRefused)); // a recovery code is not spent on this
        }
        self.proven(locked, Guess { typed: &typed, origin: Origin::Socket }, limits)?;
        match key {
            Some(_) if watermark(locked) <= before => {
                Err(Refused::not_possible(locked.account(), ChangeRefusal::CodeRefused))
            }
            _ => Ok(()),
        }
    }

    /// The proof of one of the user's codes, which is used up.
    pub(crate) fn proven(
        &self,
        locked: &mut LockedUser<'_>,
        guess: Guess<'_>,
        limits: &Limits,
    ) -> Result<Proof, Refused> {
        let verdict = spend(&self.unlocked, locked, guess, limits, &System)?;
        self.proof_of(verdict, locked, guess.origin)
    }

    /// The same where a suspension does not matter, and stays.
    pub(crate) fn proven_though_suspended(
        &self,
        locked: &mut LockedUser<'_>,
        guess: Guess<'_>,
        limits: &Limits,
    ) -> Result<Proof, Refused> {
        let verdict = spend_though_suspended(&self.unlocked, locked, guess, limits, &System)?;
        self.proof_of(verdict, locked, guess.origin)
    }

    fn proof_of(&self, verdict: Verdict, locked: &mut LockedUser<'_>, origin: Origin) -> Result<Proof, Refused> {
        log_spent(locked.account(), origin, &verdict);
        match verdict {
            Verdict::Accepted(proof) => {
                // It is used up, whether or not there is room for a notice now; it is made up for later.
                drop(self.notice_of_codes_locked(locked));
                Ok(proof)
            }
            Verdict::Refused(bars) if bars.visible_to(Viewer::OwnerAtChange) => {
                Err(Refused::not_possible(locked.account(), bars))
            }
            Verdict::Refused(_) => Err(Refused::not_possible(locked.account(), ChangeRefusal::CodeRefused)),
        }
    }
}

/// An owner who removes the only key that works is refused everywhere until somebody invites them: that takes `last`.
fn not_the_last(locked: &LockedUser<'_>, wanted: &RequestedChange) -> Result<(), Refused> {
    let works = |key: &&Key| !locked.is_repudiated(key.id) && !key.has_ended(locked.now());
    let only = locked.record().is_some_and(|record| record.keys.iter().filter(works).count() <= 1);
    match wanted.change {
        Change::Revoke { .. } if only && !wanted.last => {
            Err(Refused::not_possible(locked.account(), ChangeRefusal::LastKey))
        }
        _ => Ok(()),
    }
}

impl From<Resume> for RequestedChange {
    fn from(one: Resume) -> Self {
        Self { act: Act::Resume, user: Some(one.user), code: None, last: false, change: Change::Resume }
    }
}

impl From<Reopen> for RequestedChange {
    fn from(one: Reopen) -> Self {
        Self { act: Act::Reopen, user: one.user, code: one.code, last: false, change: Change::Reopen(one.origin) }
    }
}

impl From<Rename> for RequestedChange {
    fn from(one: Rename) -> Self {
        let change = Change::Rename { key: one.key.to_string(), label: one.label };
        Self { act: Act::Rename, user: one.user, code: None, last: false, change }
    }
}

impl From<Revoke> for RequestedChange {
    fn from(one: Revoke) -> Self {
        let change = Change::Revoke { key: one.key.to_string() };
        Self { act: Act::Revoke, user: one.user, code: one.code, last: one.last == Some(true), change }
    }
}

impl From<SetExpiry> for RequestedChange {
    fn from(one: SetExpiry) -> Self {
        let change = Change::SetExpiry { key: one.key.to_string(), expires: one.expires };
        Self { act: Act::SetExpiry, user: one.user, code: one.code, last: false, change }
    }
}

/// A change that wants no code can be made without end.
fn log_change(change: &Change, key: Option<(String, String)>, account: &Account, peer: Peer) {
    let (label, id) = key.unzip();
    let line = about(change.event(), account).optional("key", label.as_deref()).optional("id", id.as_deref());
    let line = match change {
        Change::SetExpiry { expires, .. } => line.field("expires", &expires.map_or_else(|| "never".to_owned(), utc)),
        _ => line,
    };
    let line = signed(line, peer);
    match change {
        Change::Rename { .. } => bounded(Urgency::Notice, peer.accountable_uid, line),
        _ => event(Urgency::Notice, &line.finish()),
    }
}

/// The outcome of a code that was asked for here. One that is neither right nor counted can be sent without end.
pub(crate) fn log_spent(account: &Account, from: Origin, verdict: &Verdict) {
    let line = about("code", account).field("reason", verdict.word()).field("origin", from.as_str());
    match verdict {
        Verdict::Accepted(Proof::Recovery { .. }) | Verdict::Refused(RefusalReason::Wrong) => {
            event(Urgency::Notice, &line.finish());
        }
        Verdict::Accepted(Proof::Key(_)) => paced("code", Urgency::Notice, account.uid, line),
        _ => bounded(Urgency::Notice, account.uid, line),
    }
}

pub(crate) fn log(what: &str, account: &Account, peer: Peer, more: impl FnOnce(LogLine) -> LogLine) {
    event(Urgency::Notice, &signed(more(about(what, account)), peer).finish());
}
