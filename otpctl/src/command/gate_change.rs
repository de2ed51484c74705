//! `otpctl gate enable`, `confirm` and `disable`: the changes, each of which says whether anything had to be changed.

use std::path::Path;
use std::thread;
use std::time::Duration;

use otp_core::environment::system_wall;
use otp_core::log_line::LogLine;
use otp_core::policy::WholePolicy;
use serde::Serialize;

use crate::arguments::{ConfirmGateArgs, DisableGateArgs, EnableGateArgs};
use crate::command::emergency::who;
use crate::gate::admin::{Acceptances, with_a_working_key};
use crate::gate::change::{self, ChangedFiles};
use crate::gate::plan::GatePlan;
use crate::gate::planned_file::PlannedFile;
use crate::gate::record::{self, GateProof, GateRecord, GateState};
use crate::gate::service::GateService;
use crate::gate::{note, proof, rollback};
use crate::output::alert::alert;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;
use crate::stack::reader::PamDirectories;

/// The outcome of a command.
#[derive(Serialize)]
struct GateChange<'a> {
    service: &'a str,
    changed: bool,
    /// None where there is no gate, or one that is not ours.
    state: Option<GateState>,
    files: Vec<&'a Path>,
    /// When it is undone unless somebody confirms it.
    until: Option<u64>,
    #[serde(skip)]
    text: String,
}

pub(super) fn enable(terminal: &mut Terminal, options: &EnableGateArgs, policy: &WholePolicy) -> Result<(), Failure> {
    let host = PamDirectories::standard();
    let (gate, plan) = match options.command.as_slice() {
        [] => {
            let gate = GateService::named(&options.service, &host)?;
            let plan = GatePlan::of(&gate, &host, policy)?;
            (gate, plan)
        }
        commands if options.service == "sudo" => (GateService::of_commands(), GatePlan::of_commands(commands, &host)?),
        _ => return Err(Failure::Usage("--command is for sudo alone".to_owned())),
    };
    if plan.files.is_empty() {
        let (text, found) = already(&gate.name)?;
        let change = GateChange {
            service: &gate.name,
            changed: false,
            state: found.as_ref().map(|(state, _)| *state),
            files: Vec::new(),
            until: found.and_then(|(_, record)| record.until),
            text,
        };
        return told(terminal, options.output.format(), &[change]).and_then(|()| options.output.unchanged());
    }
    change::none_waits(&gate.name)?;
    if !options.no_rollback {
        rollback::is_possible()?;
    }
    let admin = with_a_working_key(options.admin.as_deref(), policy)?;
    note::before_the_proof(&gate, policy);
    let accepted = proof::prove(&gate, &admin, plan.copy.path())?;
    if !options.no_rollback {
        thread::sleep(Duration::from_secs(1)); // times of codes are whole seconds: the next one is to have a later one
    }
    let made = system_wall().seconds();
    let until = (!options.no_rollback).then(|| made.saturating_add(rollback::SECONDS));
    let proof = GateProof { admin: admin.uid, accepted, session: rollback::session(), by: who() };
    let record = GateRecord::new(&gate.name, plan.files, proof, (made, until));
    change::enable(&record)?;
    log("gate-enabled", &gate.name);
    let (name, asks) = (&gate.name, asking(options, &gate));
    let reload = if gate.name == "sshd" && !rollback::has_systemd() { RELOAD } else { "" };
    let text = match until {
        None => format!("{asks} for a code from now on; try it before you close this shell\n{reload}"),
        Some(_) => format!(
            "{asks} for a code from now on, and no longer after {} seconds, unless you confirm it.\n\
             Log in a second time, by ssh or on another console, become root there with a code of {}, and run\n    \
             otpctl gate confirm {name}\n",
            rollback::SECONDS,
            escaped(&admin.name)
        ),
    };
    let state = Some(if until.is_some() { GateState::Pending } else { GateState::InForce });
    let files = paths(&record.files);
    told(terminal, options.output.format(), &[GateChange { service: name, changed: true, state, files, until, text }])
}

/// The subject and the verb of the sentence that tells of a gate.
fn asking(options: &EnableGateArgs, gate: &GateService) -> String {
    let (names, by) = match options.command.is_empty() {
        true => (&gate.services, String::new()),
        false => (&options.command, format!(" of sudo, by the service {},", gate.name)),
    };
    format!("{}{by} {}", names.join(" and "), if names.len() == 1 { "asks" } else { "ask" })
}

/// The words for a gate that is there, and its record.
fn already(name: &str) -> Result<(String, Option<(GateState, GateRecord)>), Failure> {
    if let Some(pending) = record::read(name, GateState::Pending)? {
        let text = format!(
            "{name} asks for a code already, and waits for `otpctl gate confirm {name}`; nothing was changed\n"
        );
        return Ok((text, Some((GateState::Pending, pending))));
    }
    let found = record::read(name, GateState::InForce)?;
    let whose = if found.is_some() { "" } else { ", by lines that otpctl gate has not made" };
    let text = format!("{name} asks for a code already{whose}; nothing was changed\n");
    Ok((text, found.map(|record| (GateState::InForce, record))))
}

pub(super) fn confirm(terminal: &mut Terminal, options: &ConfirmGateArgs) -> Result<(), Failure> {
    let gate = GateService::named(&options.service, &PamDirectories::standard())?;
    let name = &gate.name;
    let change = |changed, text| GateChange {
        service: name,
        changed,
        state: Some(GateState::InForce),
        files: Vec::new(),
        until: None,
        text,
    };
    let Some(pending) = record::read(name, GateState::Pending)? else {
        record::read(name, GateState::InForce)?.ok_or_else(|| {
            stopped(&format!("no gate of {name} waits: it was undone, or never enabled; see otpctl gate status {name}"))
        })?;
        let text = format!("the gate of {name} waits for nobody; nothing was changed\n");
        told(terminal, options.output.format(), &[change(false, text)])?;
        return options.output.unchanged();
    };
    in_another_session(&pending)?;
    let account = otp_core::accounts::account_of(pending.admin).ok().flatten();
    let admin = account.ok_or_else(|| stopped(&format!("no account has the uid {} any more", pending.admin)))?;
    if !Acceptances::of(&admin)?.is_seconds_after(&pending.accepted) {
        let user = escaped(&admin.name);
        return Err(stopped(&format!(
            "no code of {user} was accepted since the gate is there; pass it first, as {user} would, then confirm it"
        )));
    }
    change::confirm(&pending)?;
    log("gate-confirmed", name);
    let text = format!(
        "the gate of {name} stays. A code of {} was accepted after the change; the vault does not record by which service\n",
        escaped(&admin.name)
    );
    told(terminal, options.output.format(), &[change(true, text)])
}

/// A session that was there before the change proves nothing: it needs no gate.
fn in_another_session(pending: &GateRecord) -> Result<(), Failure> {
    let why = match rollback::session() {
        None => "this is no login session, as far as the kernel knows (/proc/self/sessionid)",
        Some(here) if Some(here) == pending.session => "this is the login session in which the gate was enabled",
        Some(_) => return Ok(()),
    };
    Err(stopped(&format!("{why}; log in again, by ssh or on another console, and confirm it there")))
}

pub(super) fn disable(terminal: &mut Terminal, options: &DisableGateArgs) -> Result<(), Failure> {
    let names = match &options.service {
        // A gate whose program is gone has a record all the same.
        Some(service) if record::all()?.contains(service) => vec![service.clone()],
        Some(service) => vec![GateService::named(service, &PamDirectories::standard())?.name],
        None => record::all()?,
    };
    let changed = if options.force { ChangedFiles::TakeOurLines } else { ChangedFiles::Refuse };
    let undone: Vec<(String, Vec<PlannedFile>)> = names
        .into_iter()
        .map(|name| {
            let files = change::disable(&name, changed)?;
            if !files.is_empty() {
                log("gate-disabled", &name); // at once: a later one that is refused does not undo this
            }
            Ok((name, files))
        })
        .collect::<Result<_, Failure>>()?;
    let mut changes = Vec::new();
    for (name, files) in &undone {
        let ours = !files.is_empty();
        if !ours {
            by_hand(name)?;
        }
        let text = match ours {
            true => format!("the lines of otpctl gate are gone from the files of {name}\n"),
            false => format!("otpctl gate has put no lines into the files of {name}; nothing was changed\n"),
        };
        changes.push(GateChange { service: name, changed: ours, state: None, files: paths(files), until: None, text });
    }
    told(terminal, options.output.format(), &changes)?;
    if changes.iter().any(|change| change.changed) { Ok(()) } else { options.output.unchanged() }
}

/// Lines that somebody else has written are theirs to take out.
fn by_hand(name: &str) -> Result<(), Failure> {
    let host = PamDirectories::standard();
    let places = super::gate_status::places(&GateService::named(name, &host)?, &host);
    match places.is_empty() {
        true => Ok(()),
        false => Err(stopped(&format!(
            "{name} asks for a code by lines that otpctl gate has not made, and nothing was changed; take them out by hand: {}",
            places.join(", ")
        ))),
    }
}

/// One service, or every one that waits: those that fail keep no other from being undone.
pub(super) fn undo_pending(service: Option<&str>) -> Result<(), Failure> {
    let names = service.map_or_else(record::all, |service| Ok(vec![service.to_owned()]))?;
    let undo = |name: &String| -> Result<(), Failure> {
        if change::undo_pending(name)?.is_some() {
            log("gate-undone", name);
        }
        Ok(())
    };
    let done: Vec<Result<(), Failure>> = names.iter().map(undo).collect();
    done.into_iter().collect()
}

fn log(event: &str, service: &str) {
    alert(&LogLine::default().field("event", event).field("service", service).field("by", &who()).finish());
}

fn paths(files: &[PlannedFile]) -> Vec<&Path> {
    files.iter().map(|file| file.path.as_path()).collect()
}

fn told(terminal: &mut Terminal, format: OutputFormat, changes: &[GateChange<'_>]) -> Result<(), Failure> {
    let shown = match format {
        OutputFormat::Json => changes.iter().try_for_each(|change| terminal.json(change)),
        OutputFormat::Text => changes.iter().try_for_each(|change| terminal.show(&change.text)),
    };
    shown.map_err(|failure| match changes.iter().any(|change| change.changed) {
        true => Failure::Unshown(format!("{failure}; the change is made all the same, see otpctl gate status")),
        false => failure,
    })
}

/// Without systemd nobody reloads a server.
const RELOAD: &str = "sshd reads its settings when it is reloaded: kill -HUP its process\n";

fn stopped(text: &str) -> Failure {
    Failure::Stopped(text.to_owned())
}
