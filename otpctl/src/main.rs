//! `otpctl`: asks the daemon, shows the answer. It decides nothing and stores nothing, but for root on the console:
//! `emergency` works without daemon, vault, policy and host key, and `--offline` on the vault without the daemon.

#![forbid(unsafe_code)]

mod arguments;
mod command;
mod connect;
mod doctor;
mod escrow;
mod explain;
mod gate;
mod host_key_export;
mod import;
mod input;
mod letter;
mod machine;
mod migrate;
mod output;
mod paging;
mod policy_path;
mod reach;
mod session;
mod stack;
mod sudo_time_stamps;

/// The module's own reader of its options, and its rules: there is one of each.
#[path = "../../pam_otp/src/options.rs"]
mod options;
#[path = "../../pam_otp/src/rules.rs"]
#[expect(dead_code, reason = "the module has more use for it")]
mod rules;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use nix::sys::prctl;
use otp_system::command_line::answer;

use arguments::{Arguments, Command, GUIDE, InviteArgs, NoticesArgs, StatusArgs};
use output::escape::{self, escaped};
use output::failure::Failure;
use output::format::{Pipe, UnderSudo};
use output::stderr;
use output::terminal::Terminal;

fn main() -> ExitCode {
    let words: Vec<OsString> = env::args_os().collect();
    let arguments = match Arguments::try_parse_from(&words) {
        Ok(arguments) => arguments,
        Err(error) => return answer(&error, Arguments::command(), &GUIDE, &words),
    };
    stderr::heed(arguments.color);
    match run(&arguments) {
        Ok(()) => {
            if !matches!(
                arguments.command,
                Command::HostKey(_) | Command::Emergency(_) | Command::Gate(_) | Command::Doctor(_)
            ) {
                command::host_key::remind_of_export();
            }
            ExitCode::SUCCESS
        }
        Err(failure) => failure.report(arguments.command.format()),
    }
}

/// One command, from the first check to the last line.
fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut terminal = Terminal::standard(arguments.color)?;
    if arguments.offline {
        return command::offline::run(&mut terminal, &arguments.command);
    }
    note_whose_it_is(&arguments.command);
    match &arguments.command {
        Command::Invite(options) => invite(&mut terminal, options),
        Command::Enrol(options) => {
            if options.user.is_none() {
                for_whom("enrol", options.output.under_sudo())?;
            }
            secrets_to(&terminal, options.output.pipe(), options.output.under_sudo())?;
            command::enrol::enrol(&mut terminal, options, connect::connect)
        }
        Command::Add(options) => {
            own_secrets_to(&terminal, "add", (options.output.pipe(), options.output.under_sudo()))?;
            command::self_service::add(&mut terminal, options, connect::connect)
        }
        Command::Rotate(options) => {
            own_secrets_to(&terminal, "rotate", (options.output.pipe(), options.output.under_sudo()))?;
            command::self_service::rotate(&mut terminal, options, connect::connect)
        }
        Command::RecoveryCodes(options) => {
            own_secrets_to(&terminal, "recovery-codes", (options.pipe(), options.under_sudo()))?;
            command::recovery_codes::renew(&mut terminal, options, connect::connect)
        }
        Command::Lost(options) => {
            own_keys_only("lost")?;
            command::lost::lost(&mut terminal, options, connect::connect)
        }
        Command::Token(options) => {
            forbid_core_dumps()?;
            command::token::run(&mut terminal, &options.act, connect::connect)
        }
        Command::Import(options) => {
            forbid_core_dumps()?;
            command::import::import(&mut terminal, options, connect::connect)
        }
        Command::Reset(options) => command::reset::request(&mut connect::connect()?, &mut terminal, options),
        Command::Resets(options) => command::reset::run(&mut connect::connect()?, &mut terminal, &options.act),
        Command::MigratePam(options) => command::migrate_pam::migrate_pam(&mut terminal, options),
        Command::Status(options) => status(&mut terminal, options),
        Command::Notices(options) => command::notices::notices(&mut connect::connect()?, &mut terminal, options),
        Command::List(options) => command::list::list(&mut terminal, options, connect::connect),
        Command::Config(options) => command::config::run(&mut terminal, &options.act),
        Command::Explain(options) => command::explain::explain(&mut terminal, options),
        Command::Gate(options) => command::gate::run(&mut terminal, &options.act),
        Command::Emergency(options) => command::emergency::run(&mut terminal, &options.act),
        Command::Doctor(options) => command::doctor::run(&mut terminal, options),
        Command::HostKey(options) => command::host_key::run(&mut terminal, &options.act),
        Command::WatchPasswords(options) => command::watch_passwords::watch_passwords(&mut terminal, options),
        Command::EndSudo(options) => command::end_sudo::end_sudo(&mut terminal, options),
        command @ (Command::Mend(_) | Command::Clock(_) | Command::VaultVersion(_)) => Err(only_offline(command)),
        Command::AcceptRestore(options) => {
            command::admin::accept_restore(&mut terminal, options, &mut connect::connect()?)
        }
        Command::Gc(options) => command::gc::gc(&mut connect::connect()?, &mut terminal, options),
        Command::Adopt(options) => command::adopt::adopt(&mut terminal, options, connect::connect),
        command => command::admin::change(&mut terminal, command, connect::connect),
    }
}

fn invite(terminal: &mut Terminal, options: &InviteArgs) -> Result<(), Failure> {
    if options.shows_all() {
        with_a_terminal(terminal, options.pipe())?;
    }
    forbid_core_dumps()?;
    match &options.from {
        None => command::invite::invite(terminal, options, connect::connect),
        Some(list) => command::invite_list::invite_list(terminal, options, list, &connect::connect),
    }
}

fn status(terminal: &mut Terminal, options: &StatusArgs) -> Result<(), Failure> {
    match options.try_code {
        true => command::try_code::try_code(terminal, options, connect::connect),
        false => command::status::status(&mut connect::connect()?, terminal, options),
    }
}

/// Secrets of the caller's own.
fn own_secrets_to(terminal: &Terminal, command: &str, (pipe, under_sudo): (Pipe, UnderSudo)) -> Result<(), Failure> {
    for_whom(command, under_sudo)?;
    secrets_to(terminal, pipe, under_sudo)
}

/// A command for the caller's own keys, which shows no secret: under sudo a code of a person would be typed as root.
fn own_keys_only(command: &str) -> Result<(), Failure> {
    session::person_behind_root().map_or(Ok(()), |person| {
        let person = escaped(&person);
        let text = format!(
            "with sudo this would be about root; nothing was done\nfor {person}: run it without sudo: otpctl {command}"
        );
        Err(Failure::Usage(text))
    })
}

/// A command that only shows something goes through sudo, too, and then speaks of root.
fn note_whose_it_is(command: &Command) {
    if let Command::Status(StatusArgs { user: None, .. }) | Command::Notices(NoticesArgs { user: None, .. }) = command {
        session::person_behind_root().as_deref().into_iter().for_each(note_that_it_is_roots);
    }
}

/// A command for the caller's own keys means root under sudo, and a person who types sudo hardly does. It is refused before anything is
/// asked: a code of theirs, typed as root, would be a stranger's, and an alarm.
fn for_whom(command: &str, under_sudo: UnderSudo) -> Result<(), Failure> {
    match (session::person_behind_root(), under_sudo) {
        (Some(person), UnderSudo::Refused) => {
            let person = escaped(&person);
            Err(Failure::Usage(format!(
                "with sudo this would be for root; nothing was done\nfor {person}: run it without sudo: otpctl \
                 {command}\nfor root: use --allow-sudo if sudo logs no output: its log could keep the key or the \
                 recovery codes"
            )))
        }
        (Some(person), UnderSudo::Allowed) => {
            note_that_it_is_roots(&person);
            Ok(())
        }
        (None, _) => Ok(()),
    }
}

/// For a command that names nobody.
fn note_that_it_is_roots(person: &str) {
    let person = escaped(person);
    stderr::note(&format!("this is about root; without sudo it is about {person}"));
}

fn only_offline(command: &Command) -> Failure {
    let name = match command {
        Command::Mend(_) => "mend",
        Command::Clock(_) => "clock",
        _ => "vault-version 1",
    };
    Failure::Usage(format!("only with --offline: the daemon does not do this; as root, use `otpctl --offline {name}`"))
}

/// Before a key or a code is made: it is shown to whom it may be, and kept nowhere.
fn secrets_to(terminal: &Terminal, pipe: Pipe, under_sudo: UnderSudo) -> Result<(), Failure> {
    if under_sudo == UnderSudo::Refused && env::var_os("SUDO_COMMAND").is_some() {
        return Err(Failure::Usage(SUDO_MAY_KEEP_IT.to_owned()));
    }
    with_a_terminal(terminal, pipe)?;
    terminal.allow_secrets(pipe)?;
    forbid_core_dumps()
}

/// ssh gives a command no terminal unless it is told to.
fn with_a_terminal(terminal: &Terminal, pipe: Pipe) -> Result<(), Failure> {
    if pipe == Pipe::Allowed || terminal.is_screen() || terminal.asks_a_person() || !session::is_over_ssh() {
        return Ok(());
    }
    let words: Vec<String> = env::args().skip(1).map(|word| escape::word(&word)).collect();
    Err(Failure::Usage(format!(
        "there is no terminal to show it on; ask ssh for one: ssh -t HOST otpctl {}",
        words.join(" ")
    )))
}

/// sudo sets SUDO_COMMAND, and does not tell a command whether it logs what that shows.
const SUDO_MAY_KEEP_IT: &str = "under sudo: its log may keep the key or the recovery codes that are shown, and \
                                otpctl cannot see whether it does; nothing was made; run this without sudo, as the \
                                user whose key it is, or use --allow-sudo if sudo logs no output";

/// A crash must not write the key to a disk; nor may another process of the same user read it from memory.
fn forbid_core_dumps() -> Result<(), Failure> {
    Ok(prctl::set_dumpable(false).map_err(std::io::Error::from)?)
}
