//! The words for a change of keys that is done, or was so already: a line, or an object.

use otp_core::unix_time::UnixTime;
use otp_protocol::interface::{RestoredUsers, UserStatus};
use serde::Serialize;
use serde_json::{Value, json};

use crate::arguments::{Command, KeyEnd};
use crate::command::stays_off;
use crate::machine::has_systemd;
use crate::output::escape::{escaped, word};
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::local_time::to_the_minute;
use crate::output::terminal::Terminal;

/// How far a change went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It was made to what is stored of a user.
    Files,
    /// A suspension, of a user who was invited and never enrolled.
    Invitation,
    /// A suspension, of a user who has neither a key nor a code that is good.
    NoKeys,
    /// It was so already.
    Already,
}

impl Reach {
    /// From an answer of the daemon.
    pub(crate) fn of(changed: Option<bool>) -> Self {
        if changed == Some(false) { Self::Already } else { Self::Files }
    }

    pub(crate) fn is_a_change(self) -> bool {
        matches!(self, Self::Files | Self::Invitation)
    }
}

/// Tells one.
pub(crate) fn tell(terminal: &mut Terminal, command: &Command, reach: Reach) -> Result<(), Failure> {
    let text = match reach {
        Reach::Files if matches!(command, Command::Suspend(_)) && !has_systemd() => {
            format!("{}\n{NO_UNIT_ENDS_SUDO}", done(command, reach))
        }
        Reach::Files | Reach::Invitation => done(command, reach),
        Reach::NoKeys | Reach::Already => format!("{}; nothing was changed", so_already(command, reach)),
    };
    terminal.tell(command.format(), &object(command, reach), &format!("{text}\n"))
}

/// The change, in a line.
pub(crate) fn done(command: &Command, reach: Reach) -> String {
    let what = match command {
        Command::Suspend(_) if reach == Reach::Invitation => {
            "never enrolled; the registration code no longer works, and nothing else is stored".to_owned()
        }
        Command::Suspend(options) => format!(
            "suspended; every code is refused until root or another member of otp-admin runs `otpctl resume {}`",
            word(&options.user)
        ),
        Command::Resume(_) => "the suspension has ended".to_owned(),
        Command::Reopen(options) => {
            format!("reopened, {}", options.origin.map_or("all origins", |origin| origin.as_str()))
        }
        Command::Rename(options) => {
            format!("key \"{}\" is now \"{}\"", escaped(&options.key), escaped(options.label.as_str()))
        }
        Command::Revoke(options) => format!("key \"{}\" is revoked", escaped(&options.key)),
        Command::Expire(options) => match options.end {
            KeyEnd::Never => format!("key \"{}\" has no end", escaped(&options.key)),
            KeyEnd::At(end) => {
                let key = escaped(&options.key);
                format!("key \"{key}\" ends {}; after that every code of it is refused", to_the_minute(end))
            }
        },
        Command::Forget(_) => "forgotten; every key is deleted, and a new one needs a new registration code".to_owned(),
        _ => return String::new(),
    };
    format!("{}: {what}", owner(command))
}

/// The end of a suspension, and what it does not turn on.
pub(crate) fn resumed(status: &UserStatus, reach: Reach) -> String {
    let (user, off) = (escaped(&status.user), stays_off::told(status));
    match (reach.is_a_change(), off.as_str()) {
        (true, "") => format!("{user}: the suspension has ended; codes are accepted again\n"),
        (true, off) => format!("{user}: the suspension has ended, but not everything works again:\n{off}"),
        (false, "") => format!("{user}: not suspended; nothing was changed\n"),
        (false, off) => {
            format!("{user}: not suspended, so nothing was changed; what does not work has other reasons:\n{off}")
        }
    }
}

const NO_UNIT_ENDS_SUDO: &str = "sudo may not ask them for some minutes: as root, run `otpctl end-sudo`";

fn so_already(command: &Command, reach: Reach) -> String {
    let what = match command {
        Command::Suspend(_) if reach == Reach::NoKeys => {
            "not suspended: never enrolled, and without a valid registration code".to_owned()
        }
        Command::Suspend(_) => "already suspended".to_owned(),
        Command::Resume(_) => "not suspended".to_owned(),
        Command::Reopen(_) => "no wrong codes are counted there".to_owned(),
        Command::Rename(options) => format!("a key is already called \"{}\"", escaped(options.label.as_str())),
        Command::Revoke(options) => format!("no key is called \"{}\"", escaped(&options.key)),
        Command::Expire(options) => match options.end {
            KeyEnd::Never => format!("key \"{}\" has no end", escaped(&options.key)),
            KeyEnd::At(end) => format!("key \"{}\" already ends {}", escaped(&options.key), to_the_minute(end)),
        },
        Command::Forget(_) => "nothing is stored for a user of that name or uid".to_owned(),
        _ => return String::new(),
    };
    format!("{}: {what}", owner(command))
}

/// `yours` is what is the caller's.
fn owner(command: &Command) -> String {
    let user = match command {
        Command::Suspend(options) => Some(options.user.as_str()),
        Command::Resume(options) => Some(options.user.as_str()),
        Command::Reopen(options) => options.user.as_deref(),
        Command::Rename(options) => Some(options.user.as_str()),
        Command::Revoke(options) => options.user.as_deref(),
        Command::Expire(options) => Some(options.user.as_str()),
        Command::Forget(options) => Some(options.user.as_str()),
        _ => None,
    };
    user.map_or_else(|| "yours".to_owned(), escaped)
}

fn object(command: &Command, reach: Reach) -> Value {
    let changed = reach.is_a_change();
    match command {
        Command::Suspend(options) => {
            let suspended = matches!(reach, Reach::Files | Reach::Already);
            json!({ "changed": changed, "user": options.user, "suspended": suspended })
        }
        Command::Resume(options) => json!({ "changed": changed, "user": options.user }),
        Command::Reopen(options) => {
            let origin = options.origin.map(|origin| origin.as_str());
            json!({ "changed": changed, "user": options.user, "origin": origin })
        }
        Command::Rename(options) => {
            let label = options.label.as_str();
            json!({ "changed": changed, "user": options.user, "key": options.key, "label": label })
        }
        Command::Revoke(options) => json!({ "changed": changed, "user": options.user, "key": options.key }),
        Command::Expire(options) => {
            let expires = options.end.time().map(UnixTime::seconds);
            json!({ "changed": changed, "user": options.user, "key": options.key, "expires": expires })
        }
        Command::Forget(options) => json!({ "changed": changed, "user": options.user }),
        _ => Value::Null,
    }
}

/// For whom a restore was accepted.
#[derive(Serialize)]
struct AcceptedRestore<'a> {
    changed: bool,
    users: &'a [String],
}

/// Tells of an accepted restore.
pub(crate) fn tell_restored(
    terminal: &mut Terminal,
    format: OutputFormat,
    reply: &RestoredUsers,
) -> Result<(), Failure> {
    let users = reply.users.as_slice();
    let text = match users {
        [] => "nothing came from a backup\n".to_owned(),
        users => users.iter().map(|name| format!("{}: restore accepted\n", escaped(name))).collect(),
    };
    terminal.tell(format, &AcceptedRestore { changed: !users.is_empty(), users }, &text)
}
