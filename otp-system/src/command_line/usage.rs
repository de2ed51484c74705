//! The refusal of a command line: what was found, what was wanted, and what to do next.

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

use crate::screen::escape::escaped;

/// In one line, without the program's name before it. `named` is the command of `program` as far as it was understood.
pub fn told(error: &clap::Error, program: &Command, named: &Command) -> String {
    let path = path(named);
    let arguments = names(error, ContextKind::InvalidArg);
    let argument = list(&arguments, "and");
    let found = start(&values(error, ContextKind::InvalidValue).join(", "));
    let what = match error.kind() {
        ErrorKind::InvalidValue => match choice(&values(error, ContextKind::ValidValue)) {
            wanted if wanted.is_empty() => format!("{argument} has no value"),
            wanted if found.is_empty() => return format!("{argument} has no value; wanted {wanted}"),
            wanted => return format!("{argument}: found \"{found}\"; wanted {wanted}"),
        },
        ErrorKind::ValueValidation => {
            let why = error.source().map(|why| escaped(&why.to_string())).unwrap_or_default();
            return format!("{argument}: found \"{found}\"; {why}");
        }
        ErrorKind::InvalidSubcommand => {
            format!("\"{}\" is not a command of {path}", values(error, ContextKind::InvalidSubcommand).join(" "))
        }
        ErrorKind::UnknownArgument if !argument.starts_with('-') => format!("\"{argument}\" is one word too many"),
        ErrorKind::UnknownArgument if is_option_of(program, &argument) => {
            format!("{argument} goes before the command, as in `{}`", path.replacen(' ', &format!(" {argument} "), 1))
        }
        ErrorKind::UnknownArgument => format!("{argument} is not an option of {path}"),
        ErrorKind::ArgumentConflict => conflict(&argument, &choice(&names(error, ContextKind::PriorArg))),
        ErrorKind::MissingRequiredArgument => missing(&arguments, named),
        ErrorKind::TooManyValues => format!("{argument}: \"{found}\" is a value too many"),
        ErrorKind::InvalidUtf8 => "a word is not UTF-8".to_owned(),
        _ => "this command line is not understood".to_owned(),
    };
    let help = format!("`{path} --help` tells more");
    match meant(error) {
        Some(meant) => format!("{what}; did you mean {meant}? {help}"),
        None => format!("{what}; {help}"),
    }
}

/// `otpctl gate enable`.
fn path(command: &Command) -> &str {
    command.get_bin_name().unwrap_or(command.get_name())
}

fn is_option_of(program: &Command, argument: &str) -> bool {
    program.get_arguments().any(|one| one.get_long().is_some_and(|name| argument.strip_prefix("--") == Some(name)))
}

fn conflict(argument: &str, other: &str) -> String {
    match other {
        other if other == argument || other.is_empty() => format!("{argument} is given twice"),
        other => format!("{argument} does not go with {other}"),
    }
}

/// Every argument that is missing; of one, also the options that would do instead of it.
fn missing(arguments: &[String], command: &Command) -> String {
    match arguments {
        [one] => format!("{} is missing", or_instead(one, command)),
        _ => format!("{} are missing", list(arguments, "and")),
    }
}

/// The missing argument, and the options that would do instead of it.
fn or_instead(missing: &str, command: &Command) -> String {
    let is_it = |one: &&Arg| one.get_value_names().is_some_and(|names| names.iter().any(|name| name == missing));
    let conflicts = command.get_positionals().find(is_it).map(|one| command.get_arg_conflicts_with(one));
    let options = conflicts.unwrap_or_default().into_iter().filter_map(|one| one.get_long());
    let all: Vec<String> = std::iter::once(missing.to_owned()).chain(options.map(|name| format!("--{name}"))).collect();
    choice(&all)
}

/// `a, b or c`.
fn choice(words: &[String]) -> String {
    list(words, "or")
}

/// `a, b and c`.
fn list(words: &[String], conjunction: &str) -> String {
    match words.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} {conjunction} {last}", others.join(", ")),
        None => String::new(),
    }
}

/// The command or option that looks most like what was typed; clap has it last.
fn meant(error: &clap::Error) -> Option<String> {
    let kinds = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg];
    kinds.into_iter().find_map(|kind| values(error, kind).pop())
}

/// The values that clap has noted, unable to move a cursor.
fn values(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(one)) => vec![escaped(one)],
        Some(ContextValue::Strings(several)) => several.iter().map(|one| escaped(one)).collect(),
        _ => Vec::new(),
    }
}

/// Arguments by their bare names.
fn names(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    values(error, kind).iter().map(|one| bare(one)).collect()
}

/// `USER` of `<USER>`, `--for` of `--for <DURATION>`.
fn bare(argument: &str) -> String {
    match argument.split_once([' ', '=']) {
        Some((option, _)) if option.starts_with('-') => option.to_owned(),
        _ => argument.trim_matches(['<', '>', '[', ']', '.']).to_owned(),
    }
}

/// So much of a value as a line has room for.
fn start(value: &str) -> String {
    match value.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", value.split_at(at).0),
        None => value.to_owned(),
    }
}

const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use clap::{Arg, ArgAction};

    use super::*;

    fn program() -> Command {
        let mut program = Command::new("prog")
            .arg(Arg::new("away").long("away").action(ArgAction::SetTrue))
            .subcommand_required(true)
            .subcommand(
                Command::new("paint")
                    .arg(Arg::new("wall").value_name("WALL").required_unless_present("all").conflicts_with("all"))
                    .arg(Arg::new("all").long("all").action(ArgAction::SetTrue))
                    .arg(Arg::new("coat").long("coat").value_parser(["thin", "thick", "none"]))
                    .arg(
                        Arg::new("litres")
                            .long("litres")
                            .value_parser(|text: &str| text.parse::<u8>().map_err(|_| "wanted 0 to 255 litres")),
                    ),
            )
            .subcommand(Command::new("print"))
            .subcommand(
                Command::new("hang")
                    .arg(Arg::new("nail").long("nail").value_name("NAIL").required(true))
                    .arg(Arg::new("room").value_name("ROOM").required(true).conflicts_with_all(["here", "there"]))
                    .arg(Arg::new("height").long("height").value_name("METRES").required(true))
                    .arg(Arg::new("here").long("here").action(ArgAction::SetTrue))
                    .arg(Arg::new("there").long("there").action(ArgAction::SetTrue)),
            );
        program.build();
        program
    }

    fn refused(words: &[&str]) -> String {
        let program = program();
        let error = program.clone().try_get_matches_from([&["prog"], words].concat()).unwrap_err();
        let named = program.find_subcommand(words.first().copied().unwrap_or_default()).unwrap_or(&program);
        told(&error, &program, named)
    }

    #[test]
    fn a_refusal_says_what_was_found_and_what_is_wanted() {
        let cases: &[(&[&str], &str)] = &[
            (&["pain"], "\"pain\" is not a command of prog; did you mean paint? `prog --help` tells more"),
            (&["zzz"], "\"zzz\" is not a command of prog; `prog --help` tells more"),
            (&["a\x1b[2J"], "\"a\\x1b[2J\" is not a command of prog; `prog --help` tells more"),
            (
                &["paint", "--cot", "x"],
                "--cot is not an option of prog paint; did you mean --coat? `prog paint --help` tells more",
            ),
            (&["paint", "-q"], "-q is not an option of prog paint; `prog paint --help` tells more"),
            (&["paint", "a", "b"], "\"b\" is one word too many; `prog paint --help` tells more"),
            (&["paint"], "WALL or --all is missing; `prog paint --help` tells more"),
            (&["hang"], "--nail, --height and ROOM are missing; `prog hang --help` tells more"),
            (&["hang", "a"], "--nail and --height are missing; `prog hang --help` tells more"),
            (&["hang", "a", "--nail", "b"], "--height is missing; `prog hang --help` tells more"),
            (
                &["hang", "a", "--here", "--there", "--nail", "b", "--height", "2"],
                "ROOM does not go with --here or --there; `prog hang --help` tells more",
            ),
            (&["paint", "a", "--all"], "WALL does not go with --all; `prog paint --help` tells more"),
            (&["paint", "--all", "--all"], "--all is given twice; `prog paint --help` tells more"),
            (&["paint", "a", "--coat", "wet"], "--coat: found \"wet\"; wanted thin, thick or none"),
            (&["paint", "a", "--coat"], "--coat has no value; wanted thin, thick or none"),
            (&["paint", "a", "--litres", "1k"], "--litres: found \"1k\"; wanted 0 to 255 litres"),
            (
                &["print", "--away"],
                "--away goes before the command, as in `prog --away print`; `prog print --help` tells more",
            ),
        ];
        for (words, text) in cases {
            assert_eq!(refused(words), *text);
        }
        assert!(refused(&["paint", "a", "--litres", &"9".repeat(500)]).len() < 150);
    }
}
