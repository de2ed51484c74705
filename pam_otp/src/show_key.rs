//! A new key is shown to its owner through the conversation of the host, and stored when a code of it comes back. Whatever
//! ends the conversation before that ends the key.
//!
//! What sshd dictates: a text is lost unless a prompt follows, colours come out as letters, and there are at most 32
//! messages. So the QR code is one text of half blocks, with the secret in letters for terminals that cannot show them.

use otp_core::codes::keyboard::no_code;
use otp_core::decision::input::Typed;
use otp_core::keys::device::Device;
use otp_core::keys::diagnosis::Diagnosis;
use zeroize::Zeroizing;

use crate::daemon::connection::{DaemonError, DaemonRefusal};
use crate::daemon::{EnrolmentSession, StoredKey};
use crate::host::{ConversationFailed, Host};
use crate::options::Echo;
use crate::reason::ModuleReason;

/// Why no key was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HandOverError {
    /// The host could not ask any more.
    Conversation,
    /// The key was thrown away: too many wrong codes, too late, or something has taken its place.
    ThrownAway(ModuleReason),
    /// The daemon gave no answer.
    Daemon(DaemonError),
}

/// Shows the key until a code of it was typed, then the recovery codes that were made with it.
pub(crate) fn hand_over(host: &mut impl Host, key: &EnrolmentSession, echo: Echo) -> Result<(), HandOverError> {
    let stored = confirmed(host, key, echo)?;
    if !stored.recovery_codes.is_empty() {
        host.show_text(&recovery_codes(&stored))?;
        host.ask("Press Enter when you have written them down: ", echo)?;
    }
    Ok(())
}

fn confirmed(host: &mut impl Host, key: &EnrolmentSession, echo: Echo) -> Result<StoredKey, HandOverError> {
    let mut terminal = Background::Dark;
    host.show_text(&sheet(key, terminal))?;
    for _ in 0..MOST_ANSWERS {
        let answer = host.ask("Code from the app: ", echo)?;
        if answer.is_empty() {
            terminal = terminal.other();
            host.show_text(&sheet(key, terminal))?;
            continue;
        }
        let Typed::Code(code) = Typed::parse(&answer) else {
            host.show_text(no_code(std::str::from_utf8(&answer).unwrap_or_default(), Device::App))?;
            continue;
        };
        match key.confirm(&code.digits()) {
            Err(DaemonError::Denied(denial)) => match denial {
                DaemonRefusal::Code { tries_left: left @ 1.., diagnosis } => {
                    host.show_text(&refused(left, diagnosis.as_deref()))?;
                }
                end => return Err(HandOverError::ThrownAway(why_thrown_away(&end))),
            },
            Err(error) => return Err(HandOverError::Daemon(error)),
            Ok(stored) => return Ok(stored),
        }
    }
    Err(HandOverError::ThrownAway(ModuleReason::TooManyAnswers))
}

/// What the picture must stand out from.
#[derive(Clone, Copy)]
enum Background {
    Dark,
    Light,
}

impl Background {
    fn other(self) -> Self {
        match self {
            Self::Dark => Self::Light,
            Self::Light => Self::Dark,
        }
    }
}

/// The first line is words: ssh puts the name of user and host before it.
fn sheet(key: &EnrolmentSession, terminal: Background) -> Zeroizing<String> {
    let (here, other, picture) = match terminal {
        Background::Dark => ("dark", "light", &key.dark),
        Background::Light => ("light", "dark", &key.light),
    };
    let minutes = key.expires_in.div_ceil(60);
    let mut text = Zeroizing::new(String::with_capacity(picture.len() + key.secret.len() * 2 + 1024)); // never grows
    if let Some(earlier) = &key.earlier {
        text.push_str(&format!(
            "This registration code was used before, {earlier}; that key was never confirmed and is thrown away.\n\
             If that was not you: go on, so that the code is used up, and tell an administrator.\n\n"
        ));
    }
    let heading = format!("Your new key, shown only now. Scan it with the app, within {minutes} minutes:\n\n");
    text.push_str(&heading);
    text.push_str(picture.trim_end_matches('\n'));
    text.push_str("\n\nor type it into the app:");
    for (place, letter) in key.secret.chars().enumerate() {
        if place.is_multiple_of(4) {
            text.push(' ');
        }
        text.push(letter);
    }
    text.push_str(&format!(
        "\n({}{})\n\nThis picture is for a {here} screen; type nothing but Enter for a {other} one.",
        key.settings,
        if key.settings == USUAL { "" } else { "; some apps ignore that and show wrong codes" }
    ));
    text
}

fn recovery_codes(stored: &StoredKey) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(512 + stored.recovery_codes.len() * 64)); // never grows
    text.push_str("The key is stored. Recovery codes, shown only now; each opens once, when the app is lost:\n");
    for code in &stored.recovery_codes {
        text.push_str("\n   ");
        text.push_str(code);
    }
    text.push('\n');
    text
}

fn refused(tries_left: u64, diagnosis: Option<&str>) -> String {
    let left = match tries_left {
        1 => "one more try".to_owned(),
        tries => format!("{tries} more tries"),
    };
    match diagnosis.and_then(Diagnosis::parse) {
        Some(Diagnosis::NextCode) => Diagnosis::NextCode.text(Device::App),
        Some(found) => format!("that is no code of this key: {}; {left}", found.text(Device::App)),
        None => format!("that is no code of this key; {left}"),
    }
}

fn why_thrown_away(denial: &DaemonRefusal) -> ModuleReason {
    match denial {
        DaemonRefusal::Code { .. } => ModuleReason::NotConfirmed,
        DaemonRefusal::EnrolmentExpired => ModuleReason::TooLate,
        DaemonRefusal::Refused(_)
        | DaemonRefusal::Busy
        | DaemonRefusal::Unavailable(_)
        | DaemonRefusal::MethodNotFound
        | DaemonRefusal::Other(_) => ModuleReason::ThrownAway,
    }
}

impl From<ConversationFailed> for HandOverError {
    fn from(_: ConversationFailed) -> Self {
        Self::Conversation
    }
}

/// What every app honours (docs/apps.md).
const USUAL: &str = "SHA1, 6 digits, 30 s";
/// Two messages for each, and what comes before and after, make less than the 32 that sshd allows.
const MOST_ANSWERS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_code_is_told_with_its_cause_if_there_is_a_likely_one() {
        assert_eq!(refused(2, None), "that is no code of this key; 2 more tries");
        let slow = refused(1, Some("clock-slow 250"));
        assert!(
            slow.starts_with("that is no code of this key: the phone's clock is slow by about 4 minutes, or"),
            "{slow}"
        );
        assert!(slow.ends_with("; one more try"), "{slow}");
        assert!(refused(3, Some("SHA1")).contains("the app makes codes with SHA1, whatever the key says; 3"));
        assert_eq!(refused(3, Some("\u{1b}[2J")), "that is no code of this key; 3 more tries");
    }
}
