//! The proof of a gate: a child asks libpam, as the program of the service would, and the admin answers with a real code.
//!
//! The child is this program again: modules change the process that runs them, and its real uid is to be the admin's.

use std::env;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus};

use nix::sys::prctl;
use nix::unistd::{Uid, setresuid};
use otp_core::accounts::Account;
use otp_system::pam_client::{PamClientError, PamItem, PamPerson, PamTransaction, PromptEcho};
use zeroize::Zeroizing;

use super::admin::Acceptances;
use super::service::{GateService, ProgramKind};
use crate::arguments::ProveArgs;
use crate::input::no_echo;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::stack::code::PamCode;

/// How the child ends where libpam refuses: the code beyond this, by the stage.
const AUTH_REFUSED: u8 = 64;
const ACCOUNT_REFUSED: u8 = 128;

/// Has the admin pass the stacks of this directory; returns what the vault records then.
pub(crate) fn prove(gate: &GateService, admin: &Account, stacks: &Path) -> Result<Acceptances, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "standard input is no terminal; wanted one, on which the admin gives a code".to_owned(),
        ));
    }
    let user = escaped(&admin.name);
    if !gate.asks(admin.uid) {
        return Err(Failure::Usage(format!(
            "{} lets root in and asks nobody; name an admin with --admin USER",
            gate.name
        )));
    }
    let before = Acceptances::of(admin)?;
    let mut child = Command::new("/proc/self/exe");
    child.args(["gate", "prove", "--admin", &format!("uid:{}", admin.uid), "--stacks"]).arg(stacks).arg(&gate.name);
    let ended = child.status().map_err(|error| Failure::Stopped(format!("the proof cannot be started: {error}")))?;
    if let Some(why) = refusal(ended) {
        return Err(Failure::Stopped(format!("{user} was not let in by the stack of {}: {why}", gate.name)));
    }
    let after = Acceptances::of(admin)?;
    match after.is_after(&before) {
        true => Ok(after),
        false => Err(Failure::Stopped(format!(
            "{user} was let in by the stack of {} and no code was accepted: is {user} exempt in otp.toml, or asked by another factor only? \
             Name another admin with --admin USER",
            gate.name
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
    let failed = |error: io::Error| Failure::Stopped(format!("the proof: {error}"));
    prctl::set_dumpable(false).map_err(|errno| failed(errno.into()))?;
    let admin = otp_core::accounts::meant(&options.admin).ok().flatten();
    let admin = admin.ok_or_else(|| Failure::Stopped(format!("no such user: {}", escaped(&options.admin))))?;
    let program = GateService { name: options.service.clone(), services: Vec::new() }.program();
    if program == ProgramKind::StartedByUser {
        setresuid(Uid::from_raw(admin.uid), Uid::from_raw(0), Uid::from_raw(0))
            .map_err(|errno| failed(errno.into()))?;
    }
    let mut person = AtTheTerminal;
    let begun = PamTransaction::begin(&options.service, &admin.name, &options.stacks, &mut person);
    let mut transaction = begun.map_err(|error| Failure::Stopped(error.to_string()))?;
    describe(&mut transaction, program, &admin.name).map_err(|error| Failure::Stopped(error.to_string()))?;
    let code = |stage: u8, answer: Result<(), PamClientError>| match answer {
        Ok(()) => 0,
        Err(PamClientError::Code(code)) => stage.saturating_add(code.min(63)),
        Err(_) => stage.saturating_add(63),
    };
    match code(AUTH_REFUSED, transaction.authenticate()) {
        0 => Ok(code(ACCOUNT_REFUSED, transaction.check_account())),
        refused => Ok(refused),
    }
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
        ProgramKind::Console => {}
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
                write!(io::stderr(), "{shown}").ok()?;
                let mut line = Zeroizing::new(String::new());
                io::stdin().read_line(&mut line).ok().filter(|read| *read > 0)?;
                Some(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()))
            }
        }
    }

    fn tell(&mut self, text: &str) {
        let lines = text.lines().map(escaped).collect::<Vec<_>>().join("\n");
        drop(writeln!(io::stderr(), "{lines}"));
    }
}
