//! A key in base32, as people and tokens have it.

use otp_core::keys::secret::Secret;

const GOOD: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn read(typed: &str) -> Option<String> {
    Secret::from_base32(typed).map(|secret| secret.base32().to_string())
}

#[test]
fn a_key_is_read_however_it_is_written_and_written_one_way() {
    for same in [GOOD, &GOOD.to_lowercase(), "GEZD GNBV GY3T QOJQ GEZD-GNBV-GY3T-QOJQ"] {
        assert_eq!(read(same).as_deref(), Some(GOOD), "{same}");
    }
    assert_eq!(Secret::from_base32(GOOD).unwrap().expose(), b"12345678901234567890");
    assert_eq!(read(&format!("{}======", "A".repeat(26))), Some("A".repeat(26)), "16 bytes with padding");
}

#[test]
fn what_is_no_key_is_refused() {
    let hex = "3132333435363738393031323334353637383930";
    for bad in
        ["", "GEZDGNBV", hex, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ\u{e9}", "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ"]
    {
        assert_eq!(read(bad), None, "{bad}");
    }
    assert_eq!(read(&"A".repeat(104)), None, "65 bytes");
    assert!(read(&"B".repeat(32)).is_some() && read(&"B".repeat(33)).is_none(), "bits left over");
}
