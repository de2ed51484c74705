//! `otpctl invite`: a registration code, how to hand it over, and, always, when it ends.

use otp_core::codes::registration::CodeForm;
use otp_core::environment::system_wall;
use otp_core::reasons::ChangeRefusal;
use otp_core::reasons::words::Received;
use otp_core::unix_time::UnixTime;
use otp_protocol::client::{CallError, Client};
use otp_protocol::interface::{
    self, ExtendInvitation, ExtendedInvitation, Invitation, Invited, Refusal, RevokeInvitation, ShortText, Status,
    UserName,
};
use serde::Serialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::arguments::InviteArgs;
use crate::command::stays_off;
use crate::letter::letter_file::LetterFiles;
use crate::output::duration;
use crate::output::escape::{escaped, escaped_secret};
use crate::output::failure::{Failure, unless_so};
use crate::output::format::OutputFormat;
use crate::output::local_time::to_the_minute;
use crate::output::terminal::Terminal;

pub(crate) fn invite(
    terminal: &mut Terminal,
    options: &InviteArgs,
    connect: impl Fn() -> Result<Client, Failure>,
) -> Result<(), Failure> {
    if options.revoke {
        return revoke(terminal, options, &mut connect()?);
    }
    if options.extend {
        return extend(terminal, options, &mut connect()?);
    }
    let travel = travel(options)?;
    if shows_a_code(options, travel) {
        terminal.allow_secrets(options.pipe())?;
    }
    let mut request = interface::Invite {
        user: UserName::new(options.user())?,
        form: Some(travel),
        lasts: options.lasts,
        replaces: Some(options.replace),
        reason: reason(options)?,
        dry_run: Some(true),
    };
    if options.once
        && let Some(reason) = needless(&connect()?.call(&request))
    {
        return tell_needless(terminal, options, reason);
    }
    // before a code is made: a broken template, or a file that is there, ends it here
    let files = LetterFiles::create(options.letter.as_deref(), options.cover.as_deref(), options.paper)?;
    request.dry_run = None;
    let client = &mut connect()?;
    let mut reply = client.call(&request)?;
    let reference = files.write(&reply.invitation)?;
    match OutputFormat::of(options.json) {
        OutputFormat::Json => {
            let in_letter = usize::from(options.letter.is_some()).min(reply.invitation.codes.len());
            reply.invitation.codes.drain(..in_letter);
            terminal.json(&InvitationTold { changed: true, reference: reference.as_deref(), reply: &reply })
        }
        OutputFormat::Text => {
            let letter = options.letter.as_deref().map(|path| escaped(&path.to_string_lossy()));
            terminal.show(&told(&reply.invitation, letter.as_deref()))?;
            if let Some(reference) = reference {
                terminal.show(&format!("reference on the letter: {reference}\n"))?;
            }
            tell_of_a_suspension(terminal, client, options)
        }
    }
}

/// The words of `--reason`.
pub(crate) fn reason(options: &InviteArgs) -> Result<Option<ShortText>, Failure> {
    let text = options.reason.as_ref().map(|reason| ShortText::new("reason", reason.as_str().to_owned()));
    Ok(text.transpose()?)
}

/// A new key does not end a suspension. Somebody who may not read the status does not hear of it.
fn tell_of_a_suspension(terminal: &mut Terminal, client: &mut Client, options: &InviteArgs) -> Result<(), Failure> {
    let asked = client.call(&Status { user: Some(UserName::new(options.user())?), cool_down: None });
    match asked.map(|reply| stays_off::suspended(&reply.status)) {
        Ok(Some(line)) => terminal.show(&format!("{line}; the new key does not change that\n")),
        _ => Ok(()),
    }
}

/// A code that was made, in JSON; the letter's part is left out.
#[derive(Serialize)]
struct InvitationTold<'a> {
    changed: bool,
    /// On the letter.
    reference: Option<&'a str>,
    #[serde(flatten)]
    reply: &'a Invited,
}

/// Why `--once` makes no code, from the answer to a rehearsal. Another refusal comes again in earnest.
fn needless(rehearsed: &Result<Invited, CallError>) -> Option<&'static str> {
    match rehearsed {
        Ok(Invited { invitation: Invitation { superseded: true, .. } }) => Some("already-invited"),
        Err(CallError::Refused(Refusal::NotPossible { reason, .. }))
            if *reason == Received::Known(ChangeRefusal::AlreadyEnrolled.into()) =>
        {
            Some(ChangeRefusal::AlreadyEnrolled.word())
        }
        _ => None,
    }
}

fn tell_needless(terminal: &mut Terminal, options: &InviteArgs, reason: &str) -> Result<(), Failure> {
    let why = if reason == "already-invited" { "already has a valid registration code" } else { "is already enrolled" };
    let text = format!("{} {why}; nothing was changed\n", escaped(options.user()));
    let object = json!({ "changed": false, "user": options.user(), "reason": reason });
    terminal.tell(OutputFormat::of(options.json), &object, &text)
}

fn revoke(terminal: &mut Terminal, options: &InviteArgs, client: &mut Client) -> Result<(), Failure> {
    let reply = client.call(&RevokeInvitation { user: UserName::new(options.user())? });
    let (user, changed) = (escaped(options.user()), unless_so(reply, &[ChangeRefusal::NoInvitation])?.is_some());
    let text = match changed {
        true => format!("{user}: the registration code no longer works\n"),
        false => format!("{user}: there is no valid registration code; nothing was changed\n"),
    };
    let object = json!({ "changed": changed, "user": options.user() });
    terminal.tell(OutputFormat::of(options.json), &object, &text)
}

/// A later end for the code that its owner has.
fn extend(terminal: &mut Terminal, options: &InviteArgs, client: &mut Client) -> Result<(), Failure> {
    let user = escaped(options.user());
    let wanted = ExtendInvitation { user: UserName::new(options.user())?, lasts: options.lasts };
    let ExtendedInvitation { changed, form, ends } = client.call(&wanted)?;
    let end = to_the_minute(ends);
    let text = match changed {
        true => format!("{user}: the same registration code now ends at {end}\n"),
        false => format!("{user}: the registration code already ends at {end}; nothing was changed\n"),
    };
    let object = json!({ "changed": changed, "user": options.user(), "form": form, "ends": ends.seconds() });
    terminal.tell(OutputFormat::of(options.json), &object, &text)
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
    check_life(travel, options.lasts).map(|()| travel)
}

/// A code of this form is good for so long at most.
pub(crate) fn check_life(form: CodeForm, lasts: Option<u64>) -> Result<(), Failure> {
    match lasts {
        Some(lasts) if lasts > form.longest_life() => {
            let (form, longest) = (form.as_str(), duration::told(form.longest_life()));
            Err(Failure::Usage(format!("--for: a {form} code lasts {longest} at most")))
        }
        _ => Ok(()),
    }
}

/// A letter takes a whole code off the screen, and of a split one the first part.
fn shows_a_code(options: &InviteArgs, travel: CodeForm) -> bool {
    options.letter.is_none() || travel == CodeForm::Split
}

/// The words for the person who invites, to read and to hand on; `letter` is where the letter is.
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
                ": in {letter}, and nowhere else\nprint it, send it in a plain envelope, delete the file\n"
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
        _ => text.push_str(": the daemon sent none\n"),
    }
    text.push_str(&terms(invitation, &user, system_wall()));
    text
}

/// When it ends, what it allows, what became of the one before.
fn terms(invitation: &Invitation, user: &str, now: UnixTime) -> String {
    let left = duration::told(invitation.ends.since(now));
    let mut text = format!("it ends in {left}, at {}, and works once\n", to_the_minute(invitation.ends));
    text.push_str(match invitation.replaces {
        true => "the new key replaces every key that the user has\n",
        false => "it works for a first key only\n",
    });
    if invitation.superseded {
        text.push_str(&format!("an earlier code of {user} no longer works\n"));
    }
    text.push_str(&format!("{user} logs in, runs otpctl enrol, and types it\n"));
    text
}

fn hand_over(form: &str) -> &'static str {
    match form {
        "spoken" => "say it at the desk or on the phone, to somebody whose face or voice you know\n",
        "mail" => "send it alone, without host, name or purpose\n",
        _ => "print it, send it in a plain envelope\n",
    }
}

fn push_code(text: &mut Zeroizing<String>, before: &str, code: &str) {
    text.push_str(before);
    text.push_str("    ");
    text.push_str(&escaped_secret(code));
    text.push_str("\n\n");
}

const APART: &str =
    "send them in two different ways, for example one by letter and one by phone: neither works alone\n";

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
                let end = format!("at {}, and works once\n", to_the_minute(UnixTime::new(951_782_400)));
                assert!(text.contains(&end), "{}", *text);
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
        assert!(text.contains("replaces every key") && text.contains("earlier code of alice no longer works"));
        assert!(told(&invitation("spoken", &["E-1"]), None).contains("a first key only"));
    }
}
