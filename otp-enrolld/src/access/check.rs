//! May this peer do this to that user? The rights table asked, and the answer logged.

use nix::errno::Errno;
use otp_core::accounts::{Account, no_answer, numbered};
use otp_core::log_line::{LogLine, Urgency};
use otp_protocol::database::{self, AccountAnswer};
use otp_protocol::peer::Peer;

use crate::access::groups;
use crate::access::rights::{Act, Actor, Target, Terms, may};
use crate::access::slow::slow;
use crate::log::events::paced;
use crate::refusals::Refused;

/// The rights table, with its answer in the log: a no, and a yes to what leaves no other line there.
pub(crate) fn allowed(actor: Actor, peer: Peer, act: Act, target: Option<u32>) -> Result<Terms, Refused> {
    let answer = may(actor, act, target.map(|uid| groups::target(actor, uid)));
    let (urgency, what) = match &answer {
        Ok(_) if leaves_no_other_line(act) => (Urgency::Info, "allowed"),
        Ok(terms) => return Ok(*terms),
        Err(_) => (Urgency::Notice, "denied"),
    };
    let reason = answer.as_ref().map_or_else(|denial| denial.0.as_str(), |_| actor.ground(target));
    let line = LogLine::default()
        .field("event", what)
        .field("act", &format!("{act:?}"))
        .optional("uid", target.map(|uid| uid.to_string()).as_deref())
        .field("by", &peer.uid.to_string())
        .field("pid", &peer.pid.to_string())
        .field("reason", reason);
    paced(what, urgency, peer.accountable_uid, line); // nobody hides a denial behind junk of their own
    answer.map_err(|denial| Refused::not_allowed(denial.0))
}

fn leaves_no_other_line(act: Act) -> bool {
    use Act::{AskBarred, List, ListGone, ListResets, ListTokens, ReadNotices, ReadStatus};
    matches!(act, ReadStatus | ReadNotices | List | ListResets | ListTokens | ListGone | AskBarred)
}

/// Whom a call is about: the user named, else the caller; and who asks. For what everybody may do of their own no groups are asked
/// for, which a directory may have. Anyone who may only ask about themselves learns nothing about another name, neither from the answer
/// nor from the time: the account database is asked about the caller alone.
pub(crate) fn subject(peer: Peer, act: Act, user: Option<&str>) -> Result<(Actor, Result<Account, Refused>), Refused> {
    let plain = groups::by_uid(peer);
    let own = || account_of(peer.uid);
    let own = match user {
        None => Some(own()),
        Some(_) if peer.uid == 0 => None,
        Some(name) => own().ok().filter(|own| own.name == name || numbered(name) == Some(peer.uid)).map(Ok),
    };
    if let Some(own) = own {
        let everybodys = may(plain, act, Some(Target { uid: peer.uid, admin: false })).is_ok();
        return Ok((if everybodys { plain } else { groups::actor(peer)? }, own));
    }
    let actor = groups::actor(peer)?;
    let account = match user {
        Some(name) if actor.sees_others() => account_named(name),
        name => Err(Refused::no_such_user(name.unwrap_or_default())),
    };
    Ok((actor, account))
}

/// The user whom it is about, and the terms. A caller who may not learns nothing about the name, not even whether it exists.
pub(crate) fn target(peer: Peer, act: Act, user: Option<&str>) -> Result<(Account, Terms), Refused> {
    let (actor, account) = subject(peer, act, user)?;
    let terms = allowed(actor, peer, act, account.as_ref().ok().map(|account| account.uid))?;
    Ok((account?, terms))
}

/// The account of a name, or of `uid:NUMBER`.
pub(crate) fn account_named(name: &str) -> Result<Account, Refused> {
    known(database::meant(name), name)
}

pub(crate) fn account_of(uid: u32) -> Result<Account, Refused> {
    known(database::account_of(uid), &format!("uid {uid}"))
}

fn known(answer: AccountAnswer, user: &str) -> Result<Account, Refused> {
    answer.map_err(not_answered)?.ok_or_else(|| Refused::no_such_user(user))
}

/// The account database did not answer.
pub(crate) fn not_answered(errno: Errno) -> Refused {
    if errno == Errno::ETIMEDOUT { slow() } else { Refused::unavailable(no_answer(errno)) }
}
