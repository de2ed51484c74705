//! May this peer do this to that user? The rights table asked, and the answer logged.

use otp_core::accounts::{Account, meant, numbered};
use otp_core::log_line::{LogLine, Urgency};
use otp_protocol::interface::Refusal;
use otp_protocol::peer::Peer;

use crate::access::groups;
use crate::access::rights::{Act, Actor, Terms, may};
use crate::log::events::paced;

/// The rights table, with its answer in the log: a no, and a yes to what leaves no other line there.
pub(crate) fn allowed(actor: Actor, peer: Peer, act: Act, target: Option<u32>) -> Result<Terms, Refusal> {
    let answer = may(actor, act, target.map(|uid| groups::target(actor, uid)));
    let (urgency, what) = match answer {
        Ok(_) if matches!(act, Act::ReadStatus | Act::ReadNotices | Act::List | Act::ListGone | Act::AskBarred) => {
            (Urgency::Info, "allowed")
        }
        Ok(terms) => return Ok(terms),
        Err(_) => (Urgency::Notice, "denied"),
    };
    let reason = answer.map_or_else(|denial| denial.0, |_| actor.ground(target));
    let line = LogLine::default()
        .field("event", what)
        .field("act", &format!("{act:?}"))
        .optional("uid", target.map(|uid| uid.to_string()).as_deref())
        .field("by", &peer.uid.to_string())
        .field("pid", &peer.pid.to_string())
        .field("reason", reason);
    paced(what, urgency, peer.accountable_uid, line); // nobody hides a denial behind junk of his own
    answer.map_err(|denial| Refusal::NotAllowed { reason: denial.0.to_owned() })
}

/// Whom a call is about: the user named, else the caller. Who may only ask about himself learns nothing about another name,
/// neither from the answer nor from the time: the account database is asked about the caller alone.
pub(crate) fn subject(actor: Actor, peer: Peer, user: Option<&str>) -> Result<Account, Refusal> {
    match (actor, user) {
        (_, None) => account_of(peer.uid),
        (Actor::User(uid, _), Some(name)) if !actor.sees_others() => {
            let own = account_of(uid).ok().filter(|own| own.name == name || numbered(name) == Some(uid));
            own.ok_or_else(|| Refusal::NoSuchUser { user: name.to_owned() })
        }
        (_, Some(name)) => account_named(name),
    }
}

/// Who is meant, and on what terms. Anyone who may not learns nothing about the name, not even whether it exists.
pub(crate) fn target(peer: Peer, act: Act, user: Option<&str>) -> Result<(Account, Terms), Refusal> {
    let actor = groups::actor(peer);
    let account = subject(actor, peer, user);
    let terms = allowed(actor, peer, act, account.as_ref().ok().map(|account| account.uid))?;
    Ok((account?, terms))
}

/// The account of a name, or of `uid:NUMBER`.
pub(crate) fn account_named(name: &str) -> Result<Account, Refusal> {
    match meant(name) {
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
