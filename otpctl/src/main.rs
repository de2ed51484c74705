//! `otpctl`: asks the daemon, shows the answer. It decides nothing and stores nothing, but for root on the console:
//! `emergency` works without daemon, vault, policy and host key, and `--offline` on the vault without the daemon.

#![forbid(unsafe_code)]

mod arguments;
mod command;
mod connect;
mod escrow;
mod gate;
mod host_key_export;
mod input;
mod machine;
mod output;
mod policy_path;
mod reach;
mod stack;

use std::env;
use std::process::ExitCode;

use clap::Parser;
use nix::sys::prctl;

use arguments::{Arguments, Command, TokenAct, TokenArgs};
use output::failure::Failure;
use output::format::{Pipe, UnderSudo};
use output::terminal::Terminal;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => {
            if !matches!(arguments.command, Command::HostKey(_) | Command::Emergency(_) | Command::Gate(_)) {
                command::host_key::remind_of_export();
            }
            ExitCode::SUCCESS
        }
        Err(failure) => failure.report(arguments.command.format()),
    }
}

/// One command, from the first check to the last line.
fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut terminal = Terminal::standard()?;
    if arguments.offline {
        return command::offline::run(&mut terminal, &arguments.command);
    }
    match &arguments.command {
        Command::Invite(options) => {
            forbid_core_dumps()?;
            command::invite::invite(&mut terminal, options, connect::connect)
        }
        Command::Enrol(options) => {
            secrets_to(&terminal, options.output.pipe(), options.output.under_sudo())?;
            command::enrol::enrol(&mut terminal, options, connect::connect)
        }
        Command::Add(options) => {
            secrets_to(&terminal, options.output.pipe(), options.output.under_sudo())?;
            command::self_service::add(&mut terminal, options, connect::connect)
        }
        Command::Rotate(options) => {
            secrets_to(&terminal, options.output.pipe(), options.output.under_sudo())?;
            command::self_service::rotate(&mut terminal, options, connect::connect)
        }
        Command::RecoveryCodes(options) => {
            secrets_to(&terminal, options.pipe(), options.under_sudo())?;
            command::recovery_codes::renew(&mut terminal, options, connect::connect)
        }
        Command::Token(TokenArgs { act: TokenAct::Add(options) }) => {
            forbid_core_dumps()?;
            command::token::add(&mut terminal, options, connect::connect)
        }
        Command::Status(options) if options.try_code => {
            command::try_code::try_code(&mut terminal, options, connect::connect)
        }
        Command::Status(options) => command::status::status(&mut connect::connect()?, &mut terminal, options),
        Command::Notices(options) => command::notices::notices(&mut connect::connect()?, &mut terminal, options),
        Command::List(options) => command::status::list(&mut connect::connect()?, &mut terminal, options),
        Command::Config(options) => command::config::run(&mut terminal, &options.act),
        Command::Gate(options) => command::gate::run(&mut terminal, &options.act),
        Command::Emergency(options) => command::emergency::run(&mut terminal, &options.act),
        Command::HostKey(options) => command::host_key::run(&mut terminal, &options.act),
        Command::Mend(_) => Err(Failure::Usage("mend: only with --offline, as root".to_owned())),
        Command::Clock(_) => Err(Failure::Usage("clock: only with --offline, as root".to_owned())),
        Command::VaultVersion(_) => Err(Failure::Usage("vault-version: only with --offline, as root".to_owned())),
        Command::Gc(options) => command::gc::gc(&mut connect::connect()?, &mut terminal, options),
        Command::Adopt(options) => command::adopt::adopt(&mut terminal, options, connect::connect),
        command => command::admin::change(&mut terminal, command, connect::connect),
    }
}

/// Before a key or a code is made: it is shown to whom it may be, and kept nowhere.
fn secrets_to(terminal: &Terminal, pipe: Pipe, under_sudo: UnderSudo) -> Result<(), Failure> {
    if under_sudo == UnderSudo::Refused && env::var_os("SUDO_COMMAND").is_some() {
        return Err(Failure::Usage(SUDO_MAY_KEEP_IT.to_owned()));
    }
    terminal.allow_secrets(pipe)?;
    forbid_core_dumps()
}

/// sudo sets SUDO_COMMAND, and does not tell a command whether it logs what that shows.
const SUDO_MAY_KEEP_IT: &str = "under sudo: its log may keep the key or the recovery codes that are shown, and this command \
                                cannot see whether it does; nothing was made; run it without sudo, as the user whose key \
                                it is, or use --allow-sudo if that log keeps no output";

/// A crash must not write the key to a disk; nor may another process of the same user read it from memory.
fn forbid_core_dumps() -> Result<(), Failure> {
    Ok(prctl::set_dumpable(false).map_err(std::io::Error::from)?)
}
