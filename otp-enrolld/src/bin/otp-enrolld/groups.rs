//! What the group data base says of a uid. Where it does not answer, nobody gains a right by it.

use nix::unistd::{Group, Uid, User, getgrouplist};
use otp_enrolld::peer::Peer;

use crate::rights::{Actor, Groups, Target};

/// Who a peer is.
pub fn actor(peer: Peer) -> Actor {
    match peer.uid {
        0 => Actor::Root,
        uid => Actor::User(uid, groups_of(uid).unwrap_or_default()),
    }
}

/// Whom a request is about. Who asks as a helpdesk must not reach admins: whose groups are not known counts as one.
pub fn target(actor: Actor, uid: u32) -> Target {
    let matters = matches!(actor, Actor::User(_, Groups { helpdesk: true, admin: false, .. }));
    let admin = matters && (uid == 0 || groups_of(uid).is_none_or(|groups| groups.admin));
    Target { uid, admin }
}

fn groups_of(uid: u32) -> Option<Groups> {
    let user = User::from_uid(Uid::from_raw(uid)).ok()??;
    let name = std::ffi::CString::new(user.name.as_str()).ok()?;
    let all = getgrouplist(&name, user.gid).ok()?;
    let of = |name: &str| -> Option<bool> {
        let group = Group::from_name(name).ok()?;
        Some(group.is_some_and(|group| all.contains(&group.gid)))
    };
    Some(Groups { admin: of("otp-admin")?, helpdesk: of("otp-helpdesk")?, verify: of("otp-verify")? })
}
