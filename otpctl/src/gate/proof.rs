//! The proof of a gate: a child asks libpam, as the program of the service would, and the admin answers with a real code.
//!
//! The child is this program again: modules change the process that runs them, and its real uid is to be the admin's.

use std::env;
use std::ffi::CString;
use std::io::{self, IsTerminal as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{Uid, User, initgroups, setresgid, setresuid};
use otp_core::accounts::Account;
use otp_system::pam_client::{PamClientError, PamItem, PamPerson, PamTransaction, PromptEcho};
use zeroize::Zeroizing;

use super::admin::Acceptances;
use super::service::{GateService, ProgramKind};
use super::shape::PASSWD;
use crate::arguments::ProveArgs;
use crate::input::no_echo;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::stderr;
use crate::stack::code::PamCode;

/// How the child ends where libpam refuses: the code beyond this, by the stage.
const AUTH_REFUSED: u8 = 64;
const ACCOUNT_REFUSED: u8 = 128;
const PASSWORD_REFUSED: u8 = 192;

/// Has the admin pass the stacks of this directory, one service after another; returns what the vault records then.
pub(crate) fn prove(gate: &GateService, admin: &Account, stacks: &Path) -> Result<Acceptances, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "standard input is not a terminal; run this on one, where the admin types the code".to_owned(),
        ));
    }
    let (user, mut before) = (escaped(&admin.name), Acceptances::of(admin)?);
    for (number, service) in gate.services.iter().enumerate() {
        let next = if number == 0 { "" } else { ", with the next code, as each works once" };
        stderr::note(&format!("type what {service} will ask {user} for{next}; nothing changes until that is accepted"));
        before = prove_one(service, admin, stacks, &before)?;
    }
    Ok(before)
}

fn prove_one(service: &str, admin: &Account, stacks: &Path, before: &Acceptances) -> Result<Acceptances, Failure> {
    let user = escaped(&admin.name);
    let mut child = Command::new("/proc/self/exe");
    child.args(["gate", "prove", "--admin", &format!("uid:{}", admin.uid), "--stacks"]).arg(stacks).arg(service);
    let ended = child.status().map_err(|error| Failure::Stopped(format!("the proof cannot be started: {error}")))?;
    if let Some(why) = refusal(ended) {
        return Err(Failure::Stopped(format!("{user} was not let in by the stack of {service}: {why}")));
    }
    let after = Acceptances::of(admin)?;
    match after.is_after(before) {
        true => Ok(after),
        false => Err(Failure::Stopped(format!(
            "{user} was let in by the stack of {service} without a code: is {user} exempt in otp.toml, or asked for \
             another factor only? Name another admin with --admin USER"
        ))),
    }
}

fn refusal(ended: ExitStatus) -> Option<String> {
    let refused = |stage: &str, code: u8| {
        let name = PamCode::all().nth(code.into()).map_or("an unknown code", PamCode::name);
        format!("the stage {stage} answers {name}; see the log")
    };
    match ended.code().and_then(|code| u8::try_from(code).ok()) {
        Some(0) => None,
        Some(code @ PASSWORD_REFUSED..) => Some(refused("password", code - PASSWORD_REFUSED)),
        Some(code @ ACCOUNT_REFUSED..) => Some(refused("account", code - ACCOUNT_REFUSED)),
        Some(code @ AUTH_REFUSED..) => Some(refused("auth", code - AUTH_REFUSED)),
        Some(_) => Some("the proof could not be run; its message is above".to_owned()),
        None => Some(format!("the proof was ended by signal {}", ended.signal().unwrap_or_default())),
    }
}

/// The child: how it ends, as a code.
pub(crate) fn child(options: &ProveArgs) -> Result<u8, Failure> {
    if !Uid::effective().is_root() {
        return Err(Failure::Usage("gate prove is a part of gate, for root".to_owned()));
    }
    let failed = |errno: Errno| Failure::Stopped(format!("the proof: {errno}"));
    prctl::set_dumpable(false).map_err(failed)?;
    let admin = otp_core::accounts::meant(&options.admin).ok().flatten();
    let admin = admin.ok_or_else(|| Failure::Stopped(format!("no such user: {}", escaped(&options.admin))))?;
    let program = GateService { name: options.service.clone(), services: Vec::new() }.program();
    if program == ProgramKind::StartedByUser {
        setresuid(Uid::from_raw(admin.uid), Uid::from_raw(0), Uid::from_raw(0)).map_err(failed)?;
    }
    if options.service == PASSWD {
        return offered(options, &admin);
    }
    let mut person = AtTheTerminal;
    let begun = PamTransaction::begin(&options.service, &admin.name, &options.stacks, &mut person);
    let mut transaction = begun.map_err(|error| Failure::Stopped(error.to_string()))?;
    describe(&mut transaction, program, &admin.name).map_err(|error| Failure::Stopped(error.to_string()))?;
    if program == ProgramKind::Unprivileged {
        become_for_good(&admin).map_err(failed)?; // libpam has read the stacks
    }
    match ended(AUTH_REFUSED, transaction.authenticate()) {
        0 => Ok(ended(ACCOUNT_REFUSED, transaction.check_account())),
        refused => Ok(refused),
    }
}

/// passwd, up to the moment when a code was accepted: the rest would be a new key and a new password.
fn offered(options: &ProveArgs, admin: &Account) -> Result<u8, Failure> {
    let before = Acceptances::of(admin)?;
    let mut person = UpToTheCode { admin, before: &before, asked: 0 };
    let begun = PamTransaction::begin(&options.service, &admin.name, &options.stacks, &mut person);
    let mut transaction = begun.map_err(|error| Failure::Stopped(error.to_string()))?;
    let failed = |error: PamClientError| Failure::Stopped(error.to_string());
    describe(&mut transaction, ProgramKind::StartedByUser, &admin.name).map_err(failed)?;
    let answer = transaction.change_password();
    match Acceptances::of(admin)?.is_after(&before) {
        true => Ok(0),
        false if answer.is_ok() => {
            Err(Failure::Stopped("the stack of passwd changes passwords without a code".to_owned()))
        }
        false => Ok(ended(PASSWORD_REFUSED, answer)),
    }
}

/// The exit code for the answer of a stage.
fn ended(stage: u8, answer: Result<(), PamClientError>) -> u8 {
    match answer {
        Ok(()) => 0,
        Err(PamClientError::Code(code)) => stage.saturating_add(code.min(63)),
        Err(_) => stage.saturating_add(63),
    }
}

/// With no rights but those of the account.
fn become_for_good(admin: &Account) -> Result<(), Errno> {
    let user = User::from_uid(Uid::from_raw(admin.uid))?.ok_or(Errno::ENOENT)?;
    let name = CString::new(user.name).map_err(|_| Errno::EINVAL)?;
    initgroups(&name, user.gid)?;
    setresgid(user.gid, user.gid, user.gid)?;
    setresuid(user.uid, user.uid, user.uid)
}

/// As the program of the service does.
fn describe(transaction: &mut PamTransaction<'_>, program: ProgramKind, admin: &str) -> Result<(), PamClientError> {
    let terminal = nix::unistd::ttyname(io::stdin()).ok().map(|path| path.display().to_string());
    match program {
        ProgramKind::StartedByUser => transaction.set(PamItem::RemoteUser, admin)?,
        ProgramKind::Remote => {
            let from = env::var("SSH_CONNECTION").ok();
            let from = from.as_deref().and_then(|text| text.split(' ').next()).filter(|text| !text.is_empty());
            transaction.set(PamItem::RemoteHost, from.unwrap_or("127.0.0.1"))?;
            return transaction.set(PamItem::Tty, "ssh");
        }
        ProgramKind::Console | ProgramKind::Unprivileged => {}
    }
    terminal.map_or(Ok(()), |terminal| transaction.set(PamItem::Tty, &terminal))
}

/// Prompts on standard error, so that standard output can be JSON.
struct AtTheTerminal;

impl PamPerson for AtTheTerminal {
    fn ask(&mut self, prompt: &str, echo: PromptEcho) -> Option<Zeroizing<String>> {
        let shown = escaped(prompt);
        match echo {
            PromptEcho::Hidden => no_echo::any(&shown).ok().flatten(),
            PromptEcho::Shown => {
                stderr::say(&shown);
                let mut line = Zeroizing::new(String::new());
                io::stdin().read_line(&mut line).ok().filter(|read| *read > 0)?;
                Some(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
            }
        }
    }

    fn tell(&mut self, text: &str) {
        let lines = text.lines().map(escaped).collect::<Vec<_>>().join("\n");
        stderr::say(&format!("{lines}\n"));
    }
}

/// The same, until a code was accepted: then nothing is shown or answered any more, because it would be about a new key. Of the two
/// questions before that, for the password and the code, neither changes anything.
struct UpToTheCode<'a> {
    admin: &'a Account,
    before: &'a Acceptances,
    asked: usize,
}

impl UpToTheCode<'_> {
    fn is_over(&self) -> bool {
        !matches!(Acceptances::of(self.admin), Ok(now) if !now.is_after(self.before))
    }
}

impl PamPerson for UpToTheCode<'_> {
    fn ask(&mut self, prompt: &str, echo: PromptEcho) -> Option<Zeroizing<String>> {
        self.asked += 1;
        (self.asked <= QUESTIONS && !self.is_over()).then(|| AtTheTerminal.ask(prompt, echo)).flatten()
    }

    fn tell(&mut self, text: &str) {
        if !self.is_over() {
            AtTheTerminal.tell(text);
        }
    }
}

/// Of passwd before anything changes: the password that is there, and the code.
const QUESTIONS: usize = 2;
