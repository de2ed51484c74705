use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::accounts::Account;
use crate::codes::recovery::RecoveryHash;
use crate::keys::seal::Nonce;
use crate::keys::secret::Secret;

const TOML_MAX: u64 = i64::MAX as u64; // TOML's integers are signed

prop_compose! {
    fn any_key(number: u8)(
        label in "[A-Za-z0-9_.@-]([A-Za-z0-9 _.@-]{0,29}[A-Za-z0-9_.@-])?", hotp: bool, algorithm in 0..3_usize,
        digits in 6..=8_i64, period in 15..=120_i64, sealed in proptest::collection::vec(any::<u8>(), 56..=104),
        times in proptest::array::uniform3(0..=TOML_MAX), redemption: Option<[u8; 16]>,
        expires in proptest::option::of(0..=TOML_MAX),
    ) -> Key {
        Key {
            id: KeyId([number; 16]),
            label: Label::new(format!("{number}{}", &label[..label.len().min(30)]).trim()).unwrap(),
            kind: if hotp { Kind::Hotp } else { Kind::Totp },
            algorithm: [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512][algorithm],
            digits: Digits::new(digits).unwrap(),
            period: Period::new(period).unwrap(),
            sealed: Sealed(sealed),
            fingerprint: Fingerprint([number; 16]),
            made_in: 1,
            created: UnixTime::new(times[0]),
            confirmed: UnixTime::new(times[1]),
            floor: Step(times[2]),
            redemption: redemption.map(TicketId::new),
            expires: expires.map(UnixTime::new),
        }
    }
}

prop_compose! {
    fn any_record()(
        name in "[^\u{0}]{1,40}", uid: u32, generation in 1..=TOML_MAX, count in 0..=MAX_KEYS,
        keys in [any_key(0), any_key(1), any_key(2), any_key(3), any_key(4)],
        recovery in proptest::collection::btree_map(0..32_u8, any::<[u8; 32]>(), 0..9), set: [u8; 16], redemption: Option<[u8; 16]>,
    ) -> Record {
        let keys = keys.into_iter().take(count).collect();
        let recovery = recovery.into_iter();
        let recovery = recovery.map(|(index, hash)| RecoveryHash { set: RecoverySetId::new(set), index, hash: CodeHash(hash), redemption: redemption.map(TicketId::new) }).collect();
        Record { account: Account { name, uid }, generation, keys, recovery }
    }
}

proptest! {
    #[test]
    fn f7_every_record_survives_the_round_trip(record in any_record()) {
        let text = record.to_toml();
        prop_assert!(text.len() <= RECORD_CAP);
        prop_assert_eq!(Record::parse(&text, &record.account), Ok(record));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        let _ = Record::parse(&text, &Account { name: "alice".into(), uid: 1000 });
    }
}

fn host_key() -> HostKey {
    HostKey::new(Zeroizing::new([5; 32]))
}

fn sample() -> (Record, VaultId) {
    let (account, vault) = (Account { name: "alice".into(), uid: 1000 }, VaultId([1; 16]));
    let secret = Secret::new(Zeroizing::new(vec![9; 20])).ok().unwrap();
    let mut key = Key {
        id: KeyId([2; 16]),
        label: Label::new("phone").unwrap(),
        kind: Kind::Totp,
        algorithm: Algorithm::Sha1,
        digits: Digits::new(6).unwrap(),
        period: Period::new(30).unwrap(),
        sealed: Sealed(vec![]),
        fingerprint: host_key().fingerprint(vault, &secret),
        made_in: 1,
        created: UnixTime::new(1_700_000_000),
        confirmed: UnixTime::new(1_700_000_030),
        floor: Step(57),
        redemption: None,
        expires: None,
    };
    key.sealed = host_key().seal(&secret, &key.binding(&account, vault), &Nonce([3; 24])).unwrap();
    (Record { account, generation: 1, keys: vec![key], recovery: vec![] }, vault)
}

#[test]
fn a_record_opens_with_its_own_host_key_in_its_own_vault_only() {
    let (record, vault) = sample();
    assert_eq!(record.open(&host_key(), vault).ok().unwrap().len(), 1);
    let other = HostKey::new(Zeroizing::new([6; 32]));
    assert!(matches!(record.open(&other, vault), Err(RecordError::Sealed(_))));
    assert!(matches!(record.open(&host_key(), VaultId([2; 16])), Err(RecordError::Sealed(_))));
}

#[test]
fn f2_the_uid_and_a_name_of_it_must_match() {
    let (record, _) = sample();
    for (name, uid) in [("alice", 1001), ("bob", 1000), ("Alice", 1000)] {
        let wanted = Account { name: name.into(), uid };
        let error = Record::parse(&record.to_toml(), &wanted).unwrap_err();
        assert!(matches!(error, RecordError::Owner(_)), "{name} {uid}: {error}");
    }
}

#[test]
fn f1_to_f5_every_single_change_of_a_line_is_refused_or_breaks_the_seal() {
    let (record, vault) = sample();
    let text = record.to_toml();
    let changes = [
        ("version = 1", "version = 2"),
        ("generation = 1", "generation = 0"),
        ("generation = 1", "generation = -1"),
        ("uid = 1000\n", ""),
        ("digits = 6", "digits = 9"),
        ("digits = 6", "digits = 7"),
        ("period = 30", "period = 0"),
        ("period = 30", "period = 31"),
        ("\"SHA1\"", "\"SHA256\""),
        ("\"SHA1\"", "\"sha1\""),
        ("\"totp\"", "\"hotp\""),
        ("floor = 57", "floor = 56"),
        ("floor = 57", "floor = 57\nexpires = 1"),
        ("floor = 57", "floor = 57\ncolour = 1"),
        ("floor = 57", "floor = 57\nfloor = 57"),
        ("made_in = 1", "made_in = 2"),
        ("made_in = 1", "made_in = 0"),
        ("id = \"02", "id = \"03"),
        ("id = \"02", "id = \""),
        ("\"phone\"", "\"pho:ne\""),
        ("[[key]]", "[key]"),
    ];
    for (from, to) in changes {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from:?} is in the file");
        assert!(Record::parse(&changed, &record.account).is_err(), "F6: {from:?} -> {to:?}");
        let changed = with_checksum(&changed);
        let opened = Record::parse(&changed, &record.account).and_then(|record| record.open(&host_key(), vault));
        assert!(opened.is_err(), "{from:?} -> {to:?}");
    }
}

/// The text with a right checksum in front, as an attacker would make it.
fn with_checksum(text: &str) -> String {
    let (_, rest) = text.split_once('\n').unwrap();
    format!("{}{rest}", checksum::line(rest))
}

#[test]
fn f6_every_flipped_byte_and_every_cut_is_found() {
    let (record, _) = sample();
    let text = record.to_toml();
    for at in 0..text.len() {
        assert!(Record::parse(&text[..at], &record.account).is_err(), "cut at {at}");
        for bit in 0..7 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let flipped = String::from_utf8(bytes).unwrap();
            assert!(Record::parse(&flipped, &record.account).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn f3_no_two_keys_share_an_id_a_label_or_a_secret_and_there_are_five_at_most() {
    let (record, _) = sample();
    let variant = |id: u8, label: &str, print: u8| Key {
        id: KeyId([id; 16]),
        label: Label::new(label).unwrap(),
        fingerprint: Fingerprint([print; 16]),
        ..record.keys[0].clone()
    };
    let with = |keys: Vec<Key>| {
        let record = Record { keys, ..record.clone() };
        Record::parse(&record.to_toml(), &record.account)
    };
    assert!(with(vec![variant(1, "a", 1), variant(2, "b", 2)]).is_ok());
    assert!(with(vec![variant(1, "a", 1), variant(1, "b", 2)]).is_err());
    assert!(with(vec![variant(1, "a", 1), variant(2, "a", 2)]).is_err());
    assert!(with(vec![variant(1, "a", 1), variant(2, "b", 1)]).is_err());
    assert!(with((0..6).map(|n| variant(n, &format!("k{n}"), n)).collect()).is_err());
}

#[test]
fn errors_never_quote_the_file() {
    let marker = "SECRETMARKER";
    for text in [format!("version = \"{marker}\""), format!("{marker} = 1"), format!("version = 1\nuser = {marker}")] {
        let text = format!("{}{text}", checksum::line(&text));
        let error = Record::parse(&text, &Account { name: "alice".into(), uid: 1000 }).unwrap_err();
        assert!(!error.to_string().contains(marker) && !format!("{error:?}").contains(marker), "{error}");
    }
}
