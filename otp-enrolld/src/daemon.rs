//! One call after another on a connection: who asks (from the kernel), whether he may, what comes of it, one log line.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use otp_core::accounts::Account;
use otp_core::keys::seal::HostKey;
use otp_core::log_line::LogLine;
use otp_core::policy::Policy;
use otp_core::site::{Obstacle, Site};
use otp_core::vault::{ChangeError, Vault, VaultError, end_of_a_glance};
use otp_protocol::interface::{Refusal, Reply, Request, Status, UserList, UserStatusReply};
use otp_protocol::peer::Peer;
use otp_protocol::server::service::{Event, Service};
use otp_protocol::status;

use crate::access::groups;
use crate::access::rights::{Act, Actor, Terms, may};
use crate::enrolment::flow::cancel;
use crate::enrolment::pending::{PATIENCE, Pending, Underway};
use crate::enrolment::throttle::Throttle;
use crate::hardening::System;
use crate::log::events::{Urgency, event, paced};
use crate::notices::spool::Pace;
use crate::verify::Deciding;

/// What the daemon has at hand for every call.
pub struct Daemon {
    /// Where the policy is; it is read at every call, so that a change needs no restart.
    pub site: Site,
    /// The open vault.
    pub vault: Vault,
    /// The key of this host.
    pub host_key: HostKey,
    /// Enrolments of all connections.
    pub underway: Underway,
    /// Codes that are being checked.
    pub deciding: Deciding,
    /// Wrong registration codes.
    pub throttle: Throttle,
    /// Held from the search for a secret that was brought along until it is stored: two users must not find it new at once (R4).
    pub bringing: Mutex<()>,
    /// Registration codes that are being looked at, by the user whose they are said to be.
    pub redeeming: Deciding,
    /// Notices that leave this host.
    pub pace: Pace,
    /// Users whose keys were found disabled, and who were told so.
    pub known_disabled: Mutex<HashSet<u32>>,
}

/// One connection.
pub struct Session {
    pub(crate) peer: Peer,
    pub(crate) pending: Option<Pending>,
}

impl Service for Daemon {
    type Session = Session;

    fn open(&self, peer: Peer) -> Session {
        Session { peer, pending: None }
    }

    fn call(&self, session: &mut Session, request: Request) -> Result<Reply, Refusal> {
        match request {
            Request::BeginEnrolment(wanted) => self.begin(session, wanted).map(Reply::Begun),
            Request::ConfirmEnrolment(typed) => self.confirm(session, &typed).map(Reply::Confirmed),
            Request::CancelEnrolment(_) => cancel(session).map(Reply::Cancelled),
            Request::Invite(wanted) => self.invite(session.peer, &wanted).map(Reply::Invited),
            Request::RevokeInvitation(wanted) => self.revoke_invitation(session.peer, &wanted).map(Reply::Done),
            Request::Redeem(wanted) => self.redeem(session, wanted).map(Reply::Redeemed),
            Request::Repudiate(wanted) => self.repudiate(session.peer, &wanted).map(Reply::Repudiated),
            Request::AddKey(wanted) => self.add_key(session, wanted).map(Reply::Begun),
            Request::Rotate(wanted) => self.rotate(session, wanted).map(Reply::Begun),
            Request::AddToken(wanted) => self.add_token(session, wanted).map(Reply::TokenBegun),
            Request::RenewRecoveryCodes(wanted) => self.renew_recovery(session.peer, &wanted).map(Reply::RecoveryCodes),
            Request::Status(wanted) => self.status(session, &wanted).map(Reply::Status),
            Request::List(_) => self.list(session).map(Reply::List),
            Request::Verify(wanted) => self.verify(session.peer, &wanted).map(Reply::Verified),
            Request::Restored(wanted) => self.restored(session.peer, &wanted).map(Reply::Restored),
            Request::Forget(wanted) => self.forget(session.peer, &wanted).map(Reply::Done),
            Request::Adopt(wanted) => self.adopt(session.peer, &wanted).map(Reply::Done),
            Request::Notices(wanted) => self.notices(session.peer, &wanted).map(Reply::Notices),
            Request::NoticesShown(wanted) => self.notices_shown(session.peer, &wanted).map(Reply::Done),
            change => self.change(session.peer, change).map(Reply::Done),
        }
    }

    fn idle_limit(&self, session: &Session) -> Option<Duration> {
        session.pending.as_ref().map(|_| PATIENCE)
    }

    fn observe(&self, happened: Event) {
        event(Urgency::Error, &LogLine::default().field("event", &format!("{happened:?}")).finish());
    }
}

impl Daemon {
    fn status(&self, session: &Session, wanted: &Status) -> Result<UserStatusReply, Refusal> {
        let (account, _) = target(session.peer, Act::ReadStatus, wanted.user.as_deref())?;
        let limits = self.policy(session.peer)?.limits;
        let status = status::of(&self.vault, &account, &limits, &System, end_of_a_glance());
        let status = status.map_err(|error| unavailable(&error))?;
        Ok(UserStatusReply { status: if session.peer.uid == 0 { status } else { status::without_counts(status) } })
    }

    fn list(&self, session: &Session) -> Result<UserList, Refusal> {
        allowed(groups::actor(session.peer), session.peer, Act::List, None)?;
        let limits = self.policy(session.peer)?.limits;
        let list = status::all(&self.vault, &limits, &System, &mut |held| self.make_up_for_notices(held));
        let mut list = list.map_err(|error| unavailable(&error))?;
        if session.peer.uid != 0 {
            list.users = list.users.into_iter().map(status::without_counts).collect();
        }
        for one in &list.unreadable {
            let line = LogLine::default().field("event", "unreadable").field("uid", &one.uid.to_string());
            let line = line.optional("user", one.user.as_deref()).field("detail", &one.reason);
            event(Urgency::Error, &line.finish());
        }
        Ok(list)
    }

    pub(crate) fn policy(&self, peer: Peer) -> Result<Policy, Refusal> {
        self.policy_for(peer, None, None)
    }

    /// The policy; what is wrong with it is told to root alone.
    pub(crate) fn policy_for(
        &self,
        peer: Peer,
        named: Option<&Path>,
        service: Option<&str>,
    ) -> Result<Policy, Refusal> {
        self.site.policy(named, service).map_err(|obstacle: Obstacle| {
            event(Urgency::Error, &obstacle_line(&obstacle));
            Refusal::unavailable(match peer.uid {
                0 => obstacle.detail,
                _ => "the policy cannot be used; the log says why".to_owned(),
            })
        })
    }
}

/// The rights table, with its answer in the log: a no, and a yes to what leaves no other line there.
pub(crate) fn allowed(actor: Actor, peer: Peer, act: Act, target: Option<u32>) -> Result<Terms, Refusal> {
    let answer = may(actor, act, target.map(|uid| groups::target(actor, uid)));
    let (urgency, what) = match answer {
        Ok(_) if matches!(act, Act::ReadStatus | Act::ReadNotices | Act::List) => (Urgency::Info, "allowed"),
        Ok(terms) => return Ok(terms),
        Err(_) => (Urgency::Notice, "denied"),
    };
    let own = target == Some(peer.uid);
    let reason = answer.map_or_else(|denial| denial.0, |_| actor.ground(own));
    let line = LogLine::default()
        .field("event", what)
        .field("act", &format!("{act:?}"))
        .optional("uid", target.map(|uid| uid.to_string()).as_deref())
        .field("by", &peer.uid.to_string())
        .field("pid", &peer.pid.to_string())
        .field("reason", reason);
    // Who has a range of uids has one line a second all the same; an account's own lines are not among what is denied to those.
    let whose = answer.err().and(peer.lent).unwrap_or(peer.behind);
    paced(what, urgency, whose, line); // nobody hides a denial behind junk of his own
    answer.map_err(|denial| Refusal::NotAllowed { reason: denial.0.to_owned() })
}

/// Whom a call is about: the user named, else the caller. Who may only ask about himself learns nothing about another name,
/// neither from the answer nor from the time: the account data base is asked about the caller alone.
pub(crate) fn subject(actor: Actor, peer: Peer, user: Option<&str>) -> Result<Account, Refusal> {
    match (actor, user) {
        (_, None) => account_of(peer.uid),
        (Actor::User(uid, _), Some(name)) if !actor.sees_others() => {
            let own = account_of(uid).ok().filter(|own| own.name == name);
            own.ok_or_else(|| Refusal::NoSuchUser { user: name.to_owned() })
        }
        (_, Some(name)) => account_named(name),
    }
}

/// Who is meant, and on what terms. Whoever may not learns nothing about the name, not even whether it exists.
pub(crate) fn target(peer: Peer, act: Act, user: Option<&str>) -> Result<(Account, Terms), Refusal> {
    let actor = groups::actor(peer);
    let account = subject(actor, peer, user);
    let terms = allowed(actor, peer, act, account.as_ref().ok().map(|account| account.uid))?;
    Ok((account?, terms))
}

pub(crate) fn account_named(name: &str) -> Result<Account, Refusal> {
    match otp_core::accounts::named(name) {
        Ok(Some(account)) => Ok(account),
        Ok(None) => Err(Refusal::NoSuchUser { user: name.to_owned() }),
        Err(errno) => Err(Refusal::unavailable(format!("looking the user up failed: {}", errno.desc()))),
    }
}

pub(crate) fn account_of(uid: u32) -> Result<Account, Refusal> {
    match otp_core::accounts::account_of(uid) {
        Ok(Some(account)) => Ok(account),
        Ok(None) => Err(Refusal::NoSuchUser { user: format!("uid {uid}") }),
        Err(errno) => Err(Refusal::unavailable(format!("looking uid {uid} up failed: {}", errno.desc()))),
    }
}

/// A change that was not made.
pub(crate) fn not_changed(user: &str, error: &ChangeError) -> Refusal {
    match error {
        ChangeError::Vault(error) => unavailable(error),
        ChangeError::NotSealed => {
            Refusal::unavailable("the key could not be opened or sealed; is the host key the one of this vault?")
        }
        other => Refusal::NotPossible { user: user.to_owned(), reason: other.word().to_owned() },
    }
}

/// Nothing was changed, for this reason of the interface's.
pub(crate) fn not_possible(account: &Account, reason: &str) -> Refusal {
    Refusal::NotPossible { user: account.name.clone(), reason: reason.to_owned() }
}

/// The log has the file and the cause; the peer is told the cause in general.
pub(crate) fn unavailable(error: &VaultError) -> Refusal {
    log_vault(error);
    let held = match error {
        VaultError::LockTimeout { holder: Some(process), .. } => format!("; process {process} holds the user's lock"),
        _ => String::new(),
    };
    Refusal::unavailable(format!("the vault cannot answer: {}{held}", error.reason()))
}

fn log_vault(error: &VaultError) {
    let line = LogLine::default().field("event", "vault").field("reason", error.reason());
    event(Urgency::Error, &line.field("detail", &error.to_string()).finish());
}

fn obstacle_line(obstacle: &Obstacle) -> String {
    LogLine::default()
        .field("event", "obstacle")
        .field("reason", obstacle.reason)
        .field("detail", &obstacle.detail)
        .finish()
}
