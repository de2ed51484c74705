//! The words of letters and notes: built in, or the site's own in `/etc/otp/templates`, which are checked before a code is made.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use otp_core::vault::{Readers, VaultError, read_root_file};

use crate::output::template::{Filling, TemplateError};

/// The templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TemplateName {
    #[value(name = "letter.html")]
    LetterHtml,
    #[value(name = "letter.txt")]
    LetterText,
    #[value(name = "cover.html")]
    CoverHtml,
    #[value(name = "cover.txt")]
    CoverText,
    #[value(name = "site.txt")]
    Site,
}

impl TemplateName {
    /// Its file in the site's directory.
    pub(crate) fn path(self) -> PathBuf {
        Path::new(SITES_TEMPLATES).join(self.file_name())
    }

    /// Its name there.
    pub(crate) fn file_name(self) -> &'static str {
        match self {
            Self::LetterHtml => "letter.html",
            Self::LetterText => "letter.txt",
            Self::CoverHtml => "cover.html",
            Self::CoverText => "cover.txt",
            Self::Site => "site.txt",
        }
    }

    /// The text that is used where the site has none.
    pub(crate) fn built_in(self) -> &'static str {
        match self {
            Self::LetterHtml => include_str!("../../templates/letter.html"),
            Self::LetterText => include_str!("../../templates/letter.txt"),
            Self::CoverHtml => include_str!("../../templates/cover.html"),
            Self::CoverText => include_str!("../../templates/cover.txt"),
            Self::Site => "",
        }
    }

    /// The text to use; a broken one of the site is refused.
    pub(crate) fn read(self) -> Result<String, VaultError> {
        let bytes = match read_root_file(&self.path(), TEMPLATE_CAP, Readers::Everybody) {
            Err(VaultError::Missing(_)) => return Ok(self.built_in().to_owned()),
            read => read?,
        };
        let broken = |why| VaultError::Malformed { path: self.path(), why };
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let line = bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
            broken(format!("line {line}: found bytes that are not UTF-8; wanted UTF-8"))
        })?;
        self.check(text).map_err(|error| broken(error.to_string()))?;
        Ok(text.to_owned())
    }

    fn check(self, text: &str) -> Result<(), TemplateError> {
        let blank = |name: &&'static str| (*name, "");
        let (places, sections): (Vec<_>, &[_]) = match self {
            Self::LetterHtml | Self::LetterText => (LETTER_PLACES.iter().map(blank).collect(), &LETTER_SECTIONS),
            Self::CoverHtml | Self::CoverText => (COVER_PLACES.iter().map(blank).collect(), &COVER_SECTIONS),
            Self::Site => return Ok(()), // it is a text, and has no places
        };
        let wanted: &[&str] = match self {
            Self::LetterHtml | Self::LetterText => &["code", "reference"],
            _ => &["user"],
        };
        let sections: Vec<_> = sections.iter().map(|name| (*name, true)).collect();
        Filling { texts: &places, sections: &sections }.check(text, wanted)
    }
}

/// Each of the site's templates that is broken, and why.
pub(crate) fn broken_templates() -> impl Iterator<Item = VaultError> {
    TemplateName::value_variants().iter().filter_map(|name| name.read().err())
}

/// The places of a letter.
pub(crate) const LETTER_PLACES: [&str; 6] = ["code", "qr", "reference", "end", "day", "time"];
pub(crate) const LETTER_SECTIONS: [&str; 1] = ["split"];
/// The places of a note.
pub(crate) const COVER_PLACES: [&str; 7] = ["user", "host", "reference", "end", "day", "time", "site"];
pub(crate) const COVER_SECTIONS: [&str; 5] = ["spoken", "mail", "letter", "split", "site"];

/// The site's own templates.
pub(crate) const SITES_TEMPLATES: &str = "/etc/otp/templates";
/// Largest template in bytes.
const TEMPLATE_CAP: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_is_sound() {
        for name in TemplateName::value_variants() {
            assert_eq!(name.check(name.built_in()), Ok(()), "{name:?}");
        }
    }

    #[test]
    fn a_letter_without_its_code_and_a_place_that_nothing_fills_are_told() {
        let told = |text| TemplateName::LetterHtml.check(text).unwrap_err().to_string();
        assert_eq!(
            told("<p>\n{{end}}\n"),
            "line 2: the end, without {{code}} before it; wanted {{code}}, {{reference}}"
        );
        assert!(told("{{code}}\n{{user}}\n").starts_with("line 2: nothing can fill {{user}}; wanted {{code}}, {{qr}}"));
    }
}
