//! The words of `otpctl gate`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::user::user;
use crate::gate::sudoers::command;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;

/// Make a service ask for codes, once an admin has passed the new stack
///
/// A service is the name of its file in /etc/pam.d. sudo means sudo and sudo-i, su means su and su-l.
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
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Enable(EnableGateArgs { output, .. })
            | Self::Confirm(ConfirmGateArgs { output, .. })
            | Self::Disable(DisableGateArgs { output, .. }) => output.json,
            Self::Status(options) => options.json,
            Self::Test(options) => options.json,
            Self::Prove(_) | Self::UndoPending(_) => false,
        }
    }
}

/// How a change is told
#[derive(Args)]
pub(crate) struct GateChangeOutput {
    /// Exit with status 4 where nothing had to be changed
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

/// How a service is to ask, where the recipes leave a choice
#[derive(Args, Debug, Clone, Copy)]
pub(crate) struct GateWishes {
    /// sshd also wants a key: AuthenticationMethods publickey,keyboard-interactive
    #[arg(long)]
    pub with_key: bool,

    /// The code is asked instead of the password: by a screen locker, or by sshd with --with-key
    #[arg(long)]
    pub without_password: bool,
}

/// Make a service ask for a code, for 120 seconds unless confirmed
///
/// First the new stack is checked and tried, as `otpctl gate test` does. It is undone after 120 seconds, or at a reboot, unless you
/// run `otpctl gate confirm` in another login session. A screen locker asks for password and code in one answer, passwd for a code
/// before a new password.
#[derive(Args)]
pub(crate) struct EnableGateArgs {
    /// The service, for example sudo
    pub service: String,

    /// The user who gives password and code
    ///
    /// Default: the account that logged in here
    #[arg(long, value_parser = user())]
    pub admin: Option<String>,

    /// Ask only before this command of sudo; may be repeated, and adds to the earlier ones
    #[arg(long, value_name = "PATH", value_parser = command)]
    pub command: Vec<String>,

    #[command(flatten)]
    pub wishes: GateWishes,

    /// Keep the gate without a confirmation
    #[arg(long)]
    pub no_rollback: bool,

    #[command(flatten)]
    pub output: GateChangeOutput,
}

/// Keep an enabled gate; run it in another login session
///
/// A code of the admin must have been accepted since, by whatever service.
#[derive(Args)]
pub(crate) struct ConfirmGateArgs {
    /// The service, for example sudo
    pub service: String,

    #[command(flatten)]
    pub output: GateChangeOutput,
}

/// Stop a service from asking for a code: put its file back to the byte
#[derive(Args)]
pub(crate) struct DisableGateArgs {
    /// The service, for example sudo
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub service: Option<String>,

    /// Every gate that `otpctl gate enable` has made
    #[arg(long)]
    pub all: bool,

    /// Also in a file that was changed since; its other lines stay
    #[arg(long)]
    pub force: bool,

    #[command(flatten)]
    pub output: GateChangeOutput,
}

/// Show which services ask for a code, by which line, and who is exempt
#[derive(Args)]
pub(crate) struct GateStatusArgs {
    /// The service to show
    ///
    /// Default: all
    pub service: Option<String>,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Try the stack of a service with a code of an admin, and change nothing
///
/// Tries the stack as it is or, where it asks for no code, as it would be. libpam runs it in a separate directory, as the program
/// of the service does. Password and code are asked for on this terminal; the code is used up.
#[derive(Args)]
pub(crate) struct TestGateArgs {
    /// The service, for example sudo
    pub service: String,

    /// The user who gives password and code
    ///
    /// Default: the account that logged in here
    #[arg(long, value_parser = user())]
    pub admin: Option<String>,

    #[command(flatten)]
    pub wishes: GateWishes,

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
