//! The seal: it opens only where nothing has changed.

use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use otp_core::keys::key::{Algorithm, Digits, KeyId, Kind, Period, Step};
use otp_core::keys::seal::{Binding, HostKey, Nonce, Sealed, VaultId};
use otp_core::unix_time::UnixTime;
use proptest::prelude::*;
use zeroize::Zeroizing;

use crate::secret;

fn host_key(byte: u8) -> HostKey {
    HostKey::new(Zeroizing::new([byte; 32]))
}

fn binding() -> Binding<'static> {
    Binding {
        vault: VaultId([1; 16]),
        user: "alice",
        uid: 1000,
        key: KeyId([2; 16]),
        made_in: 1,
        kind: Kind::Totp,
        algorithm: Algorithm::Sha1,
        digits: Digits::new(6).unwrap(),
        period: Period::new(30).unwrap(),
        floor: Step(57),
        expires: None,
    }
}

#[test]
fn a_sealed_key_opens_only_where_nothing_has_changed() {
    let key = host_key(7);
    let sealed = key.seal(&secret(&[9; 20]), &binding(), &Nonce([3; 24])).unwrap();
    assert_eq!(key.open(&sealed, &binding()).ok().unwrap().expose(), [9; 20]);

    let changes: [fn(&mut Binding<'static>); 12] = [
        |b| b.vault = VaultId([0; 16]),
        |b| b.user = "alicf",
        |b| b.user = "alic",
        |b| b.uid = 1001,
        |b| b.key = KeyId([0; 16]),
        |b| b.made_in = 2,
        |b| b.kind = Kind::Hotp,
        |b| b.algorithm = Algorithm::Sha256,
        |b| b.digits = Digits::new(8).unwrap(),
        |b| b.period = Period::new(60).unwrap(),
        |b| b.floor = Step(56),
        |b| b.expires = Some(UnixTime::EPOCH),
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut changed = binding();
        change(&mut changed);
        assert!(key.open(&sealed, &changed).is_err(), "change {number}");
    }
    assert!(host_key(8).open(&sealed, &binding()).is_err());
}

#[test]
fn every_flipped_byte_and_every_cut_breaks_the_seal() {
    let key = host_key(7);
    let sealed = key.seal(&secret(&[9; 20]), &binding(), &Nonce([3; 24])).unwrap();
    for at in 0..sealed.0.len() {
        let mut flipped = sealed.clone();
        flipped.0[at] ^= 1;
        assert!(key.open(&flipped, &binding()).is_err(), "flipped {at}");
        assert!(key.open(&Sealed(sealed.0[..at].to_vec()), &binding()).is_err(), "cut at {at}");
    }
}

#[test]
fn the_sealed_text_does_not_hold_the_key() {
    let sealed = host_key(7).seal(&secret(b"0123456789abcdefghij"), &binding(), &Nonce([3; 24])).unwrap();
    assert!(!sealed.0.windows(4).any(|piece| b"0123456789abcdefghij".windows(4).any(|part| part == piece)));
}

#[test]
fn a_host_key_file_is_one_line_and_nothing_else() {
    let text = host_key(0xa5).to_file();
    assert_eq!(text.as_str(), format!("otp-host-key-1:{}\n", "a5".repeat(32)));
    let back = HostKey::parse(text.as_bytes()).unwrap();
    assert_eq!(back.id(), host_key(0xa5).id());
    let upper = text.to_uppercase();
    let long = format!("{}0\n", text.trim_end());
    let two = format!("{}\n", text.as_str());
    for bad in ["", "otp-host-key-1:", &text[..text.len() - 2], &upper, &long, &two, " x"] {
        assert!(HostKey::parse(bad.as_bytes()).is_none(), "{bad:?}");
    }
}

#[test]
fn sealing_matches_libsodium() {
    // XChaCha20-Poly1305, test vector A.3.1 of draft-irtf-cfrg-xchacha-03: shows that the library is the cipher it says.
    let key: [u8; 32] = std::array::from_fn(|i| 0x80 + i as u8);
    let nonce: [u8; 24] = std::array::from_fn(|i| 0x40 + i as u8);
    let context = data_encoding::HEXLOWER.decode(b"50515253c0c1c2c3c4c5c6c7").unwrap();
    let mut text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.".to_vec();
    let tag = XChaCha20Poly1305::new(&key.into())
        .encrypt_inout_detached(&nonce.into(), &context, text.as_mut_slice().into())
        .unwrap();
    assert_eq!(data_encoding::HEXLOWER.encode(&text[..16]), "bd6d179d3e83d43b9576579493c0e939");
    assert_eq!(data_encoding::HEXLOWER.encode(&tag), "c0875924c1c7987947deafd8780acf49");
}

proptest! {
    #[test]
    fn any_key_survives_sealing(bytes in proptest::collection::vec(any::<u8>(), 16..=64), nonce: [u8; 24]) {
        let key = host_key(1);
        let sealed = key.seal(&secret(&bytes), &binding(), &Nonce(nonce)).unwrap();
        let opened = key.open(&sealed, &binding()).ok().unwrap();
        prop_assert_eq!(opened.expose(), bytes.as_slice());
    }

    #[test]
    fn fingerprints_are_equal_only_for_equal_keys(a: [u8; 20], b: [u8; 20]) {
        let (key, vault) = (host_key(1), VaultId([1; 16]));
        let same = key.fingerprint(vault, &secret(&a)) == key.fingerprint(vault, &secret(&b));
        prop_assert_eq!(same, a == b);
        prop_assert!(key.fingerprint(vault, &secret(&a)) != key.fingerprint(VaultId([2; 16]), &secret(&a)));
    }
}
