//! `otpctl notices`: what happened to the keys. What a person has seen on a terminal counts as seen.

use nix::unistd::Uid;
use otp_protocol::client::Client;
use otp_protocol::interface::{NoticeItem, Notices, NoticesShown};

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
    terminal.show(&lines(&reply.notices))?;
    // What an administrator sees of somebody else's is not seen by that somebody.
    let own = user.is_none() || !Uid::effective().is_root();
    if let (Some(last), true, true) = (reply.notices.last(), terminal.is_screen(), own) {
        client.call(&NoticesShown { user, last: last.id })?;
    }
    Ok(())
}

fn lines(notices: &[NoticeItem]) -> String {
    if notices.is_empty() {
        return "no notices\n".to_owned();
    }
    notices.iter().map(|one| format!("{}\n", escaped(&one.text))).collect()
}
