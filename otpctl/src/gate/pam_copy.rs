//! A directory of PAM as it would be: the new files under the services' own names, and links to everything else. The reader of
//! stacks reads it, and libpam runs it. It is gone when the command ends.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::unistd::mkdtemp;

use crate::stack::finding::StackFinding;
use crate::stack::findings::Survey;
use crate::stack::modules::ModuleDirectories;
use crate::stack::reader::{PamDirectories, ServiceStacks};
use crate::stack::words::Dialect;

/// Files that are put there come first.
pub(crate) const PAM_D: &str = "/etc/pam.d";

pub(crate) struct PamCopy(PathBuf);

/// Only root makes files there, and nothing survives a reboot.
const PLACE: &str = "/run/otp-gate-XXXXXX";

impl PamCopy {
    /// As the host is now.
    pub(super) fn of(host: &PamDirectories) -> io::Result<Self> {
        let it = Self(mkdtemp(PLACE)?);
        for directory in &host.0 {
            let entries = match fs::read_dir(directory) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                match symlink(entry.path(), it.0.join(entry.file_name())) {
                    Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                    _ => {} // one of an earlier directory, which comes first for libpam too
                }
            }
        }
        Ok(it)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Gives a service this text.
    pub(crate) fn put(&self, service: &str, text: &str) -> io::Result<()> {
        let path = self.0.join(service);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => fs::write(path, text),
        }
    }

    /// The stacks of a service that has a file, as this libpam reads them.
    pub(super) fn read(&self, service: &str, dialect: Dialect) -> Option<ServiceStacks> {
        self.directories().read(service, dialect)
    }

    /// The mistakes in a service, each file by the name that it has on the host.
    pub(super) fn findings(&self, service: &str) -> BTreeSet<StackFinding> {
        let survey = Survey {
            services: self.directories(),
            modules: ModuleDirectories::standard(),
            single_file: PathBuf::new(),
        };
        let of_it = survey.findings().into_iter().filter(|finding| finding.service == service);
        of_it.map(|finding| StackFinding { file: finding.file.map(|file| self.on_the_host(file)), ..finding }).collect()
    }

    fn on_the_host(&self, file: PathBuf) -> PathBuf {
        match (fs::read_link(&file), file.strip_prefix(&self.0)) {
            (Ok(real), Ok(_)) => real,
            (Err(_), Ok(name)) => Path::new(PAM_D).join(name),
            _ => file,
        }
    }

    fn directories(&self) -> PamDirectories {
        PamDirectories(vec![self.0.clone()])
    }
}

impl Drop for PamCopy {
    fn drop(&mut self) {
        // A leftover is links and copies of what everybody may read, and goes at a reboot.
        let _ = fs::remove_dir_all(&self.0);
    }
}
