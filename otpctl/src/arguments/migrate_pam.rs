//! The words of `otpctl migrate-pam`.

use std::path::PathBuf;

use clap::Args;

/// Show our line for each line of pam_google_authenticator.so or pam_oath.so in a PAM file
///
/// Says for every option where it goes, onto our line or into otp.toml, or why it has no counterpart. Controls stay as they
/// are; the new stack is checked as by `otpctl config check`. Changes nothing. The exit status is 1 if an option or a line is not
/// understood, or if the new stack is not in order.
#[derive(Args)]
pub(crate) struct MigratePamArgs {
    /// The PAM file: a service, a path, or - for standard input
    pub file: PathBuf,

    /// Keep the old module for users who have no key here yet, as docs/cut-over.md has it
    #[arg(long)]
    pub both: bool,

    /// Write the whole new file, and nothing else, to standard output
    #[arg(long, conflicts_with = "json")]
    pub stack: bool,

    /// The service that the file is for
    ///
    /// Default: the name of the file
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}
