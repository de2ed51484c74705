//! `otpctl emergency`: the way back in for root on the console (R14). It looks the user up, writes or removes one file, says
//! so to the log and to the screen. Nothing else is needed, and nothing that may be broken is touched.

use std::path::Path;

use nix::unistd::{Uid, getuid};
use otp_core::accounts::{Account, may_have_been, no_answer};
use otp_core::emergency::{Bypass, EmergencyMark, EmergencyPlaces, Lasting, MarkError, MarkPlace};
use otp_core::environment::Moment;
use otp_core::files::date::utc;
use otp_core::log_line::LogLine;
use otp_core::manage::on_file::on_file;
use otp_core::site::Site;
use serde::Serialize;
use serde_json::json;

use crate::arguments::{BypassArgs, EmergencyAct, EndBypassArgs, ListBypassesArgs};
use crate::command::bypasses::{self, FoundBypasses, ListedBypass};
use crate::machine::Machine;
use crate::output::alert::alert;
use crate::output::duration;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::local_time::local;
use crate::output::stderr;
use crate::output::terminal::Terminal;
use crate::reach::{OthersNeed, obstacle};

pub(crate) fn run(terminal: &mut Terminal, act: &EmergencyAct) -> Result<(), Failure> {
    if !Uid::effective().is_root() {
        return Err(Failure::Stopped("only root can start, end or list bypasses; run this as root".to_owned()));
    }
    match act {
        EmergencyAct::Bypass(options) => bypass(terminal, options),
        EmergencyAct::End(options) => end(terminal, options),
        EmergencyAct::List(options) => list(terminal, options),
    }
}

#[derive(Serialize)]
struct ListedMarks {
    marks: Vec<ListedBypass>,
}

/// Also those that do not count: they may have been meant to.
fn list(terminal: &mut Terminal, options: &ListBypassesArgs) -> Result<(), Failure> {
    let FoundBypasses { marks, unread } = bypasses::all();
    match OutputFormat::of(options.json) {
        OutputFormat::Json => terminal.json(&ListedMarks { marks })?,
        OutputFormat::Text if !marks.is_empty() => {
            terminal.show(&marks.iter().map(bypasses::told).collect::<String>())?;
        }
        OutputFormat::Text if unread.is_empty() => terminal.show("nobody has a bypass\n")?,
        OutputFormat::Text => {}
    }
    if unread.is_empty() { Ok(()) } else { Err(Failure::Stopped(escaped(&unread.join("; ")))) }
}

/// Whether anything was written, and the mark that is in force.
#[derive(Serialize)]
struct BypassTold {
    changed: bool,
    mark: ListedBypass,
}

fn bypass(terminal: &mut Terminal, options: &BypassArgs) -> Result<(), Failure> {
    let account = account(&options.user)?;
    let (user, format) = (escaped(&account.name), OutputFormat::of(options.json));
    if let Some(mark) = the_same(&account, options) {
        unseen_by_others(&mark);
        let until = mark.until.map(local).unwrap_or_default();
        let text = format!(
            "{user} already passes without a code until {until}, for the same reason; nothing was changed. Another \
             --for or --reason replaces the bypass\n"
        );
        return terminal.tell(format, &BypassTold { changed: false, mark }, &text);
    }
    let (now, seconds) = (Moment::of(&Machine), options.lasts);
    let (reason, lasts) = (options.reason.clone(), Some(Lasting::from(&now, seconds)));
    let mark = EmergencyMark { account, reason, by: who(), made: now.wall, lasts };
    let marks = Site::STANDARD.marks();
    let place = marks.write(&mark, &Machine).map_err(|error| stopped(&error))?;
    let until = now.wall + seconds;
    let line = line("emergency-bypass", &mark.account.name, mark.account.uid).field("reason", mark.reason.as_str());
    let [_, until_reboot] = Site::STANDARD.emergency;
    let path = matches!(place, MarkPlace::UntilReboot(_)).then_some(until_reboot);
    alert(&line.field("by", &mark.by).field("until", &utc(until)).optional("place", path).finish());
    let (lasts, until) = (duration::told(seconds), local(until));
    let text = format!(
        "{user} is not asked for a code for {lasts}, until {until}, or until `otpctl emergency end {user}`; \
         every use is logged at alert\n{}",
        told(&place, &mark.account)
    );
    let written = match place {
        MarkPlace::Kept => marks.kept,
        MarkPlace::UntilReboot(_) => marks.until_reboot,
    };
    let mark = bypasses::shown(mark, written);
    unseen_by_others(&mark);
    terminal.tell(format, &BypassTold { changed: true, mark }, &text)
}

/// The mark in force that the same command has written: the same reason and as long. With other words or another length it is
/// written again.
fn the_same(account: &Account, options: &BypassArgs) -> Option<ListedBypass> {
    let EmergencyPlaces { kept, until_reboot } = Site::STANDARD.marks();
    let lasts = |mark: &EmergencyMark| mark.lasts.as_ref().map(|lasts| lasts.seconds);
    [kept, until_reboot].into_iter().find_map(|place| match place.of(account, &Machine) {
        Ok(Some(Bypass::InForce(mark))) if mark.reason == options.reason && lasts(&mark) == Some(options.lasts) => {
            Some(bypasses::shown(mark, place))
        }
        _ => None,
    })
}

fn unseen_by_others(mark: &ListedBypass) {
    if let Some(why) = obstacle(Path::new(&mark.path), OthersNeed::Read) {
        stderr::note(&format!("screen lockers do not see the bypass: {}", escaped(&why.to_string())));
    }
}

/// The account or, where the account database knows none or does not answer, the user whose files have that name. Nothing depends on the
/// vault where it does.
fn account(name: &str) -> Result<Account, Failure> {
    let known = named(name);
    if let Ok(Some(account)) = known {
        return Ok(account);
    }
    let owner = Site::STANDARD.open_vault().ok().and_then(|vault| on_file(&vault, name).ok().flatten());
    owner.ok_or_else(|| known.err().unwrap_or_else(|| no_such_user(name)))
}

/// The rest that root has to know of a mark that is gone at a reboot.
fn told(place: &MarkPlace, account: &Account) -> String {
    let MarkPlace::UntilReboot(why) = place else { return String::new() };
    let [kept, until_reboot] = Site::STANDARD.emergency;
    let text = format!("{}: so the bypass is kept in {until_reboot} and ends at a reboot\n", escaped(&why.to_string()));
    match Site::STANDARD.marks().kept.of(account, &Machine) {
        Ok(Some(Bypass::InForce(_))) => {
            format!("{text}an earlier bypass in {kept} cannot be changed and still counts; see otpctl emergency list\n")
        }
        _ => text,
    }
}

fn end(terminal: &mut Terminal, options: &EndBypassArgs) -> Result<(), Failure> {
    let account = account(&options.user).or_else(|error| numbered(&options.user).ok_or(error))?;
    let user = escaped(&options.user);
    let (changed, text) = match Site::STANDARD.marks().end(account.uid, &Machine) {
        Err(none @ MarkError::None) if may_have_been(&options.user) => {
            (false, format!("{user}: {none}; nothing was changed\n"))
        }
        ended => {
            ended.map_err(|error| stopped(&error))?;
            alert(&line("emergency-end", &account.name, account.uid).field("by", &who()).finish());
            (true, format!("{user} is asked for a code again\n"))
        }
    };
    let object = json!({ "changed": changed, "user": options.user });
    terminal.tell(OutputFormat::of(options.json), &object, &text)
}

/// Whose uid it is; the number itself, where no account has it.
fn numbered(typed: &str) -> Option<Account> {
    let uid = otp_core::accounts::numbered(typed).or_else(|| typed.parse().ok())?;
    let account = otp_core::accounts::account_of(uid).ok().flatten();
    Some(account.unwrap_or_else(|| Account { name: typed.to_owned(), uid }))
}

fn line(event: &str, user: &str, uid: u32) -> LogLine {
    LogLine::default().field("event", event).field("user", user).field("uid", &uid.to_string())
}

/// The person at the keyboard, as far as it can be told: the login uid of the audit system, which survives su and sudo. A note.
pub(crate) fn who() -> String {
    let login = std::fs::read_to_string("/proc/self/loginuid").unwrap_or_default();
    match login.trim().parse::<u32>() {
        Ok(login) if login != u32::MAX => format!("uid {}, login uid {login}", getuid()),
        _ => format!("uid {}", getuid()),
    }
}

/// The account of that name, as the name service spells it, or of `uid:NUMBER`.
pub(crate) fn named(name: &str) -> Result<Option<Account>, Failure> {
    otp_core::accounts::meant(name)
        .map_err(|errno| Failure::Stopped(format!("looking {} up failed: {}", escaped(name), no_answer(errno))))
}

pub(crate) fn no_such_user(name: &str) -> Failure {
    Failure::Stopped(format!("no such user: {}", escaped(name)))
}

fn stopped(error: &MarkError) -> Failure {
    Failure::Stopped(error.to_string())
}
