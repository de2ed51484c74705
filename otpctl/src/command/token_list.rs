//! `otpctl token list` and `remove`: hardware tokens that nobody has yet.

use otp_protocol::client::Client;
use otp_protocol::interface::{self, TokenList, TokenStatus};
use serde_json::json;

use crate::arguments::{ListTokensArgs, RemoveTokenArgs};
use crate::output::escape::escaped;
use crate::output::failure::{Failure, unless_so};
use crate::output::format::OutputFormat;
use crate::output::local_time::to_the_minute;
use crate::output::table::GrowingTable;
use crate::output::terminal::Terminal;
use otp_core::reasons::ChangeRefusal;

pub(crate) fn list(client: &mut Client, terminal: &mut Terminal, options: &ListTokensArgs) -> Result<(), Failure> {
    let list = client.call(&interface::ListTokens {})?;
    match OutputFormat::of(options.json) {
        OutputFormat::Json => terminal.json(&list)?,
        OutputFormat::Text => terminal.show(&told(&list, terminal.width()))?,
    }
    let broken = list.unreadable.len() + list.tokens.iter().filter(|token| !token.opens).count();
    match broken {
        0 => Ok(()),
        broken => Err(Failure::Stopped(format!("tokens that cannot be assigned: {broken}; import their file again"))),
    }
}

pub(crate) fn remove(client: &mut Client, terminal: &mut Terminal, options: &RemoveTokenArgs) -> Result<(), Failure> {
    let (format, serial) = (OutputFormat::of(options.json), &options.token.serial);
    let removed = client.call(&interface::RemoveToken { token: options.token.named()? });
    let changed = unless_so(removed, &[ChangeRefusal::NoSuchToken])?.is_some();
    let object = json!({ "changed": changed, "serial": serial, "manufacturer": options.token.manufacturer });
    let text = match changed {
        true => format!("token {} was removed\n", escaped(serial)),
        false => format!("there is no unassigned token with serial number {}; nothing was changed\n", escaped(serial)),
    };
    terminal.tell(format, &object, &text)
}

fn told(list: &TokenList, width: Option<usize>) -> String {
    let rows: Vec<_> = list.tokens.iter().map(row).collect();
    let table = match rows.as_slice() {
        [] => "no unassigned tokens\n".to_owned(),
        rows => GrowingTable::new(["SERIAL", "MANUFACTURER", "KIND", "DIGITS", "SINCE", "STATE"]).rows(rows, width),
    };
    let unreadable = list.unreadable.iter().map(|one| format!("cannot be read: {}\n", escaped(&one.reason)));
    table + &unreadable.collect::<String>()
}

fn row(token: &TokenStatus) -> [String; 6] {
    let kind = match (&*token.kind, token.counter) {
        ("hotp", Some(counter)) => format!("hotp {}, from counter {counter}", token.algorithm),
        (kind, _) => format!("{} {}, {} s", escaped(kind), escaped(&token.algorithm), token.period),
    };
    let state = match (token.opens, token.starts, token.expires) {
        (false, _, _) => "the seal does not open: import it again".to_owned(),
        (true, None, None) => "ready".to_owned(),
        (true, starts, expires) => {
            let date = |word, time: Option<_>| time.map(|time| format!("{word} {}", to_the_minute(time)));
            [date("good from", starts), date("good until", expires)]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(", ")
        }
    };
    let maker = token.manufacturer.as_deref().map_or_else(|| "-".to_owned(), escaped);
    [escaped(&token.serial), maker, kind, token.digits.to_string(), to_the_minute(token.since), state]
}
