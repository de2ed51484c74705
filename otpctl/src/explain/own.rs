//! The answer of our module at a line, and why: the steps of `login.rs` and `account.rs` of the module, in their order, by its
//! own options and rules. It is tested against the module itself (`tests/login/test_explain.py`).

use std::ffi::CStr;

use nix::unistd::Uid;
use otp_core::accounts::{Account, account_of, no_answer};
use otp_core::emergency::Bypass;
use otp_core::environment::Clock as _;
use otp_core::files::date::utc;
use otp_core::policy::rotation::Age;
use otp_core::reasons::UnavailableReason;
use otp_core::site::{Site, Unavailable};
use otp_core::unix_time::UnixTime;

use super::because::Because;
use super::keys_told::{placed, refusal, sentence};
use super::policy_lines::PolicyLines;
use super::policy_told::{audience, passage};
use super::question::{AskingProgram, LoginQuestion, LookedUp};
use super::standing::{EnrolledStanding, KeyStanding, standing, unchecked};
use crate::command::bypasses;
use crate::connect::connect;
use crate::machine::Machine;
use crate::options::{FirstPass, Options, Whose, whose};
use crate::rules::{Contradiction, Passage, Rules, Today};
use crate::stack::code::PamCode;

/// The outcome of one line of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnFate {
    /// Is a code wanted, at a prompt or from what was typed before?
    pub asks: bool,
    /// The answer to a right code, or without one where none is wanted.
    pub right: PamCode,
    /// The answer to any other code.
    pub wrong: PamCode,
    pub because: Vec<Because>,
    /// The part that could not be read.
    pub not_read: Option<String>,
}

/// Was something asked for before this line, which it could take?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TypedBefore {
    Something,
    Nothing,
}

/// Everything that holds at one line.
struct LineRules<'a> {
    question: &'a LoginQuestion,
    options: Options,
    rules: Rules,
    policy: PolicyLines,
}

impl OwnFate {
    /// Nobody is asked, and this is the answer.
    pub(super) fn fixed(code: PamCode, because: Vec<Because>) -> Self {
        Self { asks: false, right: code, wrong: code, because, not_read: None }
    }

    /// A code is wanted, and one that is right gets this answer.
    fn asked(right: PamCode, wrong: PamCode, because: Vec<Because>) -> Self {
        Self { asks: true, right, wrong, because, not_read: None }
    }
}

/// At the auth stage.
pub(crate) fn authenticate(question: &LoginQuestion, arguments: &[&CStr], before: TypedBefore) -> OwnFate {
    let options = Options::parse(arguments);
    let whose = match whose(&options, arguments) {
        Ok(whose) => whose,
        Err(error) => return OwnFate::fixed(PamCode::SERVICE_ERR, vec![Because::plain(error.to_string())]),
    };
    let Some(person) = person(question, whose) else { return of_an_unknown_starter() };
    let mut because = Vec::new();
    if let LookedUp::Known(account) = &person
        && emergency(account, &mut because)
    {
        return OwnFate::fixed(PamCode::IGNORE, because);
    }
    let line = match LineRules::read(question, options.map_err(|error| error.to_string())) {
        Ok(line) => line,
        Err(why) => return OwnFate::fixed(PamCode::SERVICE_ERR, vec![why]),
    };
    let account = match person {
        LookedUp::Known(account) => account,
        LookedUp::Unknown => {
            let why =
                Because::plain("no account has that name: the user is asked as everybody is, and no code is accepted");
            return OwnFate::asked(PamCode::AUTH_ERR, PamCode::AUTH_ERR, vec![why]);
        }
        LookedUp::Failed(errno) => {
            let why = vec![Because::plain(no_answer(errno))];
            return OwnFate::asked(PamCode::AUTHINFO_UNAVAIL, PamCode::AUTHINFO_UNAVAIL, why);
        }
    };
    let asked = line.is_asked(&account, &mut because);
    if !asked {
        return OwnFate::fixed(PamCode::IGNORE, because);
    }
    line.of_known(&account, before, because)
}

/// At the account stage, which asks nothing.
pub(crate) fn manage(question: &LoginQuestion, arguments: &[&CStr]) -> OwnFate {
    let options = Options::parse(arguments);
    let person = match whose(&options, arguments) {
        Ok(Whose::Invoker) if question.real_uid() == Some(0) => None,
        Ok(whose) => person(question, whose),
        Err(_) => None,
    };
    let mut because = Vec::new();
    if let Some(LookedUp::Known(account)) = &person
        && emergency(account, &mut because)
    {
        return OwnFate::fixed(PamCode::SUCCESS, because);
    }
    let line = match LineRules::read(question, options.map_err(|error| error.to_string())) {
        Ok(line) => line,
        Err(why) => return OwnFate::fixed(PamCode::SERVICE_ERR, vec![why]),
    };
    match person {
        None => {
            let text = match question.real_uid() {
                Some(_) => "root starts the program, and root's own key does not count there",
                None => "whose=invoker: depends on the user who starts the program; name that user with --by",
            };
            OwnFate::fixed(PamCode::SUCCESS, vec![Because::plain(text)])
        }
        Some(LookedUp::Unknown) => OwnFate::fixed(PamCode::AUTH_ERR, vec![Because::plain("no account has that name")]),
        Some(LookedUp::Failed(errno)) => {
            OwnFate::fixed(PamCode::AUTHINFO_UNAVAIL, vec![Because::plain(no_answer(errno))])
        }
        Some(LookedUp::Known(account)) => {
            if !line.is_asked(&account, &mut because) {
                return OwnFate::fixed(PamCode::SUCCESS, because);
            }
            line.account_of(&account, because)
        }
    }
}

/// At the password stage, where an old key is replaced: told, and not followed.
pub(crate) fn change(arguments: &[&CStr]) -> OwnFate {
    match Options::parse(arguments) {
        Ok(options) if options.watch => {
            let text = "notes who changes the password; after a registration code has replaced a key, lets only the \
                        owner change it";
            OwnFate::fixed(PamCode::IGNORE, vec![Because::plain(text)])
        }
        Ok(_) => {
            let text = "replaces a key that is due, after a code of it; does nothing if none is due";
            OwnFate::fixed(PamCode::IGNORE, vec![Because::plain(text)])
        }
        Err(error) => OwnFate::fixed(PamCode::AUTHTOK_ERR, vec![Because::plain(error.to_string())]),
    }
}

impl<'a> LineRules<'a> {
    /// The policy, and the PAM line with it.
    fn read(question: &'a LoginQuestion, options: Result<Options, String>) -> Result<Self, Because> {
        let options = options.map_err(Because::plain)?;
        if options.watch {
            return Err(Because::plain("watch: only on a password line"));
        }
        let read = Site::STANDARD.service_policy(options.config.as_deref(), Some(&question.service));
        let policy = read.map_err(|unavailable| Because::plain(unavailable.detail))?;
        let wall = Machine.wall();
        let mark = policy.has_days().then(|| Site::STANDARD.open_vault().ok()?.clock_mark().ok()).flatten();
        let sees_mark = policy.has_days() && Uid::effective().is_root();
        let unprivileged = question.program == AskingProgram::Unprivileged;
        let today = match sees_mark && !unprivileged {
            true => Today { now: wall.max(mark.unwrap_or(wall)), certain: mark.is_some() },
            false => Today { now: wall, certain: true },
        };
        let rules = Rules::new(&options, policy, today).map_err(|Contradiction(detail)| Because::plain(detail))?;
        let policy = PolicyLines::of(options.config.as_deref());
        Ok(Self { question, options, rules, policy })
    }

    /// Is the user in the audience? The entries that decide it are added.
    fn is_asked(&self, account: &Account, because: &mut Vec<Because>) -> bool {
        let (asked, why) = audience(&self.rules, &self.policy, self.question, account);
        because.extend(why);
        asked
    }

    /// Somebody with an account, who is in the audience.
    fn of_known(&self, account: &Account, before: TypedBefore, mut because: Vec<Because>) -> OwnFate {
        let origin = self.rules.service.origin(self.question.origin(account));
        let found = self.standing(account);
        let passes = matches!(self.rules.unenrolled, Passage::Skip | Passage::Tolerated);
        match &found {
            KeyStanding::Unusable(why) if passes => {
                because.push(Because::plain(why.detail.clone()));
                return OwnFate::fixed(PamCode::AUTHINFO_UNAVAIL, because);
            }
            KeyStanding::NeverEnrolled { .. } => {
                because.push(Because::plain(format!("{} was never enrolled", account.name)));
                because.push(passage(&self.rules, self.options.unenrolled, &self.policy, &self.question.service));
                if passes {
                    return OwnFate::fixed(PamCode::IGNORE, because);
                }
            }
            _ => {}
        }
        because.extend(self.asking());
        if self.options.first_pass == FirstPass::Use && before == TypedBefore::Nothing {
            because.push(Because::plain("use_first_pass, and nothing was typed before this line"));
            return OwnFate { asks: false, ..OwnFate::asked(PamCode::AUTH_ERR, PamCode::AUTH_ERR, because) };
        }
        if let Some(why) = self.reads_the_files(account).then(unchecked).flatten() {
            because.push(Because::plain(why.detail));
            return OwnFate::asked(PamCode::AUTHINFO_UNAVAIL, PamCode::AUTHINFO_UNAVAIL, because);
        }
        match found {
            KeyStanding::Unusable(why) => {
                because.push(Because::plain(why.detail));
                OwnFate::asked(PamCode::AUTHINFO_UNAVAIL, PamCode::AUTHINFO_UNAVAIL, because)
            }
            KeyStanding::NotRead(why) => OwnFate {
                not_read: Some(format!("the keys of {}: {why}", account.name)),
                ..OwnFate::asked(PamCode::SUCCESS, PamCode::AUTH_ERR, because)
            },
            KeyStanding::NeverEnrolled { invited } => {
                let code = self.with_a_registration_code(invited, &mut because);
                OwnFate::asked(code, PamCode::AUTH_ERR, because)
            }
            KeyStanding::Enrolled(found) => {
                because.push(refusal(&found, origin.as_str()));
                let right = found.refused.map_or(PamCode::SUCCESS, |_| PamCode::AUTH_ERR);
                OwnFate::asked(right, PamCode::AUTH_ERR, because)
            }
        }
    }

    fn with_a_registration_code(&self, invited: Option<UnixTime>, because: &mut Vec<Because>) -> PamCode {
        match invited {
            Some(end) if self.rules.unenrolled == Passage::Enrol => {
                let text = format!(
                    "a registration code is good until {}, and can be used here to make the first key",
                    utc(end)
                );
                because.push(Because::plain(text));
                PamCode::SUCCESS
            }
            Some(end) => {
                let text = format!("a registration code is good until {}; it is used with otpctl enrol", utc(end));
                because.push(Because::plain(text));
                PamCode::AUTH_ERR
            }
            None => PamCode::AUTH_ERR,
        }
    }

    fn account_of(&self, account: &Account, mut because: Vec<Because>) -> OwnFate {
        match self.standing(account) {
            KeyStanding::NeverEnrolled { .. } => {
                because.push(Because::plain(format!("{} was never enrolled", account.name)));
                OwnFate::fixed(PamCode::SUCCESS, because)
            }
            KeyStanding::NotRead(why) => OwnFate {
                not_read: Some(format!("the keys of {}: {why}", account.name)),
                ..OwnFate::fixed(PamCode::SUCCESS, because)
            },
            KeyStanding::Unusable(why) => {
                because.push(Because::plain(why.detail));
                OwnFate::fixed(PamCode::AUTHINFO_UNAVAIL, because)
            }
            KeyStanding::Enrolled(EnrolledStanding { barred: Some(reason), file, .. }) => {
                because.push(placed(file.as_deref(), sentence(reason).to_owned()));
                OwnFate::fixed(PamCode::ACCT_EXPIRED, because)
            }
            KeyStanding::Enrolled(found) => {
                let code = self.aged(&found, &mut because);
                if let Some((label, end)) = &found.ending {
                    because.push(Because::plain(format!("the key {label:?} is good until {}", utc(*end))));
                }
                OwnFate::fixed(code, because)
            }
        }
    }

    /// By the age of the oldest key.
    fn aged(&self, found: &EnrolledStanding, because: &mut Vec<Because>) -> PamCode {
        let Some((label, confirmed)) = &found.oldest else { return PamCode::SUCCESS };
        let (code, text) = match self.rules.service.age(*confirmed, found.now) {
            Age::Young | Age::DueIn(_) => return PamCode::SUCCESS,
            Age::Due(_) if self.can_rotate() => {
                (PamCode::NEW_AUTHTOK_REQD, format!("the key {label:?} is due, and is replaced at this login"))
            }
            Age::Due(days) => {
                (PamCode::SUCCESS, format!("the key {label:?} is due, and works for another {days} days"))
            }
            Age::Overdue => (PamCode::ACCT_EXPIRED, format!("the key {label:?} is overdue, and no longer works")),
        };
        because.push(self.policy.rotation(text));
        code
    }

    fn can_rotate(&self) -> bool {
        let here = self.rules.service.rotates && self.question.program != AskingProgram::Unprivileged;
        here && connect().is_ok()
    }

    fn standing(&self, account: &Account) -> KeyStanding {
        if self.question.program == AskingProgram::Unprivileged
            && let Err(failure) = connect()
        {
            let (reason, detail) = (UnavailableReason::NoDaemon, failure.to_string());
            return KeyStanding::Unusable(Unavailable { reason, detail });
        }
        let origin = self.rules.service.origin(self.question.origin(account));
        standing(account, &self.rules.service.limits, origin)
    }

    /// Does the program look at the files itself? Else it asks the daemon.
    fn reads_the_files(&self, account: &Account) -> bool {
        match self.question.program {
            AskingProgram::Root { real_uid } => real_uid == 0 || real_uid == account.uid,
            AskingProgram::Somebody | AskingProgram::Unprivileged => false,
        }
    }

    /// How it asks, where that is not the usual way.
    fn asking(&self) -> Option<Because> {
        match (self.options.first_pass, self.options.forward) {
            (FirstPass::Use, _) => Some("the code is the end of what was typed before, so it asks nothing"),
            (FirstPass::Try, _) => Some("it asks only if what was typed before is not a code"),
            (FirstPass::Ask, Some(_)) => Some("it asks for the password and the code in one line"),
            (FirstPass::Ask, None) => None,
        }
        .map(Because::plain)
    }
}

/// Whose code is asked for; `None` where it is that of somebody who is not named.
fn person(question: &LoginQuestion, whose: Whose) -> Option<LookedUp> {
    match (whose, question.real_uid()) {
        (Whose::User, _) => Some(question.account.clone()),
        (Whose::Invoker, None) => None,
        (Whose::Invoker, Some(0)) => Some(LookedUp::Unknown),
        (Whose::Invoker, Some(uid)) => Some(match account_of(uid) {
            Ok(account) => account.map_or(LookedUp::Unknown, LookedUp::Known),
            Err(errno) => LookedUp::Failed(errno),
        }),
    }
}

fn of_an_unknown_starter() -> OwnFate {
    let text = "whose=invoker: asks for a code of the user who starts the program; name that user with --by";
    OwnFate::asked(PamCode::SUCCESS, PamCode::AUTH_ERR, vec![Because::plain(text)])
}

/// Is there a mark in force? One that does not count is told as well.
fn emergency(account: &Account, because: &mut Vec<Because>) -> bool {
    let marks = bypasses::all().marks;
    let own: Vec<_> = marks.into_iter().filter(|one| one.uid == account.uid).collect();
    let counts = matches!(Site::STANDARD.marks().of(account, &Machine), Ok(Some(Bypass::InForce(_))));
    let told = own.iter().filter(|one| one.not_honoured.is_none() == counts);
    because.extend(told.map(|one| Because::file(&one.path, bypasses::said(one).trim_end().to_owned())));
    counts
}
