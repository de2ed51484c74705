//! The help of a command, laid out for a width. Its texts come from the definition of the command line, its groups and examples
//! from a [`Guide`].

use clap::{Arg, Command};

use crate::screen::{beside, columns, strong};

/// The part of help that is not in the definition of the command line.
#[derive(Debug)]
pub struct Guide {
    /// The commands by who needs them.
    pub groups: &'static [Group],
    /// Of every command.
    pub examples: &'static [Example],
    /// The manual page, as `otpctl(1)`.
    pub manual: &'static str,
}

/// Commands that the same people need.
#[derive(Debug)]
pub struct Group {
    /// Whose they are.
    pub title: &'static str,
    /// Their names.
    pub commands: &'static [&'static str],
}

/// One command line that does something useful.
#[derive(Debug)]
pub struct Example {
    /// The command that it is of, without the program, as `gate enable`; empty for the program itself.
    pub command: &'static str,
    /// As it is typed.
    pub line: &'static str,
    /// Its effect.
    pub does: &'static str,
}

/// The help of a built `command`, with lines of at most `width` columns.
pub fn help(command: &Command, guide: &Guide, width: usize) -> String {
    let (first, more) = about(command);
    let mut text = paragraph(&first, 0, width);
    text.push('\n');
    text.push_str(&usage(command, width));
    for one in more.iter() {
        text.push('\n');
        text.push_str(&paragraph(one, 0, width));
    }
    text.push_str(&commands(command, guide, width));
    let is_shown = |argument: &&Arg| !(argument.is_hide_set() || argument.is_global_set() && is_below(command));
    let (words, options): (Vec<&Arg>, _) =
        command.get_arguments().filter(is_shown).partition(|argument| argument.is_positional());
    text.push_str(&arguments("Arguments", &words, width));
    text.push_str(&arguments("Options", &options, width));
    text.push_str(&examples(command, guide, width));
    text.push('\n');
    text.push_str(&paragraph(&format!("See {}.", guide.manual), 0, width));
    text
}

/// Not the program itself, whose help has the options of all.
fn is_below(command: &Command) -> bool {
    command.get_bin_name().unwrap_or_default().contains(' ')
}

/// The first paragraph of what a command is, and the others.
fn about(command: &Command) -> (String, Vec<String>) {
    let whole = command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string).unwrap_or_default();
    let mut paragraphs = whole.split("\n\n").map(|one| one.replace('\n', " "));
    (paragraphs.next().unwrap_or_default(), paragraphs.collect())
}

fn usage(command: &Command, width: usize) -> String {
    let line = command.clone().render_usage().to_string();
    let (head, rest) = line.split_once(' ').unwrap_or(("", &line));
    let at = if width < NARROW { INDENT } else { columns(head).saturating_add(1) };
    beside(&format!("{} ", strong(head)), rest, at, width)
}

/// The commands below, in their groups.
fn commands(command: &Command, guide: &Guide, width: usize) -> String {
    let below: Vec<&Command> =
        command.get_subcommands().filter(|one| !one.is_hide_set() && one.get_name() != "help").collect();
    let longest = below.iter().map(|one| one.get_name().len()).max().unwrap_or_default();
    let told = |one: &&Command| row(one.get_name(), &short(one), longest, width);
    if below.is_empty() {
        return String::new();
    }
    if !is_below(command) && !guide.groups.is_empty() {
        let groups = guide.groups.iter().map(|group| {
            let head = paragraph(&strong(&format!("{}:", group.title)), 0, width);
            let own = group.commands.iter().filter_map(|name| below.iter().find(|one| one.get_name() == *name));
            format!("\n{head}{}", own.map(told).collect::<String>())
        });
        return groups.collect();
    }
    format!("\n{}\n{}", strong("Commands:"), below.iter().map(told).collect::<String>())
}

/// The line about a command.
fn short(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

/// A name, and beside it or, in a narrow window, below it what it does.
fn row(name: &str, meaning: &str, longest: usize, width: usize) -> String {
    let at = longest.saturating_add(4);
    match width.saturating_sub(at) {
        room if room >= LEAST => beside(&format!("  {name}"), meaning, at, width),
        _ => format!("  {name}\n{}", paragraph(meaning, INDENT, width)),
    }
}

fn arguments(title: &str, arguments: &[&Arg], width: usize) -> String {
    if arguments.is_empty() {
        return String::new();
    }
    let all = arguments.iter().map(|one| format!("  {}\n{}", term(one), meaning(one, width)));
    format!("\n{}\n{}", strong(&format!("{title}:")), all.collect::<String>())
}

/// `-h, --help`, `--for <DURATION>`, `<USER>`, or `[USER]` if it may be left out.
fn term(argument: &Arg) -> String {
    let value = || {
        let (open, close) =
            if argument.is_positional() && !argument.is_required_set() { ('[', ']') } else { ('<', '>') };
        let names = argument.get_value_names().unwrap_or_default().iter().map(|name| format!("{open}{name}{close}"));
        names.collect::<Vec<_>>().join(" ")
    };
    if argument.is_positional() {
        return value();
    }
    let names =
        [argument.get_short().map(|name| format!("-{name}")), argument.get_long().map(|name| format!("--{name}"))];
    let names = names.into_iter().flatten().collect::<Vec<_>>().join(", ");
    if argument.get_action().takes_values() { format!("{names} {}", value()) } else { names }
}

/// The text about an argument, and its default.
fn meaning(argument: &Arg, width: usize) -> String {
    let text = argument.get_long_help().or_else(|| argument.get_help()).map(ToString::to_string).unwrap_or_default();
    let text = if argument.get_id() == "help" { "Show this help".to_owned() } else { text };
    let values = possible_values(argument);
    let default: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    let default = if argument.get_action().takes_values() && !default.is_empty() {
        format!("\n\nDefault: {}", default.join(", "))
    } else {
        String::new()
    };
    let whole = format!("{text}{values}{default}");
    whole.split("\n\n").map(|one| paragraph(&one.replace('\n', " "), INDENT, width)).collect()
}

/// The words that it may be, unless its text names them.
fn possible_values(argument: &Arg) -> String {
    let values = argument.get_possible_values();
    if values.is_empty() || argument.is_hide_possible_values_set() || !argument.get_action().takes_values() {
        return String::new();
    }
    let names: Vec<_> = values.iter().map(|value| value.get_name()).collect();
    format!("\n\nOne of: {}", names.join(", "))
}

fn examples(command: &Command, guide: &Guide, width: usize) -> String {
    let (_, own) = command.get_bin_name().unwrap_or_default().split_once(' ').unwrap_or_default();
    let mut own = guide.examples.iter().filter(|example| example.command == own).peekable();
    if own.peek().is_none() {
        return String::new();
    }
    let all = own.map(|example| format!("{}{}", typed(example.line, width), paragraph(example.does, INDENT, width)));
    format!("\n{}\n{}", strong("Examples:"), all.collect::<String>())
}

/// A command as it can be copied: broken as a shell reads it.
fn typed(line: &str, width: usize) -> String {
    let mut text = String::from(" ");
    let mut column = 1_usize;
    let mut is_quoted = false;
    let mut parts_words = |letter| {
        is_quoted ^= letter == '"';
        letter == ' ' && !is_quoted
    };
    for word in line.split(&mut parts_words) {
        let end = column.saturating_add(1).saturating_add(columns(word));
        if column > INDENT && end.saturating_add(2) > width {
            text.push_str(" \\\n   ");
            column = 3_usize.saturating_add(1).saturating_add(columns(word));
        } else {
            column = end;
        }
        text.push(' ');
        text.push_str(word);
    }
    text.push('\n');
    text
}

fn paragraph(text: &str, indent: usize, width: usize) -> String {
    beside("", text, indent.min(width / 3), width)
}

/// Where what an option means begins.
const INDENT: usize = 6;
/// The least room for what a command does beside its name.
const LEAST: usize = 20;
/// A window in which a long usage begins below its head's column.
const NARROW: usize = 40;
