//! The answer of a module of somebody else: computed where it is simple, else taken to accept the user.

use std::path::Path;

use super::question::{AskingProgram, LoginQuestion, LookedUp};
use super::succeed_if;
use crate::stack::code::PamCode;
use crate::stack::modules::{ModuleDirectories, asks_first_factor, file_name, told};
use crate::stack::reader::{LineKind, StackLine, Stage};

/// The answer of one line that is not ours.
pub(super) struct OtherAnswer {
    pub code: PamCode,
    /// Taken to be so, and not known.
    pub assumed: bool,
    pub text: String,
}

/// Modules of Linux-PAM that say nothing about the user where they are asked who it is.
const SILENT: [&str; 5] = ["pam_env.so", "pam_faildelay.so", "pam_cap.so", "pam_motd.so", "pam_mail.so"];
const CLOSED: [&str; 2] = ["/var/run/nologin", "/etc/nologin"];

pub(super) fn answer(question: &LoginQuestion, line: &StackLine, modules: &ModuleDirectories) -> OtherAnswer {
    let known = |code, text: &str| OtherAnswer { code, assumed: false, text: text.to_owned() };
    let assumed = |code, text: &str| OtherAnswer { code, assumed: true, text: text.to_owned() };
    let (path, arguments) = match &line.kind {
        LineKind::Module { path, arguments } => (path, arguments),
        LineKind::Substack => return known(PamCode::SUCCESS, "the lines of a substack follow"),
        LineKind::MustFail { why, .. } => {
            return known(PamCode::PERM_DENIED, &format!("libpam cannot read the line, and fails here: {why}"));
        }
    };
    if !modules.has(path) {
        return known(PamCode::MODULE_UNKNOWN, "there is no such module; libpam treats it as a failure");
    }
    match file_name(path) {
        "pam_permit.so" => known(PamCode::SUCCESS, "accepts everybody"),
        "pam_deny.so" => known(denial(line.stage), "refuses everybody"),
        "pam_debug.so" => known(told(line.stage, arguments), "answers what its options say"),
        "pam_rootok.so" => root_alone(question),
        "pam_nologin.so" => closed(question),
        "pam_succeed_if.so" => match succeed_if::answer(question, arguments) {
            Some(PamCode::SUCCESS) => known(PamCode::SUCCESS, "its conditions hold"),
            Some(code) => known(code, "its conditions do not hold"),
            None => assumed(PamCode::SUCCESS, "otpctl does not evaluate its conditions and assumes that they hold"),
        },
        name if SILENT.contains(&name) && line.stage == Stage::Auth => known(PamCode::IGNORE, "is ignored"),
        "pam_faillock.so" if arguments.iter().any(|word| word == "authfail") => {
            assumed(PamCode::AUTH_ERR, "counts a failure and refuses")
        }
        _ => match question.account {
            LookedUp::Known(_) if asks_first_factor(line) => {
                assumed(PamCode::SUCCESS, "asks for the password or the like; assumed to be correct")
            }
            LookedUp::Unknown if asks_first_factor(line) || line.stage == Stage::Account => {
                known(PamCode::USER_UNKNOWN, "does not know the user")
            }
            _ => assumed(PamCode::SUCCESS, "assumed to accept the user"),
        },
    }
}

fn denial(stage: Stage) -> PamCode {
    let name = match stage {
        Stage::Auth | Stage::Account => "auth_err",
        Stage::Password => "authtok_err",
        Stage::Session => "session_err",
    };
    PamCode::named(name).unwrap_or(PamCode::AUTH_ERR)
}

fn root_alone(question: &LoginQuestion) -> OtherAnswer {
    let (code, assumed, text) = match question.program {
        AskingProgram::Root { real_uid: 0 } => (PamCode::SUCCESS, false, "accepts, because root starts the program"),
        _ => (PamCode::AUTH_ERR, false, "does not accept: the program is not started by root"),
    };
    OtherAnswer { code, assumed, text: text.to_owned() }
}

/// pam_nologin(8): while the file is there, nobody but root gets in.
fn closed(question: &LoginQuestion) -> OtherAnswer {
    let answer = |code, text: String| OtherAnswer { code, assumed: false, text };
    let Some(file) = CLOSED.into_iter().find(|file| Path::new(file).exists()) else {
        return answer(PamCode::IGNORE, "is ignored, because there is no /etc/nologin".to_owned());
    };
    match question.known() {
        None => answer(PamCode::USER_UNKNOWN, "does not know the user".to_owned()),
        Some(account) if account.uid == 0 => answer(PamCode::SUCCESS, format!("lets root in although there is {file}")),
        Some(_) => answer(PamCode::AUTH_ERR, format!("refuses, because there is {file}")),
    }
}
