//! Getting the answer: from the person, or from what a module before this one asked for; and taking the code out of it.

use std::ffi::CStr;

use otp_core::codes::recovery::RecoveryCode;
use otp_core::decision::input::Typed;
use zeroize::Zeroizing;

use crate::host::{ConversationFailed, Host};
use crate::options::{Echo, FirstPass, OptionError, Options};
use crate::rules::Rules;

/// The answer to a module before this one, with `use_first_pass` and `try_first_pass`; nothing where it does not open a gate by
/// its shape and the person can be asked.
pub(crate) fn given(
    host: &mut impl Host,
    options: &Options,
    rules: &Rules,
) -> Result<Option<Typed>, ConversationFailed> {
    let typed = match (options.first_pass, host.first_pass()) {
        (FirstPass::Ask, _) => return Ok(None),
        (_, Some(found)) => take(host, options, rules, &found, AnswerSource::Module)?,
        (_, None) => Typed::Junk,
    };
    Ok(Some(typed).filter(|typed| typed.opens() || options.first_pass == FirstPass::Use))
}

/// The person's answer. The rest of a password goes to the modules after this one.
pub(crate) fn asked(host: &mut impl Host, options: &Options, rules: &Rules) -> Result<Typed, ConversationFailed> {
    let answer = host.ask(&rules.prompt, options.echo)?;
    take(host, options, rules, &answer, AnswerSource::Person)
}

/// Nobody is asked for a code, so `forward_pass` asks for the password alone: the module after this one may be told never to
/// ask. Without an answer that module refuses. A mistake elsewhere on the line does not close the way back in (R14).
pub(crate) fn forward_password(host: &mut impl Host, options: &Result<Options, OptionError>, arguments: &[&CStr]) {
    let (forwards, first_pass) = match options {
        Ok(options) => (options.forward.is_some(), options.first_pass),
        Err(_) => (arguments.iter().any(|text| text.to_bytes().starts_with(b"forward_pass")), FirstPass::Try),
    };
    let asks = match first_pass {
        FirstPass::Ask => true,
        FirstPass::Try => host.first_pass().is_none(),
        FirstPass::Use => false,
    };
    if forwards
        && asks
        && let Ok(password) = host.ask("Password: ", Echo::Off)
    {
        let _ = host.set_first_pass(&password);
    }
}

/// The giver of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AnswerSource {
    /// Asked by this module.
    Person,
    /// PAM_AUTHTOK.
    Module,
}

fn take(
    host: &mut impl Host,
    options: &Options,
    rules: &Rules,
    answer: &Zeroizing<Vec<u8>>,
    source: AnswerSource,
) -> Result<Typed, ConversationFailed> {
    let typed = match options.forward {
        Some(length) => split(host, answer, length)?,
        None if source == AnswerSource::Module => Typed::parse_bare(answer),
        None => Typed::parse(answer),
    };
    Ok(typed.of_length(&rules.service.digits))
}

/// The last `length` characters are the code, or a recovery code ends the answer, which has no digits alone there; the rest,
/// untouched, is the password for the next module. A code without a password before it is none: that module would refuse, and
/// the code would be used up for nothing.
fn split(host: &mut impl Host, answer: &[u8], length: usize) -> Result<Typed, ConversationFailed> {
    for length in [length, RecoveryCode::LENGTH] {
        let halves = answer.len().checked_sub(length).and_then(|at| answer.split_at_checked(at));
        let Some((password, typed)) = halves.map(|(password, code)| (password, Typed::parse_bare(code))) else {
            break;
        };
        if typed.opens() && !password.is_empty() {
            host.set_first_pass(password)?;
            return Ok(typed);
        }
    }
    Ok(Typed::Junk)
}
