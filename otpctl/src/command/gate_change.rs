//! `otpctl gate enable`, `confirm` and `disable`: the changes, each of which says whether anything had to be changed.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use otp_core::environment::system_wall;
use otp_core::log_line::LogLine;
use otp_core::policy::WholePolicy;
use otp_core::unix_time::UnixTime;
use serde::Serialize;

use crate::arguments::{ConfirmGateArgs, DisableGateArgs, EnableGateArgs};
use crate::command::emergency::who;
use crate::gate::admin::{self, Acceptances};
use crate::gate::change::{self, ChangedFiles, UndoneGate};
use crate::gate::note::{self, WantedGate};
use crate::gate::plan::GatePlan;
use crate::gate::planned_file::PlannedFile;
use crate::gate::record::{self, GateProof, GateRecord, GateState};
use crate::gate::service::GateService;
use crate::gate::{proof, rollback};
use crate::machine::has_systemd;
use crate::output::alert::alert;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::local_time::local;
use crate::output::terminal::Terminal;
use crate::stack::reader::PamDirectories;

/// The outcome of a command.
#[derive(Serialize)]
struct GateChange<'a> {
    /// None where there is no gate at all.
    service: Option<&'a str>,
    changed: bool,
    /// None where there is no gate, or one that is not ours.
    state: Option<GateState>,
    files: Vec<PathBuf>,
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
            let plan = GatePlan::of(&gate, &host, policy, options.wishes)?;
            (gate, plan)
        }
        commands if options.service == "sudo" => (GateService::of_commands(), GatePlan::of_commands(commands, &host)?),
        _ => return Err(Failure::Usage("--command is for sudo alone".to_owned())),
    };
    if plan.files.is_empty() {
        told(terminal, options.output.format(), &[already(&gate.name)?])?;
        return options.output.unchanged();
    }
    change::none_waits(&gate.name)?;
    if !options.no_rollback {
        rollback::is_possible()?;
    }
    let admin = admin::of_the_gate(&gate, options.admin.as_deref(), policy)?;
    let wanted = WantedGate { gate: &gate, admin: &admin, wishes: options.wishes };
    note::before_the_proof(&wanted, policy, &plan.copy)?;
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
    let reload = if gate.name == "sshd" && !has_systemd() { RELOAD } else { "" };
    let text = match until {
        None => format!("{asks} for a code now; try it before you close this shell\n{reload}"),
        Some(until) => format!(
            "{asks} for a code now, but only for {} seconds, until {}, unless you confirm it.\n\
             Log in a second time, by ssh or on another console, become root there with a code of {}, and run\n    \
             otpctl gate confirm {name}\n",
            rollback::SECONDS,
            local(UnixTime::new(until)),
            escaped(&admin.name)
        ),
    };
    let state = Some(if until.is_some() { GateState::Pending } else { GateState::InForce });
    let files = paths(&record.files);
    told(
        terminal,
        options.output.format(),
        &[GateChange { service: Some(name), changed: true, state, files, until, text }],
    )
}

/// The subject and the verb of the sentence that tells of a gate.
fn asking(options: &EnableGateArgs, gate: &GateService) -> String {
    let (names, by) = match options.command.is_empty() {
        true => (&gate.services, String::new()),
        false => (&options.command, format!(" of sudo, by the service {},", gate.name)),
    };
    format!("{}{by} {}", names.join(" and "), if names.len() == 1 { "asks" } else { "ask" })
}

/// No change of a gate that is there.
fn already(name: &str) -> Result<GateChange<'_>, Failure> {
    let so = |text: &str, state, until| {
        let text = format!("{name} already asks for a code{text}; nothing was changed\n");
        GateChange { service: Some(name), changed: false, state, files: Vec::new(), until, text }
    };
    if let Some(pending) = record::read(name, GateState::Pending)? {
        let text = format!(", and waits for `otpctl gate confirm {name}`");
        return Ok(so(&text, Some(GateState::Pending), pending.until));
    }
    Ok(match record::read(name, GateState::InForce)? {
        Some(record) => so("", Some(GateState::InForce), record.until),
        None => so(", because of lines that otpctl gate did not write", None, None),
    })
}

pub(super) fn confirm(terminal: &mut Terminal, options: &ConfirmGateArgs) -> Result<(), Failure> {
    let gate = GateService::named(&options.service, &PamDirectories::standard())?;
    let name = &gate.name;
    let change = |changed, text| GateChange {
        service: Some(name),
        changed,
        state: Some(GateState::InForce),
        files: Vec::new(),
        until: None,
        text,
    };
    let Some(pending) = record::read(name, GateState::Pending)? else {
        record::read(name, GateState::InForce)?.ok_or_else(|| {
            stopped(&format!(
                "no gate of {name} is waiting: it was undone or never enabled; see `otpctl gate status {name}`"
            ))
        })?;
        let text = format!("the gate of {name} is already in effect; nothing was changed\n");
        told(terminal, options.output.format(), &[change(false, text)])?;
        return options.output.unchanged();
    };
    in_another_session(&gate, &pending)?;
    let account = otp_core::accounts::account_of(pending.admin).ok().flatten();
    let admin = account.ok_or_else(|| stopped(&format!("no account has the uid {} any more", pending.admin)))?;
    if !Acceptances::of(&admin)?.is_seconds_after(&pending.accepted) {
        let user = escaped(&admin.name);
        return Err(stopped(&format!(
            "no code of {user} has been accepted since the gate was enabled; pass it first, as {user} would, then \
             confirm it"
        )));
    }
    change::confirm(&pending)?;
    log("gate-confirmed", name);
    let text = format!(
        "the gate of {name} stays: a code of {} has been accepted since it was enabled, by this service or another\n",
        escaped(&admin.name)
    );
    told(terminal, options.output.format(), &[change(true, text)])
}

/// The session of `enable` proves nothing: it needs no gate. Of a service that opens sessions, no session does that is older than the
/// change: it has not passed the gate either.
fn in_another_session(gate: &GateService, pending: &GateRecord) -> Result<(), Failure> {
    let older = |here: u32| gate.opens_sessions() && pending.newest_session.is_some_and(|newest| here <= newest);
    let why = match rollback::session() {
        None => "this is not a login session, as far as the kernel knows (/proc/self/sessionid)",
        Some(here) if Some(here) == pending.session => "this is the login session in which the gate was enabled",
        Some(here) if older(here) => "this login session began before the gate was enabled",
        Some(_) => return Ok(()),
    };
    Err(stopped(&format!("{why}; log in again, by ssh or on another console, and confirm the gate there")))
}

/// One that is refused keeps no other from being undone.
pub(super) fn disable(terminal: &mut Terminal, options: &DisableGateArgs) -> Result<(), Failure> {
    let names = match &options.service {
        // A gate whose program is gone has a record all the same.
        Some(service) if record::all()?.contains(service) => vec![service.clone()],
        Some(service) => vec![GateService::named(service, &PamDirectories::standard())?.name],
        None => record::all()?,
    };
    let how = if options.force { ChangedFiles::TakeOurLines } else { ChangedFiles::Refuse };
    let (mut changes, mut refused) = (Vec::new(), Vec::new());
    for name in &names {
        let undone = change::disable(name, how).and_then(|undone| match undone {
            Some(undone) => Ok(Some(undone)),
            None => by_hand(name).map(|()| None),
        });
        match undone {
            Ok(undone) => {
                if undone.is_some() {
                    log("gate-disabled", name);
                }
                changes.push(disabled(name, undone));
            }
            Err(failure) => refused.push(failure),
        }
    }
    if names.is_empty() {
        let text = "otpctl has not gated any service; nothing was changed\n".to_owned();
        changes.push(GateChange { service: None, changed: false, state: None, files: Vec::new(), until: None, text });
    }
    told(terminal, options.output.format(), &changes)?;
    match Failure::all(refused) {
        Some(failure) => Err(failure),
        None if changes.iter().any(|change| change.changed) => Ok(()),
        None => options.output.unchanged(),
    }
}

fn disabled(name: &str, undone: Option<UndoneGate>) -> GateChange<'_> {
    let service = Some(name);
    let change = |changed, text| GateChange { service, changed, state: None, files: Vec::new(), until: None, text };
    let Some(undone) = undone else {
        let text = format!("otpctl gate has put no lines into the files of {name}; nothing was changed\n");
        return change(false, text);
    };
    let mut text = format!("removed the lines of otpctl gate from the files of {name}\n");
    for path in &undone.gone {
        text.push_str(&format!(
            "{}: somebody has deleted this file since it was gated; it stays deleted\n",
            path.display()
        ));
    }
    let files = undone.files.into_iter().map(|file| file.path).collect();
    GateChange { files, ..change(true, text) }
}

/// Lines that somebody else has written are theirs to take out.
fn by_hand(name: &str) -> Result<(), Failure> {
    let host = PamDirectories::standard();
    let places = super::gate_status::places(&GateService::named(name, &host)?, &host);
    match places.is_empty() {
        true => Ok(()),
        false => Err(stopped(&format!(
            "{name} asks for a code because of lines that otpctl gate did not write, and nothing was changed; \
             remove them by hand: {}",
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
    let failed = names.iter().map(undo).filter_map(Result::err).collect();
    Failure::all(failed).map_or(Ok(()), Err)
}

fn log(event: &str, service: &str) {
    alert(&LogLine::default().field("event", event).field("service", service).field("by", &who()).finish());
}

fn paths(files: &[PlannedFile]) -> Vec<PathBuf> {
    files.iter().map(|file| file.path.clone()).collect()
}

fn told(terminal: &mut Terminal, format: OutputFormat, changes: &[GateChange<'_>]) -> Result<(), Failure> {
    let shown = match format {
        OutputFormat::Json => changes.iter().try_for_each(|change| terminal.json(change)),
        OutputFormat::Text => changes.iter().try_for_each(|change| terminal.show(&change.text)),
    };
    shown.map_err(|failure| match changes.iter().any(|change| change.changed) {
        true => Failure::Unshown(format!("{failure}; the change was made anyway, see `otpctl gate status`")),
        false => failure,
    })
}

/// Without systemd nobody reloads a server.
const RELOAD: &str = "sshd reads its settings when it is reloaded: kill -HUP its process\n";

fn stopped(text: &str) -> Failure {
    Failure::Stopped(text.to_owned())
}
