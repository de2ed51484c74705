//! The rules at the head of `reset`.

use proptest::prelude::*;

use super::*;

fn written() -> Written {
    Written { inode: 7, at: UnixTime::new(1_796_000_000) }
}

pub(crate) fn reset(id: u8, uid: u32) -> Reset {
    Reset {
        id: ResetId::new([id; 4]),
        account: Account { name: "alice".to_owned(), uid },
        tier: Tier::User,
        asked_by: ResetActor { uid: 1001, person: 1001 },
        asked: UnixTime::new(1_796_000_000),
        proof: ResetProof::Vouched(1002),
        reason: ResetReason::new("phone lost in the river").unwrap(),
        delay: 86_400,
        waited: Waited { seconds: 12, boot_ms: 34_567 },
        approval: Some(Approval {
            by: ResetActor { uid: 0, person: 1003 },
            at: UnixTime::new(1_796_000_100),
            in_spite_of: None,
        }),
        tickets: vec![TicketId::new([1; 16]), TicketId::new([2; 16])],
    }
}

prop_compose! {
    fn any_actor()(uid: u32, person: u32) -> ResetActor {
        ResetActor { uid, person }
    }
}

prop_compose! {
    fn any_reset()(
        (id, name, uid) in (any::<[u8; 4]>(), "\\PC{1,32}", any::<u32>()), tier in 0..4_usize,
        (asked_by, approved_by) in (any_actor(), proptest::option::of(any_actor())), proof in 0..4_usize,
        change: Option<[u8; 8]>,
        reason in "[!-~\u{e4}]([ -~\u{e4}]{0,198}[!-~])?", (delay, seconds, boot_ms) in (0..1_u64 << 62, 0..1_u64 << 62, 0..1_u64 << 62),
        tickets in proptest::collection::vec(any::<[u8; 16]>(), 0..=Reset::MOST_TICKETS),
    ) -> Reset {
        let proofs = [ResetProof::InPerson, ResetProof::Callback, ResetProof::Vouched(uid), ResetProof::Factor];
        let at = UnixTime::new(delay);
        Reset {
            id: ResetId::new(id), account: Account { name, uid }, tier: Tier::ALL[tier], asked_by, asked: at, proof: proofs[proof],
            reason: ResetReason::new(&reason).unwrap(), delay, waited: Waited { seconds, boot_ms },
            approval: approved_by.map(|by| Approval {
                by, at,
                in_spite_of: change.map(|change| OverriddenChange {
                    change: PasswordChange::new(change), reason: ResetReason::new(&reason).unwrap(),
                }),
            }),
            tickets: tickets.into_iter().map(TicketId::new).collect(),
        }
    }
}

proptest! {
    #[test]
    fn z5_what_is_written_is_read_back_and_is_canonical(reset in any_reset()) {
        let text = reset.to_toml(written());
        prop_assert!(text.len() <= Reset::CAP, "{} bytes", text.len());
        let (read, at) = Reset::parse(text.as_bytes(), reset.id).unwrap();
        prop_assert_eq!((&read, at), (&reset, written()));
        prop_assert_eq!(read.to_toml(at), text);
    }

    #[test]
    fn z3_no_clock_of_the_machine_counts_more_than_has_passed(steps in proptest::collection::vec((any::<bool>(), 0..100_000_u64), 0..40)) {
        let (mut waited, mut uptime, mut real_ms) = (Waited::from(5_000), 5_000_u64, 0_u64);
        for (boots, ms) in steps {
            uptime = if boots { ms } else { uptime + ms };
            real_ms += ms;
            waited = waited.at(uptime);
            prop_assert!(waited.seconds <= real_ms / 1000, "{} of {real_ms} ms", waited.seconds);
        }
    }
}

#[test]
fn z3_without_a_boot_every_second_counts_however_often_it_is_noted() {
    let noted = (1..=10_000).fold(Waited::from(77), |waited, at| waited.at(77 + at * 10));
    assert_eq!((noted.seconds, Waited::from(77).at(77 + 100_000).seconds), (100, 100));
    assert_eq!(Waited { seconds: 90, boot_ms: 500_000 }.at(2_000), Waited { seconds: 90, boot_ms: 2_000 }, "a boot");
}

#[test]
fn z2_it_belongs_to_its_own_file() {
    let text = reset(1, 1000).to_toml(written());
    assert!(Reset::parse(text.as_bytes(), ResetId::new([1; 4])).is_ok());
    assert!(Reset::parse(text.as_bytes(), ResetId::new([2; 4])).is_err());
    assert_eq!(ResetId::parse("01010101"), Some(ResetId::new([1; 4])));
    assert!(
        ["", "0101010", "010101011", "0101010G", "ABABABAB", ".1010101"]
            .iter()
            .all(|odd| ResetId::parse(odd).is_none())
    );
}

#[test]
fn z1_what_is_not_to_the_letter_refuses() {
    let (text, id) = (reset(1, 1000).to_toml(written()), ResetId::new([1; 4]));
    let (_, rest) = text.split_once('\n').unwrap();
    let parsed = |rest: &str| {
        Reset::parse(format!("{}{rest}", checksum::line(rest)).as_bytes(), id).map_err(|why| why.to_string())
    };
    assert!(parsed(rest).is_ok());
    for (from, to, why) in [
        ("version = 1", "version = 2", "version is 2; wanted 1"),
        ("tier = \"user\"", "tier = \"boss\"", "range: tier"),
        ("proof = \"vouched\"", "proof = \"callback\"", "range: proof"),
        ("voucher = 1002\n", "", "range: proof"),
        ("voucher = 1002", "voucher = 4294967296", "range: voucher"),
        ("delay = ", "colour = ", "found the field \"colour\"; wanted `delay = `"),
        ("delay = 86400", "delay = -1", "line 15: wanted a number"),
        ("reason = \"phone", "reason = \" phone", "range: reason"),
        ("approved_person = 1003\n", "", "wanted `approved_person = `"),
        ("tickets = [\"01", "tickets = [\"0", "range: tickets"),
        ("user = ", "user  = ", "wanted `user = `"),
        ("tickets", "\ntickets", "wanted the end of the file"),
    ] {
        assert!(rest.contains(from), "{from}");
        let found = parsed(&rest.replacen(from, to, 1)).unwrap_err();
        assert!(found.contains(why), "{from}: {found}");
    }
    assert!(Reset::parse(text.replace("86400", "0").as_bytes(), id).is_err(), "the checksum");
    let ids = vec!["\"01010101010101010101010101010101\""; Reset::MOST_TICKETS + 1].join(", ");
    let many = rest.split_once("tickets").unwrap().0.to_owned() + &format!("tickets = [{ids}]\n");
    assert!(parsed(&many).unwrap_err().contains("number of the tickets"));
}

#[test]
fn a_reason_is_one_line_for_people() {
    for bad in ["", " ", "a\nb", "a ", "\u{1b}[2J", &"x".repeat(201)] {
        assert!(ResetReason::new(bad).is_err(), "{bad:?}");
    }
    assert!(ResetReason::new(&"\u{fc}".repeat(200)).is_ok());
}

#[test]
fn another_person_has_neither_the_uid_nor_the_account_of_the_first() {
    let actor = |uid, person| ResetActor { uid, person };
    let first = actor(0, 1001);
    for (other, another) in [
        (actor(1002, 1002), true),
        (actor(0, 1002), false),
        (actor(1001, 1001), false),
        (actor(100_001, 1001), false),
        (actor(1002, 0), false),
        (actor(1002, u32::MAX), false),
    ] {
        assert_eq!((other.is_another_than(first), first.is_another_than(other)), (another, another), "{other:?}");
    }
}
