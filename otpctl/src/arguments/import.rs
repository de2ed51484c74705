//! `otpctl import`: the sources of keys that other programs keep.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use otp_core::keys::key::Label;

use crate::arguments::keys::EndWish;
use crate::arguments::user::user;

/// Take over another program's keys, so that apps and tokens go on working
///
/// For root. No code confirms such a key; codes up to now never work here. Keys that the user has already are left as they are, so the
/// command can be run again. A key below 128 bits is refused: invite that user again.
#[derive(Args)]
pub(crate) struct ImportArgs {
    #[command(subcommand)]
    pub source: ImportSource,
}

#[derive(Subcommand)]
pub(crate) enum ImportSource {
    GoogleAuthenticator(ImportHomesArgs),
    Oath(ImportOathArgs),
    Otpauth(ImportAddressesArgs),
    Migration(ImportAddressesArgs),
    Pskc(ImportTokensArgs),
    #[command(hide = true)]
    OwnFile(OwnFileArgs),
}

impl ImportArgs {
    pub(crate) fn json(&self) -> bool {
        match &self.source {
            ImportSource::GoogleAuthenticator(ImportHomesArgs { how, .. })
            | ImportSource::Oath(ImportOathArgs { how, .. })
            | ImportSource::Otpauth(ImportAddressesArgs { how, .. })
            | ImportSource::Migration(ImportAddressesArgs { how, .. }) => how.json,
            ImportSource::Pskc(options) => options.json,
            ImportSource::OwnFile(_) => false,
        }
    }
}

/// Import keys from users' own files of pam_google_authenticator
///
/// Each is read by a process that has become its user.
#[derive(Args)]
pub(crate) struct ImportHomesArgs {
    /// The owner of the key
    #[arg(value_parser = user(), required_unless_present = "all_homes", conflicts_with = "all_homes")]
    pub user: Option<String>,

    /// The file; the default is .google_authenticator in the user's home directory
    #[arg(requires = "user")]
    pub file: Option<PathBuf>,

    /// Import the key of every user whose home directory has the file
    #[arg(long)]
    pub all_homes: bool,

    #[command(flatten)]
    pub how: ImportHow,
}

/// Import keys from a users file of pam_oath
#[derive(Args)]
pub(crate) struct ImportOathArgs {
    /// The file, or - for standard input
    #[arg(default_value = "/etc/users.oath")]
    pub file: PathBuf,

    #[command(flatten)]
    pub how: ImportHow,
}

/// Import keys from the addresses in QR codes, one per line
///
/// otpauth reads those of single keys, migration those of Google Authenticator's export. The user and a blank come before each address, or
/// the user is in --user.
#[derive(Args)]
pub(crate) struct ImportAddressesArgs {
    /// The file, or - for standard input
    pub file: PathBuf,

    /// The owner of all these keys
    ///
    /// Default: the name before each address.
    #[arg(long, value_parser = user())]
    pub user: Option<String>,

    #[command(flatten)]
    pub how: ImportHow,
}

/// Import unassigned hardware tokens from their maker's file (PSKC, RFC 6030)
///
/// Each is stored by its serial number and opens nothing until `otpctl token assign` gives it to a user. An encrypted file is opened
/// by an AES key, in hex, or by a passphrase.
#[derive(Args)]
pub(crate) struct ImportTokensArgs {
    /// The file, or - for standard input
    pub file: PathBuf,

    /// Read the AES key in hex, or the passphrase, from the first line of this root-owned file, mode 0600
    ///
    /// Default: asked for on the terminal, else the first line of standard input
    #[arg(long, value_name = "PATH")]
    pub key_file: Option<PathBuf>,

    /// Change nothing, and say what would be done
    #[arg(long)]
    pub dry_run: bool,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of every import for users.
#[derive(Args)]
pub(crate) struct ImportHow {
    /// Change nothing, and say what would be done
    #[arg(long)]
    pub dry_run: bool,

    /// Write JSON
    #[arg(long)]
    pub json: bool,

    /// Label of the key here; further keys of the same user get a number
    #[arg(long, value_parser = Label::new, default_value = "imported")]
    pub label: Label,

    #[command(flatten)]
    pub end: EndWish,
}

/// Write a file of the caller's own to standard output
#[derive(Args)]
pub(crate) struct OwnFileArgs {
    /// The file
    pub file: PathBuf,
}
