//! The words of `otpctl explain`.

use clap::Args;

use super::user::user;

/// Say what would happen to a user at a service, by which line of which file
///
/// Follows the PAM files stage by stage as libpam does, and says of each line of pam_otp.so what the module would answer and why.
/// Changes nothing, asks for nothing, uses up no code. Other modules are taken to accept the user, unless their answer is known. Run it
/// as root, who can read everything; otherwise it names what it could not read.
#[derive(Args)]
pub(crate) struct ExplainArgs {
    /// The user who would be asked: with sudo the caller, with su the account that is entered
    #[arg(value_parser = user())]
    pub user: String,

    /// The PAM service, for example sudo, sshd or su
    pub service: String,

    /// The address that the login comes from
    ///
    /// Default: none, a login at this machine; at sshd, an address that no entry of otp.toml names
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<String>,

    /// The user who starts the program, as with su
    ///
    /// Default: USER for sudo, another user for su, root for sshd, as usual
    #[arg(long, value_name = "USER", value_parser = user())]
    pub by: Option<String>,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}
