//! Base32 as google-authenticator's module reads it: the bytes must come out as they do there, or codes change.

use otp_core::keys::secret::{Secret, SecretLengthError};
use zeroize::Zeroizing;

use crate::fault::ForeignFault;

/// Reads letters of either case; blanks and hyphens group them, 0, 1 and 8 stand for O, L and B, and bits that make no byte at the
/// end are dropped. Every other character is a fault.
pub(crate) fn secret(text: &str) -> Result<Result<Secret, SecretLengthError>, ForeignFault> {
    let letters = text.trim_end_matches('=');
    let mut bytes = Zeroizing::new(Vec::with_capacity(letters.len())); // never grows
    let (mut bits, mut pending) = (0_u32, 0_u32);
    for symbol in letters.bytes().filter(|symbol| !matches!(symbol, b' ' | b'-')) {
        let value = value(symbol).ok_or_else(|| ForeignFault::new("something else, not repeated here", WANTED))?;
        bits = (bits << 5 | value) & 0xfff;
        pending += 5;
        if pending >= 8 {
            pending -= 8;
            bytes.push(u8::try_from(bits >> pending & 0xff).unwrap_or_default());
        }
    }
    if bytes.is_empty() {
        return Err(ForeignFault::new("no secret", WANTED));
    }
    Ok(Secret::new(bytes))
}

fn value(symbol: u8) -> Option<u32> {
    let letter = match symbol {
        b'0' => b'O',
        b'1' => b'L',
        b'8' => b'B',
        other => other.to_ascii_uppercase(),
    };
    match letter {
        b'A'..=b'Z' => Some(u32::from(letter - b'A')),
        b'2'..=b'7' => Some(u32::from(letter - b'2') + 26),
        _ => None,
    }
}

const WANTED: &str = "a secret in base32, the letters A to Z and the digits 2 to 7";

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<u8>> {
        Some(secret(text).ok()?.ok()?.expose().to_vec())
    }

    #[test]
    fn it_reads_what_the_module_reads() {
        let bytes = Some(b"12345678901234567890".to_vec());
        assert_eq!(read("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"), bytes);
        assert_eq!(read("gezd gnbv-gy3t q0jqgezdgnbvgy3tqojq"), bytes);
        assert_eq!(read("BTR2XZ3WVDG6K7SD5NASGIRLKA").map(|bytes| bytes.len()), Some(16));
        assert_eq!(
            read("BTR2XZ3WVDG6K7SD5NASGIRLKB"),
            read("BTR2XZ3WVDG6K7SD5NASGIRLKA"),
            "two bits that make no byte"
        );
        assert_eq!(read("88881111").map_or(0, |bytes| bytes.len()), 0, "five bytes are too few");
    }

    #[test]
    fn a_short_secret_tells_its_length_and_a_wrong_one_is_not_repeated() {
        assert_eq!(secret("GEZDGNBVGY3TQOJQ").unwrap().err().map(|error| error.found), Some(10));
        for wrong in ["", "====", "GEZD9", "GEZD\rGNBV", "GEZD=GNBV", "GÉZD"] {
            let fault = secret(wrong).err().unwrap().to_string();
            assert!(wrong.is_empty() || !fault.contains(wrong), "{fault}");
        }
    }
}
