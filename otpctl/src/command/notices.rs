//! `otpctl notices`: what happened to the keys. Notices that a person has seen on a terminal count as seen.

use nix::unistd::Uid;
use otp_protocol::client::Client;
use otp_protocol::interface::{NoticeList, Notices, NoticesShown};

use crate::arguments::{NoticesArgs, user_name};
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;

pub(crate) fn notices(client: &mut Client, terminal: &mut Terminal, options: &NoticesArgs) -> Result<(), Failure> {
    let user = user_name(options.user.as_deref())?;
    let reply = client.call(&Notices { user: user.clone() })?;
    if OutputFormat::of(options.json) == OutputFormat::Json {
        return terminal.json(&reply);
    }
    terminal.show(&text(&reply))?;
    // A notice that an administrator sees is not yet seen by its owner.
    let own = user.is_none() || !Uid::effective().is_root();
    if let (Some(last), true, true) = (reply.notices.last(), terminal.is_screen(), own) {
        client.call(&NoticesShown { user, last: last.id })?;
    }
    Ok(())
}

/// The daemon's lines for a person; from one that makes none, a line for each notice.
fn text(reply: &NoticeList) -> String {
    if reply.notices.is_empty() {
        return "no notices\n".to_owned();
    }
    if reply.lines.is_empty() {
        return reply.notices.iter().map(|one| format!("{}\n", escaped(&one.text))).collect();
    }
    reply.lines.iter().map(|line| format!("{}\n", escaped(line))).collect()
}
