//! The daemon `otp-enrolld`: makes and keeps the secret files. `start` is the story of a start, `service` of a call,
//! `enrolments` of a key on its way to its owner, `rights` says who may do what.

#![deny(unsafe_code)]

mod changing;
mod enrolments;
mod events;
mod init;
mod kernel;
mod outlet;
mod provisioning;
mod rights;
mod service;
mod start;
mod system;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use otp_enrolld::random;

#[derive(Parser)]
#[command(name = "otp-enrolld", version, about = "Makes the secret files of pam_otp and answers on its socket")]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve in the foreground (the default): on the socket that systemd hands over, or on /run/otp/otp.sock
    Run,
    /// Make host key and vault, once, as root; does nothing if both are there and belong together
    Init,
}

fn main() -> ExitCode {
    let outcome = match CommandLine::parse().command.unwrap_or(Command::Run) {
        Command::Run => start::run().map(|never| match never {}).map_err(|error| error.to_string()),
        Command::Init => init::init().map(|done| events::say(&done.to_string())).map_err(|error| error.to_string()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            events::say(&error);
            ExitCode::FAILURE
        }
    }
}
