//! `otpctl adopt`: the files of a former name or uid go over to an account, or those of everybody.

use otp_protocol::client::Client;
use otp_protocol::interface::{self, Adopted, AdoptedUsers, Unreadable, UserName};

use crate::arguments::{AdoptArgs, user_name};
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;

/// By the daemon.
pub(crate) fn adopt(
    terminal: &mut Terminal,
    options: &AdoptArgs,
    connect: impl Fn() -> Result<Client, Failure>,
) -> Result<(), Failure> {
    let Some(user) = &options.user else {
        let reply = connect()?.call(&interface::AdoptAll { dry_run: options.dry_run.then_some(true) })?;
        return show_all(terminal, options, &reply);
    };
    connect()?.call(&interface::Adopt {
        user: UserName::new(user)?,
        from: user_name(options.from.as_deref())?,
        gone: options.gone.then_some(true),
    })?;
    terminal.show(&format!("{}\n", done(user, options.from.as_deref())))
}

/// One adoption, in a line.
pub(crate) fn done(user: &str, from: Option<&str>) -> String {
    match from {
        Some(from) => format!("{}: has the keys of {}", escaped(user), escaped(from)),
        None => format!("{}: has the keys again", escaped(user)),
    }
}

/// All of them.
pub(crate) fn show_all(terminal: &mut Terminal, options: &AdoptArgs, reply: &AdoptedUsers) -> Result<(), Failure> {
    match OutputFormat::of(options.json) {
        OutputFormat::Json => terminal.json(reply),
        OutputFormat::Text => terminal.show(&text(options, reply)),
    }
}

fn text(options: &AdoptArgs, reply: &AdoptedUsers) -> String {
    let verb = if options.dry_run { "would have" } else { "has" };
    let adopted = |one: &Adopted| {
        let (user, from) = (escaped(&one.user), escaped(&one.from));
        format!("{user} (uid {}): {verb} the keys of {from} (uid {})\n", one.uid, one.from_uid)
    };
    let left = |one: &Unreadable| {
        let user = one.user.as_deref().map_or(String::new(), |name| format!("{} ", escaped(name)));
        format!("left: {user}(uid {}): {}\n", one.uid, escaped(&one.reason))
    };
    let lines: String = reply.adopted.iter().map(adopted).chain(reply.left.iter().map(left)).collect();
    if lines.is_empty() { "every account has the name and the uid of its keys\n".to_owned() } else { lines }
}
