//! A token's file: what is written is read, and the seal opens nowhere else.

use zeroize::Zeroizing;

use super::*;
use crate::keys::key::KeyId;
use crate::keys::seal::Binding;

const VAULT: VaultId = VaultId([1; 16]);

fn host_key() -> HostKey {
    HostKey::new(Zeroizing::new([7; 32]))
}

fn secret() -> Secret {
    Secret::new(Zeroizing::new(vec![9; 20])).unwrap()
}

fn token() -> UnassignedToken {
    let token = UnassignedToken {
        name: TokenName::new("2305\"0007", Some("Feitian \u{1f511}")).unwrap(),
        kind: Kind::Hotp,
        algorithm: Algorithm::Sha256,
        digits: Digits::new(8).unwrap(),
        period: Period::new(30).unwrap(),
        counter: Step(38),
        starts: Some(UnixTime::new(1_795_000_000)),
        expires: Some(UnixTime::new(1_895_000_000)),
        imported: UnixTime::new(1_796_000_000),
        fingerprint: host_key().fingerprint(VAULT, &secret()),
        sealed: Sealed(Vec::new()),
    };
    token.sealed(&secret(), &host_key(), VAULT, &Nonce([3; 24])).unwrap()
}

#[test]
fn u4_what_is_written_is_read_and_opens() {
    let bare = UnassignedToken { name: TokenName::new("7", None).unwrap(), starts: None, expires: None, ..token() };
    let bare = bare.sealed(&secret(), &host_key(), VAULT, &Nonce([4; 24])).unwrap();
    for token in [token(), bare] {
        let read = UnassignedToken::parse(token.to_toml().as_bytes(), &token.name.file_name()).unwrap();
        assert_eq!(read, token);
        assert_eq!(read.open(&host_key(), VAULT).ok().unwrap().expose(), [9; 20]);
    }
}

#[test]
fn u2_serial_and_manufacturer_cannot_be_taken_for_each_other() {
    let name = |serial, maker| TokenName::new(serial, maker).unwrap().file_name();
    let all = [name("a", None), name("a", Some("b")), name("ab", None), name("b", Some("a")), name("a b", None)];
    assert!(all.iter().enumerate().all(|(at, one)| !all[at + 1..].contains(one)));
    for odd in ["", " a", "a ", "a\nb", "\u{1b}[2J", &"x".repeat(65)] {
        assert!(TokenName::new(odd, None).is_err() && TokenName::new("a", Some(odd)).is_err(), "{odd:?}");
    }
    let read = UnassignedToken::parse(token().to_toml().as_bytes(), &name("a", None));
    assert_eq!(read.unwrap_err().to_string(), "it is not named after the token in it");
}

#[test]
fn u3_the_seal_opens_for_nothing_that_was_changed_and_in_no_secret_file() {
    let changed: [fn(UnassignedToken) -> UnassignedToken; 11] = [
        |token| UnassignedToken { name: TokenName::new("23050008", Some("Feitian")).unwrap(), ..token },
        |token| UnassignedToken { name: TokenName::new(token.name.serial(), None).unwrap(), ..token },
        |token| UnassignedToken { kind: Kind::Totp, ..token },
        |token| UnassignedToken { algorithm: Algorithm::Sha1, ..token },
        |token| UnassignedToken { digits: Digits::new(6).unwrap(), ..token },
        |token| UnassignedToken { period: Period::new(60).unwrap(), ..token },
        |token| UnassignedToken { counter: Step(0), ..token },
        |token| UnassignedToken { starts: None, ..token },
        |token| UnassignedToken { expires: None, ..token },
        |token| UnassignedToken { expires: Some(UnixTime::new(1_895_000_001)), ..token },
        |token| UnassignedToken { fingerprint: Fingerprint([0; 16]), ..token },
    ];
    for (number, change) in changed.into_iter().enumerate() {
        assert!(change(token()).open(&host_key(), VAULT).is_err(), "change {number}");
    }
    assert!(token().open(&host_key(), VaultId([2; 16])).is_err());
    assert!(token().open(&HostKey::new(Zeroizing::new([8; 32])), VAULT).is_err());
    let token = token();
    let as_a_key = Binding {
        vault: VAULT,
        user: "",
        uid: 0,
        key: KeyId([0; 16]),
        made_in: 1,
        kind: token.kind,
        algorithm: token.algorithm,
        digits: token.digits,
        period: token.period,
        floor: token.counter,
        expires: token.expires,
    };
    assert!(host_key().open(&token.sealed, &as_a_key).is_err());
}

#[test]
fn u1_what_is_not_to_the_letter_refuses_without_repeating_it() {
    let text = token().to_toml();
    let (_, rest) = text.split_once('\n').unwrap();
    let parsed = |rest: &str| {
        let text = format!("{}{rest}", checksum::line(rest));
        UnassignedToken::parse(text.as_bytes(), &token().name.file_name()).map_err(|why| why.to_string())
    };
    assert!(parsed(rest).is_ok());
    for (from, to) in [
        ("version = 1", "version = 2"),
        ("digits = 8", "digits = 5"),
        ("period = 30", "period = 10"),
        ("counter = 38", "counter = 9223372036854775807"),
        ("counter = 38", "counter = -1"),
        ("starts = ", "colour = "),
        ("\"hotp\"", "\"ocra\""),
        ("\"SHA256\"", "\"MD5\""),
        ("expires = ", "expires = -"),
        ("sealed = \"", "sealed = \"0"),
    ] {
        assert!(rest.contains(from), "{from}");
        let why = parsed(&rest.replace(from, to)).unwrap_err();
        assert!(!why.contains(&data_encoding::HEXLOWER.encode(&token().sealed.0)), "{why}");
    }
    assert!(UnassignedToken::parse(text.replace("38", "39").as_bytes(), &token().name.file_name()).is_err());
}
