//! The secret of a token as its maker's sheet has it: base32, or hex. Whatever else is given is named, and never repeated.

use std::fmt;

use data_encoding::{BASE32_NOPAD, HEXLOWER_PERMISSIVE};
use otp_core::codes::plain_text::{is_dropped, plain};
use otp_core::keys::secret::Secret;
use zeroize::Zeroizing;

/// How a secret is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notation {
    Base32,
    Hex,
}

/// Why what was given is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecretFault {
    /// The address that a QR code holds, or another one.
    Address,
    /// So many words: letters of one after the secret would become part of the key.
    Words(usize),
    /// Hex, without `--hex`.
    Hex,
    /// Base32, with `--hex`.
    Base32,
    /// So many bytes, which are too few or too many.
    Length(usize),
    /// The right characters, and one of them is missing or too many.
    Cut(Notation),
    /// Other characters.
    Other(Notation),
}

impl Notation {
    /// For a prompt.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Base32 => "base32",
            Self::Hex => "hex",
        }
    }
}

/// Reads the secret. Blanks, dashes and the like group it, and 0x may stand before hex.
pub(crate) fn read(typed: &str, notation: Notation) -> Result<Secret, SecretFault> {
    if is_address(typed) {
        return Err(SecretFault::Address);
    }
    let groups = groups(typed);
    if !is_one_secret(&groups, notation) {
        return Err(SecretFault::Words(groups.len()));
    }
    let length: usize = groups.iter().map(|group| group.len()).sum();
    let mut text = Zeroizing::new(String::with_capacity(length)); // never grows
    groups.iter().for_each(|group| text.push_str(group));
    let is_hex = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (notation, base32(&text)) {
        (Notation::Base32, Err(SecretFault::Cut(_) | SecretFault::Other(_))) if is_hex => Err(SecretFault::Hex),
        (Notation::Base32, found) => found,
        (Notation::Hex, _) if is_hex => hex(&text),
        (Notation::Hex, Ok(_) | Err(SecretFault::Length(_))) => Err(SecretFault::Base32),
        (Notation::Hex, Err(_)) => Err(SecretFault::Other(Notation::Hex)),
    }
}

/// An address, whole or in part: its other fields look like letters of a secret.
fn is_address(typed: &str) -> bool {
    let text = Zeroizing::new(plain(typed).to_ascii_lowercase());
    ["://", "otpauth", "secret="].iter().any(|sign| text.contains(sign))
}

/// The pieces between blanks, dashes and the like, in ASCII; without padding, and without the 0x of hex.
fn groups(typed: &str) -> Vec<Zeroizing<String>> {
    let unpadded = typed.trim_end_matches(|symbol| symbol == '=' || is_dropped(symbol));
    let pieces = unpadded.split(is_dropped).map(plain);
    let bare = |piece: Zeroizing<String>| match piece.strip_prefix("0x").or_else(|| piece.strip_prefix("0X")) {
        Some(digits) => Zeroizing::new(digits.to_owned()),
        None => piece,
    };
    pieces.map(bare).filter(|group| !group.is_empty()).collect()
}

/// Are the groups those of one secret? They have one length, and the last may be shorter where they are short; none of them is a
/// whole secret, and all are written in one case.
fn is_one_secret(groups: &[Zeroizing<String>], notation: Notation) -> bool {
    let Some(((first, rest), last)) = groups.split_first().zip(groups.last()) else { return true };
    let (length, whole) = (first.len(), if notation == Notation::Hex { WHOLE_HEX } else { WHOLE_BASE32 });
    let has = |is: fn(&u8) -> bool| groups.iter().any(|group| group.bytes().any(|byte| is(&byte)));
    let is_mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && notation == Notation::Base32;
    let alike = groups.iter().rev().skip(1).all(|group| group.len() == length);
    let ends = last.len() == length || last.len() < length && length <= SHORT_GROUP;
    rest.is_empty() || alike && ends && length < whole && !is_mixed
}

fn base32(text: &str) -> Result<Secret, SecretFault> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'2'..=b'7')) {
        return Err(SecretFault::Other(Notation::Base32));
    }
    let found = BASE32_NOPAD.decode_len(text.len()).map_err(|_| SecretFault::Cut(Notation::Base32))?;
    match found {
        Secret::MIN..=Secret::MAX => Secret::from_base32(text).ok_or(SecretFault::Cut(Notation::Base32)),
        found => Err(SecretFault::Length(found)),
    }
}

fn hex(text: &str) -> Result<Secret, SecretFault> {
    let cut = SecretFault::Cut(Notation::Hex);
    let length = HEXLOWER_PERMISSIVE.decode_len(text.len()).map_err(|_| cut)?;
    let mut bytes = Zeroizing::new(vec![0; length]);
    HEXLOWER_PERMISSIVE.decode_mut(text.as_bytes(), &mut bytes).map_err(|_| cut)?;
    Secret::new(bytes).map_err(|error| SecretFault::Length(error.found))
}

impl fmt::Display for SecretFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = (Secret::MIN, Secret::MAX);
        match self {
            Self::Address => f.write_str(
                "an address or a part of one; wanted the secret alone, which is in the address after \"secret=\" and before the next \"&\"; \
                 what else it says of the codes goes into --kind, --algorithm, --digits and --period",
            ),
            Self::Words(words) => write!(f, "{words} words; wanted the secret alone, in one piece or in groups of one length"),
            Self::Hex => f.write_str("this looks like hex; use --hex"),
            Self::Base32 => f.write_str("this looks like base32; leave out --hex"),
            Self::Length(found) => write!(f, "{found} bytes; wanted {least} to {most}"),
            Self::Cut(Notation::Base32) => f.write_str("not a whole number of bytes; a letter is missing, wrong or too many"),
            Self::Cut(Notation::Hex) => f.write_str("an odd number of hex digits; one is missing or too many"),
            Self::Other(notation) => {
                let characters = match notation {
                    Notation::Base32 => "base32, the letters A to Z and the digits 2 to 7",
                    Notation::Hex => "hex, the digits 0 to 9 and the letters A to F",
                };
                write!(f, "found something else, not repeated here; wanted {least} to {most} bytes in {characters}")
            }
        }
    }
}

/// The letters of 16 bytes: what is as long is a secret of its own.
const WHOLE_BASE32: usize = 26;
const WHOLE_HEX: usize = 32;
/// Longer groups are not made by people who group letters to read them.
const SHORT_GROUP: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    const GOOD_HEX: &str = "3132333435363738393031323334353637383930";

    fn fault(typed: &str, notation: Notation) -> Option<SecretFault> {
        read(typed, notation).err()
    }

    #[track_caller]
    fn is_good(typed: &str, notation: Notation) {
        let found = read(typed, notation).map(|secret| secret.base32().to_string());
        assert_eq!(found.as_deref(), Ok(GOOD), "{typed:?}");
    }

    #[test]
    fn base32_is_read_as_people_have_it() {
        for typed in [
            GOOD,
            "gezdgnbvgy3tqojqgezdgnbvgy3tqojq",
            "GEZD GNBV GY3T QOJQ GEZD-GNBV-GY3T-QOJQ",
            "GEZDG NBVGY 3TQOJ QGEZD GNBVG Y3TQO JQ",
            "GEZDGNBVGY3TQOJQ GEZDGNBVGY3TQOJQ",
            "GEZD\u{a0}GNBV\tGY3T  QOJQ\u{2013}GEZD GNBV GY3T QOJQ",
            "“GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ”.",
            "\u{feff}GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ======\r\n",
            "ＧＥＺＤＧＮＢＶＧＹ３ＴＱＯＪＱＧＥＺＤＧＮＢＶＧＹ３ＴＱＯＪＱ",
        ] {
            is_good(typed, Notation::Base32);
        }
    }

    #[test]
    fn hex_is_read_with_blanks_colons_and_0x() {
        let pairs = |between: &str, before: &str| {
            let digits: Vec<char> = GOOD_HEX.chars().collect();
            let pairs: Vec<String> =
                digits.chunks(2).map(|pair| format!("{before}{}", String::from_iter(pair))).collect();
            pairs.join(between)
        };
        for typed in [GOOD_HEX.to_owned(), format!("0x{GOOD_HEX}"), format!("0X{GOOD_HEX}")] {
            is_good(&typed, Notation::Hex);
        }
        for (between, before) in [(" ", ""), (":", ""), ("-", ""), (" ", "0x"), (", ", "0x"), (",", "0X")] {
            is_good(&pairs(between, before), Notation::Hex);
            assert_eq!(
                fault(&pairs(between, before), Notation::Base32),
                Some(SecretFault::Hex),
                "{between:?} {before:?}"
            );
        }
        is_good("31323334 35363738 39303132 33343536 37383930", Notation::Hex);
        assert!(read(&"aB".repeat(64), Notation::Hex).is_ok() && read(&"Ab".repeat(16), Notation::Hex).is_ok());
    }

    #[test]
    fn what_is_in_the_other_notation_is_told_so() {
        for typed in [
            GOOD_HEX,
            "0x3132333435363738393031323334353637383930",
            "ABCDEF0123456789ABCDEF0123456789",
            "abcdefabcdefabcdefabcdefabcdefabcde",
            "12345",
        ] {
            assert_eq!(fault(typed, Notation::Base32), Some(SecretFault::Hex), "{typed}");
        }
        for typed in [GOOD, "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ", "GEZDGNBV"] {
            assert_eq!(fault(typed, Notation::Hex), Some(SecretFault::Base32), "{typed}");
        }
    }

    #[test]
    fn a_secret_of_the_wrong_length_is_told_how_long_it_is() {
        let cases = [
            ("GEZDGNBV".to_owned(), Notation::Base32, SecretFault::Length(5)),
            ("GEZDGNBVGY3TQOJQ".to_owned(), Notation::Base32, SecretFault::Length(10)),
            ("A".repeat(104), Notation::Base32, SecretFault::Length(65)),
            ("31".repeat(15), Notation::Hex, SecretFault::Length(15)),
            ("31:32".to_owned(), Notation::Hex, SecretFault::Length(2)),
            ("31".repeat(65), Notation::Hex, SecretFault::Length(65)),
            (GOOD_HEX[1..].to_owned(), Notation::Hex, SecretFault::Cut(Notation::Hex)),
            ("G".repeat(33), Notation::Base32, SecretFault::Cut(Notation::Base32)),
            ("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1".to_owned(), Notation::Base32, SecretFault::Other(Notation::Base32)),
            ("GEZD====GNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned(), Notation::Base32, SecretFault::Other(Notation::Base32)),
            (format!("{GOOD_HEX}zz"), Notation::Hex, SecretFault::Other(Notation::Hex)),
            (" - ".to_owned(), Notation::Base32, SecretFault::Other(Notation::Base32)),
        ];
        for (typed, notation, wanted) in cases {
            assert_eq!(fault(&typed, notation), Some(wanted), "{typed}");
        }
        assert_eq!(SecretFault::Length(10).to_string(), "10 bytes; wanted 16 to 64");
    }

    #[test]
    fn an_address_is_named() {
        for typed in [
            "otpauth://totp/Example:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example",
            "OTPAUTH://HOTP/x?SECRET=GEZDGNBVGY3TQOJQ",
            "otpauth-migration://offline?data=CjEKCkhello",
            "“otpauth://totp/x?secret=GEZD GNBV”",
            "otpauth%3A%2F%2Ftotp%2Fx%3Fsecret%3DGEZDGNBV",
            "https://example.com/?secret=GEZDGNBV",
            "steam://GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
        ] {
            for notation in [Notation::Base32, Notation::Hex] {
                assert_eq!(fault(typed, notation), Some(SecretFault::Address), "{typed}");
            }
        }
    }

    #[test]
    fn words_beside_the_secret_never_become_part_of_it() {
        let cases = [
            (format!("{GOOD} token"), 2),
            (format!("{GOOD}\ttoken"), 2),
            (format!("{GOOD}-token"), 2),
            (format!("{GOOD}\u{a0}token"), 2),
            (format!("{GOOD}\u{200b}token"), 2),
            (format!("{GOOD}, token"), 2),
            (format!("\"{GOOD}\"token"), 2),
            (format!("{GOOD} {GOOD}"), 2),
            (format!("alice {GOOD}"), 2),
            (format!("secret: {GOOD}"), 2),
            (format!("{GOOD} for alice"), 3),
            ("GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ token".to_owned(), 9),
            ("GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ fob".to_owned(), 9),
            ("GEZDGNBVGY3TQOJQGEZDGNBV bank".to_owned(), 2),
        ];
        for (typed, words) in cases {
            assert_eq!(fault(&typed, Notation::Base32), Some(SecretFault::Words(words)), "{typed}");
        }
        for (typed, words) in
            [(format!("{GOOD_HEX} fade"), 2), (format!("0x{GOOD_HEX} 0xfade"), 2), (format!("{GOOD_HEX} for alice"), 3)]
        {
            assert_eq!(fault(&typed, Notation::Hex), Some(SecretFault::Words(words)), "{typed}");
        }
    }
}
