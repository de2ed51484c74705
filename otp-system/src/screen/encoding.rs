//! Which letters may go out, as the locale says: all of UTF-8, or ASCII alone.

use std::env;

use zeroize::Zeroizing;

/// The characters that the reader of the output understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// All.
    Utf8,
    /// Those of ASCII.
    Ascii,
}

impl Encoding {
    /// That of this process's environment.
    pub fn of_the_locale() -> Self {
        Self::named_by(|name| env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// The first of the three variables that is set and not empty names the locale; without one it is C. The name counts, as
    /// the terminal's side gave it, not what is installed here: ssh brings a name along that this host may not know.
    fn named_by(variable: impl Fn(&str) -> Option<String>) -> Self {
        let mut set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(variable);
        let locale = set.find(|name| !name.is_empty()).unwrap_or_default();
        let name = locale.split('@').next().unwrap_or_default();
        let codeset = name.rsplit('.').next().unwrap_or_default(); // `UTF-8` alone comes from a Mac
        let is_utf8 = ["UTF-8", "UTF8"].iter().any(|utf8| codeset.eq_ignore_ascii_case(utf8));
        if is_utf8 { Self::Utf8 } else { Self::Ascii }
    }

    /// A text as it goes out. Where only ASCII does, every other letter becomes `\u{…}`, as control characters do everywhere.
    pub(super) fn of(self, text: &str) -> Zeroizing<String> {
        let mut shown = Zeroizing::new(String::with_capacity(text.len().saturating_mul(MOST_FOR_A_BYTE))); // never grows
        for letter in text.chars() {
            match self {
                Self::Ascii if !letter.is_ascii() => shown.extend(letter.escape_unicode()),
                Self::Ascii | Self::Utf8 => shown.push(letter),
            }
        }
        shown
    }
}

/// `\u{7ff}` for two bytes.
const MOST_FOR_A_BYTE: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn encoding(variables: &[(&str, &str)]) -> Encoding {
        Encoding::named_by(|wanted| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_codeset_of_the_locale_counts() {
        for name in ["en_US.UTF-8", "C.UTF-8", "C.utf8", "de_DE.utf-8", "ca_ES.UTF-8@valencia", "xx_XX.UTF8", "UTF-8"] {
            assert_eq!(encoding(&[("LANG", name)]), Encoding::Utf8, "{name}");
        }
        for name in ["", "C", "POSIX", "de_DE", "de_DE@euro", "de_DE.ISO-8859-1", "ja_JP.eucJP", "en_US.UTF-16"] {
            assert_eq!(encoding(&[("LANG", name)]), Encoding::Ascii, "{name}");
        }
        assert_eq!(encoding(&[]), Encoding::Ascii);
    }

    #[test]
    fn the_first_variable_that_is_not_empty_names_it() {
        assert_eq!(encoding(&[("LC_ALL", "C"), ("LC_CTYPE", "C.UTF-8"), ("LANG", "C.UTF-8")]), Encoding::Ascii);
        assert_eq!(encoding(&[("LC_ALL", ""), ("LC_CTYPE", "C.UTF-8"), ("LANG", "C")]), Encoding::Utf8);
        assert_eq!(encoding(&[("LC_CTYPE", "de_DE"), ("LANG", "C.UTF-8")]), Encoding::Ascii);
        assert_eq!(encoding(&[("LC_MESSAGES", "C.UTF-8")]), Encoding::Ascii);
    }

    #[test]
    fn in_ascii_every_other_letter_is_spelt_out_in_a_buffer_that_does_not_grow() {
        assert_eq!(*Encoding::Ascii.of("Jörg's 電話\n"), "J\\u{f6}rg's \\u{96fb}\\u{8a71}\n");
        assert_eq!(*Encoding::Utf8.of("Jörg's 電話\n"), "Jörg's 電話\n");
        for letter in ["\u{80}", "\u{7ff}", "\u{800}", "\u{ffff}", "\u{10ffff}", "a"] {
            let text = letter.repeat(100);
            assert!(Encoding::Ascii.of(&text).len() <= text.len() * MOST_FOR_A_BYTE);
        }
    }
}
