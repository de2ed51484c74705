//! `otpctl token add`: a hardware token brings its key along. The secret comes on standard input, unseen; the codes that
//! confirm it are typed by whoever holds the token.

use otp_core::keys::secret::Secret;
use otp_protocol::client::Client;
use otp_protocol::interface::{self, UserName};

use crate::arguments::AddTokenArgs;
use crate::command::confirm::{ConfirmPurpose, PendingKey};
use crate::input::token_secret::Notation;
use crate::input::{no_echo, token_secret};
use crate::output::duration;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;

pub(crate) fn add(
    terminal: &mut Terminal,
    options: &AddTokenArgs,
    connect: impl FnOnce() -> Result<Client, Failure>,
) -> Result<(), Failure> {
    let format = OutputFormat::of(options.json);
    let notation = if options.hex { Notation::Hex } else { Notation::Base32 };
    let secret = secret(terminal, notation)?;
    if format == OutputFormat::Text && !terminal.asks_a_person() {
        terminal.ask_on_the_controlling_terminal()?;
    }
    let client = &mut connect()?;
    let begun =
        client.call(&interface::AddToken { user: UserName::new(&options.user)?, secret, key: options.key.wanted() })?;
    match format {
        OutputFormat::Json => terminal.json(&begun)?,
        OutputFormat::Text => {
            let left = duration::told(begun.expires_in);
            terminal.show(&format!(
                "to be confirmed within {left} by a code of the token; by two in a row, if it counts\n"
            ))?;
        }
    }
    PendingKey { client, terminal, format, purpose: ConfirmPurpose::Token }.confirm()
}

/// The first line of standard input.
fn secret(terminal: &mut Terminal, notation: Notation) -> Result<Secret, Failure> {
    let prompt = format!("Secret of the token, in {}: ", notation.name());
    let typed = if terminal.asks_a_person() { no_echo::any(&prompt)? } else { terminal.line()? };
    let Some(typed) = typed.filter(|typed| !typed.is_empty()) else {
        return Err(Failure::Stopped("no secret was given; nothing was stored".to_owned()));
    };
    token_secret::read(&typed, notation)
        .map_err(|fault| Failure::Stopped(format!("secret: {fault}; nothing was stored")))
}
