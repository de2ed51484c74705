//! The table against the same rules said by actor, and the pages that readers have against the table.

use std::fs;
use std::path::Path;

use super::*;

const NO_GROUP: Groups = Groups { admin: false, helpdesk: false, verify: false, viewer: false };

/// Root, too, needs the user's code here.
const WITH_A_CODE: [Act; 8] = [
    Act::Redeem,
    Act::Repudiate,
    Act::AddKey,
    Act::Rotate,
    Act::RenewRecoveryCodes,
    Act::ReportLost,
    Act::TakeBackLost,
    Act::TryCode,
];
/// Everybody's own.
const OWN: [Act; 6] = [Act::ListResets, Act::ReadStatus, Act::ReadNotices, Act::Rename, Act::Verify, Act::AskBarred];
/// A new second factor without the old one, or the end of what bars somebody: never for oneself.
const NEVER_FOR_ONESELF: [Act; 6] =
    [Act::Invite, Act::ExtendInvitation, Act::RequestReset, Act::ApproveReset, Act::AddToken, Act::Resume];
const OF_ADMINS: [Act; 17] = [
    Act::Invite,
    Act::RevokeInvitation,
    Act::ExtendInvitation,
    Act::RequestReset,
    Act::ListResets,
    Act::ApproveReset,
    Act::CancelReset,
    Act::AddToken,
    Act::ListTokens,
    Act::RemoveToken,
    Act::ReadStatus,
    Act::List,
    Act::Suspend,
    Act::Resume,
    Act::Reopen,
    Act::Revoke,
    Act::SetExpiry,
];
const OF_THE_HELPDESK: [Act; 6] =
    [Act::Invite, Act::RevokeInvitation, Act::ExtendInvitation, Act::RequestReset, Act::CancelReset, Act::Suspend];
/// Also of admins: what it says of them is no right over them.
const LOOKS_OF_THE_HELPDESK: [Act; 3] = [Act::ReadStatus, Act::List, Act::ListResets];
const OF_VERIFIERS: [Act; 2] = [Act::Verify, Act::AskBarred];
const OF_VIEWERS: [Act; 4] = [Act::ReadStatus, Act::List, Act::ListTokens, Act::ListResets];

/// The rules, by actor and not by act.
fn ruled(actor: Actor, act: Act, target: Option<Target>) -> Option<Terms> {
    let Actor::User(uid, groups) = actor else {
        return Some(if WITH_A_CODE.contains(&act) { Terms::WithACode } else { Terms::Freely });
    };
    let own = target.is_some_and(|target| target.uid == uid);
    match act {
        act if own && OWN.contains(&act) => return Some(Terms::Freely),
        act if own && (WITH_A_CODE.contains(&act) || matches!(act, Act::Reopen | Act::CancelReset)) => {
            return Some(Terms::WithACode);
        }
        Act::Revoke | Act::SetExpiry if own => return Some(Terms::WithACodeOfThatKey),
        act if own && NEVER_FOR_ONESELF.contains(&act) => return None,
        _ => {}
    }
    let by_group = groups.admin && OF_ADMINS.contains(&act)
        || groups.helpdesk && OF_THE_HELPDESK.contains(&act) && target.is_some_and(|target| !target.admin)
        || groups.helpdesk && LOOKS_OF_THE_HELPDESK.contains(&act)
        || groups.verify && OF_VERIFIERS.contains(&act)
        || groups.viewer && OF_VIEWERS.contains(&act);
    by_group.then_some(Terms::Freely)
}

fn actors() -> Vec<Actor> {
    let bit = |bits: u32, place: u32| bits >> place & 1 == 1;
    let groups = (0..16).map(|bits| Groups {
        admin: bit(bits, 0),
        helpdesk: bit(bits, 1),
        verify: bit(bits, 2),
        viewer: bit(bits, 3),
    });
    groups.map(|groups| Actor::User(7, groups)).chain([Actor::Root]).collect()
}

fn user(uid: u32) -> Option<Target> {
    Some(Target { uid, admin: false })
}

fn targets() -> [Option<Target>; 5] {
    let admin = |uid| Some(Target { uid, admin: true });
    [user(7), admin(7), user(1001), admin(1001), None]
}

#[test]
fn every_cell_of_the_table() {
    for (at, row) in TABLE.into_iter().enumerate() {
        assert_eq!(row.act as usize, at, "each act has one row, in the order of the enum");
        for (actor, target) in actors().into_iter().flat_map(|actor| targets().map(|target| (actor, target))) {
            let found = may(actor, row.act, target).ok();
            assert_eq!(found, ruled(actor, row.act, target), "{:?} by {actor:?} to {target:?}", row.act);
        }
    }
}

#[test]
fn a_denial_names_all_who_may_and_nobody_else() {
    let denial = |act| TABLE.iter().find(|row| row.act == act).map(|row| row.denial().0).unwrap();
    assert_eq!(denial(Act::Forget), "only root may forget a user");
    assert_eq!(denial(Act::AddKey), "only the user may add a key");
    assert_eq!(
        denial(Act::ReadStatus),
        "only root, otp-admin, the user, otp-viewer and otp-helpdesk may read a status"
    );
    assert_eq!(denial(Act::Invite), "only root, otp-admin and otp-helpdesk (not for admins) may invite a user");
    for act in TABLE.map(|row| row.act) {
        let named = ["root", "otp-admin", "otp-helpdesk", "otp-verify", "otp-viewer", "the user"]
            .map(|name| denial(act).contains(name));
        let (admin, helpdesk, verify, viewer) = (true, true, true, true);
        let may = [
            may(Actor::Root, act, user(1001)) == Ok(Terms::Freely),
            may(Actor::User(7, Groups { admin, ..NO_GROUP }), act, user(1001)).is_ok(),
            may(Actor::User(7, Groups { helpdesk, ..NO_GROUP }), act, user(1001)).is_ok(),
            may(Actor::User(7, Groups { verify, ..NO_GROUP }), act, user(1001)).is_ok(),
            may(Actor::User(7, Groups { viewer, ..NO_GROUP }), act, user(1001)).is_ok(),
            may(Actor::User(7, NO_GROUP), act, user(7)).is_ok(),
        ];
        assert_eq!(named, may, "{act:?}");
    }
}

#[test]
fn each_group_sees_of_others_and_of_itself_no_more_than_the_pages_say() {
    for actor in actors() {
        let (others, own) = match actor {
            Actor::Root => (Sight::Whole, Sight::Whole),
            Actor::User(_, Groups { admin: true, .. }) => (Sight::WithoutCounts, Sight::WithoutCounts),
            Actor::User(_, Groups { helpdesk: true, .. }) => (Sight::WithoutIds, Sight::WithoutCounts),
            Actor::User(..) => (Sight::WithoutCoolDown, Sight::WithoutCounts),
        };
        assert_eq!((actor.sight(1001), actor.sight(7)), (others, own), "{actor:?}");
    }
}

#[test]
fn anyone_who_may_do_it_for_others_hears_that_somebody_else_must() {
    for (actor, act) in actors().into_iter().flat_map(|actor| NEVER_FOR_ONESELF.map(|act| (actor, act))) {
        let for_others = may(actor, act, user(1001)).is_ok();
        let told = may(actor, act, user(7)).map_err(|denial| denial.0.contains("let somebody else"));
        assert_eq!(told, if actor == Actor::Root { Ok(Terms::Freely) } else { Err(for_others) }, "{actor:?} {act:?}");
    }
    let helpdesk = Actor::User(7, Groups { helpdesk: true, ..NO_GROUP });
    let reason = may(helpdesk, Act::Invite, Some(Target { uid: 1001, admin: true })).map_err(|denial| denial.0);
    assert!(reason.unwrap_err().contains("not for admins"), "somebody else of the helpdesk may not either");
}

#[test]
fn the_page_of_rights_has_the_rows_of_the_table() {
    let page = page("docs/life-of-a-key.md");
    let section = page.split("\n## Rights\n").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Act "));
    let found: Vec<_> = rows.map(without_methods).collect();
    let wanted = TABLE.map(|row| {
        let rights = [row.root, row.admin, row.helpdesk, row.user, row.verify, row.viewer].map(word);
        format!("| {} | {} |", row.what, rights.join(" | "))
    });
    assert_eq!(found, wanted);
}

/// The second column names the methods; `tests/daemon/test_rights.py` calls each of them.
fn without_methods(row: &str) -> String {
    let mut cells: Vec<_> = row.split(" | ").collect();
    cells.remove(1);
    cells.join(" | ")
}

#[test]
fn the_manual_page_has_the_columns_of_the_table() {
    let manual = page("packaging/man/otp-enrolld.8").split_whitespace().collect::<Vec<_>>().join(" ");
    let column = |actor: &str, right_of: fn(&Row) -> Right| {
        let rights = [Right::Others, Right::NotAdmins, Right::OthersNotAdmins, Right::Code, Right::CodeOfThatKey];
        let acts = |right| {
            TABLE.iter().filter(|row| right_of(row) == right).map(|row| row.what).collect::<Vec<_>>().join(", ")
        };
        let on_terms = rights.map(|right| (format!("{}: ", word(right)), acts(right)));
        let said = [(String::new(), acts(Right::Yes))].into_iter().chain(on_terms).filter(|(_, acts)| !acts.is_empty());
        let said: Vec<_> = said.map(|(terms, acts)| terms + &acts).collect();
        format!(".It {actor} {}. .", said.join("; "))
    };
    for said in [
        column("root", |row| row.root),
        column("Ql otp-admin", |row| row.admin),
        column("Ql otp-helpdesk", |row| row.helpdesk),
        column("the user", |row| row.user),
        column("Ql otp-verify", |row| row.verify),
        column("Ql otp-viewer", |row| row.viewer),
    ] {
        assert!(manual.contains(&said), "wanted: {said}");
    }
}

fn word(right: Right) -> &'static str {
    match right {
        Right::No => "no",
        Right::Yes => "yes",
        Right::Others => "for others",
        Right::NotAdmins => "for users who are not admins",
        Right::OthersNotAdmins => "for others who are not admins",
        Right::Code => "with a code",
        Right::CodeOfThatKey => "with a code of that key",
    }
}

fn page(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}
