//! `otpctl`: asks the daemon, shows the answer. It decides nothing and stores nothing, but for root on the console:
//! `emergency` works without daemon, vault, policy and host key, and `--offline` on the vault without the daemon.

#![forbid(unsafe_code)]

mod alert;
mod apps;
mod arguments;
mod change;
mod config;
mod daemon;
mod edit;
mod emergency;
mod enrol;
mod escape;
mod failure;
mod json;
mod notices;
mod offline;
mod overview;
mod picture_file;
mod sheet;
mod table;
mod terminal;

use std::process::ExitCode;

use clap::Parser;
use nix::sys::prctl;

use arguments::{Arguments, Command};
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
        Command::Enrol(options) => {
            terminal.allow_secrets(options.pipe())?;
            forbid_core_dumps()?;
            enrol::enrol(&mut daemon::connect()?, &mut terminal, options)
        }
        Command::Status(options) => overview::status(&mut daemon::connect()?, &mut terminal, options),
        Command::Notices(options) => notices::notices(&mut daemon::connect()?, &mut terminal, options),
        Command::List(options) => overview::list(&mut daemon::connect()?, &mut terminal, options),
        Command::Config(options) => config::run(&mut terminal, &options.act),
        Command::Emergency(options) => emergency::run(&mut terminal, &options.act),
        Command::Clock(_) => Err(Failure::Usage("clock: only with --offline, as root".to_owned())),
        command => change::change(&mut daemon::connect()?, &mut terminal, command),
    }
}

/// A crash must not write the key to a disk; nor may another process of the same user read it from memory.
fn forbid_core_dumps() -> Result<(), Failure> {
    Ok(prctl::set_dumpable(false).map_err(std::io::Error::from)?)
}
