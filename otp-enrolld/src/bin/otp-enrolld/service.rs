//! One call after another on a connection: who asks (from the kernel), whether he may, what comes of it, one log line.

use std::sync::Arc;
use std::time::Duration;

use nix::unistd::gethostname;
use otp_core::clock::Clock;
use otp_core::key::{Kind, Label};
use otp_core::log_line::LogLine;
use otp_core::notice::NoticeEvent;
use otp_core::policy::{NewKey, Policy};
use otp_core::record::Account;
use otp_core::seal::HostKey;
use otp_core::site::{Obstacle, Site};
use otp_core::typed::Typed;
use otp_core::vault::{ChangeError, Vault, VaultError, end_of_a_glance};
use otp_enrolld::changes;
use otp_enrolld::notices::notice;
use otp_enrolld::peer::Peer;
use otp_enrolld::protocol::{
    BeginEnrolment, Begun, Cancelled, ConfirmEnrolment, Confirmed, Enrolment, Refusal, Reply, Request, Status,
    UserList, UserStatusReply,
};
use otp_enrolld::service::{Event, Service};
use otp_enrolld::status;

use crate::enrolments::{Answer, BeginError, FIRST_COUNTER, PATIENCE, Pending, TRIES, Underway};
use crate::events::{Urgency, bounded, event};
use crate::provisioning::{self, Provisioning};
use crate::rights::{Act, Actor, Terms, may};
use crate::system::System;
use crate::verify::Deciding;

/// What the daemon has at hand for every call.
pub struct Daemon {
    /// Where the policy is; it is read at every call, so that a change needs no restart.
    pub site: Site,
    /// The open vault.
    pub vault: Arc<Vault>,
    /// The key of this host.
    pub host_key: HostKey,
    /// Enrolments of all connections.
    pub underway: Underway,
    /// Codes that are being checked.
    pub deciding: Deciding,
}

/// One connection.
pub struct Session {
    peer: Peer,
    pending: Option<Pending>,
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
    fn begin(&self, session: &mut Session, wanted: BeginEnrolment) -> Result<Begun, Refusal> {
        allowed(session.peer, Act::BeginEnrolment, None)?;
        session.pending = None;
        let account = account_named(&wanted.user)?;
        let policy = self.policy(session.peer)?;
        let label = wanted.label.clone().map_or_else(default_label, Ok)?;
        let held = self.vault.hold(&account, &System).map_err(|error| unavailable(&error))?;
        let room = held.as_ref().map_or(Ok(()), |held| held.has_room_for(&label));
        room.map_err(|error| not_changed(&account.name, &error))?;
        drop(held);
        let (kind, new) = (wanted.kind.unwrap_or(Kind::Totp), new_key(&wanted, policy.key));
        let pending = self.underway.begin(account, label, kind, new, &System).map_err(no_beginning)?;
        log_enrolment("enrolment-begun", session.peer, &pending, None);
        let enrolment = enrolment(&pending, &policy);
        session.pending = Some(pending);
        Ok(Begun { enrolment })
    }

    fn confirm(&self, session: &mut Session, typed: &ConfirmEnrolment) -> Result<Confirmed, Refusal> {
        let policy = self.policy(session.peer)?;
        let pending = session.pending.as_mut().ok_or(Refusal::NothingPending {})?;
        let typed = Typed::parse(typed.code.as_bytes());
        let step = match pending.answer(&typed, &policy.limits, &System) {
            Answer::Confirmed(step) => step,
            Answer::Junk(tries_left) => return Err(Refusal::CodeRefused { tries_left }),
            Answer::Wrong(tries_left) => {
                log_enrolment("enrolment-code-refused", session.peer, pending, None);
                session.pending = session.pending.take().filter(|_| tries_left > 0);
                return Err(Refusal::CodeRefused { tries_left });
            }
            Answer::Expired => {
                session.pending = None;
                return Err(Refusal::EnrolmentExpired {});
            }
        };
        // Before the key works; a notice without its key is better than a key without its notice.
        let notice = notice(NoticeEvent::AdminEnrolled, session.peer.uid, System.wall(), Some(pending.label().clone()));
        self.notice(pending.account(), notice)?;
        let stored = pending.store(step, &self.vault, &self.host_key, &System);
        let record = stored.map_err(|error| not_changed(&pending.account().name, &error))?;
        log_enrolment("enrolled", session.peer, pending, Some(record.generation));
        let account = pending.account().clone();
        session.pending = None;
        let key = record.keys.last().ok_or_else(|| Refusal::unavailable("the key is stored, but cannot be shown"))?;
        let key = status::key(key, &otp_core::state::State::never_enrolled(account.uid));
        Ok(Confirmed { user: account.name, uid: account.uid, key, generation: record.generation })
    }

    fn status(&self, session: &Session, wanted: &Status) -> Result<UserStatusReply, Refusal> {
        let actor = Actor::of(session.peer.uid);
        let account = subject(actor, session.peer, wanted.user.as_deref());
        allowed(session.peer, Act::ReadStatus, account.as_ref().ok().map(|account| account.uid))?;
        let account = account?;
        let limits = self.policy(session.peer)?.limits;
        let status = status::of(&self.vault, &account, &limits, &System, end_of_a_glance());
        let status = status.map_err(|error| unavailable(&error))?;
        Ok(UserStatusReply { status: if actor == Actor::Root { status } else { status::own(status) } })
    }

    fn list(&self, session: &Session) -> Result<UserList, Refusal> {
        allowed(session.peer, Act::List, None)?;
        let limits = self.policy(session.peer)?.limits;
        let list = status::all(&self.vault, &limits, &System).map_err(|error| unavailable(&error))?;
        for one in &list.unreadable {
            let line = LogLine::default().field("event", "unreadable").field("uid", &one.uid.to_string());
            let line = line.optional("user", one.user.as_deref()).field("detail", &one.reason);
            event(Urgency::Error, &line.finish());
        }
        Ok(list)
    }

    pub(crate) fn policy(&self, peer: Peer) -> Result<Policy, Refusal> {
        self.policy_for(peer, None)
    }

    /// The policy; what is wrong with it is told to root alone.
    pub(crate) fn policy_for(&self, peer: Peer, service: Option<&str>) -> Result<Policy, Refusal> {
        self.site.policy(None, service).map_err(|obstacle: Obstacle| {
            event(Urgency::Error, &obstacle_line(&obstacle));
            Refusal::unavailable(match peer.uid {
                0 => obstacle.detail,
                _ => "the policy cannot be used; the log says why".to_owned(),
            })
        })
    }
}

fn cancel(session: &mut Session) -> Result<Cancelled, Refusal> {
    session.pending.take().map(|_| Cancelled {}).ok_or(Refusal::NothingPending {})
}

/// Is it allowed, and on what terms? A refusal is logged.
pub(crate) fn allowed(peer: Peer, act: Act, target: Option<u32>) -> Result<Terms, Refusal> {
    allowed_as(Actor::of(peer.uid), peer, act, target)
}

/// The rights table, with its answer in the log: a no, and a yes to what leaves no other line there.
pub(crate) fn allowed_as(actor: Actor, peer: Peer, act: Act, target: Option<u32>) -> Result<Terms, Refusal> {
    let answer = may(actor, act, target);
    let (urgency, what) = match answer {
        Ok(_) if matches!(act, Act::ReadStatus | Act::ReadNotices | Act::List) => (Urgency::Info, "allowed"),
        Ok(terms) => return Ok(terms),
        Err(_) => (Urgency::Notice, "denied"),
    };
    let reason = answer.map_or_else(|denial| denial.0, |_| if actor == Actor::Root { "root" } else { "own" });
    let line = LogLine::default()
        .field("event", what)
        .field("act", &format!("{act:?}"))
        .optional("uid", target.map(|uid| uid.to_string()).as_deref())
        .field("by", &peer.uid.to_string())
        .field("pid", &peer.pid.to_string())
        .field("reason", reason);
    bounded(urgency, peer.behind, line);
    answer.map_err(|denial| Refusal::NotAllowed { reason: denial.0.to_owned() })
}

/// Whom a call is about: the user named, else the caller. Who may only ask about himself learns nothing about another name,
/// neither from the answer nor from the time: the account data base is asked about the caller alone.
pub(crate) fn subject(actor: Actor, peer: Peer, user: Option<&str>) -> Result<Account, Refusal> {
    match (actor, user) {
        (_, None) => account_of(peer.uid),
        (Actor::User(uid), Some(name)) => {
            let own = account_of(uid).ok().filter(|own| own.name == name);
            own.ok_or_else(|| Refusal::NoSuchUser { user: name.to_owned() })
        }
        (Actor::Root | Actor::Verifier(_), Some(name)) => account_named(name),
    }
}

pub(crate) fn account_named(name: &str) -> Result<Account, Refusal> {
    match changes::named(name) {
        Ok(Some(account)) => Ok(account),
        Ok(None) => Err(Refusal::NoSuchUser { user: name.to_owned() }),
        Err(errno) => Err(Refusal::unavailable(format!("looking the user up failed: {}", errno.desc()))),
    }
}

pub(crate) fn account_of(uid: u32) -> Result<Account, Refusal> {
    match changes::account_of(uid) {
        Ok(Some(account)) => Ok(account),
        Ok(None) => Err(Refusal::NoSuchUser { user: format!("uid {uid}") }),
        Err(errno) => Err(Refusal::unavailable(format!("looking uid {uid} up failed: {}", errno.desc()))),
    }
}

fn default_label() -> Result<Label, Refusal> {
    Label::new("phone").map_err(|error| Refusal::unavailable(error.to_string()))
}

fn new_key(wanted: &BeginEnrolment, default: NewKey) -> NewKey {
    NewKey {
        algorithm: wanted.algorithm.unwrap_or(default.algorithm),
        digits: wanted.digits.unwrap_or(default.digits),
        period: wanted.period.unwrap_or(default.period),
    }
}

fn enrolment(pending: &Pending, policy: &Policy) -> Enrolment {
    let (account, new) = (pending.account(), pending.new_key());
    let issuer = policy.issuer.clone().unwrap_or_else(host_name);
    let provisioning = Provisioning {
        issuer: &issuer,
        account: &account.name,
        kind: pending.kind(),
        algorithm: new.algorithm,
        digits: new.digits,
        period: new.period,
    };
    Enrolment {
        user: account.name.clone(),
        uid: account.uid,
        label: pending.label().as_str().to_owned(),
        kind: pending.kind().as_str().to_owned(),
        algorithm: new.algorithm.as_str().to_owned(),
        digits: new.digits.get(),
        period: u32::try_from(new.period.seconds()).unwrap_or(u32::MAX),
        counter: (pending.kind() == Kind::Hotp).then_some(FIRST_COUNTER),
        secret: provisioning::letters(pending.secret()),
        uri: provisioning.uri(pending.secret()),
        expires_in: pending.time_left().as_secs(),
        tries: TRIES,
    }
}

/// The issuer where the policy names none; a colon cannot stand in an issuer.
fn host_name() -> String {
    let name = gethostname().map(|name| name.to_string_lossy().replace(':', "-")).unwrap_or_default();
    if name.is_empty() { "otp".to_owned() } else { name }
}

fn no_beginning(error: BeginError) -> Refusal {
    match error {
        BeginError::Underway => Refusal::Busy { reason: "an enrolment of this user is under way".to_owned() },
        BeginError::NoRandomness => Refusal::unavailable("the kernel gives no random bytes"),
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

/// The log has the file and the cause; the peer is told the cause in general.
pub(crate) fn unavailable(error: &VaultError) -> Refusal {
    log_vault(error);
    Refusal::unavailable(format!("the vault cannot answer: {}", error.reason()))
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

fn log_enrolment(what: &str, peer: Peer, pending: &Pending, generation: Option<u64>) {
    let line = LogLine::default()
        .field("event", what)
        .field("user", &pending.account().name)
        .field("uid", &pending.account().uid.to_string())
        .field("key", pending.label().as_str())
        .optional("generation", generation.map(|number| number.to_string()).as_deref())
        .field("by", &peer.uid.to_string())
        .field("pid", &peer.pid.to_string());
    event(Urgency::Notice, &line.finish());
}
