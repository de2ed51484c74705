//! The daemon `otp-enrolld`: makes and keeps the secret files. `start` is the story of a start, `service` of a call,
//! `enrolments` of a key on its way to its owner, `rights` says who may do what.

#![forbid(unsafe_code)]

mod changing;
mod delivery;
mod diagnosis;
mod enrolling;
mod enrolments;
mod events;
mod groups;
mod init;
mod invitations;
mod keeping;
mod noticing;
mod notify;
mod outlet;
mod presented;
mod provisioning;
mod redeeming;
mod replacing;
mod rights;
mod service;
mod start;
mod system;
mod throttle;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use otp_system::random;

use notify::Pass;

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
    /// Hand every notice in the outbox to the program that otp.toml names as notify_command, until there is none left
    Notify {
        /// Each notice that is due once, for cron; what fails stays for the next time
        #[arg(long)]
        once: bool,
    },
}

fn main() -> ExitCode {
    let outcome = match CommandLine::parse().command.unwrap_or(Command::Run) {
        Command::Run => start::run().map(|never| match never {}).map_err(|error| error.to_string()),
        Command::Init => init::init().map(|done| events::say(&done.to_string())).map_err(|error| error.to_string()),
        Command::Notify { once } => notify::run(Pass::of(once)).map_err(|error| error.to_string()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            events::say(&error);
            ExitCode::FAILURE
        }
    }
}
