//! `otpctl adopt`: the files of a former name or uid go over to an account, or those of everybody.

use otp_core::accounts::may_have_been;
use otp_core::reasons::ChangeRefusal;
use otp_core::reasons::words::Received;
use otp_core::vault::ChangeError;
use otp_protocol::client::{CallError, Client};
use otp_protocol::interface::{self, Adopted, AdoptedUsers, Refusal, Unreadable, UserName};
use serde::Serialize;
use serde_json::json;

use crate::arguments::{AdoptArgs, user_name};
use crate::command::key_change::Reach;
use crate::output::escape::{escaped, word};
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
    let asked = connect()?.call(&interface::Adopt {
        user: UserName::new(user)?,
        from: user_name(options.from.as_deref())?,
        gone: options.gone.then_some(true),
    });
    let reach = match asked {
        Err(CallError::Refused(Refusal::NotPossible { reason: Received::Known(reason), .. }))
            if reason == ChangeRefusal::AlreadyAdopted.into() && may_have_been_former(options) =>
        {
            Reach::Already
        }
        asked => asked.map(|_| Reach::Files).map_err(|error| with_the_way(user, error))?,
    };
    show_one(terminal, options, user, reach)
}

/// A typing error is no adoption that was made before.
pub(crate) fn may_have_been_former(options: &AdoptArgs) -> bool {
    options.from.as_deref().is_none_or(may_have_been)
}

/// An account with keys of its own takes over no others. The general text of that is for somebody who invites.
fn with_the_way(user: &str, error: CallError) -> Failure {
    match error {
        CallError::Refused(Refusal::NotPossible { reason: Received::Known(reason), .. })
            if reason == ChangeRefusal::AlreadyEnrolled.into() =>
        {
            Failure::Stopped(own_keys(user))
        }
        error => error.into(),
    }
}

/// Why root's own adoption was not done.
pub(crate) fn not_done(user: &str, error: &ChangeError) -> Failure {
    match error {
        ChangeError::Refused(ChangeRefusal::AlreadyEnrolled) => Failure::Stopped(own_keys(user)),
        error => Failure::Stopped(format!("{}: {}", escaped(user), escaped(&error.to_string()))),
    }
}

fn own_keys(user: &str) -> String {
    let (user, typed) = (escaped(user), word(user));
    format!("{user}: already has other keys; delete those with `otpctl forget {typed}`, then adopt again")
}

/// One adoption, in a line.
pub(crate) fn done(user: &str, from: Option<&str>) -> String {
    match from {
        Some(from) => format!("{}: has the keys of {}", escaped(user), escaped(from)),
        None => format!("{}: has the keys again", escaped(user)),
    }
}

/// One of them.
pub(crate) fn show_one(terminal: &mut Terminal, options: &AdoptArgs, user: &str, reach: Reach) -> Result<(), Failure> {
    let (from, changed) = (options.from.as_deref(), reach.is_a_change());
    let text = match changed {
        true => format!("{}\n", done(user, from)),
        false => format!("{}: already has the keys; nothing was changed\n", escaped(user)),
    };
    let object = json!({ "changed": changed, "user": user, "from": from });
    terminal.tell(OutputFormat::of(options.json), &object, &text)
}

/// Whether files went over, and which.
#[derive(Serialize)]
struct AdoptionsTold<'a> {
    changed: bool,
    #[serde(flatten)]
    reply: &'a AdoptedUsers,
}

/// All of them.
pub(crate) fn show_all(terminal: &mut Terminal, options: &AdoptArgs, reply: &AdoptedUsers) -> Result<(), Failure> {
    let changed = !options.dry_run && !reply.adopted.is_empty();
    let object = AdoptionsTold { changed, reply };
    terminal.tell(OutputFormat::of(options.json), &object, &text(options, reply))
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
