//! Commands about this machine: its policy, its vault, its host key, and the way past the gate.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use otp_core::emergency::{LONGEST_BYPASS_S, Reason};

use super::user::user;
use crate::output::duration;

/// Check the policy file and the PAM stacks, or edit the policy
#[derive(Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub act: ConfigAct,
}

#[derive(Subcommand)]
pub(crate) enum ConfigAct {
    Check(CheckConfigArgs),
    Edit(EditConfigArgs),
}

/// Check the policy file and the PAM stacks; needs no daemon
///
/// Follows every stack that names pam_otp.so, as libpam does, and says which let somebody in without it or past its refusal. Names
/// every entry of exempt and require that matches no account and no group, and shows exemptions that have ended or end within
/// 30 days. Exit code 1 if anything is wrong. Run it as root, who can read everything.
#[derive(Args)]
pub(crate) struct CheckConfigArgs {
    /// Another file than /etc/otp/otp.toml; root's too, as the module wants it
    pub file: Option<PathBuf>,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Edit the policy file and put it into force only if it is in order
///
/// For root. A copy is opened in $VISUAL, $EDITOR or vi; it takes the file's place, in one step, when the module would read it.
#[derive(Args)]
pub(crate) struct EditConfigArgs {
    /// Another file than /etc/otp/otp.toml, which need not be there
    pub file: Option<PathBuf>,
}

/// Say that the clock is right, where nobody vouches for it; only with --offline
#[derive(Args)]
pub(crate) struct ClockArgs {}

/// Make the vault one that an older version of pam_otp can use; only with --offline
///
/// Names what version 1 could not see, if there is any such thing, and then changes nothing. The daemon of this version makes the vault version 2 again when it starts.
#[derive(Args)]
pub(crate) struct VaultVersionArgs {
    /// The version of vault.toml: 1
    #[arg(value_parser = clap::value_parser!(u8).range(1..=1))]
    pub version: u8,
}

/// Put owners, modes and link counts of the vault right; only with --offline
///
/// After a copy with other owners or modes, with hard links, or to a server on which the daemon's account has another uid. It never
/// accepts a restored copy: that is `otpctl accept-restore`.
#[derive(Args)]
pub(crate) struct MendArgs {
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Let a user past the gate without a code, whatever is broken, or end that
///
/// For root on this machine. Needs no daemon, vault, policy, host key or clock.
#[derive(Args)]
pub(crate) struct EmergencyArgs {
    #[command(subcommand)]
    pub act: EmergencyAct,
}

#[derive(Subcommand)]
pub(crate) enum EmergencyAct {
    Bypass(BypassArgs),
    End(EndBypassArgs),
    List(ListBypassesArgs),
}

/// Write a mark: from now on this user is not asked for a code
///
/// Every use of the mark is logged at alert. It lasts as long as --for says, or until `otpctl emergency end`.
#[derive(Args)]
pub(crate) struct BypassArgs {
    /// The user to let past the gate
    #[arg(value_parser = user())]
    pub user: String,

    /// Why; it stands in the log at every use
    #[arg(long, value_name = "TEXT", value_parser = Reason::new)]
    pub reason: Reason,

    /// How long, 30 days at most, for example 2h or 3d
    #[arg(long = "for", value_name = "DURATION", value_parser = bypass_duration, default_value = "24h")]
    pub lasts: u64,
}

/// List the marks: who is let past, why, since when and until when
#[derive(Args)]
pub(crate) struct ListBypassesArgs {
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Take the mark away: from now on this user is asked again
#[derive(Args)]
pub(crate) struct EndBypassArgs {
    /// The user, or the uid of one who is gone
    #[arg(value_parser = user())]
    pub user: String,
}

/// Export the host key to a safe, import it again, or check it
///
/// For root on this machine; needs no daemon. Without the host key every key and every recovery code is lost.
#[derive(Args)]
pub(crate) struct HostKeyArgs {
    #[command(subcommand)]
    pub act: HostKeyAct,
}

#[derive(Subcommand)]
pub(crate) enum HostKeyAct {
    Export(ExportHostKeyArgs),
    Import(ImportHostKeyArgs),
    Check(CheckHostKeyArgs),
}

/// Write the host key to a file, sealed with a passphrase, or show it once
///
/// The export is noted in /etc/otp/escrowed and logged at alert. From a pipe the passphrase is the first line.
#[derive(Args)]
pub(crate) struct ExportHostKeyArgs {
    /// The new file, mode 0600; nothing is overwritten
    #[arg(required_unless_present = "show", conflicts_with = "show")]
    pub file: Option<PathBuf>,

    /// Show it on the terminal instead, to be written down
    #[arg(long)]
    pub show: bool,
}

/// Put an exported host key back, if it is the one that the vault wants
///
/// Never over another one. Without a file the key itself is asked for, as `export --show` had shown it.
#[derive(Args)]
pub(crate) struct ImportHostKeyArgs {
    /// An export, or a copy of host.key
    pub file: Option<PathBuf>,
}

/// Say whether host key and vault belong together, and when the key was exported
#[derive(Args)]
pub(crate) struct CheckHostKeyArgs {
    /// Also open this export
    pub file: Option<PathBuf>,
}

fn bypass_duration(text: &str) -> Result<u64, String> {
    let seconds = duration::parse(text)?;
    match seconds <= LONGEST_BYPASS_S {
        true => Ok(seconds),
        false => Err(format!("{} is too long; wanted 30d at most", duration::told(seconds))),
    }
}
