//! Recognises codes spoiled by a token that types more than digits, or by another keyboard layout. The user is told; the text is never
//! taken for a code.

use crate::codes::plain_text::plain;
use crate::keys::device::Device;

/// Why what was typed is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The token types who it is before the code, as OATH token identifiers do.
    Identifier,
    /// A one-time password of Yubico's own kind: letters that every keyboard has, and no digit.
    YubicoOtp,
    /// The keys of the digits, in a layout where they make other characters.
    Layout,
}

/// The text about `typed`, which is not a code by its shape, to somebody who confirms a key of this device. It never repeats
/// what was typed.
pub fn no_code(typed: &str, device: Device) -> &'static str {
    match (fault(typed, device), device) {
        (Some(Fault::Identifier), _) => {
            "the token types its identifier before the code: turn that off, or type the last digits alone, as many as a code has"
        }
        (Some(Fault::YubicoOtp), _) => {
            "that is a one-time password for Yubico's service, not a code of this key: use the token's slot that \
             holds the key"
        }
        (Some(Fault::Layout), Device::Token) => {
            "the keyboard layout turns the token's digits into other characters: switch the layout to English (US), \
             then let the token type the next code"
        }
        (Some(Fault::Layout), Device::App) => {
            "the digit keys make other characters in this keyboard layout: type the digits with Shift or on the \
             number pad"
        }
        (None, Device::App) => "that is not a code: type the digits that the app shows",
        (None, Device::Token) => "that is not a code: type the digits that the token shows",
    }
}

fn fault(typed: &str, device: Device) -> Option<Fault> {
    if is_typed_in_another_layout(typed) {
        return Some(Fault::Layout);
    }
    let text = plain(typed);
    let before = text.trim_end_matches(|symbol: char| symbol.is_ascii_digit());
    let digits = text.len().checked_sub(before.len())?;
    let identified = match before {
        "" => digits > MOST_DIGITS, // an identifier may be all digits
        before => digits >= LEAST_DIGITS && is_identifier(before),
    };
    match device {
        Device::App => None,
        Device::Token if identified => Some(Fault::Identifier),
        Device::Token if YUBICO_OTP.contains(&text.len()) && text.chars().all(is_modhex) => Some(Fault::YubicoOtp),
        Device::Token => None,
    }
}

/// Is it made by the keys of the digits of one layout, after an identifier or alone?
fn is_typed_in_another_layout(typed: &str) -> bool {
    DIGIT_ROWS.iter().any(|row| {
        // Caps Lock makes capitals of some.
        let is_key = |symbol: char| row.contains(symbol) || symbol.to_lowercase().any(|small| row.contains(small));
        let before = typed.trim_end_matches(|symbol: char| is_key(symbol) || symbol.is_whitespace());
        let after = typed.strip_prefix(before).unwrap_or_default();
        let keys = || after.chars().filter(|symbol| !symbol.is_whitespace());
        let count = keys().count();
        let fits = if before.is_empty() { count <= MOST_KEYS } else { is_identifier(before) };
        fits && count >= LEAST_DIGITS && keys().any(|symbol| !symbol.is_ascii_digit())
    })
}

fn is_identifier(text: &str) -> bool {
    text.len() <= MOST_KEYS && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The letters that Yubico's tokens type: those that lie alike on most keyboards.
fn is_modhex(symbol: char) -> bool {
    "cbdefghijklnrtuv".contains(symbol.to_ascii_lowercase())
}

const LEAST_DIGITS: usize = 6;
const MOST_DIGITS: usize = 8;
/// An identifier has twelve characters (openauthentication.org, OATH token identifiers); with it there are up to twenty.
const MOST_KEYS: usize = 20;
/// Without the token's own name, and with the longest.
const YUBICO_OTP: std::ops::RangeInclusive<usize> = 32..=48;
/// The characters of the keys 1 to 0 without Shift, where they are not the digits, as xkeyboard-config has them; and with Shift,
/// which some keyboards lock.
const DIGIT_ROWS: [&str; 28] = [
    "&é\"'(-è_çà",                                                            // French
    "&é\"'(§è!çà",                                                            // Belgian, and French of a Mac
    "àéèê()‘’«»",                                                             // French, AFNOR
    "\"«»()@+-/*",                                                            // bépo
    "&\"'(çè)£àé",                                                            // Italian of an older Mac
    "+ěščřžýáíé",                                                             // Czech
    "+ľščťžýáíé",                                                             // Slovak
    "123456789ö",                                                             // Hungarian
    "ąčęėįšųū„“",                                                             // Lithuanian
    "ąčęėįšųū90",                                                             // the same of Windows
    "!-/;:,.=()",                                                             // Lithuanian standard
    "ăâêô\u{300}\u{309}\u{303}\u{301}\u{323}đ",                               // Vietnamese
    "\u{e45}/-\u{e20}\u{e16}\u{e38}\u{e36}\u{e04}\u{e15}\u{e08}",             // Thai
    "\u{ea2}\u{e9f}\u{ec2}\u{e96}\u{eb8}\u{eb9}\u{e84}\u{e95}\u{e88}\u{e82}", // Lao
    "էթփձջւևրչճ",                                                             // Armenian, phonetic
    "ֆձ\u{58a},\u{589}\u{55e}\u{2024}\u{55b})օ",                              // Armenian
    "\u{589}ձյ\u{55b},-.«»օ",                                                 // Armenian, eastern
    "\"әіңғ,.үұқ",                                                            // Kazakh
    "ぬふあうえおやゆよわ",                                                   // Japanese kana
    "ヌフアウエオヤユヨワ",                                                   // the same, katakana
    "&[{}(=*)+]",                                                             // Dvorak for programmers
    "№-/\":,._?%",                                                            // Russian typewriter
    "!№;%:?*()\"",                                                            // Georgian ergonomic, Russian with Shift
    "!\"#;:,.*()",                                                            // Ukrainian
    "!@#$%^&*()",                                                             // US, with Shift
    "!\"£$%^&*()",                                                            // UK, with Shift
    "!\"§$%&/()=",                                                            // German, with Shift
    "!\"·$%&/()=",                                                            // Spanish, with Shift
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_ten_keys() {
        for row in DIGIT_ROWS {
            let keys: std::collections::BTreeSet<char> = row.chars().collect();
            assert_eq!((row.chars().count(), keys.len()), (10, 10), "{row}");
        }
    }

    #[test]
    fn a_token_that_types_its_identifier_is_told_so() {
        for typed in [
            "ubhe00000001755224",
            "ubheccccccbc755224",
            "UBHE00000001 755224",
            "cccccccccccc12345678",
            "ubhe0000000187287082",
            "000000000001755224",
            "ff755224",
            "ABCD12345678755224",
        ] {
            assert_eq!(fault(typed, Device::Token), Some(Fault::Identifier), "{typed}");
            assert_eq!(fault(typed, Device::App), None, "{typed}");
        }
    }

    #[test]
    fn a_code_in_another_layout_is_told_so_with_an_identifier_and_without() {
        let cases = [
            "à&éè\"(",
            "&é\"'(-è_",
            "\"'\"'\"'",
            "-\"'-\"'",
            "&É\"'(-ÈÇ",
            "(§è!çà",
            "+ěščřž",
            "ľščťžý",
            "123ö56",
            "ąčęėįš",
            "№-/\":,",
            "!@#$%^",
            "ăâêôđđ",
            "ぬふあうえお",
            "&[{}(=",
            "+ěšč řž",
            "ubheàààààààà&è((éé'",
            "cccccccccccc&é\"'(-",
        ];
        for typed in cases {
            for device in [Device::App, Device::Token] {
                assert_eq!(fault(typed, device), Some(Fault::Layout), "{typed}");
            }
        }
    }

    #[test]
    fn other_text_has_no_cause_and_is_not_repeated() {
        for typed in
            ["", "12345", "hunter2", "x", "correct horse battery", "12.34.56", "R-ABCDE", "p@ss/word", "&é\"'("]
        {
            for device in [Device::App, Device::Token] {
                assert_eq!(fault(typed, device), None, "{typed}");
                let text = no_code(typed, device);
                assert_eq!(text, format!("that is not a code: type the digits that the {} shows", device.name()));
            }
        }
        let otp = "ccccccfhdvhkbnrhtckdigvtdtnkvlbkjhgdrtrurfbc";
        assert_eq!(fault(otp, Device::Token), Some(Fault::YubicoOtp));
        assert_eq!(fault(otp, Device::App), None);
        assert!(
            !no_code(otp, Device::Token).contains("app")
                && !no_code("ubhe00000001755224", Device::Token).contains("ubhe")
        );
    }
}
