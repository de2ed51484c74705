//! The words of `otpctl gate`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::user::user;

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
    Test(TestGateArgs),
    #[command(hide = true)]
    Prove(ProveArgs),
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
