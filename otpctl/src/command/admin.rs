//! Commands that change keys which are there: one call each, and a line that says what was done. Anyone who is not root is
//! asked for a code where one is wanted.

use nix::unistd::Uid;
use otp_core::accounts::meant;
use otp_protocol::client::Client;
use otp_protocol::interface::{self, KeyName, RestoredUsers, TypedCode, UserName};

use crate::arguments::{Command, RevokeArgs, user_name};
use crate::input::code;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;

/// Connects when a code that is asked for is typed: the daemon does not wait for slow fingers.
pub(crate) fn change(
    terminal: &mut Terminal,
    command: &Command,
    connect: impl Fn() -> Result<Client, Failure>,
) -> Result<(), Failure> {
    let code = match command {
        Command::Reopen(options) => code(terminal, options.user.as_deref())?,
        Command::Revoke(options) => {
            if !options.last && is_oneself(options.user.as_deref()) {
                not_the_last(&mut connect()?, options)?;
            }
            code(terminal, options.user.as_deref())?
        }
        _ => None,
    };
    let reach = call(&mut connect()?, terminal, command, code)?;
    match command {
        Command::AcceptRestore(_) => Ok(()), // has told its names
        Command::Suspend(options) if reach == Reach::Invitation => {
            terminal.show(&format!("{}\n", invitation_ended(&options.user)))
        }
        other => terminal.show(&format!("{}\n", done(other))),
    }
}

/// How far a change went.
#[derive(PartialEq, Eq)]
enum Reach {
    /// It was made to what is stored of a user.
    Files,
    /// A suspension, of a user who was invited and never enrolled.
    Invitation,
}

fn call(
    client: &mut Client,
    terminal: &mut Terminal,
    command: &Command,
    code: Option<TypedCode>,
) -> Result<Reach, Failure> {
    match command {
        Command::Suspend(options) => {
            let reply = client.call(&interface::Suspend { user: UserName::new(&options.user)? })?;
            if reply.invitation_only == Some(true) {
                return Ok(Reach::Invitation);
            }
        }
        Command::Resume(options) => {
            client.call(&interface::Resume { user: UserName::new(&options.user)? })?;
        }
        Command::Reopen(options) => {
            let user = user_name(options.user.as_deref())?;
            client.call(&interface::Reopen { user, origin: options.origin, code })?;
        }
        Command::Rename(options) => {
            let (user, key) = (Some(UserName::new(&options.user)?), KeyName::new(&options.key)?);
            client.call(&interface::Rename { user, key, label: options.label.clone() })?;
        }
        Command::Revoke(options) => {
            let (user, key) = (user_name(options.user.as_deref())?, KeyName::new(&options.key)?);
            client.call(&interface::Revoke { user, key, code, last: options.last.then_some(true) })?;
        }
        Command::Forget(options) => {
            client
                .call(&interface::Forget { user: UserName::new(&options.user)?, gone: options.gone.then_some(true) })?;
        }
        Command::AcceptRestore(options) => {
            let reply = client.call(&interface::Restored { user: user_name(options.user.as_deref())? })?;
            show_restored(terminal, OutputFormat::of(options.json), reply)?;
        }
        _ => return Err(Failure::Usage("not a change".to_owned())),
    }
    Ok(Reach::Files)
}

/// What was done, in a line.
pub(crate) fn done(command: &Command) -> String {
    let user = |user: &Option<String>| user.as_deref().map_or_else(|| "yours".to_owned(), escaped);
    match command {
        Command::Suspend(options) => suspended(&options.user),
        Command::Resume(options) => format!("{}: resumed", escaped(&options.user)),
        Command::Reopen(options) => {
            let what = options.origin.map_or("all origins", |origin| origin.as_str());
            format!("{}: reopened, {what}", user(&options.user))
        }
        Command::Rename(options) => {
            let (key, label) = (escaped(&options.key), escaped(options.label.as_str()));
            format!("{}: key \"{key}\" is now \"{label}\"", escaped(&options.user))
        }
        Command::Revoke(options) => format!("{}: key \"{}\" is revoked", user(&options.user), escaped(&options.key)),
        Command::Forget(options) => format!("{}: forgotten; never enrolled from now on", escaped(&options.user)),
        _ => String::new(),
    }
}

/// A suspension of somebody's keys.
pub(crate) fn suspended(user: &str) -> String {
    format!("{}: suspended; every code is refused", escaped(user))
}

/// A suspension of a user who was invited and never enrolled.
pub(crate) fn invitation_ended(user: &str) -> String {
    format!("{}: never enrolled; the registration code is worthless from now on, nothing else is stored", escaped(user))
}

/// For whom a restore was confirmed.
pub(crate) fn show_restored(
    terminal: &mut Terminal,
    format: OutputFormat,
    reply: RestoredUsers,
) -> Result<(), Failure> {
    match format {
        OutputFormat::Json => terminal.json(&reply),
        OutputFormat::Text => terminal.show(&restored(&reply.users)),
    }
}

fn restored(users: &[String]) -> String {
    if users.is_empty() {
        return "nothing is from a backup\n".to_owned();
    }
    users.iter().map(|name| format!("{}: restore accepted\n", escaped(name))).collect()
}

/// What is one's own wants a code, but of root; whether somebody may change what is another's, the daemon says.
fn code(terminal: &mut Terminal, user: Option<&str>) -> Result<Option<TypedCode>, Failure> {
    match is_oneself(user) {
        true => code::asked(terminal, OutputFormat::Text, "Code: ").map(Some),
        false => Ok(None),
    }
}

/// The caller, and not root.
fn is_oneself(user: Option<&str>) -> bool {
    let caller = Uid::effective();
    let own = |name: &str| meant(name).ok().flatten().is_some_and(|account| account.uid == caller.as_raw());
    !caller.is_root() && user.is_none_or(own)
}

/// Anyone who has no key left that works cannot get in to make one.
fn not_the_last(client: &mut Client, options: &RevokeArgs) -> Result<(), Failure> {
    let status = client.call(&interface::Status { user: user_name(options.user.as_deref())? })?.status;
    let working: Vec<_> = status.keys.iter().filter(|key| !key.suspended).collect();
    match working.as_slice() {
        [key] if key.label == options.key || key.id == options.key => {
            let label = escaped(&key.label);
            Err(Failure::Stopped(format!(
                "\"{label}\" is the last key: without it every code is refused until an administrator invites you again; \
                 use --last if that is meant"
            )))
        }
        _ => Ok(()),
    }
}
