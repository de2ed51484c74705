//! What the PAM files of a service say of this module, as libpam would read them (pam.conf(5)), for `otpctl config check`:
//! a policy that no service obeys looks in order and protects nobody.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where libpam looks for services, the first first.
const DIRECTORIES: [&str; 2] = ["/etc/pam.d", "/usr/lib/pam.d"];
const MODULE: &str = "pam_otp.so";
/// Files that include files; more is a circle.
const DEEPEST: usize = 16;

/// The stages in which a service runs this module.
pub(crate) struct Stages(BTreeSet<String>);

impl Stages {
    /// Of this service; `None` if there is no file for it. libpam writes every service in small letters before it looks.
    pub(crate) fn of(service: &str) -> Option<Self> {
        let path = file(service).filter(|_| !service.contains(|c: char| c.is_ascii_uppercase()))?;
        let mut stages = BTreeSet::new();
        collect(&path, None, DEEPEST, &mut stages);
        Some(Self(stages))
    }

    /// Is the module run at all?
    pub(crate) fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Is the module run in this stage: `auth`, `account`, `password`, `session`?
    pub(crate) fn has(&self, stage: &str) -> bool {
        self.0.contains(stage)
    }
}

fn file(service: &str) -> Option<PathBuf> {
    let plain = !service.is_empty() && !service.contains('/') && service != "." && service != "..";
    plain.then(|| included(service)).flatten()
}

/// The file that a line includes, which may be named by a path.
fn included(name: &str) -> Option<PathBuf> {
    DIRECTORIES.iter().map(|dir| Path::new(dir).join(name)).find(|path| path.is_file())
}

/// Lines as libpam puts them together: a backslash at the end goes on with the next, what stands behind a # is nothing, and
/// neither goes on nor ends what goes on.
fn lines(text: &str) -> Vec<String> {
    let (mut lines, mut begun) = (Vec::new(), String::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (line, whole) = match (line.split_once('#'), line.strip_suffix('\\')) {
            (Some((before, _)), _) => (before, true),
            (None, Some(before)) => (before, false),
            (None, None) => (line, true),
        };
        begun.push_str(line);
        begun.push(' ');
        if whole {
            lines.push(std::mem::take(&mut begun));
        }
    }
    lines.push(begun);
    lines
}

/// Adds what the file says, of one stage or of all.
fn collect(path: &Path, only: Option<&str>, depth: usize, stages: &mut BTreeSet<String>) {
    let Some(deeper) = depth.checked_sub(1) else { return };
    let text = fs::read(path).unwrap_or_default();
    for line in lines(&String::from_utf8_lossy(&text)) {
        let line = line.trim_start_matches('-');
        let mut words = line.split_whitespace();
        let Some(stage) = words.next().map(str::to_ascii_lowercase) else { continue };
        if stage == "@include" {
            words.next().and_then(included).iter().for_each(|path| collect(path, only, deeper, stages));
            continue;
        }
        if only.is_some_and(|only| only != stage) {
            continue;
        }
        let rest = line.get(stage.len()..).unwrap_or_default();
        match words.next().map(str::to_ascii_lowercase).as_deref() {
            Some("include" | "substack") => {
                words.next().and_then(included).iter().for_each(|path| collect(path, Some(&stage), deeper, stages));
            }
            _ if names_module(rest) => drop(stages.insert(stage)),
            _ => {}
        }
    }
}

/// The module comes after the control, which may be words in brackets.
fn names_module(rest: &str) -> bool {
    let rest = rest.trim_start();
    let after = match rest.strip_prefix('[') {
        Some(bracket) => bracket.split_once(']').map_or("", |(_, after)| after),
        None => rest.split_once(char::is_whitespace).map_or("", |(_, after)| after),
    };
    let module = after.split_whitespace().next().unwrap_or_default();
    Path::new(module).file_name().is_some_and(|name| name == MODULE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_runs_the_module_is_found_whatever_its_control() {
        for yes in [
            "  required pam_otp.so",
            " [success=1 default=ignore] pam_otp.so debug",
            "\trequired\t/usr/lib/security/pam_otp.so",
        ] {
            assert!(names_module(yes), "{yes:?}");
        }
        for no in [" required pam_unix.so", " required pam_otp.so.old", " required", "", " include pam_otp"] {
            assert!(!names_module(no), "{no:?}");
        }
    }

    #[test]
    fn a_name_that_is_no_plain_file_name_is_no_service() {
        for odd in ["", ".", "..", "../passwd", "a/b"] {
            assert!(file(odd).is_none(), "{odd:?}");
        }
    }
}
