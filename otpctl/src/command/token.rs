//! `otpctl token add`: a hardware token brings its key along. The secret comes on standard input, unseen; the codes that
//! confirm it are typed by whoever holds the token.

use data_encoding::BASE32_NOPAD;
use otp_protocol::client::Client;
use otp_protocol::interface::{self, TokenSecret, UserName};
use zeroize::Zeroizing;

use crate::arguments::AddTokenArgs;
use crate::command::confirm::{ConfirmPurpose, PendingKey};
use crate::input::no_echo;
use crate::output::duration;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;

pub(crate) fn add(
    terminal: &mut Terminal,
    options: &AddTokenArgs,
    connect: impl FnOnce() -> Result<Client, Failure>,
) -> Result<(), Failure> {
    let format = OutputFormat::of(options.json);
    let secret = TokenSecret::new(secret(terminal)?)?;
    if format == OutputFormat::Text && !terminal.asks_a_person() {
        terminal.ask_on_the_controlling_terminal()?;
    }
    let client = &mut connect()?;
    let begun =
        client.call(&interface::AddToken { user: UserName::new(&options.user)?, secret, key: options.key.wanted() })?;
    match format {
        OutputFormat::Json => terminal.json(&begun)?,
        OutputFormat::Text => {
            let left = duration::told(begun.expires_in);
            terminal.show(&format!(
                "to be confirmed within {left} by a code of the token; by two in a row, if it counts\n"
            ))?;
        }
    }
    PendingKey { client, terminal, format, purpose: ConfirmPurpose::Token }.confirm()
}

/// The first line of standard input.
fn secret(terminal: &mut Terminal) -> Result<Zeroizing<String>, Failure> {
    let typed =
        if terminal.asks_a_person() { no_echo::line("Secret of the token, in base32: ")? } else { terminal.line()? };
    let Some(typed) = typed.filter(|typed| !typed.is_empty()) else {
        return Err(Failure::Stopped("no secret was given; nothing was stored".to_owned()));
    };
    letters(&typed).ok_or_else(|| {
        let wanted = "wanted 16 to 64 bytes in base32, the letters A to Z and the digits 2 to 7";
        Failure::Stopped(format!("secret: found something else, not repeated here; {wanted}; nothing was stored"))
    })
}

/// In upper case, without blanks, hyphens and padding; `None` if it is no base32 or too short or too long for a key.
fn letters(typed: &str) -> Option<Zeroizing<String>> {
    let mut letters = Zeroizing::new(String::with_capacity(typed.len()));
    for letter in typed.trim_end_matches('=').chars().filter(|letter| !matches!(letter, ' ' | '-')) {
        letters.push(letter.to_ascii_uppercase());
    }
    let mut bytes = Zeroizing::new(vec![0; BASE32_NOPAD.decode_len(letters.len()).ok()?]);
    let length = BASE32_NOPAD.decode_mut(letters.as_bytes(), &mut bytes).ok()?;
    (16..=64).contains(&length).then_some(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_however_it_is_written() {
        let good = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        for same in [good.to_owned(), good.to_lowercase(), "GEZD GNBV GY3T QOJQ GEZD-GNBV-GY3T-QOJQ".to_owned()] {
            assert_eq!(letters(&same).as_deref().map(String::as_str), Some(good));
        }
        assert!(letters(&format!("{}======", "A".repeat(26))).is_some(), "16 bytes with padding");
    }

    #[test]
    fn what_is_no_key_is_refused_before_anything_is_sent() {
        let hex = "3132333435363738393031323334353637383930";
        for bad in ["", "GEZDGNBV", hex, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJé", "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ"]
        {
            assert!(letters(bad).is_none(), "{bad}");
        }
        assert!(letters(&"A".repeat(104)).is_none(), "65 bytes");
        assert!(letters(&"B".repeat(32)).is_some() && letters(&"B".repeat(33)).is_none(), "bits left over");
    }
}
