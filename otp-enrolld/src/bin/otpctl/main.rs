//! `otpctl`: asks the daemon, shows the answer. It decides nothing and stores nothing, but for root on the console:
//! `emergency` works without daemon, vault, policy and host key, and `--offline` on the vault without the daemon.

#![forbid(unsafe_code)]

mod alert;
mod apps;
mod arguments;
mod change;
mod code;
mod config;
mod confirm;
mod daemon;
mod diagnosis;
mod edit;
mod emergency;
mod enrol;
mod escape;
mod failure;
mod hidden;
mod invite;
mod json;
mod letter;
mod new_file;
mod notices;
mod offline;
mod overview;
mod own;
mod pam_files;
mod picture_file;
mod recovery;
mod registration;
mod sheet;
mod span;
mod spent;
mod table;
mod terminal;
mod token;

use std::process::ExitCode;

use clap::Parser;
use nix::sys::prctl;

use arguments::{Arguments, Command, Pipe, Token, TokenAct};
use failure::Failure;
use terminal::Terminal;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(arguments.command.form()),
    }
}

/// One command, from the first check to the last line.
fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut terminal = Terminal::standard()?;
    if arguments.offline {
        return offline::run(&mut terminal, &arguments.command);
    }
    match &arguments.command {
        Command::Invite(options) => {
            forbid_core_dumps()?;
            invite::invite(&mut terminal, options, daemon::connect)
        }
        Command::Enrol(options) => {
            secrets_to(&terminal, options.output.pipe())?;
            enrol::enrol(&mut terminal, options, daemon::connect)
        }
        Command::Add(options) => {
            secrets_to(&terminal, options.output.pipe())?;
            own::add(&mut terminal, options, daemon::connect)
        }
        Command::Rotate(options) => {
            secrets_to(&terminal, options.output.pipe())?;
            own::rotate(&mut terminal, options, daemon::connect)
        }
        Command::RecoveryCodes(options) => {
            secrets_to(&terminal, options.pipe())?;
            recovery::renew(&mut terminal, options, daemon::connect)
        }
        Command::Token(Token { act: TokenAct::Add(options) }) => {
            forbid_core_dumps()?;
            token::add(&mut terminal, options, daemon::connect)
        }
        Command::Status(options) => overview::status(&mut daemon::connect()?, &mut terminal, options),
        Command::Notices(options) => notices::notices(&mut daemon::connect()?, &mut terminal, options),
        Command::List(options) => overview::list(&mut daemon::connect()?, &mut terminal, options),
        Command::Config(options) => config::run(&mut terminal, &options.act),
        Command::Emergency(options) => emergency::run(&mut terminal, &options.act),
        Command::Clock(_) => Err(Failure::Usage("clock: only with --offline, as root".to_owned())),
        command => change::change(&mut terminal, command, daemon::connect),
    }
}

/// Before a key or a code is made: it is shown to whom it may be, and kept nowhere.
fn secrets_to(terminal: &Terminal, pipe: Pipe) -> Result<(), Failure> {
    terminal.allow_secrets(pipe)?;
    forbid_core_dumps()
}

/// A crash must not write the key to a disk; nor may another process of the same user read it from memory.
fn forbid_core_dumps() -> Result<(), Failure> {
    Ok(prctl::set_dumpable(false).map_err(std::io::Error::from)?)
}
