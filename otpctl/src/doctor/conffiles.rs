//! Files that package managers leave beside a file that both an admin and a package have changed: in the directories of PAM and in
//! /etc/otp. A gate that a package has replaced by its own file asks nobody.

use std::fs;
use std::path::{Path, PathBuf};

use super::finding::{DoctorFinding, path_word};
use super::host::ExaminedHost;
use super::ids::FindingId;
use super::report::Report;

pub(crate) fn look(_: &ExaminedHost, report: &mut Report) {
    for place in PLACES {
        let entries = match fs::read_dir(place) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                report.not_looked_at(place, &error.to_string());
                continue;
            }
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for (left, file) in paths.iter().filter_map(|path| Some((path, left_by_a_package(path)?))) {
            report.add(finding(left, &file));
        }
    }
}

/// The file beside which this one was left.
fn left_by_a_package(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let base = ENDS.iter().find_map(|end| name.strip_suffix(end)).filter(|base| !base.is_empty())?;
    Some(path.with_file_name(base))
}

fn finding(left: &Path, file: &Path) -> DoctorFinding {
    let shown = |path: &Path| path_word(path);
    if asks(left) && file.is_file() && !asks(file) {
        let what = format!("{} asks for a code, but {}, which is in use, does not", left.display(), file.display());
        let command = format!("mv -f {} {}", shown(left), shown(file));
        return DoctorFinding::decide(FindingId::GateReplaced, what, REPLACED, command);
    }
    let what = format!("{}: left by a package beside {}", left.display(), file.display());
    DoctorFinding::decide(FindingId::ConffileLeftover, what, COMPARE, format!("rm {}", shown(left)))
}

/// Has it a line of our module?
fn asks(path: &Path) -> bool {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    text.lines().any(|line| !line.trim_start().starts_with('#') && line.contains("pam_otp.so"))
}

const PLACES: [&str; 3] = ["/etc/pam.d", "/etc/otp", "/etc/otp/emergency"];
const ENDS: [&str; 10] = [
    ".dpkg-dist",
    ".dpkg-old",
    ".dpkg-new",
    ".dpkg-bak",
    ".ucf-dist",
    ".ucf-old",
    ".ucf-new",
    ".rpmnew",
    ".rpmsave",
    ".pacnew",
];
const REPLACED: &str = "compare the two with diff(1); the command puts the file back that asks for a code. If the package changed other lines as well, run `otpctl gate disable` and `otpctl gate enable` for the service instead";
const COMPARE: &str =
    "compare the two with diff(1) and merge what you want to keep; the command then removes the leftover";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_told_from_files_by_their_ends() {
        let base = |name: &str| left_by_a_package(&Path::new("/etc/pam.d").join(name));
        assert_eq!(base("sudo.dpkg-dist"), Some(PathBuf::from("/etc/pam.d/sudo")));
        assert_eq!(base("sudo.ucf-old"), Some(PathBuf::from("/etc/pam.d/sudo")));
        assert_eq!(base("otp.toml.rpmnew"), Some(PathBuf::from("/etc/pam.d/otp.toml")));
        for name in ["sudo", "sudo-dpkg", ".dpkg-dist", "rpmnew"] {
            assert_eq!(base(name), None, "{name}");
        }
    }
}
