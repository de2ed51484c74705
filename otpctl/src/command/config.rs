//! `otpctl config`: are the policy file and the PAM stacks in order? Read as the module and libpam read them, without the daemon.
//! Editing the policy is `config_edit`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use otp_core::environment::system_wall;
use otp_core::manage::reset_mode::{has_a_helpdesk, is_one_admin, reset_mode};
use otp_core::policy::WholePolicy;
use otp_core::policy::host::{HostPolicy, ResetMode};
use otp_core::site::Site;
use otp_core::vault::root_program;
use serde::Serialize;
use serde_json::json;

use crate::arguments::{CheckConfigArgs, ConfigAct, TemplateArgs};
use crate::command::config_audience::{ending, of_a_directory, unmatched};
use crate::command::{bypasses, config_edit};
use crate::letter::templates::broken_templates;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::stderr;
use crate::output::terminal::Terminal;
use crate::policy_path::whole_path;
use crate::reach::{OthersNeed, obstacle, obstacles};
use crate::stack::finding::StackFinding;
use crate::stack::findings::{Survey, TWINS};
use crate::stack::modules::{is_ours, is_watch};
use crate::stack::reader::{PamDirectories, ServiceStacks, Stage};
use crate::stack::words::Dialect;

pub(crate) fn run(terminal: &mut Terminal, act: &ConfigAct) -> Result<(), Failure> {
    match act {
        ConfigAct::Check(options) => check(terminal, options),
        ConfigAct::Edit(options) => config_edit::edit(terminal, options),
        ConfigAct::Template(options) => template(terminal, options),
    }
}

fn template(terminal: &mut Terminal, options: &TemplateArgs) -> Result<(), Failure> {
    let (file, text) = (options.name.path(), options.name.built_in());
    match OutputFormat::of(options.json) {
        OutputFormat::Json => terminal.json(&json!({ "file": file, "text": text })),
        OutputFormat::Text => terminal.show_as_it_is(text),
    }
}

/// How a host is set up.
#[derive(Serialize)]
struct SetUp {
    policy: PolicyVerdict,
    /// How enrolled users get new keys, in words; none where the policy is wrong.
    resets: Option<String>,
    /// Tables and names in the policy that nothing obeys, and stacks that could be tighter.
    notes: Vec<String>,
    /// Paths besides the policy that programs without root cannot reach.
    unreachable: Vec<String>,
    /// Templates of letters that are broken.
    templates: Vec<String>,
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
    let wrong = set_up.wrong().next_back();
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
        stderr::note(bypasses::told(bypass).trim_end());
    }
    let named = file.map(whole_path).transpose()?;
    let file = named.as_ref().map_or_else(|| site.policy.to_owned(), |path| path.display().to_string());
    let closed = obstacle(Path::new(&file), OthersNeed::Read);
    let marks = in_force.into_iter().map(|bypass| PathBuf::from(bypass.path));
    let unreachable = obstacles(marks).into_iter().filter(|one| closed.as_ref() != Some(one));
    let unreachable: Vec<String> = unreachable.map(|one| one.to_string()).collect();
    let closed = closed.map(|one| one.to_string());
    let policy = site.whole_policy(named.as_deref());
    let resets = policy.as_ref().ok().map(|policy| resets(policy.as_ref().map(|policy| &policy.host)));
    let (state, reasons, mut notes) = match policy {
        Err(unavailable) => (PolicyState::Wrong, vec![unavailable.detail], Vec::new()),
        Ok(None) if closed.is_none() => (PolicyState::Absent, Vec::new(), Vec::new()),
        Ok(None) => (PolicyState::Wrong, closed.into_iter().collect(), Vec::new()),
        Ok(Some(policy)) => {
            let wrong = unmatched(&policy).into_iter().chain(no_service(&policy));
            let wrong = wrong.chain(cannot_rotate(&policy).into_iter().map(|(_, why)| why));
            let wrong: Vec<String> = wrong.map(|why| format!("{file}: {why}")).chain(closed).collect();
            let state = if wrong.is_empty() { PolicyState::InOrder } else { PolicyState::Wrong };
            (state, wrong, notes(&policy, &file))
        }
    };
    let (noted, findings): (BTreeSet<_>, BTreeSet<_>) =
        Survey::standard().findings().into_iter().partition(StackFinding::is_note);
    notes.extend(noted.iter().map(StackFinding::to_string));
    Ok(SetUp {
        policy: PolicyVerdict { file, state, reasons },
        resets,
        notes,
        unreachable,
        templates: broken_templates().map(|error| escaped(&error.to_string())).collect(),
        findings,
    })
}

impl SetUp {
    fn wrong(&self) -> impl DoubleEndedIterator<Item = &String> {
        self.unreachable.iter().chain(&self.templates).chain(&self.policy.reasons)
    }

    /// In words. The last mistake in the policy is the failure, which comes last.
    fn tell(&self, terminal: &mut Terminal) -> Result<(), Failure> {
        for note in &self.notes {
            stderr::note(&escaped(note));
        }
        for finding in &self.findings {
            stderr::wrong(&escaped(&finding.to_string()));
        }
        for reason in self.wrong().rev().skip(1).collect::<Vec<_>>().into_iter().rev() {
            stderr::wrong(&escaped(reason));
        }
        let file = escaped(&self.policy.file);
        match self.policy.state {
            PolicyState::InOrder => terminal.show(&format!("{file}: in order\n"))?,
            PolicyState::Absent => {
                terminal.show(&format!("{file}: does not exist; every setting has its default\n"))?
            }
            PolicyState::Wrong => return Ok(()),
        }
        self.resets.as_ref().map_or(Ok(()), |resets| terminal.show(&format!("resets: {resets}\n")))
    }
}

/// How enrolled users get new keys, and why so.
fn resets(policy: Option<&HostPolicy>) -> String {
    let default = HostPolicy::default();
    let policy = policy.unwrap_or(&default);
    let because = match (policy.resets, has_a_helpdesk()) {
        (Some(_), _) => "by the policy",
        (None, true) => "because otp-helpdesk has members",
        (None, false) => "because otp-helpdesk has no members",
    };
    let alone =
        if is_one_admin() { "; otp-admin has no second member, so root resets administrators alone" } else { "" };
    match reset_mode(policy, has_a_helpdesk) {
        ResetMode::Simple => format!("simple, {because}: invite --replace is enough{alone}"),
        ResetMode::Guarded => format!("guarded, {because}: invite --replace needs a reset first{alone}"),
    }
}

/// Tables and names in the policy that nothing will obey, and what else could be tighter.
fn notes(policy: &WholePolicy, file: &str) -> Vec<String> {
    let mut notes: Vec<String> = idle_parts(policy).into_iter().map(|(_, why)| why).collect();
    notes.extend(policy.host.remarks.iter().map(|remark| format!("{file}: {remark}")));
    notes.extend(ending(policy, system_wall()));
    notes.extend(of_a_directory(policy));
    notes.extend(of_one_twin(policy));
    let program = policy.host.notify.as_ref().and_then(|notify| notify.command.first());
    if let Some(Err(error)) = program.map(|program| root_program(Path::new(program))) {
        notes.push(format!("notify_command: {error}"));
    }
    notes
}

/// Tables and names in the policy that nothing will obey: the service, and why.
pub(crate) fn idle_parts(policy: &WholePolicy) -> Vec<(String, String)> {
    let rotating = policy.host.rotation.iter().flat_map(|rotation| &rotation.services);
    let idle =
        |service: &str, what: String, why: &str| (service.to_owned(), format!("{what} applies to nobody yet: {why}"));
    let services = || policy.services.iter().map(|(service, _)| service.as_str());
    let tables = services().filter_map(|name| Some(idle(name, format!("[service.{name}]"), disobeyed(name)?)));
    let asked =
        rotating.filter_map(|name| Some(idle(name, format!("{name:?} in rotate_services"), asks_nobody(name)?)));
    let ungated = services().filter(|name| lacks_auth_line(name)).map(|name| {
        let why = format!(
            "[service.{name}] asks nobody for a code: no auth line of its PAM file has pam_otp.so, but others have"
        );
        (name.to_owned(), why)
    });
    tables.chain(asked).chain(ungated).collect()
}

/// Tables for one of two services of a program, where the other one asks for codes as well and has no table.
fn of_one_twin(policy: &WholePolicy) -> Vec<String> {
    let gated = |service: &str| own_stages(service).is_some_and(|stages| stages.contains(&Stage::Auth));
    let pairs = TWINS.iter().flat_map(|(plain, login, _)| [(*plain, *login), (*login, *plain)]);
    let has_table = |service: &str| policy.services.iter().any(|(name, _)| name == service);
    let one_sided = pairs.filter(|(with, without)| has_table(with) && !has_table(without) && gated(without));
    one_sided
        .map(|(with, without)| {
            let program =
                TWINS.iter().find(|(_, login, _)| *login == without).map_or(without, |(_, _, command)| command);
            format!(
                "[service.{with}] does not apply to `{program}`, which asks as the service {without}: without \
                 [service.{without}] everybody is asked there, and users without a key are refused"
            )
        })
        .collect()
}

/// Services that are to ask for a new key and cannot: the service, and why.
pub(crate) fn cannot_rotate(policy: &WholePolicy) -> Vec<(String, String)> {
    let rotating = policy.host.rotation.iter().flat_map(|rotation| &rotation.services);
    rotating.filter_map(|service| Some((service.clone(), cannot_ask(service)?))).collect()
}

/// Tables that no login will ever obey: libpam writes a service in small letters and takes it for the name of a file. And names that not
/// every part of pam_otp knows whole.
pub(crate) fn no_service(policy: &WholePolicy) -> Vec<String> {
    let odd = |c: char| c.is_ascii_uppercase() || c.is_whitespace() || c.is_control() || c == '/';
    let names = || policy.services.iter().map(|(name, _)| name);
    let never = names().filter(|name| name.contains(odd) || ["", ".", ".."].contains(&name.as_str()));
    let text = |name| {
        format!(
            "[service.{name:?}] applies to nobody: wanted the name of a PAM service, in lower case and without blanks"
        )
    };
    let rotating = policy.host.rotation.iter().flat_map(|rotation| &rotation.services);
    let tables = names().map(|name| (name, format!("[service.{name:?}]")));
    let listed = rotating.map(|name| (name, format!("{name:?} in rotate_services")));
    never.map(text).chain(tables.chain(listed).filter_map(|(name, place)| too_long(name, &place))).collect()
}

/// Why a name is too long, if it is.
fn too_long(service: &str, place: &str) -> Option<String> {
    let length = service.chars().count();
    (length > LONGEST_SERVICE).then(|| {
        format!(
            "{place} is a name of {length} characters; wanted at most {LONGEST_SERVICE}: a running program may \
             still have an older module loaded, which cuts the name to that length, so the daemon would look for \
             another table"
        )
    })
}

/// Characters of a PAM service that every version of the module tells the daemon.
const LONGEST_SERVICE: usize = 60;

const NO_FILE: &str = "no PAM file has that name, which libpam writes in lower case";

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
    let lines = read.iter().flat_map(|service| &service.lines).filter(|line| is_ours(line) && !is_watch(line));
    (!read.is_empty()).then(|| lines.map(|line| line.stage).collect())
}
