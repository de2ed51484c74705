//! oathtool (OATH Toolkit) as an oracle: for random keys, hashes, lengths, periods and times both compute the same code.

#![expect(clippy::expect_used, reason = "a test without its oracle must fail")]

use std::process::Command;

use otp_core::keys::hotp::Codes;
use otp_core::keys::key::{Algorithm, Digits, Period};
use otp_core::keys::secret::Secret;
use otp_core::unix_time::UnixTime;
use proptest::prelude::*;
use zeroize::Zeroizing;

fn oathtool(secret: &[u8], algorithm: Algorithm, digits: u8, period: u64, time: u64) -> String {
    let hex = data_encoding::HEXLOWER.encode(secret);
    let output = Command::new("oathtool")
        .arg(format!("--totp={}", algorithm.as_str()))
        .args(["--digits", &digits.to_string(), "--time-step-size", &format!("{period}s")])
        .args(["--now", &format!("@{time}"), &hex])
        .output()
        .expect("oathtool is installed (Debian: oathtool)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn our_codes_are_those_of_oathtool(
        secret in proptest::collection::vec(any::<u8>(), 16..=64), algorithm in 0..3_usize, digits in 6..=8_i64,
        period in 15..=120_i64, time in 0..4_000_000_000_u64,
    ) {
        let algorithm = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512][algorithm];
        let (digits, period) = (Digits::new(digits).unwrap(), Period::new(period).unwrap());
        let key = Secret::new(Zeroizing::new(secret.clone())).ok().unwrap();
        let codes = Codes::new(&key, algorithm, digits).unwrap();
        let ours = codes.at(period.step_at(UnixTime::new(time))).unwrap();
        let theirs = oathtool(&secret, algorithm, digits.get(), period.seconds(), time);
        prop_assert_eq!(format!("{ours:0width$}", width = usize::from(digits.get())), theirs);
    }
}
