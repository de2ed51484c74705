//! The sheet that shows a new key, once: in letters, as a URI, as a QR code. The picture comes last, so that a low window keeps it in sight.

use otp_protocol::interface::Enrolment;
use otp_protocol::qr::{NARROW_ZONE, Picture, QUIET_ZONE};
use zeroize::Zeroizing;

use crate::output::app_quirks;
use crate::output::escape::{escaped, escaped_secret};
use crate::output::terminal::ScreenSize;

/// The parts of the sheet, in the order in which they are shown.
pub(crate) fn parts(key: &Enrolment, window: Option<ScreenSize>) -> [Zeroizing<String>; 4] {
    [heading(key), letters(&key.secret), address(&key.uri), picture(&key.uri, window)]
}

fn heading(key: &Enrolment) -> Zeroizing<String> {
    let (user, label) = (escaped(&key.user), escaped(&key.label));
    let minutes = key.expires_in.div_ceil(60);
    let mut text =
        format!("new key \"{label}\" for {user}, shown only now; to be confirmed within {minutes} minutes\n");
    text.push_str(&unusual(key));
    text.push_str("scan the QR code with the app, or type this key into it:\n\n");
    Zeroizing::new(text)
}

/// What a token must be set to, or which apps do not honour what the key says of itself.
fn unusual(key: &Enrolment) -> String {
    let (digits, period) = (key.digits, key.period);
    match key.counter {
        Some(counter) => {
            let algorithm = escaped(&key.algorithm);
            format!("{algorithm}, {digits} digits, counter-based (HOTP), beginning with counter {counter}\n")
        }
        None => app_quirks::warnings(&key.algorithm, digits, period),
    }
}

/// Base32 in groups of four.
fn letters(secret: &str) -> Zeroizing<String> {
    let secret = escaped_secret(secret);
    let mut text = Zeroizing::new(String::with_capacity(secret.len().saturating_mul(2).saturating_add(8)));
    text.push_str("   ");
    for (position, letter) in secret.chars().enumerate() {
        if position.is_multiple_of(4) {
            text.push(' ');
        }
        text.push(letter);
    }
    text.push_str("\n\n");
    text
}

fn address(uri: &str) -> Zeroizing<String> {
    let uri = escaped_secret(uri);
    let mut text = Zeroizing::new(String::with_capacity(uri.len().saturating_add(2)));
    text.push_str(&uri);
    text.push_str("\n\n");
    text
}

/// The QR code, or a line that says why there is none.
fn picture(uri: &str, window: Option<ScreenSize>) -> Zeroizing<String> {
    let Some(picture) = Picture::of(uri) else {
        return Zeroizing::new("no QR code: the URI is too long for one; type the key\n".to_owned());
    };
    let margin = margin(&picture, window);
    let needed = picture.columns(margin);
    match window {
        Some(ScreenSize { columns, .. }) if columns < needed => Zeroizing::new(format!(
            "no QR code: it needs {needed} columns and the window has {columns}; type the key, or widen the window and start again\n"
        )),
        _ => picture.draw(margin),
    }
}

/// The full margin, unless only the narrow one leaves room for picture and prompt.
fn margin(picture: &Picture, window: Option<ScreenSize>) -> usize {
    let fits = |margin| {
        let rows = picture.rows(margin).saturating_add(1);
        window.is_none_or(|window| rows <= window.rows && picture.columns(margin) <= window.columns)
    };
    if fits(QUIET_ZONE) { QUIET_ZONE } else { NARROW_ZONE }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Enrolment {
        let secret = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let uri = format!("otpauth://totp/host:alice?secret={secret}&issuer=host&algorithm=SHA1&digits=6&period=30");
        Enrolment {
            user: "alice".to_owned(),
            uid: 1000,
            label: "phone".to_owned(),
            kind: "totp".to_owned(),
            algorithm: "SHA1".to_owned(),
            digits: 6,
            period: 30,
            counter: None,
            secret: Zeroizing::new(secret.to_owned()),
            uri: Zeroizing::new(uri),
            qr_svg: Zeroizing::default(),
            qr_dark: Zeroizing::default(),
            qr_light: Zeroizing::default(),
            expires_in: 900,
            tries: 3,
        }
    }

    fn window(columns: usize, rows: usize) -> Option<ScreenSize> {
        Some(ScreenSize { columns, rows })
    }

    fn shown(key: &Enrolment, window: Option<ScreenSize>) -> String {
        parts(key, window).iter().map(|part| part.as_str()).collect()
    }

    #[test]
    fn the_key_is_in_groups_of_four_and_the_uri_is_whole() {
        let shown = shown(&key(), None);
        assert!(shown.contains("    ABCD EFGH IJKL MNOP QRST UVWX YZ23 4567\n"));
        assert!(shown.contains(&format!("\n{}\n", key().uri.as_str())));
    }

    #[test]
    fn picture_and_prompt_fit_a_window_of_80_by_24() {
        let drawn = picture(&key().uri, window(80, 24));
        assert!(drawn.contains('█'));
        assert!(drawn.lines().count() < 24, "{}", drawn.lines().count());
    }

    #[test]
    fn a_narrow_window_gets_letters_and_the_reason() {
        let shown = shown(&key(), window(40, 24));
        assert!(!shown.contains('█'));
        assert!(shown.contains("no QR code: it needs 41 columns and the window has 40"));
        assert!(shown.contains("ABCD EFGH"));
    }

    #[test]
    fn only_unusual_values_are_warned_about() {
        assert!(!shown(&key(), None).contains("ignore"));
        let cases = [
            Enrolment { algorithm: "SHA256".to_owned(), ..key() },
            Enrolment { digits: 8, ..key() },
            Enrolment { period: 60, ..key() },
        ];
        for case in cases {
            assert!(shown(&case, None).contains("Google Authenticator"));
        }
    }

    #[test]
    fn nothing_from_the_daemon_moves_the_cursor() {
        let hostile = || "\x1b[2J\u{9b}2J\u{202e}".to_owned();
        let key = Enrolment {
            user: hostile(),
            label: hostile(),
            algorithm: hostile(),
            secret: Zeroizing::new(hostile()),
            uri: Zeroizing::new(hostile()),
            ..key()
        };
        let [heading, letters, address, _] = parts(&key, None);
        for part in [heading, letters, address] {
            assert!(!part.contains(['\x1b', '\u{9b}', '\u{202e}']));
        }
    }
}
