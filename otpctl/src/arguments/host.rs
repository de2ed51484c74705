//! Commands about this machine: its policy, its vault, its host key, and the way past the gate.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use otp_core::emergency::{LONGEST_BYPASS_S, Reason};

use super::user::user;
use crate::letter::templates::TemplateName;
use crate::output::duration;

/// Say what is wrong on this host, why it matters, and which command mends it
///
/// For root and members of otp-viewer, who hear which checks need root. Changes nothing. The first line
/// and the exit status are those of a monitoring plugin: 0 nothing is wrong, 1 warning, 2 critical, 3 something was not looked at.
#[derive(Args)]
pub(crate) struct DoctorArgs {
    /// Write JSON
    #[arg(long)]
    pub json: bool,

    /// Also write the counts to this file, for the textfile collector of Prometheus' node exporter. Default: no file
    #[arg(long, value_name = "FILE")]
    pub textfile: Option<PathBuf>,
}

/// Check the policy file and the PAM stacks, edit the policy, or show a template of letters
#[derive(Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub act: ConfigAct,
}

#[derive(Subcommand)]
pub(crate) enum ConfigAct {
    Check(CheckConfigArgs),
    Edit(EditConfigArgs),
    Template(TemplateArgs),
}

/// Show a built-in template of letters and notes, to begin your own with
///
/// A root-owned file of the same name in /etc/otp/templates replaces it. site.txt is your own text for every note: the apps that you
/// support, whom to call.
#[derive(Args)]
pub(crate) struct TemplateArgs {
    /// letter.html, letter.txt, cover.html, cover.txt or site.txt
    #[arg(hide_possible_values = true)]
    pub name: TemplateName,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Check the policy file and the PAM stacks
///
/// Follows every stack that names pam_otp.so, as libpam does, and says which let somebody in without a code. Also names entries of exempt
/// and require that match no account and no group, exemptions that have ended or end within 30 days, and broken templates of letters. The
/// exit status is 1 if anything is wrong. Needs no daemon; run it as root, who can read everything.
#[derive(Args)]
pub(crate) struct CheckConfigArgs {
    /// A policy file that is owned by root, as the module wants it
    ///
    /// Default: /etc/otp/otp.toml
    pub file: Option<PathBuf>,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Edit the policy file; the changes count only if it is in order
///
/// Opens a copy in $VISUAL, $EDITOR or vi. The copy replaces the file, in one step, if the module would read it.
#[derive(Args)]
pub(crate) struct EditConfigArgs {
    /// The policy file; a new one is made
    ///
    /// Default: /etc/otp/otp.toml
    pub file: Option<PathBuf>,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Confirm that the clock is right where no time server does (with --offline)
///
/// For a host that refuses codes as clock-ahead.
#[derive(Args)]
pub(crate) struct ClockArgs {
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Make the vault usable for an older version of pam_otp (with --offline)
///
/// If the vault has anything that version 1 would overlook, names it and changes nothing. Stop the daemon first: at its start it makes the vault version 2 again.
#[derive(Args)]
pub(crate) struct VaultVersionArgs {
    /// The version of vault.toml: 1
    #[arg(value_parser = version)]
    pub version: u8,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Put owners, modes and hard links of the vault right (with --offline)
///
/// For a vault that was copied with other owners or modes, as hard links, or to a server on which the daemon's account has another
/// uid. It accepts no restored copy: `otpctl accept-restore` does.
#[derive(Args)]
pub(crate) struct MendArgs {
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// See which passwords of local accounts have changed
///
/// For root, without the daemon. The unit otp-watch runs it when /etc/passwd or /etc/shadow changes, at boot and every five minutes;
/// without systemd, cron runs it. From /var/lib/otp-watch the daemon learns whether a password is too fresh to replace a key.
#[derive(Args)]
pub(crate) struct WatchPasswordsArgs {
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Make sudo ask again after keys were replaced or suspended
///
/// For root, without the daemon. Removes the time stamps of sudo and sudo-rs of users for whom the daemon has left a mark in /run/otp-sudo.
/// The unit otp-sudo runs it then; without systemd, cron runs it. Users end their own with `sudo -K`.
#[derive(Args)]
pub(crate) struct EndSudoArgs {
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Let a user in without a code, whatever is broken, or end that
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

/// Let a user in without a code, for a time
///
/// Ends after --for, or with `otpctl emergency end`. Every use is logged at alert.
#[derive(Args)]
pub(crate) struct BypassArgs {
    /// The user to let in
    #[arg(value_parser = user())]
    pub user: String,

    /// Why; the log repeats it at every use
    #[arg(long, value_name = "TEXT", value_parser = Reason::new)]
    pub reason: Reason,

    /// How long: a number and s, m, h, d or w, 30d at most, for example 2h or 3d
    #[arg(long = "for", value_name = "DURATION", value_parser = bypass_duration, default_value = "24h")]
    pub lasts: u64,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Show who is let in without a code, why, since when and until when
#[derive(Args)]
pub(crate) struct ListBypassesArgs {
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Ask a user for codes again
#[derive(Args)]
pub(crate) struct EndBypassArgs {
    /// The user; if the account is gone, uid:NUMBER
    #[arg(value_parser = user())]
    pub user: String,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Export the host key, import it again, or check it
///
/// For root on this machine; needs no daemon. Without the host key every key and every recovery code is lost: keep an export in
/// a safe.
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

/// Write the host key to a file, sealed with a passphrase, or show it
///
/// Asks for a passphrase of 12 characters or more, in a pipe the first line. The export is noted in /etc/otp/escrowed and logged at alert.
#[derive(Args)]
pub(crate) struct ExportHostKeyArgs {
    /// The new file; it has mode 0600, and a file that exists is not overwritten
    #[arg(required_unless_present = "show", conflicts_with = "show")]
    pub file: Option<PathBuf>,

    /// Show the key on the terminal instead, to be written down
    #[arg(long)]
    pub show: bool,

    /// Write JSON, which never has the key
    #[arg(long, conflicts_with = "show")]
    pub json: bool,
}

/// Put an exported host key back
///
/// Only the key that the vault wants, and never over another one.
#[derive(Args)]
pub(crate) struct ImportHostKeyArgs {
    /// An export, or a copy of host.key
    ///
    /// Default: asks for the key, as `otpctl host-key export --show` has shown it
    pub file: Option<PathBuf>,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Check that host key and vault belong together, and show when the key was exported
#[derive(Args)]
pub(crate) struct CheckHostKeyArgs {
    /// Also check that this export opens and holds the same key
    pub file: Option<PathBuf>,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

impl ConfigAct {
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Check(options) => options.json,
            Self::Edit(options) => options.json,
            Self::Template(options) => options.json,
        }
    }
}

impl EmergencyAct {
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Bypass(options) => options.json,
            Self::End(options) => options.json,
            Self::List(options) => options.json,
        }
    }
}

impl HostKeyAct {
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Export(options) => options.json,
            Self::Import(options) => options.json,
            Self::Check(options) => options.json,
        }
    }
}

fn version(text: &str) -> Result<u8, &'static str> {
    if text == "1" { Ok(1) } else { Err("wanted 1, the only earlier version") }
}

fn bypass_duration(text: &str) -> Result<u64, String> {
    let seconds = duration::parse(text)?;
    match seconds <= LONGEST_BYPASS_S {
        true => Ok(seconds),
        false => Err(format!("wanted {} at most", duration::told(LONGEST_BYPASS_S))),
    }
}
