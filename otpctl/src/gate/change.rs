//! The steps of a change, in their order. The record is on disk and the timer runs before a file changes, so that whatever ends
//! this process leaves the old stack, or the new one with a way back.

use std::io;
use std::path::PathBuf;

use otp_core::accounts::account_of;

use super::admin::Acceptances;
use super::marks::without_gate;
use super::planned_file::PlannedFile;
use super::record::{self, GateLock, GateRecord, GateState};
use super::swap::FileState;
use super::{rollback, sshd, sudoers};
use crate::output::escape::escaped;
use crate::output::failure::Failure;

/// May a file that somebody has changed since be changed back?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangedFiles {
    Refuse,
    /// Our lines are taken out of it; the rest stays.
    TakeOurLines,
}

/// Makes the change. One that fails in the middle is undone at once.
pub(crate) fn enable(gate: &GateRecord) -> Result<(), Failure> {
    let lock = record::lock()?;
    none_waits(&gate.service)?;
    for file in &gate.files {
        if file.state().map_err(|error| at(file, &error))? != FileState::Before {
            let path = file.path.display();
            return Err(stopped(&format!(
                "{path}: somebody has changed it since it was tested; nothing was written; run this again"
            )));
        }
    }
    let earlier = record::read(&gate.service, GateState::InForce)?;
    let done = match gate.until {
        Some(_) => waiting(gate, &lock),
        None => gate.write_with_earlier(&lock).and_then(|()| gate_files(gate)),
    };
    done.map_err(|failure| match undo_files(gate).and_then(|()| forget(gate, earlier.as_ref(), &lock)) {
        Ok(()) => failure,
        Err(also) => stopped(&format!("{failure}; the change could not be undone: {also}")),
    })
}

/// Refuses a second change of a gate whose first one waits: its record would take the place of the only way back of the first. One
/// that was killed before it changed a file needs no way back.
pub(crate) fn none_waits(service: &str) -> Result<(), Failure> {
    let Some(pending) = record::read(service, GateState::Pending)? else { return Ok(()) };
    for file in &pending.files {
        if file.state().map_err(|error| at(file, &error))? != FileState::Before {
            return Err(stopped(&format!(
                "a change of {service} is already waiting; nothing was changed. First run `otpctl gate confirm \
                 {service}` or `otpctl gate disable {service}`"
            )));
        }
    }
    Ok(())
}

/// As if the change had not been begun.
fn forget(gate: &GateRecord, earlier: Option<&GateRecord>, lock: &GateLock) -> Result<(), Failure> {
    match (gate.until, earlier) {
        (Some(_), _) => {
            rollback::disarm(&gate.service);
            record::remove(&gate.service, GateState::Pending, lock)
        }
        (None, Some(earlier)) => earlier.write(GateState::InForce, lock),
        (None, None) => record::remove(&gate.service, GateState::InForce, lock),
    }
}

fn waiting(gate: &GateRecord, lock: &GateLock) -> Result<(), Failure> {
    gate.write(GateState::Pending, lock)?;
    rollback::arm(&gate.service)?;
    // Without the second name, on a file system that has none, the way back wants some room on the disk.
    gate.files.iter().for_each(|file| drop(file.keep()));
    gate_files(gate)?;
    since_the_swap(gate)?.write(GateState::Pending, lock)
}

/// With what is confirmed only by something later: the codes that were accepted so far, and the login sessions that are open.
fn since_the_swap(gate: &GateRecord) -> Result<GateRecord, Failure> {
    let admin = account_of(gate.admin).ok().flatten();
    let admin = admin.ok_or_else(|| stopped(&format!("no account has the uid {} any more", gate.admin)))?;
    let mut since = gate.clone();
    (since.accepted, since.newest_session) = (Acceptances::of(&admin)?, rollback::newest_session());
    Ok(since)
}

fn gate_files(gate: &GateRecord) -> Result<(), Failure> {
    gate.files.iter().try_for_each(|file| file.gate().map_err(|error| at(file, &error)))?;
    if let Some(drop_in) = gate.files.iter().find(|file| sshd::is_drop_in(file)) {
        sshd::verify(drop_in)?;
        sshd::reload();
    }
    if gate.files.iter().any(sudoers::is_drop_in) {
        sudoers::verify()?;
    }
    Ok(())
}

/// The gate that waits is in force.
pub(crate) fn confirm(pending: &GateRecord) -> Result<(), Failure> {
    let lock = record::lock()?;
    if record::read(&pending.service, GateState::Pending)?.as_ref() != Some(pending) {
        return Err(stopped("the gate has been undone or made again in the meantime; nothing was confirmed"));
    }
    pending.files.iter().try_for_each(still_gated)?;
    record::confirm(pending, &lock)?;
    rollback::disarm(&pending.service);
    // A leftover is the file as it was, under a name that nothing reads.
    pending.files.iter().for_each(|file| drop(file.forget()));
    Ok(())
}

/// Undoes the gate that waits; `None` if none does.
pub(crate) fn undo_pending(service: &str) -> Result<Option<GateRecord>, Failure> {
    let lock = record::lock()?;
    let Some(gate) = record::read(service, GateState::Pending)? else { return Ok(None) };
    undo_files(&gate)?;
    record::remove(service, GateState::Pending, &lock)?;
    Ok(Some(gate))
}

/// A gate that is undone.
#[derive(Debug, Default)]
pub(crate) struct UndoneGate {
    pub files: Vec<PlannedFile>,
    /// Files of a gate in force that somebody has removed, with their package perhaps. They stay so.
    pub gone: Vec<PathBuf>,
}

/// Takes out what all changes of this gate have put in; `None` if there is no such gate.
pub(crate) fn disable(service: &str, changed: ChangedFiles) -> Result<Option<UndoneGate>, Failure> {
    let lock = record::lock()?;
    let mut undone: Option<UndoneGate> = None;
    for state in [GateState::Pending, GateState::InForce] {
        let Some(mut gate) = record::read(service, state)? else { continue };
        let so_far = undone.get_or_insert_default();
        if state == GateState::InForce {
            let is_gone = |file: &mut PlannedFile| matches!(file.state(), Ok(FileState::Gone));
            so_far.gone.extend(gate.files.extract_if(.., is_gone).map(|file| file.path));
        }
        if changed == ChangedFiles::Refuse {
            gate.files.iter().try_for_each(unchanged_since)?;
        }
        undo_files(&gate)?;
        record::remove(service, state, &lock)?;
        so_far.files.extend(gate.files);
    }
    rollback::disarm(service);
    Ok(undone)
}

/// The last change first, as far as it goes: a file that fails keeps no other one from being undone.
fn undo_files(gate: &GateRecord) -> Result<(), Failure> {
    let undone: Vec<_> = gate.files.iter().rev().map(|file| file.undo().map_err(|error| at(file, &error))).collect();
    if gate.files.iter().any(sshd::is_drop_in) {
        sshd::reload();
    }
    undone.into_iter().collect()
}

/// Only our own lines may have gone meanwhile, for then there is nothing to take out. A file that is gone is put back.
fn unchanged_since(file: &PlannedFile) -> Result<(), Failure> {
    match file.state().map_err(|error| at(file, &error))? {
        FileState::Emptied => Err(stopped(&format!(
            "{}: no PAM line is left in it since it was gated; nothing was changed. --force restores the file as it \
             was before the gate",
            file.path.display()
        ))),
        FileState::Changed(text) if without_gate(&text, file.before.as_deref()) != text => {
            let (path, changes) = (file.path.display(), changes(&file.after, &text).join("; "));
            Err(stopped(&format!(
                "{path}: changed since it was gated: {changes}; nothing was changed. --force removes the lines of \
                 otpctl gate and keeps the others"
            )))
        }
        _ => Ok(()),
    }
}

/// Only a file that was proved may stay: nobody has proved another text.
fn still_gated(file: &PlannedFile) -> Result<(), Failure> {
    let changed = |now: &str| format!("changed since it was gated: {}", changes(&file.after, now).join("; "));
    let what = match file.state().map_err(|error| at(file, &error))? {
        FileState::Gated => return Ok(()),
        FileState::Gone => "gone since it was gated".to_owned(),
        FileState::Emptied => "empty since it was gated".to_owned(),
        FileState::Before => changed(file.before.as_deref().unwrap_or_default()),
        FileState::Changed(text) => changed(&text),
    };
    let path = file.path.display();
    Err(stopped(&format!(
        "{path}: {what}; nothing was confirmed. Put it back, or disable the gate and enable it again"
    )))
}

/// The lines that only one of two texts has.
fn changes(then: &str, now: &str) -> Vec<String> {
    let only = |one: &str, other: &str, what: &str| -> Vec<String> {
        let mut left: Vec<&str> = other.lines().collect();
        let mut found = Vec::new();
        for (number, line) in (1..).zip(one.lines()) {
            match left.iter().position(|same| *same == line) {
                Some(at) => drop(left.swap_remove(at)),
                None => found.push(format!("line {number} {what}: {line}")),
            }
        }
        found
    };
    let mut all = only(now, then, "is new");
    all.extend(only(then, now, "is gone"));
    if all.is_empty() { vec!["the order of its lines".to_owned()] } else { all }
}

fn at(file: &PlannedFile, error: &io::Error) -> Failure {
    stopped(&format!("{}: {error}", file.path.display()))
}

fn stopped(text: &str) -> Failure {
    Failure::Stopped(escaped(text))
}
