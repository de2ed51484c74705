//! The groups of a uid, from the account database. Where it does not answer, nobody gains a right.

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use otp_core::accounts;
use otp_core::files::reset::Tier;
use otp_core::manage::reset_mode;
use otp_core::membership::is_member;
use otp_protocol::database::ask;
use otp_protocol::peer::Peer;

use crate::access::rights::{Actor, Groups, Target};
use crate::access::slow::{answered, slow};
use crate::refusals::Refused;

/// The actor without its groups: enough for one's own keys, which asks no directory.
pub(crate) fn by_uid(peer: Peer) -> Actor {
    match peer.uid {
        0 => Actor::Root,
        uid => Actor::User(uid, Groups::default()),
    }
}

/// The actor behind a peer. A directory that hangs is waited for no longer than a person would wait.
pub(crate) fn actor(peer: Peer) -> Result<Actor, Refused> {
    match by_uid(peer) {
        Actor::Root => Ok(Actor::Root),
        Actor::User(uid, _) => {
            let groups = ask(move || groups_of(uid)).map_err(|_| slow())?;
            answered();
            Ok(Actor::User(uid, groups.unwrap_or_default()))
        }
    }
}

/// Whom a request is about. A helpdesk must not reach admins: whose groups are not known counts as one.
pub(crate) fn target(actor: Actor, uid: u32) -> Target {
    let matters = matches!(actor, Actor::User(_, Groups { helpdesk: true, admin: false, .. }));
    let admin = matters && (uid == 0 || ask(move || is_admin(uid)).ok().flatten().unwrap_or(true));
    Target { uid, admin }
}

/// The tier of an actor.
pub(crate) fn tier_of(actor: Actor) -> Tier {
    match actor {
        Actor::Root => Tier::Root,
        Actor::User(_, Groups { admin: true, .. }) => Tier::Admin,
        Actor::User(_, Groups { helpdesk: true, .. }) => Tier::Helpdesk,
        Actor::User(..) => Tier::User,
    }
}

/// The tier of an account. One whose groups are not known counts as an admin.
pub(crate) fn tier(uid: u32) -> Tier {
    match uid {
        0 => Tier::Root,
        uid => match ask(move || groups_of(uid)).ok().flatten() {
            Some(groups) => tier_of(Actor::User(uid, groups)),
            None => Tier::Admin,
        },
    }
}

/// The tier of an account that must have one. An account whose groups are not known has none.
pub(crate) fn known_tier(uid: u32) -> Tier {
    match uid {
        0 => Tier::Root,
        uid => {
            ask(move || groups_of(uid)).ok().flatten().map_or(Tier::User, |groups| tier_of(Actor::User(uid, groups)))
        }
    }
}

/// Has otp-helpdesk a member? A directory that hangs is waited for no longer than a person would wait.
pub(crate) fn has_a_helpdesk() -> bool {
    ask(reset_mode::has_a_helpdesk).unwrap_or(true)
}

/// Are otp-admin and root together one person?
pub(crate) fn is_one_admin() -> bool {
    ask(reset_mode::is_one_admin).unwrap_or(false)
}

fn groups_of(uid: u32) -> Option<Groups> {
    let all = gids(uid)?;
    let of = |name: &str| Some(Group::from_name(name).ok()?.is_some_and(|group| all.contains(&group.gid)));
    let (verify, viewer) = (of("otp-verify")?, of("otp-viewer")?);
    Some(Groups { admin: of(ADMINS)?, helpdesk: of("otp-helpdesk")?, verify, viewer })
}

/// `None` also where nobody knows the group: a source that does not answer may be the one that has it.
fn is_admin(uid: u32) -> Option<bool> {
    let group = Group::from_name(ADMINS).ok()??;
    is_member(&accounts::account_of(uid).ok()??, &group).ok()
}

/// `None` also where the name is not UTF-8: with another one in its stead the database would be asked about nobody.
fn gids(uid: u32) -> Option<Vec<Gid>> {
    let user = User::from_uid(Uid::from_raw(uid)).ok()??;
    accounts::account_of(uid).ok()??.is_named().then_some(())?;
    let name = std::ffi::CString::new(user.name.as_str()).ok()?;
    getgrouplist(&name, user.gid).ok()
}

const ADMINS: &str = "otp-admin";
