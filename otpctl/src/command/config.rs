//! `otpctl config`: is the policy file in order? Read as the module reads it, without the daemon. Editing it is `config_edit`.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

use otp_core::site::Site;
use otp_core::vault::root_program;

use crate::arguments::{CheckConfigArgs, ConfigAct};
use crate::command::config_audience::unmatched;
use crate::command::{bypasses, config_edit};
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::terminal::Terminal;
use crate::policy_path::whole_path;
use crate::stack::modules::is_ours;
use crate::stack::reader::{PamDirectories, ServiceStacks, Stage};
use crate::stack::words::Dialect;

pub(crate) fn run(terminal: &mut Terminal, act: &ConfigAct) -> Result<(), Failure> {
    match act {
        ConfigAct::Check(options) => check(terminal, options),
        ConfigAct::Edit(options) => config_edit::edit(terminal, options.file.as_deref()),
    }
}

fn check(terminal: &mut Terminal, options: &CheckConfigArgs) -> Result<(), Failure> {
    let site = Site::STANDARD;
    for bypass in bypasses::in_force() {
        drop(write!(std::io::stderr(), "otpctl: note: {}", bypasses::told(&bypass)));
    }
    let named = options.file.as_deref().map(whole_path).transpose()?;
    let found = site.whole_policy(named.as_deref());
    let found = found.map_err(|unavailable| Failure::Stopped(escaped(&unavailable.detail)))?;
    let path = named.as_ref().map_or_else(|| site.policy.to_owned(), |path| path.display().to_string());
    let Some(policy) = found else {
        return terminal.show(&format!("{}: not there; everything is at its default\n", escaped(&path)));
    };
    let rotating = policy.rotation.iter().flat_map(|rotation| &rotation.services);
    let tables =
        policy.services.iter().filter_map(|(service, _)| Some((format!("[service.{service}]"), disobeyed(service)?)));
    let asked = rotating.clone().filter_map(|name| Some((format!("{name:?} in rotate_services"), asks_nobody(name)?)));
    for (what, why) in tables.chain(asked) {
        drop(writeln!(std::io::stderr(), "otpctl: {}", escaped(&format!("note: {what} holds for nobody yet: {why}"))));
    }
    let program = policy.notify.as_ref().and_then(|notify| notify.command.first());
    if let Some(Err(error)) = program.map(|program| root_program(Path::new(program))) {
        drop(writeln!(std::io::stderr(), "otpctl: note: notify_command: {}", escaped(&error.to_string())));
    }
    let wrong = unmatched(&policy).into_iter().chain(rotating.filter_map(|service| cannot_ask(service)));
    let mut wrong: Vec<String> = wrong.map(|why| escaped(&format!("{path}: {why}"))).collect();
    let Some(last) = wrong.pop() else { return terminal.show(&format!("{}: in order\n", escaped(&path))) };
    for why in wrong {
        drop(writeln!(std::io::stderr(), "otpctl: {why}"));
    }
    Err(Failure::Stopped(last))
}

const NO_FILE: &str = "no PAM file has that name, which libpam writes in small letters";

/// Why a table for this service would be obeyed by nobody.
fn disobeyed(service: &str) -> Option<&'static str> {
    unreached(service, |stages| !stages.is_empty(), "no line of its PAM file has pam_otp.so")
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
             wanted `password required pam_otp.so`"
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
