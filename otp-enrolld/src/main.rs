//! The daemon `otp-enrolld`: makes and keeps the secret files. `start` is the story of a start, `dispatch` of a call,
//! `enrolment` of a key on its way to its owner, `access::rights` says who may do what.

#![forbid(unsafe_code)]

mod access;
mod admin;
mod adopt;
mod cool_down;
mod daemon;
mod dispatch;
mod enrolment;
mod fingerprints;
mod hardening;
mod hourly;
mod index;
mod init;
mod lock;
mod log;
mod lost;
mod machine;
mod notices;
mod passwd_watch;
mod refusals;
mod resets;
mod service_manager;
mod start;
mod status;
mod sudo_again;
mod suspend;
mod try_code;
mod verify;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use otp_system::command_line::{Example, Guide, answer};

use notices::outbox_runner::Rounds;

/// Make and keep the keys of one-time codes, and answer on the socket
///
/// The daemon of pam_otp. The service manager starts it; `otpctl` talks to it. Exit status: 0 done, 1 not done, 2 wrong usage.
#[derive(Parser)]
#[command(name = "otp-enrolld", version)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<DaemonCommand>,
}

#[derive(Subcommand)]
enum DaemonCommand {
    /// Serve in the foreground; this is the default
    ///
    /// Serves on the socket that systemd hands over, or on /run/otp/otp.sock.
    Run,
    /// Make the host key and the vault, once, as root
    ///
    /// If both are there and belong together, changes nothing. If only one is there, fails: the other may be in a safe, or not
    /// mounted.
    Init,
    /// Hand every notice in the outbox to the notify_command of otp.toml
    ///
    /// Goes on until no notice is left.
    Notify {
        /// Try each notice that is due once, as for cron; a notice that fails stays for the next time
        #[arg(long)]
        once: bool,
    },
}

const GUIDE: Guide = Guide { groups: &[], examples: &EXAMPLES, manual: "otp-enrolld(8)" };

const EXAMPLES: [Example; 4] = [
    Example {
        command: "",
        line: "systemctl status otp-enrolld",
        does: "Show whether the daemon runs, and its last lines.",
    },
    Example { command: "run", line: "otp-enrolld run", does: "Serve on this terminal, without systemd." },
    Example {
        command: "init",
        line: "otp-enrolld init",
        does: "After the installation: make the host key and the vault.",
    },
    Example { command: "notify", line: "otp-enrolld notify --once", does: "In a crontab: mail the notices that wait." },
];

fn main() -> ExitCode {
    let words: Vec<OsString> = env::args_os().collect();
    let command_line = match CommandLine::try_parse_from(&words) {
        Ok(command_line) => command_line,
        Err(error) => return answer(&error, CommandLine::command(), &GUIDE, &words),
    };
    let outcome = match command_line.command.unwrap_or(DaemonCommand::Run) {
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

#[cfg(test)]
mod tests {
    use otp_system::command_line::help;

    use super::*;

    #[test]
    fn examples_are_command_lines_and_help_fits_every_window() {
        let mut program = CommandLine::command();
        program.build();
        for example in EXAMPLES.iter().filter(|one| one.line.starts_with("otp-enrolld")) {
            let parsed = CommandLine::try_parse_from(example.line.split(' '));
            assert!(parsed.is_ok_and(|line| line.command.is_some()), "{}", example.line);
        }
        for command in program.get_subcommands().filter(|one| one.get_name() != "help").chain([&program]) {
            for width in [20, 40, 80] {
                let text = help(command, &GUIDE, width);
                let fits = |line: &str| line.len() <= width + 8 || line.split_whitespace().count() == 1; // 8: a style
                assert!(text.contains("Examples:") && text.lines().all(fits), "{text}");
            }
        }
    }
}
