//! `otpctl lost`: the owner of the keys has lost a device, or has found it again.

use otp_protocol::client::Client;
use otp_protocol::interface::{LostReply, ReportLost, TakeBackLost};
use serde::Serialize;

use crate::arguments::LostArgs;
use crate::input::code;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::local_time::to_the_minute;
use crate::output::terminal::Terminal;

/// Connects when the code is typed: the daemon does not wait for slow fingers.
pub(crate) fn lost(
    terminal: &mut Terminal,
    options: &LostArgs,
    connect: impl FnOnce() -> Result<Client, Failure>,
) -> Result<(), Failure> {
    let format = OutputFormat::of(options.json);
    let prompt = if options.found { FOUND_PROMPT } else { LOST_PROMPT };
    let code = code::asked(terminal, format, prompt)?;
    let mut client = connect()?;
    let (suspended, reply) = match options.found {
        true => {
            client.call(&TakeBackLost { code })?;
            (false, LostReply { until: None })
        }
        false => (true, client.call(&ReportLost { user: None, code: Some(code) })?),
    };
    match format {
        OutputFormat::Json => terminal.json(&LostJson { changed: true, suspended, reply: &reply }),
        OutputFormat::Text if !suspended => terminal.show("your codes are accepted again\n"),
        OutputFormat::Text => terminal.show(&reported(&reply)),
    }
}

const LOST_PROMPT: &str = "Code of any of your keys, or a recovery code: ";
const FOUND_PROMPT: &str = "Recovery code, or a code of the key with which you reported the loss: ";

/// How it is told in JSON.
#[derive(Serialize)]
struct LostJson<'a> {
    changed: bool,
    suspended: bool,
    #[serde(flatten)]
    reply: &'a LostReply,
}

fn reported(reply: &LostReply) -> String {
    let back = reply.until.map_or_else(String::new, |until| {
        format!("you can take that back until {}: otpctl lost --found\n", to_the_minute(until))
    });
    format!("all your codes are now refused\n{back}{NEXT}")
}

const NEXT: &str = "for a new key, or to end this later, call an administrator\n";

#[cfg(test)]
mod tests {
    use otp_core::unix_time::UnixTime;

    use super::*;

    #[test]
    fn the_way_back_is_told_where_there_is_one() {
        let until = UnixTime::new(951_782_400);
        let text = reported(&LostReply { until: Some(until) });
        assert!(text.contains(&to_the_minute(until)) && text.contains("otpctl lost --found"), "{text}");
        assert!(!reported(&LostReply { until: None }).contains("--found"));
    }
}
