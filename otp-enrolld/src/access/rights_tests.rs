use super::*;

const YES: Option<Terms> = Some(Terms::Freely);
const CODE: Option<Terms> = Some(Terms::WithACode);
const NO: Option<Terms> = None;

/// For each act: root, otp-admin, otp-helpdesk to a user, otp-helpdesk to an admin, the user himself, otp-verify, anybody else.
const TABLE: [(Act, [Option<Terms>; 7]); 23] = [
    (Act::Invite, [YES, YES, YES, NO, NO, NO, NO]),
    (Act::RevokeInvitation, [YES, YES, YES, NO, NO, NO, NO]),
    (Act::Redeem, [CODE, NO, NO, NO, CODE, NO, NO]),
    (Act::Repudiate, [CODE, NO, NO, NO, CODE, NO, NO]),
    (Act::BeginEnrolment, [YES, NO, NO, NO, NO, NO, NO]),
    (Act::AddToken, [YES, YES, NO, NO, NO, NO, NO]),
    (Act::AddKey, [CODE, NO, NO, NO, CODE, NO, NO]),
    (Act::Rotate, [CODE, NO, NO, NO, CODE, NO, NO]),
    (Act::RenewRecoveryCodes, [CODE, NO, NO, NO, CODE, NO, NO]),
    (Act::ReadStatus, [YES, YES, NO, NO, YES, NO, NO]),
    (Act::ReadNotices, [YES, NO, NO, NO, YES, NO, NO]),
    (Act::List, [YES, YES, NO, NO, NO, NO, NO]),
    (Act::Suspend, [YES, YES, YES, NO, NO, NO, NO]),
    (Act::Resume, [YES, YES, NO, NO, NO, NO, NO]),
    (Act::Forget, [YES, NO, NO, NO, NO, NO, NO]),
    (Act::Adopt, [YES, NO, NO, NO, NO, NO, NO]),
    (Act::ListGone, [YES, NO, NO, NO, NO, NO, NO]),
    (Act::Restored, [YES, NO, NO, NO, NO, NO, NO]),
    (Act::Reopen, [YES, YES, NO, NO, CODE, NO, NO]),
    (Act::Rename, [YES, NO, NO, NO, YES, NO, NO]),
    (Act::Revoke, [YES, YES, NO, NO, CODE, NO, NO]),
    (Act::Verify, [YES, NO, NO, NO, YES, YES, NO]),
    (Act::AskBarred, [YES, NO, NO, NO, YES, YES, NO]),
];

fn user(uid: u32) -> Option<Target> {
    Some(Target { uid, admin: false })
}

#[test]
fn every_cell_of_the_table() {
    let none = Groups::default();
    let admin = Actor::User(7, Groups { admin: true, ..none });
    let helpdesk = Actor::User(7, Groups { helpdesk: true, ..none });
    let verifier = Actor::User(7, Groups { verify: true, ..none });
    let an_admin = Some(Target { uid: 1001, admin: true });
    for (act, row) in TABLE {
        let cells = [
            may(Actor::Root, act, user(1001)),
            may(admin, act, user(1001)),
            may(helpdesk, act, user(1001)),
            may(helpdesk, act, an_admin),
            may(Actor::User(7, none), act, user(7)),
            may(verifier, act, user(1001)),
            may(Actor::User(7, none), act, user(1001)),
        ];
        assert_eq!(cells.map(Result::ok), row, "{act:?}");
        let nobody = [may(helpdesk, act, None), may(verifier, act, None), may(Actor::User(7, none), act, None)];
        assert!(
            nobody
                .iter()
                .all(|answer| answer.is_err() || (matches!(act, Act::Verify | Act::AskBarred) && row[5].is_some())),
            "{act:?}"
        );
    }
}

#[test]
fn who_may_do_it_for_others_hears_that_somebody_else_must() {
    let groups = |admin, helpdesk| Actor::User(7, Groups { admin, helpdesk, verify: false });
    let told = |actor, act| may(actor, act, user(7)).map_err(|denial| denial.0.contains("let "));
    for act in [Act::Invite, Act::AddToken, Act::Resume] {
        assert_eq!(told(groups(true, false), act), Err(true), "{act:?}");
        assert_eq!(told(groups(false, false), act), Err(false), "{act:?}");
        assert_eq!(told(groups(false, true), act), Err(act == Act::Invite), "{act:?}");
    }
}

#[test]
fn where_a_user_gives_a_code_a_group_of_his_own_does_not_spare_it() {
    let all = Actor::User(7, Groups { admin: true, helpdesk: true, verify: true });
    for act in [Act::Redeem, Act::Rotate, Act::AddKey, Act::RenewRecoveryCodes, Act::Reopen, Act::Revoke] {
        assert_eq!(may(all, act, user(7)), Ok(Terms::WithACode), "{act:?}");
    }
    for act in [Act::Invite, Act::AddToken, Act::Resume] {
        assert!(may(all, act, user(7)).is_err(), "{act:?}");
    }
}
