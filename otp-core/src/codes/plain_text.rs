//! Brings a code as people type and paste it to plain characters: an input method makes full-width forms, a mail program long dashes, and a
//! sentence ends in a full stop.

use zeroize::Zeroizing;

/// `typed` without blanks, dashes, quotes and invisible characters, with full-width forms and the digits of other scripts as
/// ASCII, and without the punctuation that a sentence puts around it. The rest of a code is the code; the rest of
/// other text is not to be used, because a password's own dashes are gone.
pub fn plain(typed: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(typed.len())); // never grows: no character gets longer
    typed.chars().map(narrow).filter(|symbol| !is_passed_over(*symbol)).for_each(|symbol| text.push(symbol));
    Zeroizing::new(text.trim_matches(is_of_the_sentence).to_owned())
}

/// Is nothing left of this character alone?
pub fn is_dropped(symbol: char) -> bool {
    let symbol = narrow(symbol);
    is_passed_over(symbol) || is_of_the_sentence(symbol)
}

/// Is it a dash, from the hyphen to the long ones, or what an input method makes of the key?
pub(crate) fn is_dash(symbol: char) -> bool {
    matches!(
        symbol,
        '-' | '\u{2010}'
            ..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{30fc}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' | '\u{ff70}'
    )
}

fn is_passed_over(symbol: char) -> bool {
    symbol.is_whitespace() || is_dash(symbol) || is_quote(symbol) || is_invisible(symbol)
}

fn is_quote(symbol: char) -> bool {
    matches!(
        symbol,
        '"' | '\'' | '`' | '´' | '«' | '»' | '\u{2018}'..='\u{201f}' | '\u{2032}'..='\u{2036}' | '‹' | '›' | '\u{300c}'..='\u{300f}' | '\u{301d}'..='\u{301f}'
    )
}

/// Characters that a web page or a mail holds between those that are seen: soft hyphens, joiners, marks of direction.
fn is_invisible(symbol: char) -> bool {
    matches!(
        symbol,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
    )
}

/// Punctuation that stands around a code and is no part of it.
fn is_of_the_sentence(symbol: char) -> bool {
    matches!(
        symbol,
        '.' | ','
            | ';'
            | ':'
            | '!'
            | '?'
            | '('
            | ')'
            | '['
            | ']'
            | '<'
            | '>'
            | '*'
            | '_'
            | '…'
            | '。'
            | '、'
            | '\u{ff61}'
            | '\u{ff64}'
    )
}

/// The ASCII character of a full-width form (U+FF01 to U+FF5E), or of a digit of a script that keyboards have.
pub(crate) fn narrow(symbol: char) -> char {
    let code = u32::from(symbol);
    let ascii = match symbol {
        '\u{ff01}'..='\u{ff5e}' => code.checked_sub(FULL_WIDTH),
        _ => ZEROS
            .iter()
            .find_map(|zero| code.checked_sub(*zero).filter(|digit| *digit < 10))
            .map(|digit| u32::from('0') + digit),
    };
    ascii.and_then(char::from_u32).unwrap_or(symbol)
}

/// From a full-width form down to its ASCII character.
const FULL_WIDTH: u32 = 0xff01 - 0x21;
/// The zeros of scripts with decimal digits in a row: Arabic, Persian, N'Ko, the scripts of India from Devanagari to Malayalam, Thai,
/// Lao, Tibetan, Myanmar, Khmer, Mongolian (Unicode, general category Nd).
const ZEROS: [u32; 18] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0, 0xf20, 0x1040,
    0x17e0, 0x1810,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blanks_dashes_quotes_and_invisible_characters_go() {
        let cases = [
            "123456",
            " 123 456\t",
            "123-456",
            "123–456",
            "123—456",
            "123‑456",
            "123−456",
            "123－456",
            "123ー456",
            "123\u{a0}456",
            "123\u{202f}456",
            "123\u{3000}456",
            "\"123456\"",
            "'123456'",
            "“123456”",
            "„123456“",
            "«123456»",
            "`123456`",
            "123\u{ad}456",
            "123\u{200b}456",
            "\u{feff}123456",
            "\u{2068}123456\u{2069}",
            "123456.",
            "123456。",
            "123456, ",
            "(123456)",
            "**123456**",
            "123456\r\n",
            "“123 456.”",
        ];
        for typed in cases {
            assert_eq!(plain(typed).as_str(), "123456", "{typed:?}");
        }
    }

    #[test]
    fn full_width_forms_and_digits_of_other_scripts_become_ascii() {
        for typed in ["１２３４５６", "١٢٣٤٥٦", "۱۲۳۴۵۶", "१२३४५६", "๑๒๓๔๕๖", "１２３４５６．"]
        {
            assert_eq!(plain(typed).as_str(), "123456", "{typed:?}");
        }
        assert_eq!(plain("Ｒ－ＡＢ１２Ｃ").as_str(), "RAB12C");
    }

    #[test]
    fn nothing_else_is_touched() {
        for typed in ["12.34", "+123456", "123456a", "12３４５x", "¹²³", "½", "12/34", "é", "\u{8}\u{7f}INCORRECT"]
        {
            let kept = plain(typed);
            assert!(!matches!(kept.as_str(), "123456" | "1234"), "{typed:?}");
        }
        assert_eq!(plain("p@ss/word").as_str(), "p@ss/word");
        assert_eq!(plain("").as_str(), "");
        assert_eq!(plain(" -–“”. ").as_str(), "");
    }

    proptest! {
        #[test]
        fn plain_text_stays_as_it_is_and_nothing_gets_longer(typed in "\\PC{0,40}") {
            let once = plain(&typed);
            prop_assert!(once.len() <= typed.len());
            prop_assert!(typed.chars().all(|symbol| is_dropped(symbol) == plain(&symbol.to_string()).is_empty()));
            let twice = plain(&once);
            prop_assert_eq!(twice.as_str(), once.as_str());
        }
    }
}
