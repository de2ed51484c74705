//! Every actor by every target, proof and state, against the rules said by target; and both sides of every boundary in time.

use otp_core::accounts::Account;
use otp_core::codes::ids::{PasswordChange, ResetId};
use otp_core::files::reset::{OverriddenChange, ResetReason, Waited};

use super::*;

const ASKED: UnixTime = UnixTime::new(1_796_000_000);
const DAY: u64 = 86_400;
const BOOT_MS: u64 = 5_000_000;
const TIERS: [Tier; 4] = [Tier::User, Tier::Helpdesk, Tier::Admin, Tier::Root];

fn uid_of(tier: Tier) -> u32 {
    match tier {
        Tier::User => 1000,
        Tier::Helpdesk => 2000,
        Tier::Admin => 3000,
        Tier::Root => 0,
    }
}

/// One who is not the target, unless that is root.
fn actor(tier: Tier, number: u32) -> TieredActor {
    let uid = if tier == Tier::Root { 0 } else { uid_of(tier) + number };
    TieredActor { who: ResetActor { uid, person: uid }, accountable: uid, tier }
}

fn reset(target: Tier, asker: TieredActor, proof: ResetProof) -> Reset {
    Reset {
        id: ResetId::new([1; 4]),
        account: Account { name: "target".to_owned(), uid: uid_of(target) },
        tier: target,
        asked_by: asker.who,
        asked: ASKED,
        proof,
        reason: ResetReason::new("lost").unwrap(),
        delay: delay(proof, target),
        waited: Waited::from(BOOT_MS),
        approval: None,
        tickets: Vec::new(),
    }
}

fn approved(reset: Reset) -> Reset {
    let by = ResetActor { uid: 3009, person: 3009 };
    Reset { approval: Some(Approval { by, at: ASKED, in_spite_of: None }), ..reset }
}

/// So many seconds after it was asked for.
fn after(target: Tier, seconds: u64) -> ResetNow {
    let (boot_ms, wall) = (BOOT_MS + seconds * 1000, ASKED + seconds);
    ResetNow { target_tier: target, asker_tier: Tier::Admin, cool_down: None, one_admin: false, boot_ms, wall }
}

fn proofs() -> [ResetProof; 4] {
    [ResetProof::InPerson, ResetProof::Callback, ResetProof::Vouched(1500), ResetProof::Factor]
}

/// The rules, by target.
fn may_ask(target: Tier) -> &'static [Tier] {
    match target {
        Tier::User | Tier::Helpdesk => &[Tier::Helpdesk, Tier::Admin, Tier::Root],
        Tier::Admin => &[Tier::Admin, Tier::Root],
        Tier::Root => &[Tier::Root],
    }
}

#[test]
fn actor_by_target_by_proof_by_state() {
    let mut cells = 0;
    for (target, tier, proof) in TIERS
        .into_iter()
        .flat_map(|target| TIERS.into_iter().flat_map(move |tier| proofs().map(|proof| (target, tier, proof))))
    {
        let (asker, eyes) = (actor(tier, 1), [Tier::Admin, Tier::Root].contains(&target));
        let fresh = reset(target, asker, proof);
        let wait = match (proof, eyes) {
            (ResetProof::InPerson, _) => 0,
            (_, false) => DAY,
            (_, true) => 3 * DAY,
        };
        assert_eq!(fresh.delay, wait);
        let why = format!("{tier:?} for {target:?} by {proof:?}");
        let asks = may_ask(target).contains(&tier);
        let refused = ResetAnswer::Refused(ChangeRefusal::LowerTier);
        let asked = decide(ResetStep::Ask, asker, &fresh, after(target, 0));
        assert_eq!(asked, if asks { ResetAnswer::Allowed } else { refused }, "{why}");
        for (kept, one_admin, seconds) in [fresh.clone(), approved(fresh)].into_iter().flat_map(|kept| {
            [false, true].into_iter().flat_map(move |one| {
                [0, wait.saturating_sub(1), wait, wait + 7 * DAY, wait + 7 * DAY + 1].map(|at| (kept.clone(), one, at))
            })
        }) {
            let now = ResetNow { one_admin, ..after(target, seconds) };
            let is_approved = kept.approval.is_some();
            let alone = eyes && !is_approved && one_admin && tier == Tier::Root;
            let wanted = match () {
                () if !asks => refused,
                () if seconds > wait + 7 * DAY => ResetAnswer::Refused(ChangeRefusal::ResetExpired),
                () if eyes && !is_approved && !alone => ResetAnswer::NeedsApproval,
                () if seconds < wait => ResetAnswer::Waits(wait - seconds),
                () if alone => ResetAnswer::AllowedAlone,
                () => ResetAnswer::Allowed,
            };
            assert_eq!(
                decide(ResetStep::Invite, asker, &kept, now),
                wanted,
                "{why}, {seconds} s, {one_admin}, {is_approved}"
            );
            cells += 1;
        }
    }
    assert!(cells > 1000, "{cells}");
}

#[test]
fn who_approves_is_an_admin_and_nobody_of_the_others_under_any_uid() {
    let asker = TieredActor { who: ResetActor { uid: 0, person: 3001 }, accountable: 3001, tier: Tier::Root };
    let fresh = reset(Tier::Admin, asker, ResetProof::Vouched(3005));
    let approves = |uid, person, tier| {
        let actor = TieredActor { who: ResetActor { uid, person }, accountable: person, tier };
        match decide(ResetStep::Approve, actor, &fresh, after(Tier::Admin, 0)) {
            ResetAnswer::Refused(why) => Some(why),
            ResetAnswer::Allowed => None,
            other => panic!("{other:?}"),
        }
    };
    let same = Some(ChangeRefusal::SamePerson);
    assert_eq!(approves(3002, 3002, Tier::Admin), None);
    for (uid, person) in [
        (3001, 3001),
        (0, 3001),
        (0, 3002),
        (100_000, 3001),
        (3000, 3000),
        (0, 3000),
        (3005, 3005),
        (100_000, 3005),
        (3002, u32::MAX),
    ] {
        assert_eq!(approves(uid, person, Tier::Admin), same, "{uid} {person}");
    }
    for accountable in [3000, 3001, 3005] {
        let one = TieredActor { who: ResetActor { uid: 3002, person: 3002 }, accountable, tier: Tier::Admin };
        let answer = decide(ResetStep::Approve, one, &fresh, after(Tier::Admin, 0));
        assert_eq!(
            answer,
            ResetAnswer::Refused(ChangeRefusal::SamePerson),
            "by the login of another one: {accountable}"
        );
    }
    for tier in [Tier::User, Tier::Helpdesk] {
        assert_eq!(approves(3002, 3002, tier), Some(ChangeRefusal::LowerTier));
    }
    for target in [Tier::User, Tier::Helpdesk] {
        let plain = reset(target, actor(Tier::Helpdesk, 1), ResetProof::InPerson);
        let answer = decide(ResetStep::Approve, actor(Tier::Admin, 2), &plain, after(target, 0));
        assert_eq!(answer, ResetAnswer::Refused(ChangeRefusal::ApprovalNotWanted));
    }
    let of_root = reset(Tier::Root, actor(Tier::Root, 0), ResetProof::InPerson);
    let answer = |one| decide(ResetStep::Approve, one, &of_root, after(Tier::Root, 0));
    assert_eq!(answer(actor(Tier::Admin, 1)), ResetAnswer::Allowed);
    assert_eq!(answer(actor(Tier::Root, 0)), ResetAnswer::Refused(ChangeRefusal::SamePerson));
}

#[test]
fn nobody_asks_for_themselves_under_any_uid_but_root() {
    for target in [Tier::User, Tier::Helpdesk, Tier::Admin] {
        let own = uid_of(target);
        for (uid, person, tier) in [(own, own, Tier::Admin), (0, own, Tier::Root), (100_000, own, Tier::Admin)] {
            let one = TieredActor { who: ResetActor { uid, person }, accountable: person, tier };
            for step in [ResetStep::Ask, ResetStep::Invite] {
                let answer = decide(step, one, &reset(target, one, ResetProof::InPerson), after(target, 0));
                assert_eq!(answer, ResetAnswer::Refused(ChangeRefusal::SamePerson), "{uid} {person}");
            }
        }
    }
}

#[test]
fn two_proofs_of_one_channel_are_not_two() {
    let asker = TieredActor { who: ResetActor { uid: 0, person: 2001 }, accountable: 2001, tier: Tier::Root };
    for (voucher, fits) in [(1500, true), (1000, false), (2001, false), (0, false)] {
        let asked = reset(Tier::User, asker, ResetProof::Vouched(voucher));
        let wanted = if fits { ResetAnswer::Allowed } else { ResetAnswer::Refused(ChangeRefusal::NotAVoucher) };
        assert_eq!(decide(ResetStep::Ask, asker, &asked, after(Tier::User, 0)), wanted, "{voucher}");
    }
    let unknown = TieredActor { who: ResetActor { uid: 0, person: u32::MAX }, accountable: u32::MAX, tier: Tier::Root };
    let asked = reset(Tier::User, unknown, ResetProof::Vouched(1500));
    let answer = decide(ResetStep::Ask, unknown, &asked, after(Tier::User, 0));
    assert_eq!(answer, ResetAnswer::Refused(ChangeRefusal::NotAVoucher), "it may be the one who vouches");
}

#[test]
fn where_there_is_one_admin_they_ask_for_themselves_through_sudo() {
    let sudo = TieredActor {
        who: ResetActor { uid: 0, person: uid_of(Tier::Admin) },
        accountable: uid_of(Tier::Admin),
        tier: Tier::Root,
    };
    let kept = reset(Tier::Admin, sudo, ResetProof::InPerson);
    let answer = |one_admin| decide(ResetStep::Invite, sudo, &kept, ResetNow { one_admin, ..after(Tier::Admin, 0) });
    assert_eq!(answer(true), ResetAnswer::AllowedAlone);
    assert_eq!(answer(false), ResetAnswer::Refused(ChangeRefusal::SamePerson));
}

#[test]
fn a_step_of_the_wall_clock_shortens_no_delay() {
    let asker = actor(Tier::Helpdesk, 1);
    let kept = reset(Tier::User, asker, ResetProof::Callback);
    let year = 365 * DAY;
    let answer = |passed: u64, wall: u64| {
        let now = ResetNow { wall: UnixTime::new(wall), ..after(Tier::User, passed) };
        decide(ResetStep::Invite, asker, &kept, now)
    };
    let asked = ASKED.seconds();
    for wall in [0, asked - year, asked, asked + DAY, asked + 31 * DAY] {
        assert_eq!(answer(DAY - 1, wall), ResetAnswer::Waits(1), "{wall}");
        assert_eq!(answer(DAY, wall), ResetAnswer::Allowed, "{wall}");
    }
    let expired = ResetAnswer::Refused(ChangeRefusal::ResetExpired);
    assert_eq!([answer(DAY - 1, asked + 31 * DAY + 1), answer(DAY, asked + year)], [expired; 2]);
}

#[test]
fn a_boot_shortens_no_delay_and_what_was_noted_before_it_counts() {
    let asker = actor(Tier::Helpdesk, 1);
    let noted = Waited { seconds: DAY - 10, boot_ms: 900_000_000 };
    let kept = Reset { waited: noted, ..reset(Tier::User, asker, ResetProof::Callback) };
    let answer =
        |kept: &Reset, boot_ms| decide(ResetStep::Invite, asker, kept, ResetNow { boot_ms, ..after(Tier::User, 0) });
    assert_eq!(answer(&kept, 9_000), ResetAnswer::Waits(10));
    let again = Reset { waited: noted.at(9_000), ..kept };
    assert_eq!([answer(&again, 18_999), answer(&again, 19_000)], [ResetAnswer::Waits(1), ResetAnswer::Allowed]);
}

#[test]
fn a_group_that_the_target_lost_or_got_meanwhile_makes_nothing_easier() {
    let asker = actor(Tier::Admin, 1);
    let was_admin = reset(Tier::Admin, asker, ResetProof::Callback);
    let by_now = |kept: &Reset, tier, seconds| decide(ResetStep::Invite, asker, kept, after(tier, seconds));
    assert_eq!(by_now(&was_admin, Tier::User, 3 * DAY), ResetAnswer::NeedsApproval);
    assert_eq!(by_now(&approved(was_admin), Tier::User, DAY), ResetAnswer::Waits(2 * DAY));
    let was_user = reset(Tier::User, asker, ResetProof::Callback);
    assert_eq!(by_now(&was_user, Tier::User, DAY), ResetAnswer::Allowed);
    assert_eq!(by_now(&was_user, Tier::Admin, DAY), ResetAnswer::NeedsApproval);
    assert_eq!(by_now(&approved(was_user), Tier::Admin, DAY), ResetAnswer::Waits(2 * DAY));
}

fn barred(why: CoolDownReason) -> Option<CoolingDown> {
    Some(CoolingDown { until: Some(ASKED), why })
}

fn fresh(number: u8) -> CoolDownReason {
    CoolDownReason::PasswordChanged(PasswordChange::new([number; 8]), None)
}

fn in_spite_of(number: u8, reset: Reset) -> Reset {
    let overridden = OverriddenChange {
        change: PasswordChange::new([number; 8]),
        reason: ResetReason::new("seen in person").unwrap(),
    };
    let approval = approved(reset.clone()).approval.map(|one| Approval { in_spite_of: Some(overridden), ..one });
    Reset { approval, ..reset }
}

#[test]
fn a_fresh_password_takes_two_admins_and_the_second_one_agrees_to_that_very_change() {
    let cool = ResetAnswer::Refused(ChangeRefusal::CoolDown);
    for target in [Tier::User, Tier::Helpdesk, Tier::Admin] {
        for tier in may_ask(target) {
            let (asker, is_admin) = (actor(*tier, 1), *tier >= Tier::Admin);
            let now = |number, one_admin| ResetNow {
                asker_tier: *tier,
                cool_down: barred(fresh(number)),
                one_admin,
                ..after(target, 0)
            };
            let kept = reset(target, asker, ResetProof::InPerson);
            let why = format!("{tier:?} for {target:?}");
            let asks = decide(ResetStep::Ask, asker, &kept, now(1, false));
            assert_eq!(asks, if is_admin { ResetAnswer::Allowed } else { cool }, "{why}");
            let agrees = decide(ResetStep::Approve, actor(Tier::Admin, 2), &kept, now(1, false));
            assert_eq!(agrees, if is_admin { ResetAnswer::Allowed } else { cool }, "{why}");
            let goes_on = |kept: &Reset, number, one| decide(ResetStep::Invite, asker, kept, now(number, one));
            let waits = if is_admin { ResetAnswer::NeedsApproval } else { cool };
            let agreed = if is_admin { ResetAnswer::Allowed } else { cool };
            assert_eq!(goes_on(&kept, 1, false), waits, "{why}");
            assert_eq!(goes_on(&approved(kept.clone()), 1, false), waits, "{why}: agreed before the change");
            assert_eq!(goes_on(&in_spite_of(1, kept.clone()), 1, false), agreed, "{why}");
            assert_eq!(goes_on(&in_spite_of(1, kept.clone()), 2, false), waits, "{why}: changed again since");
            assert_eq!(goes_on(&in_spite_of(1, kept.clone()), 1, true), cool, "{why}: only root, with a reason");
            let open = decide(ResetStep::Invite, asker, &in_spite_of(1, kept), after(target, 0));
            assert_eq!(open, ResetAnswer::Allowed, "{why}: an agreement of these days is one");
        }
    }
}

#[test]
fn nobody_gets_password_and_code_of_an_override() {
    let kept = in_spite_of(1, reset(Tier::User, actor(Tier::Admin, 1), ResetProof::InPerson));
    let collects = |actor, uid, login_uid| {
        let by = Some(PasswordActor { uid, login_uid });
        let why = CoolDownReason::PasswordChanged(PasswordChange::new([1; 8]), by);
        decide(ResetStep::Invite, actor, &kept, ResetNow { cool_down: barred(why), ..after(Tier::User, 0) })
    };
    let (lower, same) = [ChangeRefusal::LowerTier, ChangeRefusal::SamePerson].map(ResetAnswer::Refused).into();
    let (helper, one, two) = (actor(Tier::Helpdesk, 1), actor(Tier::Admin, 1), actor(Tier::Admin, 2));
    let sudo = |person| TieredActor { who: ResetActor { uid: 0, person }, accountable: 0, tier: Tier::Root };
    for (who, uid, login_uid, answer) in [
        (helper, 2001, None, lower),
        (helper, 2002, None, lower),
        (helper, 0, Some(3002), lower),
        (one, 2001, None, ResetAnswer::Allowed),
        (one, 0, Some(2001), ResetAnswer::Allowed),
        (one, 3001, None, same),
        (one, 0, Some(3001), same),
        (two, 0, Some(3001), ResetAnswer::Allowed),
        (sudo(3001), 2001, Some(3001), same),
        (sudo(3002), 2001, Some(3001), ResetAnswer::Allowed),
        (sudo(3002), 0, Some(3001), same),
        (sudo(u32::MAX), 2001, None, same),
        (actor(Tier::Root, 0), 0, None, same),
    ] {
        assert_eq!(collects(who, uid, login_uid), answer, "{who:?} after {uid} {login_uid:?}");
    }
    assert_eq!(decide(ResetStep::Invite, helper, &kept, after(Tier::User, 0)), ResetAnswer::Allowed, "no longer fresh");
}

#[test]
fn an_override_shortens_no_delay() {
    let (asker, kept) = (actor(Tier::Admin, 1), reset(Tier::User, actor(Tier::Admin, 1), ResetProof::Callback));
    let kept = in_spite_of(1, kept);
    for (passed, answer) in
        [(0, ResetAnswer::Waits(DAY)), (DAY - 1, ResetAnswer::Waits(1)), (DAY, ResetAnswer::Allowed)]
    {
        let now = ResetNow { cool_down: barred(fresh(1)), ..after(Tier::User, passed) };
        assert_eq!(decide(ResetStep::Invite, asker, &kept, now), answer, "{passed}");
    }
}

#[test]
fn nobody_goes_past_a_change_of_which_nothing_is_known() {
    for tier in [Tier::Helpdesk, Tier::Admin, Tier::Root] {
        let (asker, second) = (actor(tier, 1), actor(Tier::Admin, 2));
        let kept = reset(Tier::User, asker, ResetProof::InPerson);
        let now = ResetNow { asker_tier: tier, cool_down: barred(CoolDownReason::NoRecord), ..after(Tier::User, 0) };
        for (step, actor) in [(ResetStep::Ask, asker), (ResetStep::Invite, asker), (ResetStep::Approve, second)] {
            for kept in [kept.clone(), approved(kept.clone()), in_spite_of(1, kept.clone())] {
                assert_eq!(decide(step, actor, &kept, now), ResetAnswer::Refused(ChangeRefusal::CoolDown), "{tier:?}");
            }
        }
    }
}

#[test]
fn a_password_elsewhere_takes_four_eyes_or_ends_it_as_the_policy_says() {
    let asker = actor(Tier::Helpdesk, 1);
    let kept = reset(Tier::User, asker, ResetProof::InPerson);
    let now = |elsewhere| ResetNow {
        asker_tier: Tier::Helpdesk,
        cool_down: barred(CoolDownReason::Elsewhere(elsewhere)),
        ..after(Tier::User, 0)
    };
    let steps = |elsewhere| {
        [
            decide(ResetStep::Ask, asker, &kept, now(elsewhere)),
            decide(ResetStep::Approve, actor(Tier::Admin, 2), &kept, now(elsewhere)),
            decide(ResetStep::Invite, asker, &kept, now(elsewhere)),
            decide(ResetStep::Invite, asker, &approved(kept.clone()), now(elsewhere)),
        ]
    };
    let (yes, no) = (ResetAnswer::Allowed, ResetAnswer::Refused(ChangeRefusal::PasswordElsewhere));
    assert_eq!(steps(PasswordElsewhere::FourEyes), [yes, yes, ResetAnswer::NeedsApproval, yes]);
    assert_eq!(steps(PasswordElsewhere::Refuse), [no; 4]);
    for (who, word) in [(actor(Tier::Helpdesk, 2), ChangeRefusal::LowerTier), (asker, ChangeRefusal::LowerTier)] {
        let answer = decide(ResetStep::Approve, who, &kept, now(PasswordElsewhere::FourEyes));
        assert_eq!(answer, ResetAnswer::Refused(word));
    }
}
