//! Shared keys: their codes, their parameters, base32, the seal and why a code is not theirs, through nothing but what the core offers.

#![expect(clippy::unwrap_used, reason = "what is not there must fail the test")]

mod base32;
mod diagnosis;
mod seal;

use otp_core::keys::hotp::Codes;
use otp_core::keys::key::{Algorithm, Digits, Label, Period, Step};
use otp_core::keys::secret::Secret;
use zeroize::Zeroizing;

fn secret(text: &[u8]) -> Secret {
    Secret::new(Zeroizing::new(text.to_vec())).ok().unwrap()
}

#[test]
fn rfc_4226_appendix_d() {
    let codes = Codes::new(&secret(b"12345678901234567890"), Algorithm::Sha1, Digits::new(6).unwrap()).unwrap();
    let table = [755_224, 287_082, 359_152, 969_429, 338_314, 254_676, 287_922, 162_583, 399_871, 520_489];
    for (counter, code) in table.into_iter().enumerate() {
        let step = Step(counter as u64);
        assert_eq!(codes.at(step), Some(code));
    }
}

#[test]
fn rfc_6238_appendix_b() {
    let keys = [
        (Algorithm::Sha1, secret(b"12345678901234567890")),
        (Algorithm::Sha256, secret(b"12345678901234567890123456789012")),
        (Algorithm::Sha512, secret(b"1234567890123456789012345678901234567890123456789012345678901234")),
    ];
    let table = [
        (59, [94_287_082, 46_119_246, 90_693_936]),
        (1_111_111_109, [7_081_804, 68_084_774, 25_091_201]),
        (1_111_111_111, [14_050_471, 67_062_674, 99_943_326]),
        (1_234_567_890, [89_005_924, 91_819_424, 93_441_116]),
        (2_000_000_000, [69_279_037, 90_698_825, 38_618_901]),
        (20_000_000_000_u64, [65_353_130, 77_737_706, 47_863_826]),
    ];
    for (time, codes) in table {
        for ((algorithm, key), code) in keys.iter().zip(codes) {
            let codes = Codes::new(key, *algorithm, Digits::new(8).unwrap()).unwrap();
            assert_eq!(codes.at(Step(time / 30)), Some(code));
        }
    }
}

#[test]
fn every_range_ends_where_the_standard_says() {
    assert!(Digits::new(5).is_err() && Digits::new(6).is_ok() && Digits::new(8).is_ok() && Digits::new(9).is_err());
    assert!(Period::new(14).is_err() && Period::new(15).is_ok());
    assert!(Period::new(120).is_ok() && Period::new(121).is_err());
    assert!(Period::new(-1).is_err() && Period::new(i64::MAX).is_err());
}

#[test]
fn a_label_holds_nothing_that_could_break_a_line_or_a_uri() {
    for bad in ["", " x", "x ", "a\nb", "a:b", "a\"b", "é", "a/b", &"x".repeat(33)] {
        assert!(Label::new(bad).is_err(), "{bad:?}");
    }
    assert!(Label::new("Anna's").is_err() && Label::new("anna phone-2").is_ok());
}
