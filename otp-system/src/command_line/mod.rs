//! The command line of every program here: its help, and the message for a wrong one. clap is the parser.

mod help;
mod usage;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Command, ValueEnum as _};

use crate::screen::{ColorWish, Look, bad, wrapped};

pub use help::{Example, Group, Guide, help};
pub use usage::told;

/// Answers a command line that clap did not take: help, the version, or what is wrong with it (exit status 2).
pub fn answer(error: &clap::Error, mut command: Command, guide: &Guide, words: &[OsString]) -> ExitCode {
    command.build();
    let wish = color_wish(words);
    let named = named(&command, words);
    // If even this cannot be written, the exit status still says it.
    let _ = match error.kind() {
        ErrorKind::DisplayHelp => page(&mut io::stdout(), named, guide, wish),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => page(&mut io::stderr(), named, guide, wish),
        ErrorKind::DisplayVersion => write!(io::stdout(), "{error}"),
        _ => {
            let text = format!("{}: {}\n", bad(command.get_name()), told(error, &command, named));
            io::stderr().write_all(wrapped(&text, Look::of(&io::stderr(), wish)).as_bytes())
        }
    };
    if error.use_stderr() { ExitCode::from(WRONG_USAGE) } else { ExitCode::SUCCESS }
}

fn page(
    output: &mut (impl Write + AsFd + IsTerminal),
    command: &Command,
    guide: &Guide,
    wish: ColorWish,
) -> io::Result<()> {
    let look = Look::of(output, wish);
    output.write_all(wrapped(&help(command, guide, look.page_width()), look).as_bytes())
}

/// The command that the words name, as far as they name one.
fn named<'a>(command: &'a Command, words: &[OsString]) -> &'a Command {
    let found = |at: &'a Command, word: &OsString| match at.find_subcommand(word) {
        Some(help) if help.get_name() == "help" => at,
        Some(below) => below,
        None => at,
    };
    words.iter().skip(1).take_while(|word| *word != "--").fold(command, found)
}

/// The wish for colours, in words that cannot be parsed.
fn color_wish(words: &[OsString]) -> ColorWish {
    let mut words = words.iter().filter_map(|word| word.to_str());
    let mut wish = None;
    while let Some(word) = words.next() {
        let value = if word == "--color" { words.next() } else { word.strip_prefix("--color=") };
        wish = value.or(wish);
    }
    wish.and_then(|word| ColorWish::from_str(word, false).ok()).unwrap_or_default()
}

/// As the manual pages have it.
const WRONG_USAGE: u8 = 2;
