//! The words of `otpctl gate`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::user::user;
use crate::gate::sudoers::command;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;

/// Gate a service with one-time codes, and prove it before anybody depends on it
///
/// For root. A service is the name of its file in /etc/pam.d. sudo means sudo and sudo-i, su means su and su-l.
#[derive(Args)]
pub(crate) struct GateArgs {
    #[command(subcommand)]
    pub act: GateAct,
}

#[derive(Subcommand)]
pub(crate) enum GateAct {
    Enable(EnableGateArgs),
    Confirm(ConfirmGateArgs),
    Disable(DisableGateArgs),
    Status(GateStatusArgs),
    Test(TestGateArgs),
    #[command(hide = true)]
    Prove(ProveArgs),
    #[command(hide = true)]
    UndoPending(UndoPendingArgs),
}

impl GateAct {
    pub(crate) fn format(&self) -> OutputFormat {
        OutputFormat::of(match self {
            Self::Enable(EnableGateArgs { output, .. })
            | Self::Confirm(ConfirmGateArgs { output, .. })
            | Self::Disable(DisableGateArgs { output, .. }) => output.json,
            Self::Status(options) => options.json,
            Self::Test(options) => options.json,
            Self::Prove(_) | Self::UndoPending(_) => false,
        })
    }
}

/// How a change is told
#[derive(Args)]
pub(crate) struct GateChangeOutput {
    /// Exit status 4 where nothing had to be changed
    #[arg(long)]
    detailed_exit_code: bool,

    /// Write JSON
    #[arg(long)]
    json: bool,
}

impl GateChangeOutput {
    pub(crate) fn format(&self) -> OutputFormat {
        OutputFormat::of(self.json)
    }

    /// The end of a command that had nothing to change.
    pub(crate) fn unchanged(&self) -> Result<(), Failure> {
        if self.detailed_exit_code { Err(Failure::AlreadySo) } else { Ok(()) }
    }
}

/// Have a service ask for a code, once an admin has passed the new stack
///
/// The new stack is checked and proved as by `test`. It is undone after 120 seconds, or at a reboot, unless `otpctl gate confirm` is
/// run in another login session.
#[derive(Args)]
pub(crate) struct EnableGateArgs {
    /// The service
    pub service: String,

    /// The user who gives the code; defaults to the account that logged in here
    #[arg(long, value_parser = user())]
    pub admin: Option<String>,

    /// Only this command of sudo asks for a code; may be given again, and adds to those of before
    #[arg(long, value_name = "PATH", value_parser = command)]
    pub command: Vec<String>,

    /// In force at once, and nobody has to confirm it
    #[arg(long)]
    pub no_rollback: bool,

    #[command(flatten)]
    pub output: GateChangeOutput,
}

/// Keep a gate that was enabled in another login session
///
/// The admin must have given a code since. The vault records that it was accepted, and not by which service.
#[derive(Args)]
pub(crate) struct ConfirmGateArgs {
    /// The service
    pub service: String,

    #[command(flatten)]
    pub output: GateChangeOutput,
}

/// Take out the lines that `enable` has put in: the file is again what it was, to the byte
#[derive(Args)]
pub(crate) struct DisableGateArgs {
    /// The service
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub service: Option<String>,

    /// Every gate that `enable` has made
    #[arg(long)]
    pub all: bool,

    /// Also of a file that was changed since; the other lines stay
    #[arg(long)]
    pub force: bool,

    #[command(flatten)]
    pub output: GateChangeOutput,
}

/// Show every gate: its line, who made it, who is asked, who is exempt and until when
#[derive(Args)]
pub(crate) struct GateStatusArgs {
    /// One service; defaults to all
    pub service: Option<String>,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Have an admin pass the gate of a service as it is, or as it would be, and change nothing
///
/// The stack is run by libpam in a directory of its own, as the program of the service runs it. Password and code are asked on this
/// terminal; the code is used up.
#[derive(Args)]
pub(crate) struct TestGateArgs {
    /// The service
    pub service: String,

    /// The user who gives the code; defaults to the account that logged in here
    #[arg(long, value_parser = user())]
    pub admin: Option<String>,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// The child of the proof
#[derive(Args)]
pub(crate) struct ProveArgs {
    pub service: String,

    #[arg(long, value_parser = user())]
    pub admin: String,

    #[arg(long)]
    pub stacks: PathBuf,
}

/// The way back of gates that nobody has confirmed
#[derive(Args)]
pub(crate) struct UndoPendingArgs {
    /// One service; defaults to all
    pub service: Option<String>,
}
