//! `otpctl config`: are the policy file and the PAM stacks in order? Read as the module and libpam read them, without the daemon.
//! Editing the policy is `config_edit`.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use otp_core::environment::system_wall;
use otp_core::policy::WholePolicy;
use otp_core::site::Site;
use otp_core::vault::root_program;
use serde::Serialize;

use crate::arguments::{CheckConfigArgs, ConfigAct};
use crate::command::bypasses::ListedBypass;
use crate::command::config_audience::{ending, of_a_directory, unmatched};
use crate::command::{bypasses, config_edit};
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;
use crate::policy_path::whole_path;
use crate::reach::{OthersNeed, obstacle};
use crate::stack::finding::StackFinding;
use crate::stack::findings::Survey;
use crate::stack::modules::is_ours;
use crate::stack::reader::{PamDirectories, ServiceStacks, Stage};
use crate::stack::words::Dialect;

pub(crate) fn run(terminal: &mut Terminal, act: &ConfigAct) -> Result<(), Failure> {
    match act {
        ConfigAct::Check(options) => check(terminal, options),
        ConfigAct::Edit(options) => config_edit::edit(terminal, options.file.as_deref()),
    }
}

/// How a host is set up.
#[derive(Serialize)]
struct SetUp {
    policy: PolicyVerdict,
    /// Tables and names in the policy that nothing obeys, and stacks that could be tighter.
    notes: Vec<String>,
    /// Paths besides the policy that programs without root cannot reach.
    unreachable: Vec<String>,
    findings: BTreeSet<StackFinding>,
}

#[derive(Serialize)]
struct PolicyVerdict {
    file: String,
    state: PolicyState,
    /// Why it is wrong; none if it is not.
    reasons: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum PolicyState {
    InOrder,
    /// Not there; everything is at its default.
    Absent,
    Wrong,
}

fn check(terminal: &mut Terminal, options: &CheckConfigArgs) -> Result<(), Failure> {
    let set_up = look(options.file.as_deref())?;
    match OutputFormat::of(options.json) {
        OutputFormat::Json => terminal.json(&set_up)?,
        OutputFormat::Text => set_up.tell(terminal)?,
    }
    let wrong = set_up.unreachable.iter().chain(&set_up.policy.reasons).next_back();
    match (wrong, set_up.findings.len()) {
        (Some(reason), _) => Err(Failure::Stopped(escaped(reason))),
        (None, 0) => Ok(()),
        (None, 1) => Err(Failure::Stopped("the PAM stacks are not in order: 1 finding".to_owned())),
        (None, count) => Err(Failure::Stopped(format!("the PAM stacks are not in order: {count} findings"))),
    }
}

fn look(file: Option<&Path>) -> Result<SetUp, Failure> {
    let site = Site::STANDARD;
    let in_force = bypasses::in_force();
    for bypass in &in_force {
        drop(write!(std::io::stderr(), "otpctl: note: {}", bypasses::told(bypass)));
    }
    let named = file.map(whole_path).transpose()?;
    let file = named.as_ref().map_or_else(|| site.policy.to_owned(), |path| path.display().to_string());
    let closed = obstacle(Path::new(&file), OthersNeed::Read);
    let unreachable: Vec<String> =
        unreachable(in_force).into_iter().filter(|why| closed.as_ref() != Some(why)).collect();
    let (state, reasons, mut notes) = match site.whole_policy(named.as_deref()) {
        Err(unavailable) => (PolicyState::Wrong, vec![unavailable.detail], Vec::new()),
        Ok(None) if closed.is_none() => (PolicyState::Absent, Vec::new(), Vec::new()),
        Ok(None) => (PolicyState::Wrong, closed.into_iter().collect(), Vec::new()),
        Ok(Some(policy)) => {
            let rotating = policy.host.rotation.iter().flat_map(|rotation| &rotation.services);
            let wrong = unmatched(&policy).into_iter().chain(no_service(&policy));
            let wrong = wrong.chain(rotating.filter_map(|service| cannot_ask(service)));
            let wrong: Vec<String> = wrong.map(|why| format!("{file}: {why}")).chain(closed).collect();
            let state = if wrong.is_empty() { PolicyState::InOrder } else { PolicyState::Wrong };
            (state, wrong, notes(&policy))
        }
    };
    let (noted, findings): (BTreeSet<_>, BTreeSet<_>) =
        Survey::standard().findings().into_iter().partition(StackFinding::is_note);
    notes.extend(noted.iter().map(StackFinding::to_string));
    Ok(SetUp { policy: PolicyVerdict { file, state, reasons }, notes, unreachable, findings })
}

/// Emergency marks, which screen lockers look for, and the socket.
fn unreachable(in_force: Vec<ListedBypass>) -> BTreeSet<String> {
    let marks = in_force.into_iter().map(|bypass| (PathBuf::from(bypass.path), OthersNeed::Read));
    let places = Site::STANDARD.emergency.map(|place| (PathBuf::from(place), OthersNeed::Enter));
    let socket = [(PathBuf::from(Site::STANDARD.socket), OthersNeed::Connect)];
    marks.chain(places).chain(socket).filter_map(|(path, wanted)| obstacle(&path, wanted)).collect()
}

impl SetUp {
    /// In words. The last mistake in the policy is the failure, which comes last.
    fn tell(&self, terminal: &mut Terminal) -> Result<(), Failure> {
        for note in &self.notes {
            drop(writeln!(std::io::stderr(), "otpctl: note: {}", escaped(note)));
        }
        for finding in &self.findings {
            drop(writeln!(std::io::stderr(), "otpctl: {}", escaped(&finding.to_string())));
        }
        let wrong = self.unreachable.iter().chain(&self.policy.reasons);
        for reason in wrong.rev().skip(1).collect::<Vec<_>>().into_iter().rev() {
            drop(writeln!(std::io::stderr(), "otpctl: {}", escaped(reason)));
        }
        let file = escaped(&self.policy.file);
        match self.policy.state {
            PolicyState::InOrder => terminal.show(&format!("{file}: in order\n")),
            PolicyState::Absent => terminal.show(&format!("{file}: not there; everything is at its default\n")),
            PolicyState::Wrong => Ok(()),
        }
    }
}

/// Tables and names in the policy that nothing will obey.
fn notes(policy: &WholePolicy) -> Vec<String> {
    let rotating = policy.host.rotation.iter().flat_map(|rotation| &rotation.services);
    let tables =
        policy.services.iter().filter_map(|(service, _)| Some((format!("[service.{service}]"), disobeyed(service)?)));
    let asked = rotating.filter_map(|name| Some((format!("{name:?} in rotate_services"), asks_nobody(name)?)));
    let mut notes: Vec<String> =
        tables.chain(asked).map(|(what, why)| format!("{what} holds for nobody yet: {why}")).collect();
    let ungated = policy.services.iter().filter(|(service, _)| lacks_auth_line(service));
    notes.extend(ungated.map(|(service, _)| {
        format!(
            "[service.{service}] asks nobody for a code: no auth line of its PAM file has pam_otp.so, but others have"
        )
    }));
    notes.extend(ending(policy, system_wall()));
    notes.extend(of_a_directory(policy));
    let program = policy.host.notify.as_ref().and_then(|notify| notify.command.first());
    if let Some(Err(error)) = program.map(|program| root_program(Path::new(program))) {
        notes.push(format!("notify_command: {error}"));
    }
    notes
}

/// Tables that no login will ever obey: libpam writes a service in small letters and takes it for the name of a file.
fn no_service(policy: &WholePolicy) -> Vec<String> {
    let odd = |c: char| c.is_ascii_uppercase() || c.is_whitespace() || c.is_control() || c == '/';
    let names = policy.services.iter().map(|(name, _)| name);
    let never = names.filter(|name| name.contains(odd) || ["", ".", ".."].contains(&name.as_str()));
    let text = |name| {
        format!(
            "[service.{name:?}] holds for nobody: wanted the name of a PAM service, in small letters and without blanks"
        )
    };
    never.map(text).collect()
}

const NO_FILE: &str = "no PAM file has that name, which libpam writes in small letters";

/// Why a table for this service would be obeyed by nobody.
fn disobeyed(service: &str) -> Option<&'static str> {
    unreached(service, |stages| !stages.is_empty(), "no line of its PAM file has pam_otp.so")
}

/// Does the module run in other stages of this service, and not where codes are asked?
fn lacks_auth_line(service: &str) -> bool {
    own_stages(service).is_some_and(|stages| !stages.is_empty() && !stages.contains(&Stage::Auth))
}

/// Why nobody would be asked for a new key by this service: it is the account stage that says that one is due.
fn asks_nobody(service: &str) -> Option<&'static str> {
    unreached(service, |stages| stages.contains(&Stage::Account), "no account line of its PAM file has pam_otp.so")
}

fn unreached(service: &str, reached: impl Fn(&BTreeSet<Stage>) -> bool, why: &'static str) -> Option<&'static str> {
    match own_stages(service) {
        None => Some(NO_FILE),
        Some(stages) => (!reached(&stages)).then_some(why),
    }
}

/// A service whose account stage says that a key is due, and whose password stage does not replace it, lets the login go on all
/// the same, or asks for another UNIX password.
fn cannot_ask(service: &str) -> Option<String> {
    let stages = own_stages(service)?;
    let missing = stages.contains(&Stage::Account) && !stages.contains(&Stage::Password);
    missing.then(|| {
        format!(
            "rotate_services has {service:?}, whose PAM file has an account line with pam_otp.so and no password line; \
             wanted `password [success=done ignore=ignore default=die] pam_otp.so` before the lines that change a password"
        )
    })
}

/// The stages in which this service runs the module, with one libpam or another; `None` if there is no file for it.
fn own_stages(service: &str) -> Option<BTreeSet<Stage>> {
    let directories = PamDirectories::standard();
    let read: Vec<ServiceStacks> =
        [Dialect::Old, Dialect::New].into_iter().filter_map(|libpam| directories.read(service, libpam)).collect();
    let lines = read.iter().flat_map(|service| &service.lines).filter(|line| is_ours(line));
    (!read.is_empty()).then(|| lines.map(|line| line.stage).collect())
}
