//! `otpctl invite`: a registration code, how to hand it over, and, always, when it ends.

use otp_core::codes::registration::CodeForm;
use otp_core::environment::system_wall;
use otp_core::files::date::utc;
use otp_core::unix_time::UnixTime;
use otp_protocol::client::Client;
use otp_protocol::interface::{self, Invitation, RevokeInvitation, UserName};
use zeroize::Zeroizing;

use crate::arguments::InviteArgs;
use crate::output::duration;
use crate::output::escape::{escaped, escaped_secret};
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::letter::Letter;
use crate::output::terminal::Terminal;

pub(crate) fn invite(
    terminal: &mut Terminal,
    options: &InviteArgs,
    connect: impl FnOnce() -> Result<Client, Failure>,
) -> Result<(), Failure> {
    if options.revoke {
        connect()?.call(&RevokeInvitation { user: UserName::new(&options.user)? })?;
        return terminal.show(&format!("{}: the registration code is worthless from now on\n", escaped(&options.user)));
    }
    let travel = travel(options)?;
    if shows_a_code(options, travel) {
        terminal.allow_secrets(options.pipe())?;
    }
    let letter =
        options.letter.as_deref().map(|letter| Letter::create(letter, options.cover.as_deref(), options.paper));
    let letter = letter.transpose()?; // before a code is made: a file that is there ends it here
    let reply = connect()?.call(&interface::Invite {
        user: UserName::new(&options.user)?,
        form: Some(travel),
        lasts: options.lasts,
        replaces: Some(options.replace),
    })?;
    if let Some(letter) = letter {
        letter.write(&reply.invitation)?;
    }
    match OutputFormat::of(options.json) {
        OutputFormat::Json => terminal.json(&reply),
        OutputFormat::Text => {
            let letter = options.letter.as_deref().map(|path| escaped(&path.to_string_lossy()));
            terminal.show(&told(&reply.invitation, letter.as_deref()))
        }
    }
}

/// How the code travels; a time or a way that do not go together are found before anything is made.
fn travel(options: &InviteArgs) -> Result<CodeForm, Failure> {
    let usual = if options.letter.is_some() { CodeForm::Letter } else { CodeForm::Spoken };
    let travel = options.form.unwrap_or(usual);
    if options.letter.is_some() && !matches!(travel, CodeForm::Letter | CodeForm::Split) {
        let text =
            format!("--letter: a {} code ends before a letter arrives; wanted --form letter or split", travel.as_str());
        return Err(Failure::Usage(text));
    }
    let longest = travel.longest_life();
    match options.lasts {
        Some(lasts) if lasts > longest => {
            let (form, longest) = (travel.as_str(), duration::told(longest));
            Err(Failure::Usage(format!("--for: a {form} code is good for {longest} at most")))
        }
        _ => Ok(travel),
    }
}

/// A letter takes a whole code off the screen, and of a split one the first part.
fn shows_a_code(options: &InviteArgs, travel: CodeForm) -> bool {
    options.json || options.letter.is_none() || travel == CodeForm::Split
}

/// What whoever invites has to know and to hand on; `letter` is where the letter is.
fn told(invitation: &Invitation, letter: Option<&str>) -> Zeroizing<String> {
    let user = escaped(&invitation.user);
    let mut text = Zeroizing::new(String::with_capacity(ROOM));
    text.push_str(&format!("registration code for {user}"));
    match (invitation.codes.as_slice(), letter) {
        ([code], None) => {
            push_code(&mut text, ":\n\n", code);
            text.push_str(hand_over(&invitation.form));
        }
        ([_], Some(letter)) => {
            text.push_str(&format!(
                ": in {letter}, and nowhere else\nprint it, send it in an envelope that says nothing, delete the file\n"
            ));
        }
        ([first, second], None) => {
            push_code(&mut text, " in two parts:\n\nfirst part\n\n", first);
            push_code(&mut text, "second part\n\n", second);
            text.push_str(APART);
        }
        ([_, second], Some(letter)) => {
            text.push_str(&format!(" in two parts:\n\nfirst part: in {letter}, and nowhere else\n"));
            push_code(&mut text, "second part\n\n", second);
            text.push_str(APART);
        }
        _ => text.push_str(": none came\n"),
    }
    text.push_str(&terms(invitation, &user, system_wall()));
    text
}

/// When it ends, what it allows, what became of the one before.
fn terms(invitation: &Invitation, user: &str, now: UnixTime) -> String {
    let left = duration::told(invitation.ends.since(now));
    let mut text = format!("it ends in {left}, at {}, and works once\n", utc(invitation.ends));
    text.push_str(match invitation.replaces {
        true => "the key made with it replaces every key that is there\n",
        false => "it is for a first key only\n",
    });
    if invitation.superseded {
        text.push_str(&format!("an earlier code of {user} is worthless from now on\n"));
    }
    text.push_str(&format!("{user} logs in, runs otpctl enrol, and types it\n"));
    text
}

fn hand_over(form: &str) -> &'static str {
    match form {
        "spoken" => "tell it at the desk or on the phone, to somebody whose voice or face you know\n",
        "mail" => "send it alone: no host, no name, no purpose\n",
        _ => "print it, send it in an envelope that says nothing\n",
    }
}

fn push_code(text: &mut Zeroizing<String>, before: &str, code: &str) {
    text.push_str(before);
    text.push_str("    ");
    text.push_str(&escaped_secret(code));
    text.push_str("\n\n");
}

const APART: &str =
    "send them on two different ways, for example one in a letter and one on the phone: each is worth nothing alone\n";

/// For all of it, so that the buffer never grows and leaves a copy behind.
const ROOM: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation(form: &str, codes: &[&str]) -> Invitation {
        Invitation {
            user: "alice".to_owned(),
            uid: 1000,
            form: form.to_owned(),
            codes: codes.iter().map(|code| Zeroizing::new((*code).to_owned())).collect(),
            replaces: false,
            ends: UnixTime::new(951_782_400),
            superseded: false,
        }
    }

    #[test]
    fn when_it_ends_is_told_with_and_without_a_letter() {
        let split = ["E-11111-11111-1111", "E-22222-22222-2222"];
        for (form, codes) in [("spoken", &["E-12345-6789W"] as &[_]), ("letter", &["E-12345-6789W"]), ("split", &split)]
        {
            for letter in [None, Some("/root/alice.svg")] {
                let text = told(&invitation(form, codes), letter);
                assert!(text.contains("at 2000-02-29T00:00:00Z, and works once\n"), "{}", *text);
                assert!(text.len() < ROOM);
            }
        }
        let terms = terms(&invitation("letter", &[]), "alice", UnixTime::new(951_782_400 - 14 * 86_400));
        assert!(terms.starts_with("it ends in 14 days, at "));
    }

    #[test]
    fn what_stands_in_the_letter_is_not_on_the_screen() {
        let whole = invitation("letter", &["E-12345-6789W"]);
        assert!(told(&whole, None).contains("    E-12345-6789W\n") && !told(&whole, Some("/x")).contains("E-12345"));
        let split = invitation("split", &["E-11111-11111-1111", "E-22222-22222-2222"]);
        let (screen, beside) = (told(&split, None), told(&split, Some("/x")));
        assert!(screen.contains("E-11111") && screen.contains("E-22222") && screen.contains("two different ways"));
        assert!(!beside.contains("E-11111") && beside.contains("E-22222") && beside.contains("two different ways"));
    }

    #[test]
    fn what_it_allows_is_told() {
        let both = Invitation { replaces: true, superseded: true, ..invitation("spoken", &["E-1"]) };
        let text = told(&both, None);
        assert!(text.contains("replaces every key") && text.contains("earlier code of alice is worthless"));
        assert!(told(&invitation("spoken", &["E-1"]), None).contains("a first key only"));
    }
}
