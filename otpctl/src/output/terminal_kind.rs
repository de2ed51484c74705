//! How this terminal can be drawn on, as TERM, the wish for colours and the locale tell.

use std::env;

use otp_protocol::qr::{Drawing, Paint, Theme};
use otp_system::screen::{Colours, Encoding, Look, has_colours};

use crate::output::escape::escaped;

/// As much as is known of the terminal.
pub(crate) struct TerminalKind {
    term: String,
    colours: Colours,
    pub encoding: Encoding,
}

impl TerminalKind {
    /// As TERM and the look of text there describe it.
    pub(crate) fn of_the_environment(look: Look) -> Self {
        let term = env::var_os("TERM").unwrap_or_default().to_string_lossy().into_owned();
        Self { term, colours: look.colours, encoding: look.encoding }
    }

    /// How a QR code is drawn, or why it cannot be.
    pub(crate) fn drawing(&self) -> Result<Drawing, String> {
        match (self.half_blocks(), self.paint()) {
            (Ok(()), Ok(paint)) => Ok(Drawing::HalfBlocks(paint)),
            (Err(_), Ok(paint)) => Ok(Drawing::Blanks(paint)),
            (Ok(()), Err(_)) => Ok(Drawing::Plain(Theme::Dark)),
            (Err(no_blocks), Err(no_colours)) => Err(format!("{no_blocks}, and {no_colours}")),
        }
    }

    /// Most of Debian's fonts for the Linux console have no half blocks. The locale's word is taken for every other font.
    fn half_blocks(&self) -> Result<(), &'static str> {
        match self.encoding {
            _ if self.is_linux() => Err("a Linux console has no half blocks"),
            Encoding::Ascii => Err("the locale is not UTF-8"),
            Encoding::Utf8 => Ok(()),
        }
    }

    fn paint(&self) -> Result<Paint, String> {
        match self.colours {
            Colours::LeftOut if self.term.is_empty() => Err("TERM is not set".to_owned()),
            Colours::LeftOut if has_colours(&self.term) => Err("colours are switched off".to_owned()),
            Colours::LeftOut => Err(format!("TERM={} has no colours", escaped(&self.term))),
            Colours::Shown if self.is_old() => Ok(Paint::Basic),
            Colours::Shown => Ok(Paint::Exact),
        }
    }

    fn is_old(&self) -> bool {
        let model = self.words().next().unwrap_or_default().trim_end_matches(|letter: char| letter.is_ascii_digit());
        self.is_linux() || OLD.contains(&model) && !self.term.contains("256color")
    }

    fn is_linux(&self) -> bool {
        self.words().any(|word| word == "linux")
    }

    /// `screen.linux`, `vt220-8bit`: what it is, and then more about it.
    fn words(&self) -> impl Iterator<Item = &str> {
        self.term.split(['-', '.'])
    }
}

/// Names, without their numbers, of terminals that may take a number of 256 colours for something else, or have none.
const OLD: [&str; 11] = ["ansi", "cons", "cygwin", "eterm", "hurd", "linux", "mach", "pcansi", "sun", "vt", "wsvt"];

#[cfg(test)]
impl TerminalKind {
    /// For tests of what is drawn.
    pub(crate) fn new(term: &str, encoding: Encoding) -> Self {
        let colours = if has_colours(term) { Colours::Shown } else { Colours::LeftOut };
        Self { term: term.to_owned(), colours, encoding }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing(term: &str, encoding: Encoding) -> Result<Drawing, String> {
        TerminalKind::new(term, encoding).drawing()
    }

    #[test]
    fn emulators_get_half_blocks_in_exact_colours_and_in_ascii_blanks() {
        for term in [
            "xterm",
            "xterm-256color",
            "xterm-kitty",
            "screen",
            "screen-256color",
            "tmux-256color",
            "rxvt",
            "vte",
            "vte-256color",
            "foot",
        ] {
            assert_eq!(drawing(term, Encoding::Utf8), Ok(Drawing::HalfBlocks(Paint::Exact)), "{term}");
            assert_eq!(drawing(term, Encoding::Ascii), Ok(Drawing::Blanks(Paint::Exact)), "{term}");
        }
    }

    #[test]
    fn old_terminals_get_the_old_colours() {
        for term in ["vt100", "vt220", "vt102-nsgr", "ansi", "cons25", "eterm-color", "cygwin", "hurd"] {
            assert_eq!(drawing(term, Encoding::Utf8), Ok(Drawing::HalfBlocks(Paint::Basic)), "{term}");
            assert_eq!(drawing(term, Encoding::Ascii), Ok(Drawing::Blanks(Paint::Basic)), "{term}");
        }
    }

    #[test]
    fn a_linux_console_gets_blanks_in_any_locale() {
        for term in ["linux", "linux-16color", "linux-basic", "screen.linux"] {
            for encoding in [Encoding::Utf8, Encoding::Ascii] {
                assert_eq!(drawing(term, encoding), Ok(Drawing::Blanks(Paint::Basic)), "{term}");
            }
        }
    }

    #[test]
    fn without_colours_half_blocks_are_drawn_plainly_and_without_both_nothing_is() {
        for term in ["", "dumb", "dumb-emacs-ansi", "unknown"] {
            assert_eq!(drawing(term, Encoding::Utf8), Ok(Drawing::Plain(Theme::Dark)), "{term}");
            assert!(drawing(term, Encoding::Ascii).is_err(), "{term}");
        }
        let told = drawing("dumb", Encoding::Ascii).expect_err("nothing to draw with");
        assert_eq!(told, "the locale is not UTF-8, and TERM=dumb has no colours");
        let off = |term: &str| TerminalKind { colours: Colours::LeftOut, ..TerminalKind::new(term, Encoding::Utf8) };
        assert_eq!(off("xterm").drawing(), Ok(Drawing::Plain(Theme::Dark)));
        let told = "a Linux console has no half blocks, and colours are switched off";
        assert_eq!(off("linux").drawing(), Err(told.to_owned()));
        let on = TerminalKind { colours: Colours::Shown, ..TerminalKind::new("dumb", Encoding::Ascii) };
        assert_eq!(on.drawing(), Ok(Drawing::Blanks(Paint::Exact)));
    }

    #[test]
    fn a_name_from_the_environment_moves_no_cursor() {
        let told = drawing("dumb-\x1b[2J", Encoding::Ascii).expect_err("nothing to draw with");
        assert!(!told.contains('\x1b'), "{told}");
    }
}
