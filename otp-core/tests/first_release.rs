//! The files of the first release (tests/first-release) are read for ever, and written as they were then.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a broken corpus must fail the test")]

use std::fs;
use std::path::PathBuf;

use otp_core::accounts::Account;
use otp_core::files::key_file::{Record, RecordError};
use otp_core::files::state_slot::{SLOT_BYTES, Slot, SlotFound};
use otp_core::keys::key::Step;
use otp_core::keys::seal::{HostKey, VaultId};
use otp_core::policy::WholePolicy;
use otp_core::policy::service::ServicePolicy;
use otp_core::unix_time::UnixTime;

/// A key's label, and its code at step or counter 1 000 000 by an independent program.
type Code = (&'static str, u32);

/// Uid, name, keys in their order.
const USERS: [(u32, &str, &[Code]); 6] = [
    (
        30001,
        "alice-of-release-1",
        &[
            ("phone", 258_546),
            ("tablet", 94_939_248),
            ("w.phone", 975_389),
            ("token", 393_464),
            ("old_token-2@home", 69_599_736),
        ],
    ),
    (30002, "bob-of-release-1", &[]),
    (30003, "carol-of-release-1", &[("phone", 45_282)]),
    (30004, "dave-of-release-1", &[("phone", 219_822)]),
    (30005, "erin-of-release-1", &[("phone", 238_209)]),
    (30006, "frank-of-release-1", &[("token", 92_263)]),
];
const VAULT: VaultId =
    VaultId([0x63, 0xb0, 0x31, 0x31, 0x93, 0x67, 0x60, 0xb4, 0x76, 0x04, 0x7e, 0x02, 0x44, 0x29, 0x67, 0x44]);

fn text(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/first-release").join(name);
    fs::read_to_string(path).expect("a file of the first release")
}

fn host_key() -> HostKey {
    HostKey::parse(text("host.key").as_bytes()).expect("a host key")
}

/// The two slots of a dump: rows of bytes behind their offsets, what is left out is zero.
fn slots(name: &str) -> [[u8; SLOT_BYTES]; 2] {
    let mut bytes = vec![0; 8192];
    for line in text(name).lines() {
        let (offset, row) = line.split_once(' ').expect("a row");
        let (offset, row) = (
            usize::from_str_radix(offset, 16).expect("hex"),
            data_encoding::HEXLOWER.decode(row.as_bytes()).expect("hex"),
        );
        bytes[offset..offset + row.len()].copy_from_slice(&row);
    }
    [0, 4096].map(|start| bytes[start..start + SLOT_BYTES].try_into().expect("640 bytes"))
}

#[test]
fn secret_files_are_read_opened_and_written_as_they_were() {
    for (uid, name, keys) in USERS {
        let text = text(&format!("keys/{uid}.toml"));
        let record = Record::parse(&text, &Account { name: name.to_owned(), uid }).expect(name);
        assert_eq!(record.to_toml(), text);
        let opened = record.open(&host_key(), VAULT).expect(name);
        let found: Vec<_> =
            opened.iter().map(|key| (key.label.as_str(), key.codes.at(Step(1_000_000)).expect("a code"))).collect();
        assert_eq!(found, keys);
    }
}

#[test]
fn states_are_read_and_written_as_they_were() {
    for (uid, name, keys) in USERS {
        for bytes in slots(&format!("state/{uid}.hex")) {
            let slot = Slot::read(&bytes).good().expect(name);
            assert_eq!(slot.encode(), Some(bytes));
            let state = slot.state;
            assert_eq!((state.uid, state.enrolled, state.pending, state.disabled), (uid, true, None, false));
            assert_eq!((state.suspended, state.keys.len()), (uid == 30003, keys.len()));
        }
    }
}

#[test]
fn what_a_state_said_it_says_still() {
    let newest = |uid| slots(&format!("state/{uid}.hex")).into_iter().filter_map(|bytes| Slot::read(&bytes).good());
    let newest = |uid| newest(uid).max_by_key(|slot| slot.sequence).expect("two good slots");
    let alice = newest(30001);
    assert_eq!(
        (alice.sequence, alice.inode, alice.written.seconds(), alice.state.generation),
        (29, 109, 1_795_310_531, 6)
    );
    let marks: Vec<_> = alice
        .state
        .keys
        .iter()
        .map(|key| (key.watermark.0, key.last_used.map_or(0, UnixTime::seconds), key.resync))
        .collect();
    let used = 1_795_310_531;
    let expected =
        [(59_843_684, used, false), (29_921_841, 0, false), (59_843_683, 0, false), (3, used, false), (1, 0, false)];
    assert_eq!(marks, expected);
    let dave = newest(30004).state;
    assert_eq!(dave.total_failures, 21);
    let origins = dave.origins.map(|origin| (origin.failures, origin.closed, origin.last_failure_ms));
    assert_eq!(origins, [(0, false, 0), (0, false, 0), (2, false, 12_425_998), (0, false, 0), (19, true, 12_425_994)]);
    assert_eq!(newest(30006).state.keys.first().map(|key| (key.watermark.0, key.heard)), Some((1, 39)));
}

#[test]
fn host_key_and_policy_are_read_as_they_were() {
    assert_eq!(*host_key().to_file(), text("host.key"));
    let policy = WholePolicy::parse(&text("otp.toml")).expect("a policy");
    let otp = ServicePolicy::parse(&text("otp.toml"), Some("otp")).expect("a policy");
    assert_eq!(policy.services, [("otp".to_owned(), otp)]);
}

#[test]
fn what_is_of_version_2_is_told_from_what_is_bad() {
    let account = Account { name: "alice-of-release-1".to_owned(), uid: 30001 };
    let error = Record::parse(&text("version-2/key-file.toml"), &account).expect_err("a later version");
    assert_eq!(error, RecordError::Version(2));
    assert_eq!(error.to_string(), "version is 2; wanted 1");
    let [_, later] = slots("version-2/state.hex");
    assert_eq!(Slot::read(&later), SlotFound::Version(2));
    let later = text("version-2/host.key");
    assert!(HostKey::parse(later.as_bytes()).is_none());
    assert_eq!(HostKey::complaint(later.as_bytes()), "version of the host key is 2; wanted 1");
    let error = WholePolicy::parse(&text("version-2/otp.toml")).expect_err("a later version");
    assert!(error.to_string().contains("version is 2; wanted 1"), "{error}");
}
