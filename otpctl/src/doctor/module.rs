//! The module itself: is it where libpam looks, root's alone, whole, with every library that it needs, and of this version?

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::finding::{DoctorFinding, path_word};
use super::host::ExaminedHost;
use super::ids::FindingId;
use super::report::Report;
use crate::stack::findings::Survey;
use crate::stack::modules::{MODULE, is_ours};
use crate::stack::words::Dialect;

pub(crate) fn look(_: &ExaminedHost, report: &mut Report) {
    let survey = Survey::standard();
    let (read, elsewhere) = places(&survey.modules.0);
    let is_wanted = || {
        let stacks = survey.services.names().into_iter().filter_map(|name| survey.services.read(&name, Dialect::New));
        stacks.into_iter().any(|stacks| stacks.lines.iter().any(is_ours))
    };
    if read.is_empty() && is_wanted() {
        report.add(missing(&survey.modules.0, elsewhere.first()));
    }
    for module in read {
        examine(&module, report);
    }
}

/// Modules that libpam finds, and those that lie where it does not look: without a module of Linux-PAM beside them.
fn places(directories: &[PathBuf]) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let found = directories.iter().map(|dir| dir.join(MODULE)).filter(|path| path.is_file());
    let real: BTreeSet<PathBuf> = found.filter_map(|path| path.canonicalize().ok()).collect();
    real.into_iter().partition(|path| path.parent().is_some_and(is_libpams))
}

/// /lib/security is looked at by Debian's libpam in any case.
fn is_libpams(dir: &Path) -> bool {
    dir.join("pam_permit.so").is_file() || dir.ends_with("lib/security")
}

fn missing(directories: &[PathBuf], elsewhere: Option<&PathBuf>) -> DoctorFinding {
    let id = FindingId::ModuleMissing;
    match (elsewhere, directories.iter().find(|dir| is_libpams(dir))) {
        (Some(found), Some(dir)) => {
            let what =
                format!("{} is where libpam does not look; its modules are in {}", found.display(), dir.display());
            let (from, to) = (path_word(found), path_word(&dir.join(MODULE)));
            DoctorFinding::run(id, what, format!("install -o root -g root -m 0644 {from} {to}"))
        }
        _ => DoctorFinding::decide(id, format!("no directory of PAM modules has {MODULE}"), INSTALL_IT, REINSTALL),
    }
}

fn examine(module: &Path, report: &mut Report) {
    let shown = module.display();
    match fs::metadata(module) {
        Ok(about) if about.uid() != 0 || about.mode() & 0o022 != 0 => {
            // Nothing loads what others can write, not even to look at it.
            return report.add(of_modes(FindingId::ModuleUntrusted, module, &about));
        }
        Ok(about) if about.mode() & 0o444 != 0o444 => {
            report.add(of_modes(FindingId::ModuleClosed, module, &about));
        }
        Ok(_) => {}
        Err(error) => return report.not_looked_at(&shown.to_string(), &error.to_string()),
    }
    match loaded(module) {
        Ok(faults) if faults.is_empty() => version(module, report),
        Ok(faults) => {
            let what = format!("{shown}: {}", faults.join("; "));
            report.add(DoctorFinding::decide(FindingId::ModuleDoesNotLoad, what, INSTALL_IT, REINSTALL));
        }
        Err(why) => report.not_looked_at(&format!("the libraries of {shown}"), &why),
    }
}

fn of_modes(id: FindingId, module: &Path, about: &fs::Metadata) -> DoctorFinding {
    let what = format!(
        "{}: owner {}, mode {:04o}; wanted owner 0, mode 0644",
        module.display(),
        about.uid(),
        about.mode() & 0o7777
    );
    let path = path_word(module);
    DoctorFinding::run(id, what, format!("chown root:root {path} && chmod 0644 {path}"))
}

/// Everything that the loader would miss, as ldd(1) tells it without running the module; an error where it cannot be asked.
fn loaded(module: &Path) -> Result<Vec<String>, String> {
    let mut ldd = Command::new("ldd");
    ldd.arg("-r").arg(module).env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C");
    let ldd = ldd.stdin(Stdio::null()).output();
    let done = match ldd {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err("there is no ldd".to_owned()),
        done => done.map_err(|error| format!("ldd: {error}"))?,
    };
    let said = format!("{}\n{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    Ok(faults(&said, &module.to_string_lossy()))
}

/// From the lines of `ldd -r`.
fn faults(said: &str, module: &str) -> Vec<String> {
    let fault = |line: &str| {
        let line = line.trim();
        if let Some(library) = line.strip_suffix("=> not found") {
            return Some(format!("the library {} is not there", library.trim()));
        }
        if line.contains("not a dynamic executable") || line.contains("exited with") || line.contains("invalid ELF") {
            return Some("it is not a loadable library".to_owned());
        }
        let needs = line.contains("not found (required by") && line.contains(module);
        needs.then(|| line.split(": ").last().unwrap_or(line).to_owned())
    };
    let found: BTreeSet<String> = said.lines().filter_map(fault).collect();
    let undefined = said.lines().filter(|line| line.starts_with("undefined symbol: ") && line.contains(module)).count();
    match (found.is_empty(), undefined) {
        (true, 1..) => vec![format!("{undefined} functions that it calls are in no library")],
        _ => found.into_iter().collect(),
    }
}

fn version(module: &Path, report: &mut Report) {
    let bytes = match fs::read(module) {
        Ok(bytes) => bytes,
        Err(error) => return report.not_looked_at(&module.display().to_string(), &error.to_string()),
    };
    let found = version_in(&bytes);
    if found.as_deref() != Some(env!("CARGO_PKG_VERSION")) {
        let found = found
            .map_or_else(|| "another version, which it does not name".to_owned(), |found| format!("version {found}"));
        let what = format!("{} is {found}; otpctl is version {}", module.display(), env!("CARGO_PKG_VERSION"));
        report.add(DoctorFinding::decide(FindingId::ModuleOfAnotherVersion, what, SAME_VERSION, REINSTALL));
    }
}

/// The version that the module carries: `pam_otp version 1.2.3`, up to the first byte that belongs to no version.
fn version_in(bytes: &[u8]) -> Option<String> {
    let at = bytes.windows(MARK.len()).position(|window| window == MARK)?;
    let rest = bytes.get(at + MARK.len()..)?;
    let end = rest.iter().position(|byte| !(byte.is_ascii_digit() || *byte == b'.')).unwrap_or(rest.len());
    rest.get(..end).and_then(|text| String::from_utf8(text.to_vec()).ok())
}

const MARK: &[u8] = b"pam_otp version ";
const REINSTALL: &str = "apt-get install --reinstall libpam-otp otp-enrolld";
const INSTALL_IT: &str =
    "the command is for Debian packages; elsewhere install pam_otp.so again in the same way as before";
const SAME_VERSION: &str = "install module, daemon and otpctl of one version, and end programs such as screen lockers that loaded the old module";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ldd_says_is_told_in_words() {
        let module = "/lib/security/pam_otp.so";
        let sound =
            "\tlinux-vdso.so.1 (0x1)\n\tlibpam.so.0 => /lib/libpam.so.0 (0x2)\n\t/lib64/ld-linux-x86-64.so.2 (0x3)\n\n";
        assert!(faults(sound, module).is_empty());
        let lost =
            format!("\tlibpam.so.0 => not found\nundefined symbol: pam_get_item, version LIBPAM_1.0\t({module})\n");
        assert_eq!(faults(&lost, module), ["the library libpam.so.0 is not there"]);
        let symbols = format!("undefined symbol: pam_x\t({module})\nundefined symbol: other\t(/lib/other.so)\n");
        assert_eq!(faults(&symbols, module), ["1 functions that it calls are in no library"]);
        let glibc = format!(
            "{module}: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.99' not found (required by {module})\n"
        );
        assert_eq!(faults(&glibc, module), ["version `GLIBC_2.99' not found (required by /lib/security/pam_otp.so)"]);
        for torn in ["\tnot a dynamic executable\n", "ldd: exited with unknown exit code (135)\n"] {
            assert_eq!(faults(torn, module), ["it is not a loadable library"]);
        }
    }

    #[test]
    fn the_version_ends_where_no_version_goes_on() {
        assert_eq!(version_in(b"\0x pam_otp version 0.10.2answered"), Some("0.10.2".to_owned()));
        assert_eq!(version_in(b"pam_otp version"), None);
    }
}
