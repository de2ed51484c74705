//! `otpctl gate`: a service asks for a one-time code, and nobody is locked out by that.

use nix::unistd::Uid;
use otp_core::policy::WholePolicy;
use otp_core::policy::host::HostPolicy;
use otp_core::site::Site;
use serde::Serialize;

use crate::arguments::{GateAct, TestGateArgs};
use crate::command::{gate_change, gate_status};
use crate::gate::admin;
use crate::gate::note::{self, WantedGate};
use crate::gate::plan::GatePlan;
use crate::gate::proof;
use crate::gate::service::GateService;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;
use crate::stack::reader::PamDirectories;

pub(crate) fn run(terminal: &mut Terminal, act: &GateAct) -> Result<(), Failure> {
    if !Uid::effective().is_root() {
        return Err(Failure::Stopped("only root can gate a service; run this as root".to_owned()));
    }
    match act {
        GateAct::Enable(options) => gate_change::enable(terminal, options, &policy()?),
        GateAct::Confirm(options) => gate_change::confirm(terminal, options),
        GateAct::Disable(options) => gate_change::disable(terminal, options),
        GateAct::Status(options) => gate_status::status(terminal, options, &policy()?),
        GateAct::Test(options) => test(terminal, options),
        GateAct::UndoPending(options) => gate_change::undo_pending(options.service.as_deref()),
        GateAct::Prove(options) => {
            let code = proof::child(options)?;
            std::process::exit(code.into())
        }
    }
}

/// A proof that came to its end.
#[derive(Serialize)]
struct ProvedGate<'a> {
    service: &'a str,
    services: &'a [String],
    admin: &'a str,
    /// Has the host these stacks already?
    in_force: bool,
}

fn test(terminal: &mut Terminal, options: &TestGateArgs) -> Result<(), Failure> {
    let (host, policy) = (PamDirectories::standard(), policy()?);
    let gate = GateService::named(&options.service, &host)?;
    let admin = admin::of_the_gate(&gate, options.admin.as_deref(), &policy)?;
    let plan = GatePlan::of(&gate, &host, &policy, options.wishes)?;
    let wanted = WantedGate { gate: &gate, admin: &admin, wishes: options.wishes };
    note::before_the_proof(&wanted, &policy, &plan.copy)?;
    proof::prove(&gate, &admin, plan.copy.path())?;
    let in_force = plan.files.is_empty();
    match OutputFormat::of(options.json) {
        OutputFormat::Json => {
            terminal.json(&ProvedGate { service: &gate.name, services: &gate.services, admin: &admin.name, in_force })
        }
        OutputFormat::Text => {
            let (user, services) = (escaped(&admin.name), gate.services.join(" and "));
            let asking = plan.asking.join(" and ");
            terminal.show(&match (in_force, asking.as_str()) {
                (true, _) => format!("{user} passes the gate of {services} with a code; the gate is in effect\n"),
                (false, "") => format!(
                    "{user} would pass the gate of {services} with a code; nothing was changed, and codes are not \
                     asked for there yet\n"
                ),
                (false, asking) => format!(
                    "{user} would pass the gate of {services} with a code; nothing was changed. {asking} already {} \
                     for a code, and otpctl gate enable {} adds what is missing\n",
                    if plan.asking.len() == 1 { "asks" } else { "ask" },
                    gate.name
                ),
            })
        }
    }
}

/// The policy in force; one that cannot be read refuses everybody.
fn policy() -> Result<WholePolicy, Failure> {
    let policy =
        Site::STANDARD.whole_policy(None).map_err(|unavailable| Failure::Stopped(escaped(&unavailable.detail)))?;
    Ok(policy.unwrap_or_else(|| WholePolicy { host: HostPolicy::default(), services: Vec::new() }))
}
