//! How a text looks on a stream: the number of columns, and colours or none.

use std::env;
use std::io::IsTerminal;
use std::os::fd::AsFd;

use clap::ValueEnum;
use terminal_size::terminal_size_of;

use super::encoding::Encoding;

/// How a text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// In characters of one column; none where nothing is wrapped.
    pub width: Option<usize>,
    /// Whether words have a colour.
    pub colours: Colours,
    /// The characters that may go out.
    pub encoding: Encoding,
}

/// Whether words have a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// They have.
    Shown,
    /// They have not.
    LeftOut,
}

/// The wish of the command line for colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorWish {
    /// On a terminal that has some, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Also into a pipe, and whatever NO_COLOR says.
    Always,
    /// None.
    Never,
}

impl Look {
    /// Of text that no person at a terminal reads: as it is.
    pub const PLAIN: Self = Self { width: None, colours: Colours::LeftOut, encoding: Encoding::Utf8 };

    /// Of what is written to `stream`. A terminal without a size has as many columns as COLUMNS says, or 80.
    pub fn of(stream: &(impl AsFd + IsTerminal), wish: ColorWish) -> Self {
        let screen = stream.is_terminal();
        let size = || terminal_size_of(stream).map(|(width, _)| usize::from(width.0));
        Self {
            width: screen.then(|| size().unwrap_or_else(usual_width)),
            colours: colours(wish, screen),
            encoding: Encoding::of_the_locale(),
        }
    }

    /// The width for a text that is laid out for readers even in a pipe, as man(1) does: help.
    pub fn page_width(self) -> usize {
        self.width.unwrap_or_else(usual_width).min(LONGEST_LINE)
    }
}

fn usual_width() -> usize {
    env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(|columns| *columns > 0).unwrap_or(80)
}

#[expect(clippy::fn_params_excessive_bools, reason = "a question with two answers")]
fn colours(wish: ColorWish, screen: bool) -> Colours {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let has_some = || has_colours(&env::var_os("TERM").unwrap_or_default().to_string_lossy());
    let shown = match wish {
        ColorWish::Auto => screen && has_some() && !is_set("NO_COLOR"),
        ColorWish::Always => true,
        ColorWish::Never => false,
    };
    if shown { Colours::Shown } else { Colours::LeftOut }
}

/// Whether a terminal of this name, as in TERM, understands sequences for colours.
pub fn has_colours(term: &str) -> bool {
    !term.split('-').any(|word| COLOURLESS.contains(&word))
}

/// Terminals that understand no sequence, and those that nobody knows.
const COLOURLESS: [&str; 5] = ["", "dumb", "unknown", "network", "dialup"];

/// Longer lines are hard to read.
const LONGEST_LINE: usize = 100;
