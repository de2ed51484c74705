//! A new key is shown to its owner through the conversation of the host, and stored when a code of it comes back. Whatever
//! ends the conversation before that ends the key.
//!
//! sshd dictates the form: a text is lost unless a prompt follows, colours come out as letters, and there are at most 32
//! messages. So the QR code is one text of half blocks, with the secret in letters below it for terminals that cannot show them:
//! nobody tells the module what terminal, which size and which encoding is at the other end. With the letters and the question
//! the QR code keeps to 24 lines of 80 columns, or it is left out.

use otp_core::codes::keyboard::no_code;
use otp_core::decision::input::Typed;
use otp_core::files::date::utc;
use otp_core::files::notice::when_and_where;
use otp_core::keys::device::Device;
use otp_core::keys::diagnosis::Diagnosis;
use otp_core::unix_time::UnixTime;
use zeroize::Zeroizing;

use crate::daemon::connection::{DaemonError, DaemonRefusal};
use crate::daemon::{EnrolmentSession, KeyBefore, StoredKey};
use crate::host::{ConversationFailed, Host};
use crate::options::Echo;
use crate::printable::plain;
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
    let stored = match confirmed(host, key, echo) {
        Ok(stored) => stored,
        Err(ended) => {
            let _ = host.show_error(&undone(&ended, key)); // the person may be gone
            return Err(ended);
        }
    };
    if key.replaces == KeyBefore::Replaced {
        host.show_text(&replaced(key))?;
    }
    if !stored.recovery_codes.is_empty() {
        host.show_text(&recovery_codes(&stored))?;
        host.ask("Press Enter when you have written them down: ", echo)?;
    }
    Ok(())
}

fn confirmed(host: &mut impl Host, key: &EnrolmentSession, echo: Echo) -> Result<StoredKey, HandOverError> {
    let mut terminal = Background::Dark;
    host.show_text(&sheet(key, terminal, host.wall()))?;
    for _ in 0..MOST_ANSWERS {
        let answer = host.ask("Code from the app: ", echo)?;
        if answer.is_empty() {
            terminal = terminal.other();
            host.show_text(&sheet(key, terminal, host.wall()))?;
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

/// The background that the picture must stand out from.
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

    fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
        }
    }

    fn picture(self, key: &EnrolmentSession) -> &str {
        match self {
            Self::Dark => &key.dark,
            Self::Light => &key.light,
        }
    }
}

/// The first line is words: ssh puts the name of user and host before it.
fn sheet(key: &EnrolmentSession, terminal: Background, now: UnixTime) -> Zeroizing<String> {
    let picture = terminal.picture(key);
    let mut text = Zeroizing::new(String::with_capacity(picture.len() + key.secret.len() * 2 + 1024)); // never grows
    if let Some(earlier) = &key.earlier {
        let when = when_and_where(earlier.at, &earlier.from, now, utc);
        text.push_str(&format!(
            "You used this code {when}, and did not finish. That does no harm: the key shown then was thrown away, and this one \
             is new.\nIf your app has an entry from that time, delete it.\n\
             If that was not you: finish now, so that nobody else can use the code, then tell an administrator.\n\n"
        ));
    }
    let (settings, minutes) = (&key.settings, key.expires_in.div_ceil(60));
    let ignored = if settings == USUAL { "" } else { "; some apps ignore that and show wrong codes" };
    text.push_str(&format!("Your new key, shown only now; to be confirmed within {minutes} minutes.\n"));
    text.push_str(&format!("({settings}{ignored})\n"));
    push_picture(&mut text, picture, &letters(&key.secret), terminal);
    text
}

/// The last lines are the picture and the letters: they stay on the screen with the question.
fn push_picture(text: &mut Zeroizing<String>, picture: &str, letters: &str, terminal: Background) {
    let rows = picture.lines().count() + (SCAN_IT.len() + letters.len()).div_ceil(COLUMNS) + 1;
    if rows > ROWS {
        text.push_str(&format!("No QR code: with the question it takes {rows} lines, and many screens have {ROWS};\n"));
    } else {
        let (here, other) = (terminal.name(), terminal.other().name());
        text.push_str(&format!("This picture is for a {here} screen; just press Enter for a {other} one.\n\n"));
        text.push_str(picture.trim_end_matches('\n'));
        text.push('\n');
        text.push_str(SCAN_IT);
    }
    text.push_str(letters);
}

fn letters(secret: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(secret.len() * 2 + 64)); // never grows
    text.push_str("type it into the app:");
    for (place, letter) in secret.chars().enumerate() {
        if place.is_multiple_of(4) {
            text.push(' ');
        }
        text.push(letter);
    }
    text
}

fn recovery_codes(stored: &StoredKey) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(512 + stored.recovery_codes.len() * 64)); // never grows
    text.push_str(
        "The key is stored. Here are your recovery codes, shown only now; each works once, in case you lose the app:\n",
    );
    for code in &stored.recovery_codes {
        text.push_str("\n   ");
        text.push_str(code);
    }
    text.push('\n');
    text
}

/// Why nothing came of a key that was shown, and what is left to do about it.
fn undone(ended: &HandOverError, key: &EnrolmentSession) -> String {
    let why = match ended {
        HandOverError::Conversation => "No code came.",
        HandOverError::ThrownAway(ModuleReason::NotConfirmed) => "Too many codes were wrong.",
        HandOverError::ThrownAway(ModuleReason::TooManyAnswers) => "Too many answers were not codes.",
        HandOverError::ThrownAway(ModuleReason::TooLate) => "The code came too late.",
        HandOverError::ThrownAway(_) => "Something else has changed your keys.",
        HandOverError::Daemon(_) => {
            return format!(
                "It is not known whether the key was stored. If its codes are refused, it was not: {}.",
                to_delete(key)
            );
        }
    };
    let then = match key.replaces {
        KeyBefore::None => "Then begin again, with the same registration code.",
        KeyBefore::Replaced => "The old key still works.",
    };
    format!("{why} Nothing was stored; {}. {then}", to_delete(key))
}

fn to_delete(key: &EnrolmentSession) -> String {
    let entry = key.entry.as_deref().map(|entry| format!(", {}", plain(entry))).unwrap_or_default();
    format!("delete the entry you scanned{entry}")
}

/// Which of two entries in the app no longer works.
fn replaced(key: &EnrolmentSession) -> String {
    let entry = key.entry.as_deref().map_or_else(|| "this account".to_owned(), plain);
    format!(
        "The key is replaced; the old one no longer works. In the app, delete the old entry. If two are named {entry}, it is the \
         one that was there before; if there is only one, the app has replaced the old one itself."
    )
}

fn refused(tries_left: u64, diagnosis: Option<&str>) -> String {
    let left = match tries_left {
        1 => "one more try".to_owned(),
        tries => format!("{tries} more tries"),
    };
    match diagnosis.and_then(Diagnosis::parse) {
        Some(Diagnosis::NextCode) => Diagnosis::NextCode.text(Device::App),
        Some(found) => format!("that is not a code of this key: {}; {left}", found.text(Device::App)),
        None => format!("that is not a code of this key; {left}"),
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

/// Before the letters, in their line.
const SCAN_IT: &str = "Scan it, or ";
/// Of a window that everybody has.
const ROWS: usize = 24;
const COLUMNS: usize = 80;
/// The settings that every app honours (docs/apps.md).
const USUAL: &str = "SHA1, 6 digits, 30 s";
/// Two messages for each, and what comes before and after, make less than the 32 that sshd allows.
const MOST_ANSWERS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picture_letters_and_question_stay_on_a_screen_of_24_lines_or_the_picture_is_left_out() {
        for (rows, secret) in [(22, "A".repeat(32)), (23, "A".repeat(32)), (21, "A".repeat(103)), (22, "A".repeat(103))]
        {
            let mut text = Zeroizing::new(String::new());
            push_picture(&mut text, &"\u{2588}\n".repeat(rows), &letters(&secret), Background::Dark);
            let drawn = text.lines().filter(|line| line.contains('\u{2588}')).count();
            let below = text.lines().last().map_or(0, |line| line.len().div_ceil(COLUMNS)) + 1;
            assert!(drawn == 0 || (drawn == rows && drawn + below <= 24), "{}", *text);
            assert_eq!(drawn == 0, text.contains("No QR code: with the question it takes 2"), "{}", *text);
            assert!(text.contains("type it into the app: AAAA AAAA"), "{}", *text);
        }
    }

    #[test]
    fn a_wrong_code_is_told_with_its_cause_if_there_is_a_likely_one() {
        assert_eq!(refused(2, None), "that is not a code of this key; 2 more tries");
        let slow = refused(1, Some("clock-slow 250"));
        assert!(
            slow.starts_with("that is not a code of this key: the phone's clock is slow by about 4 minutes, or"),
            "{slow}"
        );
        assert!(slow.ends_with("; one more try"), "{slow}");
        assert!(refused(3, Some("SHA1")).contains("the app makes codes with SHA1, whatever the key says; 3"));
        assert_eq!(refused(3, Some("\u{1b}[2J")), "that is not a code of this key; 3 more tries");
    }
}
