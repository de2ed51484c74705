//! `otpctl status --try-code`: is a code accepted, and if it is not, is the clock of the device wrong?

use otp_core::codes::plain_text::plain;
use otp_core::decision::input::Typed;
use otp_core::keys::diagnosis::Diagnosis;
use otp_core::reasons::{RefusalReason, Viewer};
use otp_protocol::client::Client;
use otp_protocol::interface::{TriedCode, TryCode, TypedCode};
use zeroize::Zeroizing;

use crate::arguments::StatusArgs;
use crate::input::no_echo;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;

/// One code; where it is refused and nothing is found, also the next one, for a clock that is fast shows only in two in a row.
pub(crate) fn try_code(
    terminal: &mut Terminal,
    options: &StatusArgs,
    connect: impl Fn() -> Result<Client, Failure>,
) -> Result<(), Failure> {
    let first = asked(terminal, "Code: ")?.ok_or_else(|| Failure::Stopped("no code was given".to_owned()))?;
    let mut tried = connect()?.call(&TryCode { code: sent(&first)?, previous: None })?;
    if is_unexplained(&tried)
        && let Some(next) = asked(terminal, NEXT)?
    {
        // The daemon does not keep a connection open for as long as the next code takes to come.
        tried = connect()?.call(&TryCode { code: sent(&next)?, previous: Some(sent(&first)?) })?;
    }
    let told = told(&tried);
    match OutputFormat::of(options.json) {
        OutputFormat::Json => terminal.json(&tried)?,
        OutputFormat::Text => told.as_ref().map_or(Ok(()), |text| terminal.show(text))?,
    }
    told.map(drop).map_err(Failure::Stopped)
}

const NEXT: &str = "Code refused. The next code that your app or token shows, or Enter to stop: ";

/// The next line, unless it is empty. A text that is no code of a key is refused here, and never leaves this process.
fn asked(terminal: &mut Terminal, prompt: &str) -> Result<Option<Zeroizing<String>>, Failure> {
    let line = if terminal.asks_a_person() { no_echo::any(prompt)? } else { terminal.line()? };
    let Some(code) = line.map(|line| plain(&line)).filter(|code| !code.is_empty()) else { return Ok(None) };
    match Typed::parse(code.as_bytes()) {
        Typed::Code(_) => Ok(Some(code)),
        Typed::Recovery(_) | Typed::Registration(_) | Typed::Junk => Err(Failure::Stopped(NOT_OF_A_KEY.to_owned())),
    }
}

const NOT_OF_A_KEY: &str =
    "that is not a code of a key: type the digits that your app or token shows; nothing was used up";

fn sent(code: &Zeroizing<String>) -> Result<TypedCode, Failure> {
    Ok(TypedCode::new(code.clone())?)
}

fn is_unexplained(tried: &TriedCode) -> bool {
    let unsaid = RefusalReason::Undisclosed.word();
    !tried.verdict.accepted && tried.verdict.reason == unsaid && tried.diagnosis.is_none()
}

/// The line for an accepted code, or why one is refused.
fn told(tried: &TriedCode) -> Result<String, String> {
    let TriedCode { verdict, diagnosis } = tried;
    if verdict.accepted {
        let key = verdict.key.as_deref().map(|label| format!(" by the key \"{}\"", escaped(label)));
        return Ok(format!("accepted{}; the code is used up\n", key.unwrap_or_default()));
    }
    if let Some(found) = diagnosis.as_deref().and_then(Diagnosis::parse) {
        return Err(format!("code refused: {}", found.text_for_any_device()));
    }
    Err(match RefusalReason::received(&verdict.reason, verdict.wait) {
        Some(RefusalReason::Undisclosed) => NOT_FOUND.to_owned(),
        Some(reason) => reason.text_for(Viewer::OwnerAtChange),
        None if verdict.reason == "emergency" => BYPASSED.to_owned(),
        None => escaped(&verdict.reason),
    })
}

const NOT_FOUND: &str = "code refused: it was used before, or none of your keys shows it within a day of now; check that the app \
                         shows the account of this host";
const BYPASSED: &str = "root has given you a bypass (otpctl emergency), so no code is checked now; nothing was used up";

#[cfg(test)]
mod tests {
    use otp_protocol::interface::VerdictReply;

    use super::*;

    fn refused(reason: &str, wait: u64, diagnosis: Option<&str>) -> TriedCode {
        let verdict = VerdictReply { accepted: false, reason: reason.to_owned(), key: None, wait };
        TriedCode { verdict, diagnosis: diagnosis.map(str::to_owned) }
    }

    #[test]
    fn an_accepted_code_is_told_with_its_key() {
        let key = Some("ph\x1bone".to_owned());
        let verdict = VerdictReply { accepted: true, reason: "code".to_owned(), key, wait: 0 };
        let tried = TriedCode { verdict, diagnosis: None };
        assert_eq!(told(&tried), Ok("accepted by the key \"ph\\x1bone\"; the code is used up\n".to_owned()));
        assert!(!is_unexplained(&tried));
    }

    #[test]
    fn the_next_code_is_asked_for_only_where_nothing_is_told() {
        for (tried, wanted) in [
            (refused("refused", 0, None), true),
            (refused("refused", 0, Some("clock-slow 3600")), false),
            (refused("waiting", 7, None), false),
            (refused("emergency", 0, None), false),
        ] {
            assert_eq!(is_unexplained(&tried), wanted);
        }
    }

    #[test]
    fn a_refusal_says_what_is_known() {
        let said = |reason, wait, diagnosis| told(&refused(reason, wait, diagnosis)).unwrap_err();
        assert!(
            said("refused", 0, Some("clock-slow 3600"))
                .starts_with("code refused: the clock of your phone or token is slow by")
        );
        assert_eq!(said("refused", 0, Some("of-a-newer-daemon")), NOT_FOUND);
        assert_eq!(said("waiting", 7, None), "too many wrong codes; wait 7 s before the next try");
        assert_eq!(said("emergency", 0, None), BYPASSED);
        assert_eq!(said("\x1b", 0, None), "\\x1b");
    }
}
