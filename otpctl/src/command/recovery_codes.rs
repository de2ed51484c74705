//! Recovery codes: how they are shown, once, and `otpctl recovery-codes`, which makes a new set.

use otp_protocol::client::Client;
use otp_protocol::interface::{RecoveryCodes, RenewRecoveryCodes};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::arguments::RecoveryCodesArgs;
use crate::input::code;
use crate::output::escape::escaped_secret;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;

pub(crate) fn renew(
    terminal: &mut Terminal,
    options: &RecoveryCodesArgs,
    connect: impl FnOnce() -> Result<Client, Failure>,
) -> Result<(), Failure> {
    let format = OutputFormat::of(options.json);
    let code = code::asked(terminal, format, "Code of a key: ")?;
    let renewed = connect()?.call(&RenewRecoveryCodes { code })?;
    let shown = match format {
        OutputFormat::Json => terminal.json(&RenewedJson { changed: true, renewed: &renewed }),
        OutputFormat::Text => terminal
            .show("the earlier recovery codes no longer work\n")
            .and_then(|()| terminal.show(&sheet(&renewed.recovery_codes))),
    };
    shown.map_err(|failure| failure.after("the earlier recovery codes no longer work"))
}

/// How the codes are told in JSON.
#[derive(Serialize)]
struct RenewedJson<'a> {
    changed: bool,
    #[serde(flatten)]
    renewed: &'a RecoveryCodes,
}

/// The codes with what to do with them; nothing if there are none.
pub(crate) fn sheet(codes: &[Zeroizing<String>]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(ADVICE.len().saturating_add(LINE.saturating_mul(codes.len()))));
    if codes.is_empty() {
        return text;
    }
    let (before, after) = ADVICE.split_once('|').unwrap_or_default();
    text.push_str(before);
    for code in codes {
        text.push_str("    ");
        text.push_str(&escaped_secret(code));
        text.push('\n');
    }
    text.push_str(after);
    text
}

const ADVICE: &str = "
recovery codes, shown only now; each works once instead of a code, in case you lose the phone:

|
print them or write them down, and keep them away from the phone; `otpctl recovery-codes` makes a new set
";

/// A code, as long as it may be, with its indentation.
const LINE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_line_and_none_need_no_advice() {
        let code = "R-307EN-W3AHR-Z6DMV-29GQY-5CKTB";
        let codes: Vec<_> = (0..8).map(|_| Zeroizing::new(code.to_owned())).collect();
        let text = sheet(&codes);
        assert_eq!(text.matches(&format!("    {code}\n")).count(), 8);
        assert!(text.contains("shown only now") && text.contains("keep them away from the phone"));
        assert!(text.len() <= ADVICE.len() + 8 * LINE, "the buffer grew and left a copy behind");
        assert!(sheet(&[]).is_empty());
    }
}
