//! `otpctl token`: hardware tokens, whose keys were made elsewhere.

use clap::{Args, Subcommand};
use otp_core::files::unassigned_token::TokenName;
use otp_core::keys::key::{Label, ValueError};
use otp_protocol::interface::{NamedToken, TokenText};

use crate::arguments::keys::KeyWishes;
use crate::arguments::user::user;
use crate::arguments::wanted::wanted;

/// Give hardware tokens to users
#[derive(Args)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    pub act: TokenAct,
}

#[derive(Subcommand)]
pub(crate) enum TokenAct {
    Add(AddTokenArgs),
    Assign(AssignTokenArgs),
    List(ListTokensArgs),
    Remove(RemoveTokenArgs),
}

impl TokenAct {
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Add(options) => options.json,
            Self::Assign(options) => options.json,
            Self::List(options) => options.json,
            Self::Remove(options) => options.json,
        }
    }
}

/// Give a user an unassigned token, once its codes confirm it
///
/// For tokens of `otpctl import pskc`. A time-based token is confirmed by one code, one that counts by two in a row, typed on
/// the terminal.
#[derive(Args)]
pub(crate) struct AssignTokenArgs {
    #[command(flatten)]
    pub token: TokenNameArgs,

    /// The user who gets it
    #[arg(value_parser = user())]
    pub user: String,

    /// The user's name for it: 1 to 32 letters, digits, spaces or any of -_.@
    ///
    /// Default: the serial number, where that can be a label; else token
    #[arg(long, value_parser = wanted(Label::new))]
    pub label: Option<Label>,

    /// Write JSON, and read the codes from standard input, one in each line
    #[arg(long)]
    pub json: bool,
}

/// List unassigned tokens
#[derive(Args)]
pub(crate) struct ListTokensArgs {
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Remove an unassigned token
///
/// An assigned token is a key: use `otpctl revoke`.
#[derive(Args)]
pub(crate) struct RemoveTokenArgs {
    #[command(flatten)]
    pub token: TokenNameArgs,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Which token.
#[derive(Args)]
pub(crate) struct TokenNameArgs {
    /// The serial number of the token
    #[arg(value_parser = wanted(serial))]
    pub serial: String,

    /// Its manufacturer, where several have that serial number
    ///
    /// Default: any
    #[arg(long, value_name = "NAME", value_parser = wanted(manufacturer))]
    pub manufacturer: Option<String>,
}

/// Store the secret of a user's hardware token, once its codes confirm it
///
/// Reads the secret from standard input, in base32 or with --hex in hex, and does not show it. A time-based token is
/// confirmed by one code, one that counts by two in a row, typed on the terminal.
#[derive(Args)]
pub(crate) struct AddTokenArgs {
    /// The owner of the token
    #[arg(value_parser = user())]
    pub user: String,

    #[command(flatten)]
    pub key: KeyWishes,

    /// The secret is in hex, not in base32
    #[arg(long)]
    pub hex: bool,

    /// Write JSON, and read the codes from standard input, too, one in each line
    #[arg(long)]
    pub json: bool,
}

fn serial(text: &str) -> Result<String, ValueError> {
    TokenName::new(text, None).map(|_| text.to_owned())
}

fn manufacturer(text: &str) -> Result<String, ValueError> {
    TokenName::new("any", Some(text)).map(|_| text.to_owned())
}

impl TokenNameArgs {
    /// As a call names it.
    pub(crate) fn named(&self) -> Result<NamedToken, ValueError> {
        let manufacturer = self.manufacturer.as_deref().map(|text| TokenText::new("manufacturer", text)).transpose()?;
        Ok(NamedToken { serial: TokenText::new("serial", &self.serial)?, manufacturer })
    }
}
