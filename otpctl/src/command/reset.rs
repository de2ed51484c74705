//! `otpctl reset` and `otpctl resets`: a reset is asked for, shown, approved and cancelled. The daemon decides.

use nix::unistd::Uid;
use otp_core::accounts::account_of;
use otp_core::reasons::ChangeRefusal;
use otp_protocol::client::Client;
use otp_protocol::interface::{self, ResetList, ResetReply, ResetStatus, UserName};
use serde_json::json;

use crate::arguments::{ApproveResetArgs, CancelResetArgs, ListResetsArgs, ResetArgs, ResetsAct};
use crate::command::cool_down::barred;
use crate::input::code;
use crate::output::duration;
use crate::output::escape::{escaped, word};
use crate::output::failure::{Failure, unless_so};
use crate::output::format::OutputFormat;
use crate::output::local_time::to_the_minute;
use crate::output::table::GrowingTable;
use crate::output::terminal::Terminal;

pub(crate) fn run(client: &mut Client, terminal: &mut Terminal, act: &ResetsAct) -> Result<(), Failure> {
    match act {
        ResetsAct::List(options) => list(client, terminal, options),
        ResetsAct::Approve(options) => approve(client, terminal, options),
        ResetsAct::Cancel(options) => cancel(client, terminal, options),
    }
}

pub(crate) fn request(client: &mut Client, terminal: &mut Terminal, options: &ResetArgs) -> Result<(), Failure> {
    let (user, reason, proof) = (UserName::new(&options.user)?, options.reason.clone(), options.proof.clone());
    let reply = client.call(&interface::RequestReset { user, reason, proof })?;
    tell(terminal, OutputFormat::of(options.json), &reply, "requested, and the user has been notified")
}

fn approve(client: &mut Client, terminal: &mut Terminal, options: &ApproveResetArgs) -> Result<(), Failure> {
    let reply = client.call(&interface::ApproveReset { id: options.id, reason: options.reason.clone() })?;
    tell(terminal, OutputFormat::of(options.json), &reply, "approved")
}

fn tell(terminal: &mut Terminal, format: OutputFormat, reply: &ResetReply, what: &str) -> Result<(), Failure> {
    let reset = &reply.reset;
    let text = format!("{}: reset {} is {what}\n{}\n", escaped(&reset.user), escaped(&reset.id), next_step(reset));
    terminal.tell(format, &json!({ "changed": true, "reset": reset }), &text)
}

/// The next thing to do, and when.
fn next_step(reset: &ResetStatus) -> String {
    let invite = format!("otpctl invite {} --replace", word(&reset.user));
    let wait = match reset.left {
        0 => String::new(),
        left => format!(" after {}", duration::told(left)),
    };
    let next = match reset.state.as_str() {
        "needs-approval" => {
            let why =
                if reset.cool_down.as_ref().is_some_and(|found| found.until.is_some()) { " --reason TEXT" } else { "" };
            format!(
                "another administrator runs: otpctl resets approve {}{why}\nthen{wait}: {invite}",
                escaped(&reset.id)
            )
        }
        "waits" | "ready" => format!("next{wait}: {invite}"),
        _ => format!("to end it: otpctl resets cancel {}", escaped(&reset.id)),
    };
    match &reset.cool_down {
        Some(found) => format!("{next}\nbut {}", barred(found)),
        None => next,
    }
}

fn list(client: &mut Client, terminal: &mut Terminal, options: &ListResetsArgs) -> Result<(), Failure> {
    let list = client.call(&interface::ListResets {})?;
    match OutputFormat::of(options.json) {
        OutputFormat::Json => terminal.json(&list)?,
        OutputFormat::Text => terminal.show(&told(&list, terminal.width()))?,
    }
    match list.unreadable.len() {
        0 => Ok(()),
        broken => Err(Failure::Stopped(format!(
            "reset files that cannot be read: {broken}; remove them with `otpctl resets cancel ID`"
        ))),
    }
}

fn told(list: &ResetList, width: Option<usize>) -> String {
    let rows: Vec<_> = list.resets.iter().map(row).collect();
    let table = match rows.as_slice() {
        [] if list.unreadable.is_empty() => "no reset is waiting\n".to_owned(),
        [] => String::new(),
        rows => GrowingTable::new(["ID", "USER", "ASKED", "BY", "PROOF", "STATE", "REASON"]).rows(rows, width),
    };
    let unreadable = list.unreadable.iter().map(|one| format!("cannot be read: {}\n", escaped(&one.reason)));
    table + &unreadable.collect::<String>()
}

fn row(reset: &ResetStatus) -> [String; 7] {
    let proof = match reset.voucher {
        Some(uid) => format!("vouched:{}", name(uid)),
        None => escaped(&reset.proof),
    };
    let state = match (reset.state.as_str(), reset.left) {
        ("waits", left) => format!("waits {}", duration::told(left)),
        ("needs-approval", left @ 1..) => format!("needs approval, waits {}", duration::told(left)),
        ("needs-approval", _) => "needs approval".to_owned(),
        (state, _) => escaped(state),
    };
    let state = match &reset.cool_down {
        Some(found) => format!("{state}; {}", barred(found)),
        None => state,
    };
    let (asked, by) = (to_the_minute(reset.asked), name(reset.by));
    [escaped(&reset.id), escaped(&reset.user), asked, by, proof, state, escaped(&reset.reason)]
}

fn cancel(client: &mut Client, terminal: &mut Terminal, options: &CancelResetArgs) -> Result<(), Failure> {
    let format = OutputFormat::of(options.json);
    let list = client.call(&interface::ListResets {})?;
    let caller = Uid::effective();
    let is_own = |reset: &&ResetStatus| reset.uid == caller.as_raw();
    let is_meant = |reset: &&ResetStatus| options.id.map_or(is_own(reset), |id| id.hex() == reset.id);
    let meant = list.resets.iter().find(is_meant);
    let code = match meant.filter(is_own) {
        Some(_) if !caller.is_root() => Some(code::asked(terminal, format, "Code or recovery code: ")?),
        _ => None,
    };
    let cancelled =
        unless_so(client.call(&interface::CancelReset { id: options.id, code }), &[ChangeRefusal::NoSuchReset])?;
    let id = options.id.map(|id| id.hex()).or_else(|| meant.map(|reset| reset.id.clone()));
    let user = cancelled.as_ref().and_then(|done| done.user.clone());
    let text = match (&cancelled, &user) {
        (None, _) => "no such reset is waiting; nothing was changed\n".to_owned(),
        (Some(_), Some(user)) => format!("{}: the reset is cancelled; the keys are unchanged\n", escaped(user)),
        (Some(_), None) => "the reset is cancelled; its file could not be read\n".to_owned(),
    };
    terminal.tell(format, &json!({ "changed": cancelled.is_some(), "id": id, "user": user }), &text)
}

fn name(uid: u32) -> String {
    account_of(uid).ok().flatten().map_or_else(|| format!("uid {uid}"), |account| escaped(&account.name))
}
