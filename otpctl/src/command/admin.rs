//! Commands that change keys which are there: one call each, and a line that says what was done. Anyone who is not root is
//! asked for a code where one is wanted.

use nix::unistd::Uid;
use otp_core::accounts::{may_have_been, meant};
use otp_core::environment::system_wall;
use otp_core::reasons::ChangeRefusal;
use otp_protocol::client::{CallError, Client};
use otp_protocol::interface::{self, Done, KeyName, KeyStatus, Refusal, RestoredUsers, TypedCode, UserName};

use crate::arguments::{AcceptRestoreArgs, Command, RenameArgs, RevokeArgs, user_name};
use crate::command::key_change::{Reach, resumed, tell, tell_restored};
use crate::command::stays_off;
use crate::input::code;
use crate::output::escape::escaped;
use crate::output::failure::{Failure, unless_so};
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;

/// Connects when a code that is asked for is typed: the daemon does not wait for slow fingers.
pub(crate) fn change(
    terminal: &mut Terminal,
    command: &Command,
    connect: impl Fn() -> Result<Client, Failure>,
) -> Result<(), Failure> {
    let code = match command {
        Command::Reopen(options) => code(terminal, command.format(), options.user.as_deref())?,
        Command::Revoke(options) => {
            if !options.last && is_oneself(options.user.as_deref()) {
                not_the_last(&mut connect()?, options)?;
            }
            code(terminal, command.format(), options.user.as_deref())?
        }
        Command::Expire(options) => code(terminal, command.format(), Some(&options.user))?,
        _ => None,
    };
    let reach = call(&mut connect()?, command, code)?;
    match command {
        Command::Resume(options) if command.format() == OutputFormat::Text => {
            let asked = interface::Status { user: Some(UserName::new(&options.user)?), cool_down: None };
            let status = connect().and_then(|mut client| Ok(client.call(&asked)?));
            match status {
                Ok(reply) => terminal.show(&resumed(&reply.status, reach)),
                Err(_) => tell(terminal, command, reach), // it is done, also where the question after it fails
            }
        }
        Command::Expire(options) => {
            tell(terminal, command, reach)?;
            let asked = interface::Status { user: Some(UserName::new(&options.user)?), cool_down: None };
            match connect().and_then(|mut client| Ok(client.call(&asked)?)) {
                Ok(reply) if command.format() == OutputFormat::Text => {
                    terminal.show(&stays_off::after_the_last_end(&reply.status))
                }
                _ => Ok(()), // it is done, also where the question after it fails
            }
        }
        _ => tell(terminal, command, reach),
    }
}

/// `otpctl accept-restore`.
pub(crate) fn accept_restore(
    terminal: &mut Terminal,
    options: &AcceptRestoreArgs,
    client: &mut Client,
) -> Result<(), Failure> {
    let reply = client.call(&interface::Restored { user: user_name(options.user.as_deref())? });
    let reply = unless_so(reply, &[ChangeRefusal::NothingRestored])?;
    let reply = reply.unwrap_or(RestoredUsers { users: Vec::new() });
    tell_restored(terminal, OutputFormat::of(options.json), &reply)
}

fn call(client: &mut Client, command: &Command, code: Option<TypedCode>) -> Result<Reach, Failure> {
    Ok(match command {
        Command::Suspend(options) => {
            let reply = client.call(&interface::Suspend { user: UserName::new(&options.user)? });
            match unless_so(reply, &[ChangeRefusal::NotEnrolled])? {
                None => Reach::NoKeys,
                Some(reply) if reply.invitation_only == Some(true) => Reach::Invitation,
                Some(reply) => Reach::of(reply.changed),
            }
        }
        Command::Resume(options) => {
            Reach::of(client.call(&interface::Resume { user: UserName::new(&options.user)? })?.changed)
        }
        Command::Reopen(options) => {
            let user = user_name(options.user.as_deref())?;
            Reach::of(client.call(&interface::Reopen { user, origin: options.origin, code })?.changed)
        }
        Command::Rename(options) => rename(client, options)?,
        Command::Revoke(options) => {
            let (user, key) = (user_name(options.user.as_deref())?, KeyName::new(&options.key)?);
            let reply = client.call(&interface::Revoke { user, key, code, last: options.last.then_some(true) });
            unless_so(reply, &[ChangeRefusal::NoSuchKey])?.map_or(Reach::Already, |_| Reach::Files)
        }
        Command::Expire(options) => {
            let (user, key) = (Some(UserName::new(&options.user)?), KeyName::new(&options.key)?);
            let reply = client.call(&interface::SetExpiry { user, key, expires: options.end.time(), code })?;
            Reach::of(reply.changed)
        }
        Command::Forget(options) => {
            let (user, gone) = (UserName::new(&options.user)?, options.gone.then_some(true));
            let reply = client.call(&interface::Forget { user, gone });
            unless_forgotten(&options.user, reply)?
        }
        _ => return Err(Failure::Usage("not a change".to_owned())),
    })
}

/// A key that has gone, and one of the new label: it was renamed before.
fn rename(client: &mut Client, options: &RenameArgs) -> Result<Reach, Failure> {
    let (user, key) = (Some(UserName::new(&options.user)?), KeyName::new(&options.key)?);
    let reply = client.call(&interface::Rename { user: user.clone(), key, label: options.label.clone() });
    match unless_so(reply, &[ChangeRefusal::NoSuchKey])? {
        Some(reply) => Ok(Reach::of(reply.changed)),
        None => {
            let status = client.call(&interface::Status { user, cool_down: None })?.status;
            let is_there = status.keys.iter().any(|one| one.label == options.label.as_str());
            let refusal = Refusal::not_possible(options.user.clone(), ChangeRefusal::NoSuchKey);
            if is_there { Ok(Reach::Already) } else { Err(Failure::Refused(refusal)) }
        }
    }
}

/// Of a user whom neither an account nor a key file names, nothing is stored.
fn unless_forgotten(user: &str, reply: Result<Done, CallError>) -> Result<Reach, Failure> {
    match reply {
        reply if !may_have_been(user) => Ok(reply.map(|_| Reach::Files)?),
        Err(CallError::Refused(Refusal::NoSuchUser { .. })) => Ok(Reach::Already),
        reply => Ok(unless_so(reply, &[ChangeRefusal::NotEnrolled])?.map_or(Reach::Already, |_| Reach::Files)),
    }
}

/// A change of one's own keys wants a code, but from root; whether somebody may change another's, the daemon says.
fn code(terminal: &mut Terminal, format: OutputFormat, user: Option<&str>) -> Result<Option<TypedCode>, Failure> {
    match is_oneself(user) {
        true => code::asked(terminal, format, "Code: ").map(Some),
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
    let status = client.call(&interface::Status { user: user_name(options.user.as_deref())?, cool_down: None })?.status;
    let now = system_wall();
    let works = |key: &&KeyStatus| !key.suspended && key.expires.is_none_or(|end| now <= end);
    let working: Vec<_> = status.keys.iter().filter(works).collect();
    match working.as_slice() {
        [key] if key.label == options.key || key.id.starts_with(&options.key) => {
            let label = escaped(&key.label);
            Err(Failure::Stopped(format!(
                "\"{label}\" is the last key: without it every code is refused until an administrator invites you again; \
                 use --last to remove it all the same"
            )))
        }
        _ => Ok(()),
    }
}
