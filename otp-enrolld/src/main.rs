//! The daemon `otp-enrolld`: makes and keeps the secret files. `start` is the story of a start, `dispatch` of a call,
//! `enrolment` of a key on its way to its owner, `access::rights` says who may do what.

#![forbid(unsafe_code)]

mod access;
mod admin;
mod adopt;
mod daemon;
mod dispatch;
mod enrolment;
mod hardening;
mod index;
mod init;
mod lock;
mod log;
mod machine;
mod notices;
mod passwd_watch;
mod refusals;
mod service_manager;
mod start;
mod status;
mod suspend;
mod try_code;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use notices::outbox_runner::Rounds;

#[derive(Parser)]
#[command(name = "otp-enrolld", version, about = "Makes the secret files of pam_otp and answers on its socket")]
struct CommandLine {
    #[command(subcommand)]
    command: Option<DaemonCommand>,
}

#[derive(Subcommand)]
enum DaemonCommand {
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
    let outcome = match CommandLine::parse().command.unwrap_or(DaemonCommand::Run) {
        DaemonCommand::Run => start::run().map(|never| match never {}).map_err(|error| error.to_string()),
        DaemonCommand::Init => {
            init::init().map(|done| log::events::say(&done.to_string())).map_err(|error| error.to_string())
        }
        DaemonCommand::Notify { once } => {
            let rounds = if once { Rounds::Once } else { Rounds::UntilEmpty };
            notices::outbox_runner::run(rounds).map_err(|error| error.to_string())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::events::say(&error);
            ExitCode::FAILURE
        }
    }
}
