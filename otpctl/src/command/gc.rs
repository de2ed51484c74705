//! `otpctl gc`: users who are refused because their local account was seen missing.

use otp_core::files::date::utc;
use otp_protocol::client::Client;
use otp_protocol::interface::{GoneUser, GoneUsers, ListGone};

use crate::arguments::GcArgs;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;

/// By the daemon.
pub(crate) fn gc(client: &mut Client, terminal: &mut Terminal, options: &GcArgs) -> Result<(), Failure> {
    let reply = client.call(&ListGone {})?;
    show_gone(terminal, options, &reply)
}

/// The list.
pub(crate) fn show_gone(terminal: &mut Terminal, options: &GcArgs, gone: &GoneUsers) -> Result<(), Failure> {
    match OutputFormat::of(options.json) {
        OutputFormat::Json => terminal.json(gone),
        OutputFormat::Text if gone.users.is_empty() => terminal.show("no local account of an enrolled user is gone\n"),
        OutputFormat::Text => terminal.show(&gone.users.iter().map(line).collect::<String>()),
    }
}

fn line(one: &GoneUser) -> String {
    let user = one.user.as_deref().map_or_else(|| "?".to_owned(), escaped);
    let since = one.since.map_or_else(|| "?".to_owned(), utc);
    format!(
        "{user} (uid {}): gone since {since}; otpctl forget {}, or adopt if the account is back\n",
        one.uid, one.uid
    )
}
