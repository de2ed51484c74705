//! A registration code on paper: the code in large letters, the code as a QR code, and when it ends. Nothing on it says for whom
//! it is or what for: who finds the letter holds a text that names no door. A cover note for another envelope may say more. The words
//! of both are templates.

use std::fmt::Write as _;
use std::path::Path;

use clap::ValueEnum;
use nix::unistd::gethostname;
use otp_core::files::date::utc;
use otp_core::unix_time::UnixTime;
use otp_protocol::client::CallError;
use otp_protocol::interface::Invitation;
use otp_protocol::qr::{PIXELS, Picture, QUIET_ZONE, Theme};
use zeroize::Zeroizing;

use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::new_file::NewFile;
use crate::output::template::Filling;

/// The files of one letter, made and still empty.
pub(crate) struct Letter {
    page: NewFile,
    format: LetterFormat,
    paper: Paper,
    cover: Option<NewFile>,
}

/// A size of paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Paper {
    A4,
    Letter,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LetterFormat {
    Svg,
    Text,
}

/// What stands on the page.
struct Content<'a> {
    code: &'a str,
    /// Below the code, in lines.
    words: String,
}

impl Letter {
    /// Makes the files that were asked for.
    pub(crate) fn create(letter: &Path, cover: Option<&Path>, paper: Paper) -> Result<Self, Failure> {
        let format = LetterFormat::of(letter)?;
        let page = NewFile::create(letter)?;
        let cover = cover.map(NewFile::create).transpose()?;
        Ok(Self { page, format, paper, cover })
    }

    /// Writes them; of a split code the first part alone.
    pub(crate) fn write(mut self, invitation: &Invitation) -> Result<(), Failure> {
        let code = invitation.codes.first().map_or("", |code| code.as_str());
        if !is_plain(code) {
            return Err(CallError::Strange.into());
        }
        let content = Content { code, words: filled(LETTER, invitation, "")? };
        let page = match self.format {
            LetterFormat::Svg => content.svg(self.paper),
            LetterFormat::Text => content.text(),
        };
        write(&mut self.page, &page)?;
        if let Some(cover) = &mut self.cover {
            let host = gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            write(cover, &filled(COVER, invitation, &host)?)?;
        }
        self.page.keep();
        self.cover.into_iter().for_each(NewFile::keep);
        Ok(())
    }
}

/// Nothing that a viewer of pages would take for more than text.
fn is_plain(code: &str) -> bool {
    !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

impl LetterFormat {
    fn of(path: &Path) -> Result<Self, Failure> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("svg") => Ok(Self::Svg),
            Some("txt") => Ok(Self::Text),
            _ => {
                let shown = escaped(&path.to_string_lossy());
                Err(Failure::Usage(format!("--letter: found {shown}, wanted a name that ends in .svg or .txt")))
            }
        }
    }
}

impl Content<'_> {
    /// A page in millimetres; its letters are those of whoever prints it.
    fn svg(&self, paper: Paper) -> Zeroizing<String> {
        let (width, height) = paper.millimetres();
        let mut page = Zeroizing::new(String::with_capacity(ROOM));
        // Writing to a string cannot fail.
        let _ = write!(
            page,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}mm\" height=\"{height}mm\" viewBox=\"0 0 {width} {height}\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
        );
        let mut y = 60;
        for line in self.lines_of_code() {
            let _ =
                writeln!(page, "<text x=\"25\" y=\"{y}\" font-family=\"monospace\" font-size=\"12\">{}</text>", *line);
            y += 18;
        }
        y += 2;
        for line in self.words.lines() {
            let _ =
                writeln!(page, "<text x=\"25\" y=\"{y}\" font-family=\"sans-serif\" font-size=\"4.5\">{line}</text>");
            y += 8;
        }
        self.draw(&mut page, y);
        page.push_str("</svg>\n");
        page
    }

    /// The QR code from here down, 60 mm wide with its margin.
    fn draw(&self, page: &mut Zeroizing<String>, top: u32) {
        let Some(picture) = Picture::of(self.code) else { return };
        let scale = 60.0 / picture.whole_side().saturating_mul(PIXELS) as f32;
        let _ = writeln!(page, "<g transform=\"translate(25 {top}) scale({scale})\">\n{}</g>", *picture.svg());
    }

    /// The same for a printer of letters.
    fn text(&self) -> Zeroizing<String> {
        let mut page = Zeroizing::new(String::with_capacity(ROOM));
        page.push_str("\n\n\n");
        for line in self.lines_of_code() {
            page.push_str("       ");
            for letter in line.chars() {
                page.push(' ');
                page.push(letter);
            }
            page.push_str("\n\n");
        }
        page.push('\n');
        for line in self.words.lines() {
            page.push_str("    ");
            page.push_str(line);
            page.push('\n');
        }
        page.push('\n');
        if let Some(picture) = Picture::of(self.code) {
            for line in picture.plain(QUIET_ZONE, Theme::Light).lines() {
                page.push_str("    ");
                page.push_str(line);
                page.push('\n');
            }
        }
        page
    }

    /// Three groups a line, and the hyphen that joins them stays where it is.
    fn lines_of_code(&self) -> Vec<Zeroizing<String>> {
        let mut lines = Vec::new();
        let mut line = Zeroizing::new(String::with_capacity(64));
        for (group, text) in self.code.split_inclusive('-').enumerate() {
            line.push_str(text);
            if group % 3 == 0 && group > 0 {
                lines.push(std::mem::replace(&mut line, Zeroizing::new(String::with_capacity(64))));
            }
        }
        if !line.is_empty() {
            lines.push(line);
        }
        lines
    }
}

impl Paper {
    fn millimetres(self) -> (f32, f32) {
        match self {
            Self::A4 => (210.0, 297.0),
            Self::Letter => (215.9, 279.4),
        }
    }
}

/// The words of one of the templates. `host` is for the cover note alone.
fn filled(template: &str, invitation: &Invitation, host: &str) -> Result<String, Failure> {
    let (user, host, end) = (escaped(&invitation.user), escaped(host), end(invitation.ends));
    let texts = [("user", user.as_str()), ("host", &host), ("end", &end)];
    let filling = Filling { texts: &texts, sections: &[("split", invitation.codes.len() > 1)] };
    filling.fill(template).map_err(|error| Failure::Stopped(format!("the template of the letter: {error}")))
}

/// To the minute, which is before the end rather than after it.
fn end(time: UnixTime) -> String {
    let text = utc(time);
    match (text.get(..10), text.get(11..16), text.len()) {
        (Some(day), Some(time), 20) => format!("{day} at {time} UTC"),
        _ => text,
    }
}

fn write(file: &mut NewFile, text: &str) -> Result<(), Failure> {
    let shown = file.shown();
    file.write(text).map_err(|error| {
        Failure::Stopped(format!("{shown}: {error}; the code is made and lost: invite again, and it is worthless"))
    })
}

const LETTER: &str = include_str!("../../templates/letter.txt");
const COVER: &str = include_str!("../../templates/cover.txt");

/// More than any page, so that the buffer never grows and leaves a copy behind.
const ROOM: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "E-12345-6789A-BCDEF-GHJKM-NPQRS";
    const HALF: &str = "E-12345-6789A-BCDE";

    fn page() -> Content<'static> {
        Content { code: CODE, words: filled(LETTER, &invitation(&[CODE]), "").expect("filled") }
    }

    fn half_page() -> Content<'static> {
        Content { code: HALF, words: filled(LETTER, &invitation(&[HALF, HALF]), "").expect("filled") }
    }

    fn invitation(codes: &[&str]) -> Invitation {
        Invitation {
            user: "alice".to_owned(),
            uid: 1000,
            form: "letter".to_owned(),
            codes: codes.iter().map(|code| Zeroizing::new((*code).to_owned())).collect(),
            replaces: false,
            ends: UnixTime::new(951_782_459),
            superseded: false,
        }
    }

    #[test]
    fn the_code_stands_in_lines_that_fit_the_page() {
        let lines: Vec<String> = page().lines_of_code().iter().map(|line| line.to_string()).collect();
        assert_eq!(lines, ["E-12345-6789A-BCDEF-", "GHJKM-NPQRS"]);
        let lines: Vec<String> = half_page().lines_of_code().iter().map(|line| line.to_string()).collect();
        assert_eq!(lines, [HALF]);
    }

    #[test]
    fn both_formats_say_when_it_ends_and_what_to_do_and_fit_their_buffer() {
        for page in [page(), half_page()] {
            for text in [page.text(), page.svg(Paper::A4), page.svg(Paper::Letter)] {
                assert!(text.contains("Type this code when you are asked for it."));
                assert!(text.contains("It ends on 2000-02-29 at 00:00 UTC."));
                assert_eq!(text.contains("the first of two parts"), page.code == HALF);
                assert!(text.len() < ROOM / 2, "{}", text.len());
            }
        }
    }

    #[test]
    fn the_page_has_the_size_of_the_paper() {
        assert!(page().svg(Paper::A4).contains("width=\"210mm\" height=\"297mm\" viewBox=\"0 0 210 297\""));
        assert!(page().svg(Paper::Letter).contains("width=\"215.9mm\" height=\"279.4mm\""));
    }

    #[test]
    fn the_page_names_no_purpose_and_the_note_names_no_code() {
        for text in [half_page().text(), page().text(), half_page().svg(Paper::A4), page().svg(Paper::A4)] {
            let text = text.to_ascii_lowercase();
            for word in [
                "otp",
                "one-time",
                "sudo",
                "pam",
                "password",
                "login",
                "log in",
                "enrol",
                "account",
                "registration",
                "host",
                "user",
            ] {
                assert!(!text.contains(word), "{word}");
            }
        }
        let note = filled(COVER, &invitation(&["E-12345", "E-67890"]), "build7").expect("filled");
        assert!(
            note.contains("alice")
                && note.contains("build7")
                && note.contains("otpctl enrol")
                && note.contains("two parts")
        );
        assert!(!note.contains("12345") && !note.contains("67890"));
    }

    #[test]
    fn every_line_of_a_template_is_markup_to_no_viewer_and_everything_is_told() {
        assert!(!LETTER.contains(['<', '&']) && LETTER.lines().count() < 15);
        assert!(LETTER.contains("{{end}}"));
        for place in ["{{user}}", "{{host}}", "{{end}}"] {
            assert!(COVER.contains(place), "{place}");
        }
        let whole = filled(COVER, &invitation(&[CODE]), "build7").expect("filled");
        assert!(!whole.contains("two parts") && !whole.contains("{{"), "{whole}");
    }

    #[test]
    fn a_hostile_code_is_written_nowhere() {
        let path = std::env::temp_dir().join(format!("otpctl-{}-hostile.svg", std::process::id()));
        for code in ["", "</text><script>", "E-1&amp;", "E-1\n", "E-é"] {
            let page = NewFile::create(&path).expect("made");
            let letter = Letter { page, format: LetterFormat::Svg, paper: Paper::A4, cover: None };
            assert!(letter.write(&invitation(&[code])).is_err_and(|failure| failure.code() == 3), "{code}");
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_name_says_what_is_written() {
        assert!(LetterFormat::of(Path::new("/x/a.svg")).is_ok_and(|format| format == LetterFormat::Svg));
        assert!(LetterFormat::of(Path::new("a.txt")).is_ok_and(|format| format == LetterFormat::Text));
        for name in ["a", "a.pdf", ".svg", "a.svg.gz", "a.SVG"] {
            assert!(LetterFormat::of(Path::new(name)).is_err_and(|failure| failure.code() == 2), "{name}");
        }
    }
}
