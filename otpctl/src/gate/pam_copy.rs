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
        for directory in &host.places {
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

    /// Debian's libpam looks for included files in /etc/pam.d, whatever the directory of the services: those of these services that
    /// have changed here are included by their path. No file but the copy's has such a line.
    pub(super) fn include_by_path(&self, services: &[String]) -> io::Result<()> {
        let changed: Vec<&String> = services.iter().filter(|name| !self.0.join(name).is_symlink()).collect();
        for service in services {
            let text = fs::read_to_string(self.0.join(service))?;
            let by_path: String = text.split_inclusive('\n').map(|line| self.by_path(line, &changed)).collect();
            if by_path != text {
                self.put(service, &by_path)?;
            }
        }
        Ok(())
    }

    fn by_path(&self, line: &str, changed: &[&String]) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let including = |word: &str| word.eq_ignore_ascii_case("include") || word.eq_ignore_ascii_case("substack");
        let (before, name) = match words.as_slice() {
            ["@include", name] => ("@include".to_owned(), name),
            [stage, control, name] if including(control) => (format!("{stage} {control}"), name),
            _ => return line.to_owned(),
        };
        match changed.iter().any(|one| one == name) {
            true => format!("{before} {}\n", self.0.join(name).display()),
            false => line.to_owned(),
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

    /// A text with each file of the copy by the name that it has on the host: the copy is gone when the text is read.
    pub(super) fn told(&self, text: &str) -> String {
        let here = format!("{}/", self.0.display());
        let mut parts = text.split(&here);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |told, part| {
            let (name, rest) = part.split_at(part.find([' ', ':']).unwrap_or(part.len()));
            format!("{told}{}{rest}", self.on_the_host(self.0.join(name)).display())
        })
    }

    fn on_the_host(&self, file: PathBuf) -> PathBuf {
        match (fs::read_link(&file), file.strip_prefix(&self.0)) {
            (Ok(real), Ok(_)) => real,
            (Err(_), Ok(name)) => Path::new(PAM_D).join(name),
            _ => file,
        }
    }

    fn directories(&self) -> PamDirectories {
        PamDirectories::of(vec![self.0.clone()])
    }
}

impl Drop for PamCopy {
    fn drop(&mut self) {
        // A leftover is links and copies of what everybody may read, and goes at a reboot.
        let _ = fs::remove_dir_all(&self.0);
    }
}
