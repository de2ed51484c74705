//! `otpctl token add` and `assign`: a hardware token brings its key along. The secret comes on standard input, unseen, or it is here
//! already; the codes that confirm it are typed by the person who holds the token.

use otp_core::keys::secret::Secret;
use otp_core::reasons::ChangeRefusal;
use otp_protocol::client::Client;
use otp_protocol::interface::{self, TokenBegun, UserName};
use serde_json::json;

use crate::arguments::{AddTokenArgs, AssignTokenArgs, TokenAct};
use crate::command::confirm::{ConfirmPurpose, PendingKey, Shown};
use crate::command::token_list;
use crate::input::token_secret::Notation;
use crate::input::{no_echo, token_secret};
use crate::output::duration;
use crate::output::escape::escaped;
use crate::output::failure::{Failure, unless_so};
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;

pub(crate) fn run(
    terminal: &mut Terminal,
    act: &TokenAct,
    connect: impl FnOnce() -> Result<Client, Failure>,
) -> Result<(), Failure> {
    match act {
        TokenAct::Add(options) => add(terminal, options, connect),
        TokenAct::Assign(options) => assign(terminal, options, &mut connect()?),
        TokenAct::List(options) => token_list::list(&mut connect()?, terminal, options),
        TokenAct::Remove(options) => token_list::remove(&mut connect()?, terminal, options),
    }
}

fn add(
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
        client.call(&interface::AddToken { user: UserName::new(&options.user)?, secret, key: options.key.wanted() });
    let Some(begun) = unless_so(begun, &[ChangeRefusal::TokenThere])? else {
        let text = format!("{}: already has that token; nothing was changed\n", escaped(&options.user));
        return terminal.tell(format, &json!({ "changed": false, "user": options.user }), &text);
    };
    confirm(client, terminal, format, &begun)
}

fn assign(terminal: &mut Terminal, options: &AssignTokenArgs, client: &mut Client) -> Result<(), Failure> {
    let (user, label) = (UserName::new(&options.user)?, options.label.clone());
    let begun = client.call(&interface::AssignToken { token: options.token.named()?, user, label })?;
    confirm(client, terminal, OutputFormat::of(options.json), &begun)
}

/// Codes of the token store its key.
fn confirm(
    client: &mut Client,
    terminal: &mut Terminal,
    format: OutputFormat,
    begun: &TokenBegun,
) -> Result<(), Failure> {
    match format {
        OutputFormat::Json => terminal.json(begun)?,
        OutputFormat::Text => {
            let left = duration::told(begun.expires_in);
            terminal.show(&format!(
                "to be confirmed within {left} by a code of the token; by two in a row, if it counts\n"
            ))?;
        }
    }
    PendingKey { client, terminal, format, purpose: ConfirmPurpose::Token }.confirm(Shown::default())
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
