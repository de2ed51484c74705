//! One sheet of paper, as HTML for a browser to print or as plain text. A letter names neither person nor purpose, so a finder cannot tell
//! where its code works. Only somebody who has the list can tell from its reference whose it is.

use std::fmt::Write as _;

use clap::ValueEnum;
use otp_core::unix_time::UnixTime;
use otp_protocol::client::CallError;
use otp_protocol::interface::Invitation;
use otp_protocol::qr::{Drawing, Picture, QUIET_ZONE, Theme};
use otp_system::host_name::host_name;
use zeroize::Zeroizing;

use crate::letter::templates::TemplateName;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::local_time::to_the_minute;
use crate::output::template::Filling;

/// A size of paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Paper {
    A4,
    Letter,
}

/// For a browser to print, or for any printer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageFormat {
    Html,
    Text,
}

/// The content of a sheet.
#[derive(Clone, Copy)]
pub(crate) struct Sheet<'a> {
    pub invitation: &'a Invitation,
    pub reference: &'a str,
}

/// The words of a sheet.
pub(crate) struct SheetWords {
    template: String,
    format: PageFormat,
    /// Of a note: the site's own text.
    site: String,
}

impl SheetWords {
    /// Of a letter.
    pub(crate) fn of_a_letter(format: PageFormat) -> Result<Self, Failure> {
        let name = match format {
            PageFormat::Html => TemplateName::LetterHtml,
            PageFormat::Text => TemplateName::LetterText,
        };
        Ok(Self { template: name.read()?, format, site: String::new() })
    }

    /// Of a note.
    pub(crate) fn of_a_note(format: PageFormat) -> Result<Self, Failure> {
        let name = match format {
            PageFormat::Html => TemplateName::CoverHtml,
            PageFormat::Text => TemplateName::CoverText,
        };
        Ok(Self { template: name.read()?, format, site: TemplateName::Site.read()? })
    }

    /// A letter with the code; of a split code with the first part alone.
    pub(crate) fn letter(&self, sheet: Sheet<'_>) -> Result<Zeroizing<String>, Failure> {
        let code = sheet.invitation.codes.first().map_or("", |code| code.as_str());
        if !is_plain(code) {
            return Err(CallError::Strange.into());
        }
        let qr = self.drawn(code);
        let spaced = self.spaced(code);
        let (end, day, time) = end(sheet.invitation.ends);
        let texts = [
            ("code", spaced.as_str()),
            ("qr", qr.as_str()),
            ("reference", sheet.reference),
            ("end", &end),
            ("day", &day),
            ("time", &time),
        ];
        self.filled(&texts, &[("split", sheet.invitation.codes.len() > 1)])
    }

    /// A note, which has no code.
    pub(crate) fn note(&self, sheet: Sheet<'_>) -> Result<Zeroizing<String>, Failure> {
        let Sheet { invitation, reference } = sheet;
        let (end, day, time) = end(invitation.ends);
        let [user, host, site] =
            [&*escaped(&invitation.user), &host_name(), self.site.trim_end()].map(|text| self.quoted(text));
        let texts = [
            ("user", user.as_str()),
            ("host", &host),
            ("reference", reference),
            ("end", &end),
            ("day", &day),
            ("time", &time),
            ("site", &site),
        ];
        let form = |name| (name, invitation.form == name);
        let sections =
            [form("spoken"), form("mail"), form("letter"), form("split"), ("site", !self.site.trim().is_empty())];
        self.filled(&texts, &sections)
    }

    fn filled(&self, texts: &[(&str, &str)], sections: &[(&str, bool)]) -> Result<Zeroizing<String>, Failure> {
        let filled = Filling { texts, sections }.fill(&match self.format {
            PageFormat::Html => format!("{BEGIN}{{{{reference}}}}\">\n{}{END}", self.template),
            PageFormat::Text => self.template.clone(),
        });
        filled.map_err(|error| Failure::Stopped(format!("template: {error}")))
    }

    fn drawn(&self, code: &str) -> Zeroizing<String> {
        let picture = Picture::of(code);
        picture.map_or_else(Zeroizing::default, |picture| match self.format {
            PageFormat::Html => picture.svg(),
            PageFormat::Text => picture.draw(Drawing::Plain(Theme::Light), QUIET_ZONE),
        })
    }

    /// On plain paper, letters stand apart.
    fn spaced(&self, code: &str) -> Zeroizing<String> {
        let mut spaced = Zeroizing::new(String::with_capacity(code.len() * 2));
        for letter in code.chars() {
            if self.format == PageFormat::Text && !spaced.is_empty() {
                spaced.push(' ');
            }
            spaced.push(letter);
        }
        spaced
    }

    fn quoted(&self, text: &str) -> String {
        match self.format {
            PageFormat::Html => text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;"),
            PageFormat::Text => text.to_owned(),
        }
    }
}

/// Nothing that a viewer of pages would take for more than text.
fn is_plain(code: &str) -> bool {
    !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The end of a code: whole, and its day and its time apart. To the minute, which is before the end rather than after it.
fn end(time: UnixTime) -> (String, String, String) {
    let whole = to_the_minute(time);
    let (day, time) = whole.split_once(' ').unwrap_or((&whole, ""));
    (whole.clone(), day.to_owned(), time.to_owned())
}

impl Paper {
    /// The beginning of an HTML file. It needs no end, so that a sheet can always be added.
    pub(crate) fn head(self) -> String {
        let (name, height) = match self {
            Self::A4 => ("A4", "297mm"),
            Self::Letter => ("Letter", "279.4mm"),
        };
        let mut head = String::new();
        // Writing to a string cannot fail.
        let _ = write!(
            head,
            "<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>Letters</title>\n<style>\n@page {{ size: {name}; margin: 0 }}\n\
             :root {{ --paper: {height} }}\n{}</style>\n",
            include_str!("../../templates/sheet.css")
        );
        head
    }
}

/// The lines around a sheet; its reference names it.
pub(crate) const BEGIN: &str = "<section id=\"";
pub(crate) const END: &str = "</section>\n";

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
