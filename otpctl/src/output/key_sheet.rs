//! The sheet that shows a new key, once: as a URI, as a QR code, in letters. The QR code, the letters and the question below them are
//! on the screen at the same time, or the QR code is left out and the reason is told.

use otp_protocol::interface::Enrolment;
use otp_protocol::qr::{Drawing, Extent, NARROWEST_ZONE, Picture};
use otp_system::screen::Encoding;
use zeroize::Zeroizing;

use crate::output::app_quirks;
use crate::output::escape::{escaped, escaped_secret};
use crate::output::failure::Failure;
use crate::output::format::QrWish;
use crate::output::terminal::{ScreenSize, Terminal};
use crate::output::terminal_kind::TerminalKind;

/// A key that is being shown.
pub(crate) struct KeySheet<'a> {
    key: &'a Enrolment,
    qr: QrWish,
    kind: TerminalKind,
    /// As the QR code was drawn last.
    drawn: Option<Drawing>,
}

/// The part directly above the question.
struct Lower {
    words: String,
    picture: Zeroizing<String>,
    letters: Zeroizing<String>,
    drawn: Option<Drawing>,
}

impl<'a> KeySheet<'a> {
    /// Shows it whole; `prompt` comes next.
    pub(crate) fn show(terminal: &mut Terminal, key: &'a Enrolment, qr: QrWish, prompt: &str) -> Result<Self, Failure> {
        let kind = TerminalKind::of_the_environment(terminal.look());
        let mut sheet = Self { key, qr, kind, drawn: None };
        terminal.show(&sheet.upper())?;
        sheet.show_lower(terminal, prompt)?;
        Ok(sheet)
    }

    /// Shows once more what stands above the question: the window may have another size by now, or the theme is the other one.
    pub(crate) fn show_again(&mut self, terminal: &mut Terminal, prompt: &str) -> Result<(), Failure> {
        if terminal.is_screen() { self.show_lower(terminal, prompt) } else { Ok(()) }
    }

    fn show_lower(&mut self, terminal: &mut Terminal, prompt: &str) -> Result<(), Failure> {
        let Lower { words, picture, letters, drawn } = self.lower(terminal.size(), prompt);
        self.drawn = drawn;
        terminal.show(&words)?;
        terminal.show_as_it_is(&picture)?;
        terminal.show(&letters)
    }

    /// The part that may scroll off the screen.
    fn upper(&self) -> Zeroizing<String> {
        let (user, label) = (escaped(&self.key.user), escaped(&self.key.label));
        let minutes = self.key.expires_in.div_ceil(60);
        let heading =
            format!("new key \"{label}\" for {user}, shown only now; to be confirmed within {minutes} minutes\n");
        let uri = escaped_secret(&self.key.uri);
        let pieces = [&heading, &self.unusual(), "\n", uri.as_str(), "\n\n"];
        let mut text = Zeroizing::new(String::with_capacity(pieces.iter().map(|piece| piece.len()).sum()));
        pieces.iter().for_each(|piece| text.push_str(piece));
        text
    }

    /// The settings for a token, or the apps that do not honour those of the key.
    fn unusual(&self) -> String {
        let (digits, period) = (self.key.digits, self.key.period);
        match self.key.counter {
            Some(counter) => {
                let algorithm = escaped(&self.key.algorithm);
                format!("{algorithm}, {digits} digits, counter-based (HOTP), beginning with counter {counter}\n")
            }
            None => app_quirks::warnings(&self.key.algorithm, digits, period),
        }
    }

    fn lower(&self, size: Option<ScreenSize>, prompt: &str) -> Lower {
        let columns = size.map_or(usize::MAX, |size| size.extent().columns).max(1);
        let letters = letters(&self.key.secret, columns);
        let asked = prompt.len().saturating_add(LONGEST_CODE).div_ceil(columns);
        let below = letters.lines().count().saturating_add(asked);
        let none = |words| Lower { words, picture: Zeroizing::default(), letters: letters.clone(), drawn: None };
        match self.qr {
            QrWish::LeftOut => none(format!("{TYPE_IT}\n")),
            QrWish::Drawn => match self.picture(size, below) {
                Err(reason) => none(format!("no QR code: {reason}, or {TYPE_IT}\n")),
                Ok((drawing, picture)) => Lower { words: how_to_scan(drawing), picture, letters, drawn: Some(drawing) },
            },
        }
    }

    /// The QR code that has room above `below` lines, or why there is none and what helps.
    fn picture(&self, size: Option<ScreenSize>, below: usize) -> Result<(Drawing, Zeroizing<String>), String> {
        let size = size.ok_or_else(|| format!("standard output is not a terminal; {DRAW_A_FILE}"))?;
        let drawing = match (self.kind.drawing(), self.drawn) {
            (Err(reason), _) => return Err(format!("{reason}; {DRAW_A_FILE}")),
            (Ok(Drawing::Plain(_)), Some(Drawing::Plain(before))) => Drawing::Plain(before.other()),
            (Ok(drawing), _) => drawing,
        };
        let picture = Picture::of(&self.key.uri).ok_or("the URI is too long for one; make a key with a short label")?;
        let Extent { columns, rows } = size.extent();
        match picture.margin_within(drawing, Extent { columns, rows: rows.saturating_sub(below) }) {
            Some(margin) => Ok((drawing, picture.draw(drawing, margin))),
            None => {
                let least = picture.extent(drawing, NARROWEST_ZONE);
                let wanted = Extent { rows: least.rows.saturating_add(below), ..least };
                Err(format!("{}; {}", lack(wanted, size), self.way_to_room(drawing, size)))
            }
        }
    }

    fn way_to_room(&self, drawing: Drawing, size: ScreenSize) -> String {
        let larger = match size {
            ScreenSize::Told(_) => "make it larger and press Enter",
            ScreenSize::Assumed(_) => "set its size with `stty rows N columns N` and start again",
        };
        match (drawing, self.kind.encoding) {
            (Drawing::Blanks(_), Encoding::Ascii) => {
                format!("{larger}, start again with LC_ALL=C.UTF-8 if this terminal shows UTF-8")
            }
            (Drawing::Blanks(_), Encoding::Utf8) => {
                format!("{larger}, start again over ssh, where it is half as large")
            }
            (Drawing::HalfBlocks(_) | Drawing::Plain(_), _) => larger.to_owned(),
        }
    }
}

fn how_to_scan(drawing: Drawing) -> String {
    let enter = match drawing {
        Drawing::HalfBlocks(_) | Drawing::Blanks(_) => "Enter shows both again".to_owned(),
        Drawing::Plain(theme) => {
            let (here, other) = (theme.as_str(), theme.other().as_str());
            format!("it is for a {here} screen, Enter shows it for a {other} one")
        }
    };
    format!("scan the QR code with the app, or type the key below it; {enter}\n")
}

/// The rows and columns that are missing.
fn lack(wanted: Extent, size: ScreenSize) -> String {
    let (window, there) = match size {
        ScreenSize::Told(there) => ("this window has", there),
        ScreenSize::Assumed(there) => ("this terminal, whose size is unknown, may have", there),
    };
    let (rows, columns) = (wanted.rows > there.rows, wanted.columns > there.columns);
    if rows && columns {
        let (wanted, there) = ((wanted.rows, wanted.columns), (there.rows, there.columns));
        format!("it needs {} rows and {} columns, {window} {} and {}", wanted.0, wanted.1, there.0, there.1)
    } else if columns {
        format!("it needs {} columns, {window} {}", wanted.columns, there.columns)
    } else {
        format!("it needs {} rows, {window} {}", wanted.rows, there.rows)
    }
}

/// Base32 in groups of four, in lines no longer than `columns`.
fn letters(secret: &str, columns: usize) -> Zeroizing<String> {
    let secret = escaped_secret(secret);
    let indent = if columns < NARROW { "" } else { INDENT };
    let groups = columns.saturating_sub(indent.len()).saturating_add(1) / (GROUP + 1);
    let line = groups.max(1).saturating_mul(GROUP);
    let mut text = Zeroizing::new(String::with_capacity(secret.len().saturating_mul(3).saturating_add(8))); // never grows
    for (position, letter) in secret.chars().enumerate() {
        if position.is_multiple_of(line) {
            text.push_str(if position == 0 { "" } else { "\n" });
            text.push_str(indent);
        } else if position.is_multiple_of(GROUP) {
            text.push(' ');
        }
        text.push(letter);
    }
    text.push('\n');
    text
}

const TYPE_IT: &str = "type this key into the app:";
const DRAW_A_FILE: &str = "start again with --png FILE or --svg FILE, which draw it into a file";
/// Letters of the key.
const GROUP: usize = 4;
const INDENT: &str = "    ";
/// Columns: with the indentation a usual key has no room in fewer.
const NARROW: usize = 44;
/// Digits that are typed after the prompt.
const LONGEST_CODE: usize = 8;

#[cfg(test)]
mod tests {
    use otp_protocol::qr::Theme;

    use super::*;

    const PROMPT: &str = "Code from the app: ";

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

    fn sheet<'a>(key: &'a Enrolment, term: &str, encoding: Encoding) -> KeySheet<'a> {
        KeySheet { key, qr: QrWish::Drawn, kind: TerminalKind::new(term, encoding), drawn: None }
    }

    fn window(columns: usize, rows: usize) -> Option<ScreenSize> {
        Some(ScreenSize::Told(Extent { columns, rows }))
    }

    fn lower(term: &str, size: Option<ScreenSize>) -> Lower {
        sheet(&key(), term, Encoding::Utf8).lower(size, PROMPT)
    }

    #[test]
    fn the_key_is_in_groups_of_four_and_the_uri_is_whole() {
        let key = key();
        let sheet = sheet(&key, "xterm", Encoding::Utf8);
        let letters = sheet.lower(window(80, 24), PROMPT).letters;
        assert_eq!(*letters, "    ABCD EFGH IJKL MNOP QRST UVWX YZ23 4567\n");
        assert!(sheet.upper().contains(&format!("\n{}\n", key.uri.as_str())));
    }

    #[test]
    fn the_key_is_broken_between_groups() {
        assert_eq!(*letters("ABCDEFGHIJKLMNOP", 14), "ABCD EFGH IJKL\nMNOP\n");
        assert_eq!(*letters("ABCDEFGHIJ", 3), "ABCD\nEFGH\nIJ\n");
        assert_eq!(letters(&key().secret, 40).lines().count(), 1);
        for columns in [5, 20, 39, 44, 80, 200, usize::MAX] {
            let broken = letters(&"ABCD".repeat(26), columns);
            assert!(broken.lines().all(|line| line.len() <= columns), "{}", *broken);
            assert_eq!(broken.split_whitespace().count(), 26);
        }
    }

    #[test]
    fn picture_key_and_question_are_on_the_screen_at_once_or_the_picture_is_left_out() {
        for rows in 1..60 {
            for columns in [20, 38, 39, 40, 79, 80, 90, 132] {
                let size = window(columns, rows);
                let Lower { words, picture, letters, .. } = lower("xterm", size);
                let height = picture.lines().count() + letters.lines().count() + if columns < 27 { 2 } else { 1 };
                assert!(picture.is_empty() || height <= rows, "{columns}x{rows}: {height}");
                let blocks = |line: &str| line.chars().filter(|sign| " ▀▄█".contains(*sign)).count();
                assert!(picture.lines().all(|line| blocks(line) <= columns));
                assert_eq!(picture.is_empty(), words.contains("no QR code: it needs "), "{words}");
                assert_eq!(picture.is_empty(), columns < 39 || rows < 22, "{columns}x{rows}");
            }
        }
    }

    #[test]
    fn what_is_missing_is_told_with_what_would_be_enough() {
        let reason = |term, size| lower(term, size).words;
        let more = "; make it larger and press Enter, or type this key into the app:\n";
        assert_eq!(reason("xterm", window(80, 20)), format!("no QR code: it needs 22 rows, this window has 20{more}"));
        assert_eq!(
            reason("xterm", window(38, 24)),
            format!("no QR code: it needs 39 columns, this window has 38{more}")
        );
        assert_eq!(
            reason("linux", window(77, 24)),
            "no QR code: it needs 41 rows and 78 columns, this window has 24 and 77; make it larger and press Enter, start again \
             over ssh, where it is half as large, or type this key into the app:\n"
        );
        let serial = Some(ScreenSize::Assumed(Extent { columns: 80, rows: 24 }));
        assert!(
            reason("linux", serial)
                .contains("this terminal, whose size is unknown, may have 24; set its size with `stty")
        );
        assert!(!lower("vt220", serial).picture.is_empty());
        assert!(reason("xterm", None).contains("standard output is not a terminal; start again with --png FILE"));
    }

    #[test]
    fn in_a_locale_of_ascii_no_utf8_is_drawn_and_the_other_locale_is_named() {
        let key = key();
        let sheet = sheet(&key, "xterm", Encoding::Ascii);
        let drawn = sheet.lower(window(120, 60), PROMPT).picture;
        assert!(drawn.is_ascii() && drawn.lines().count() > 37);
        assert!(sheet.lower(window(80, 24), PROMPT).words.contains("start again with LC_ALL=C.UTF-8"));
    }

    #[test]
    fn without_colours_each_enter_is_for_the_other_theme() {
        let key = key();
        let mut sheet = sheet(&key, "dumb", Encoding::Utf8);
        let mut shown = Vec::new();
        for _ in 0..3 {
            let Lower { words, drawn, .. } = sheet.lower(window(80, 24), PROMPT);
            sheet.drawn = drawn;
            shown.push((words.contains("for a dark screen, Enter shows it for a light one"), drawn));
        }
        let (dark, light) = (Some(Drawing::Plain(Theme::Dark)), Some(Drawing::Plain(Theme::Light)));
        assert_eq!(shown, [(true, dark), (false, light), (true, dark)]);
    }

    #[test]
    fn no_qr_is_the_key_in_letters_and_no_word_of_a_picture() {
        let key = key();
        let sheet = KeySheet { qr: QrWish::LeftOut, ..sheet(&key, "xterm", Encoding::Utf8) };
        let Lower { words, picture, letters, .. } = sheet.lower(window(80, 24), PROMPT);
        assert_eq!((words.as_str(), picture.as_str()), ("type this key into the app:\n", ""));
        assert!(letters.contains("ABCD EFGH"));
    }

    #[test]
    fn only_unusual_values_are_warned_about() {
        let upper = |key: Enrolment| sheet(&key, "xterm", Encoding::Utf8).upper();
        assert!(!upper(key()).contains("ignore"));
        let cases = [
            Enrolment { algorithm: "SHA256".to_owned(), ..key() },
            Enrolment { digits: 8, ..key() },
            Enrolment { period: 60, ..key() },
        ];
        for case in cases {
            assert!(upper(case).contains("Google Authenticator"));
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
        let sheet = sheet(&key, "xterm", Encoding::Utf8);
        let Lower { words, letters, .. } = sheet.lower(window(80, 50), PROMPT);
        for part in [sheet.upper().as_str(), &words, &letters] {
            assert!(!part.contains(['\x1b', '\u{9b}', '\u{202e}']));
        }
    }
}
