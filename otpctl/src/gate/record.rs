//! Records of gates: every change, so that it can be undone. A root-owned file for each gate in /etc/otp/gates, whose name
//! says how it stands: `SERVICE.pending` is undone unless somebody confirms it, `SERVICE.gate` is in force.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use otp_core::vault::{Readers, VaultError, read_root_file};
use otp_core::{public_dir, root_file};
use serde::{Deserialize, Serialize};

use super::admin::Acceptances;
use super::planned_file::PlannedFile;
use crate::output::escape::escaped;
use crate::output::failure::Failure;

/// How a gate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum GateState {
    /// Undone unless somebody confirms it.
    Pending,
    InForce,
}

/// The files that were changed for a gate, when and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GateRecord {
    version: u32,
    pub service: String,
    pub files: Vec<PlannedFile>,
    /// Unix time.
    pub made: u64,
    pub by: String,
    /// The uid of the admin who proved it.
    pub admin: u32,
    /// The login session that `enable` ran in; none outside of any.
    pub session: Option<u32>,
    /// The newest login session that was open when the files had changed: a later one has a higher number.
    #[serde(default)]
    pub newest_session: Option<u32>,
    /// The codes of that admin that had been accepted before the change.
    pub accepted: Acceptances,
    /// When it is undone; none if it waits for nobody.
    pub until: Option<u64>,
}

/// Held while a gate changes, and never while somebody types.
pub(crate) struct GateLock(#[expect(dead_code, reason = "held until it is dropped")] Flock<File>);

pub(crate) const GATES: &str = "/etc/otp/gates";
const VERSION: u32 = 1;
/// Longer than two PAM files with everything that is known of them.
const CAP: usize = 1024 * 1024;

impl GateState {
    const ALL: [Self; 2] = [Self::Pending, Self::InForce];

    fn ending(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InForce => "gate",
        }
    }

    fn path(self, service: &str) -> PathBuf {
        Path::new(GATES).join(format!("{service}.{}", self.ending()))
    }
}

/// How a gate was proved.
pub(crate) struct GateProof {
    pub admin: u32,
    pub accepted: Acceptances,
    pub session: Option<u32>,
    pub by: String,
}

impl GateRecord {
    pub(crate) fn new(service: &str, files: Vec<PlannedFile>, proof: GateProof, times: (u64, Option<u64>)) -> Self {
        let GateProof { admin, accepted, session, by } = proof;
        let ((made, until), service) = (times, service.to_owned());
        Self { version: VERSION, service, files, made, by, admin, session, newest_session: None, accepted, until }
    }

    /// In force, together with the files that an earlier change of the same gate has made.
    pub(crate) fn write_with_earlier(&self, lock: &GateLock) -> Result<(), Failure> {
        let mut whole = self.clone();
        let earlier = read(&self.service, GateState::InForce)?.map(|earlier| earlier.files).unwrap_or_default();
        for file in earlier {
            match whole.files.iter_mut().find(|mine| mine.path == file.path) {
                // A change of a change: undone, it is what was there before both.
                Some(mine) if mine.before.as_ref() == Some(&file.after) => mine.before = file.before,
                Some(_) => {}
                None => whole.files.push(file),
            }
        }
        whole.write(GateState::InForce, lock)
    }

    /// On disk when this returns.
    pub(crate) fn write(&self, state: GateState, _: &GateLock) -> Result<(), Failure> {
        let (path, aside) = (state.path(&self.service), Path::new(GATES).join(ASIDE));
        let text = serde_json::to_string(self).map_err(|error| at(&path, &error.into()))?;
        root_file::replace(&path, &aside, &text, 0o600).map_err(|error| at(&path, &error))
    }
}

/// The record of this gate, if it stands so.
pub(crate) fn read(service: &str, state: GateState) -> Result<Option<GateRecord>, Failure> {
    let path = state.path(service);
    let bytes = match read_root_file(&path, CAP, Readers::RootAlone) {
        Err(VaultError::Missing(_)) => return Ok(None),
        read => read.map_err(|error| stopped(&error.to_string()))?,
    };
    let read: Result<GateRecord, _> = serde_json::from_slice(&bytes);
    let record = read.map_err(|error| stopped(&format!("{}: {error}", path.display())))?;
    match record.version {
        VERSION => Ok(Some(record)),
        found => Err(stopped(&format!("{}: version {found}; wanted {VERSION}", path.display()))),
    }
}

/// The names of all gates that have a record.
pub(crate) fn all() -> Result<Vec<String>, Failure> {
    let entries = match fs::read_dir(GATES) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| at(Path::new(GATES), &error))?,
    };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let gates = |name: String| {
        let (service, ending) = name.rsplit_once('.')?;
        let known = !service.starts_with('.') && GateState::ALL.iter().any(|state| state.ending() == ending);
        known.then(|| service.to_owned())
    };
    let mut found: Vec<String> = names.filter_map(gates).collect();
    found.sort();
    found.dedup();
    Ok(found)
}

/// The gate that waits is in force from now on, also after a crash.
pub(crate) fn confirm(pending: &GateRecord, lock: &GateLock) -> Result<(), Failure> {
    if read(&pending.service, GateState::InForce)?.is_some() {
        pending.write_with_earlier(lock)?;
        return remove(&pending.service, GateState::Pending, lock);
    }
    let path = GateState::Pending.path(&pending.service);
    let renamed = fs::rename(&path, GateState::InForce.path(&pending.service)).and_then(|()| sync());
    renamed.map_err(|error| at(&path, &error))
}

/// There is no record any more of a gate that stands so.
pub(crate) fn remove(service: &str, state: GateState, _: &GateLock) -> Result<(), Failure> {
    let path = state.path(service);
    match fs::remove_file(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed.and_then(|()| sync()).map_err(|error| at(&path, &error)),
    }
}

/// One at a time. It is waited for: nobody types while it is held.
pub(crate) fn lock() -> Result<GateLock, Failure> {
    let (gates, path) = (Path::new(GATES), Path::new(GATES).join(LOCK));
    let made = public_dir::make(gates.parent().unwrap_or(gates)).and_then(|()| {
        match DirBuilder::new().mode(0o700).create(gates) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            made => made.and_then(|()| File::open(gates.parent().unwrap_or(gates))?.sync_all()),
        }
    });
    made.map_err(|error| at(gates, &error))?;
    let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let file = opened.map_err(|error| at(&path, &error))?;
    let locked = Flock::lock(file, FlockArg::LockExclusive);
    locked.map(GateLock).map_err(|(_, errno)| at(&path, &errno.into()))
}

fn sync() -> io::Result<()> {
    File::open(GATES)?.sync_all()
}

fn at(path: &Path, error: &io::Error) -> Failure {
    stopped(&format!("{}: {error}", path.display()))
}

fn stopped(text: &str) -> Failure {
    Failure::Stopped(escaped(text))
}

const LOCK: &str = ".lock";
const ASIDE: &str = ".new";
