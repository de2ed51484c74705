//! The mistakes in the stacks of this host, service by service.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString};
use std::fs;
use std::path::PathBuf;

use super::code::PamCode;
use super::explore::{Way, ways};
use super::finding::{FindingKind, StackFinding};
use super::modules::{MODULE, ModuleDirectories, file_name, is_ours, resembles_ours};
use super::reader::{LineKind, LinePlace, PamDirectories, ServiceStacks, StackLine, Stage};
use super::words::Dialect;
use crate::options::Options;

/// Where the stacks and modules of a host are.
pub(crate) struct Survey {
    pub services: PamDirectories,
    pub modules: ModuleDirectories,
    pub single_file: PathBuf,
}

/// A service as one libpam reads it.
struct Subject<'a> {
    name: &'a str,
    service: ServiceStacks,
    other: ServiceStacks,
}

const LIBPAMS: [Dialect; 2] = [Dialect::Old, Dialect::New];
/// Two services of one program. `sudo -i` and `su -` have one of their own.
pub(crate) const TWINS: [(&str, &str, &str); 2] = [("sudo", "sudo-i", "sudo -i"), ("su", "su-l", "su -")];
/// Programs that never run the account stage, or that let nobody in who was not in before.
pub(crate) const LOCKERS: [&str; 16] = [
    "i3lock",
    "swaylock",
    "waylock",
    "hyprlock",
    "gtklock",
    "xsecurelock",
    "vlock",
    "physlock",
    "xscreensaver",
    "light-locker",
    "xlock",
    "slock",
    "kde",
    "kscreenlocker",
    "gnome-screensaver",
    "cinnamon-screensaver",
];
/// Files that package managers and editors leave; no program has such a service.
const LEFTOVERS: [&str; 10] =
    ["~", ".bak", ".old", ".orig", ".save", ".swp", ".rpmnew", ".rpmsave", ".pam-old", ".pacnew"];

impl Survey {
    pub(crate) fn standard() -> Self {
        Self {
            services: PamDirectories::standard(),
            modules: ModuleDirectories::standard(),
            single_file: PathBuf::from("/etc/pam.conf"),
        }
    }

    /// Everything that is wrong, of every service that names our module or means to.
    pub(crate) fn findings(&self) -> BTreeSet<StackFinding> {
        let unlisted = self.services.unlisted().into_iter().map(|(directory, error)| StackFinding {
            service: "every service".to_owned(),
            stage: None,
            file: Some(directory),
            line: None,
            kind: FindingKind::Unreadable,
            text: format!("not looked at: {error}"),
        });
        LIBPAMS
            .into_iter()
            .flat_map(|libpam| self.as_read_by(libpam))
            .chain(unlisted)
            .chain(self.single_file())
            .collect()
    }

    fn as_read_by(&self, libpam: Dialect) -> BTreeSet<StackFinding> {
        let names: Vec<String> = self.services.names().into_iter().filter(|name| !is_left_over(name)).collect();
        let other = self.services.read("other", libpam).unwrap_or_default();
        let subject = |name| Some(Subject { name, service: self.services.read(name, libpam)?, other: other.clone() });
        let subjects: Vec<Subject<'_>> = names.iter().filter_map(|name| subject(name)).collect();
        let included: BTreeSet<&PathBuf> = subjects.iter().flat_map(|one| one.service.files.iter().skip(1)).collect();
        let mut found = BTreeSet::new();
        for one in &subjects {
            found.extend(self.words(one));
            if !one.is_part(&included) {
                found.extend(one.stacks());
            }
        }
        found.extend(twins(&subjects, &other));
        found.extend(names.iter().filter_map(|name| self.capitals(name, &included)));
        found
    }

    /// Names, options and lines that are misspelt.
    fn words(&self, one: &Subject<'_>) -> Vec<StackFinding> {
        let ours = one.names_ours();
        let mut found = Vec::new();
        for line in &one.service.lines {
            let finding = |kind, text: String| one.finding(Some(line.stage), Some(&line.place), kind, text);
            match &line.kind {
                LineKind::MustFail { why, text } if ours || text.to_ascii_lowercase().contains("otp") => {
                    found.push(finding(
                        FindingKind::BadLine,
                        format!("libpam cannot read it and fails there: {why}: {text}"),
                    ));
                }
                LineKind::Module { path, .. } if !self.modules.has(path) && (is_ours(line) || resembles_ours(path)) => {
                    let text = format!("there is no module {path:?}; wanted {MODULE}");
                    found.push(finding(FindingKind::NoSuchModule, text));
                }
                _ => {}
            }
            if let Some(why) = line.control.wrong.filter(|_| ours) {
                let text = format!("libpam cannot read the control, and treats every answer as a refusal: {why}");
                found.push(finding(FindingKind::BadLine, text));
            }
            if let LineKind::Module { path, arguments } = &line.kind
                && !is_ours(line)
                && arguments.iter().any(|word| file_name(word) == MODULE)
            {
                found.push(finding(FindingKind::NotRun, not_run(&format!("an argument of {path}"))));
            }
            if let Some(why) = refused_options(line) {
                found.push(finding(FindingKind::BadOption, format!("{MODULE} refuses the line, and everybody: {why}")));
            }
        }
        let meant = |words: &Vec<String>| words.iter().any(|word| file_name(word) == MODULE);
        let left = one.service.left_over.iter().filter(|(_, words)| meant(words));
        found.extend(left.map(|(place, _)| {
            one.finding(None, Some(place), FindingKind::NotRun, not_run("a word after the file that is included"))
        }));
        found.extend(one.reading());
        found
    }

    /// /etc/pam.conf is read where no directory of services is there, and nowhere else.
    fn single_file(&self) -> Option<StackFinding> {
        let meant =
            |text: &str| text.lines().any(|line| !line.trim_start().starts_with('#') && line.contains("pam_otp"));
        let text = fs::read(&self.single_file).ok()?;
        let why = match self.services.places.iter().find(|dir| dir.is_dir()) {
            Some(dir) => format!("no program reads it, because {} exists", dir.display()),
            None => "it is not looked at".to_owned(),
        };
        meant(&String::from_utf8_lossy(&text)).then(|| StackFinding {
            service: "every service".to_owned(),
            stage: None,
            file: Some(self.single_file.clone()),
            line: None,
            kind: FindingKind::PamConf,
            text: format!("{why}; wanted a file for each service in /etc/pam.d"),
        })
    }

    /// A file that nothing reads, though it names our module.
    fn capitals(&self, name: &str, included: &BTreeSet<&PathBuf>) -> Option<StackFinding> {
        let path = self.services.file(name).filter(|path| !included.contains(path))?;
        let meant = name.contains(|c: char| c.is_ascii_uppercase()) && mentions_ours(&path);
        let text = format!(
            "no program reads it: libpam writes every service in lower case; wanted {:?}",
            name.to_ascii_lowercase()
        );
        let finding = StackFinding {
            service: name.to_owned(),
            stage: None,
            file: Some(path),
            line: None,
            kind: FindingKind::Capitals,
            text,
        };
        meant.then_some(finding)
    }
}

impl Subject<'_> {
    fn finding(
        &self,
        stage: Option<Stage>,
        place: Option<&LinePlace>,
        kind: FindingKind,
        text: String,
    ) -> StackFinding {
        StackFinding {
            service: self.name.to_owned(),
            stage: stage.map(Stage::name),
            file: place.map(|place| place.file.clone()),
            line: place.map(|place| place.line),
            kind,
            text,
        }
    }

    fn names_ours(&self) -> bool {
        self.service.lines.iter().any(is_ours)
    }

    /// A part of others, such as common-auth, that no program has as its service.
    fn is_part(&self, included: &BTreeSet<&PathBuf>) -> bool {
        let whole = [Stage::Auth, Stage::Account]
            .into_iter()
            .all(|stage| self.service.lines.iter().any(|it| it.stage == stage));
        let known = TWINS.iter().any(|(plain, login, _)| self.name == *plain || self.name == *login);
        !whole && !known && self.service.files.first().is_some_and(|file| included.contains(file))
    }

    /// Where a service has no line, libpam takes those of `other`.
    fn stage(&self, stage: Stage) -> Vec<StackLine> {
        let own = self.service.stage(stage);
        if own.is_empty() { self.other.stage(stage) } else { own }
    }

    /// Files that libpam, or this account, cannot read.
    fn reading(&self) -> Option<StackFinding> {
        let meant = self.names_ours() || self.service.files.iter().any(mentions_ours);
        let (kind, text) = match (&self.service.unreadable, &self.service.refused) {
            (Some(what), _) => (FindingKind::Unreadable, format!("not looked at: {what}")),
            (None, Some(why)) if meant => {
                (FindingKind::Refused, format!("libpam refuses the service, and everybody: {why}"))
            }
            _ => return None,
        };
        Some(self.finding(None, None, kind, text))
    }

    /// Follows the lines as libpam does.
    fn stacks(&self) -> Vec<StackFinding> {
        let mut found = Vec::new();
        if self.service.refused.is_some() {
            return found;
        }
        for stage in [Stage::Auth, Stage::Account] {
            // Those of `other` are told of that service.
            let stack = self.service.stage(stage);
            if stack.iter().any(is_ours) {
                found.extend(self.ways(stage, &stack));
            }
        }
        let gated = self.service.stage(Stage::Auth).iter().any(is_ours);
        if gated && !LOCKERS.contains(&self.name) && !self.stage(Stage::Account).iter().any(is_ours) {
            let text = format!(
                "no account line has {MODULE}: suspended users pass where nobody is asked; wanted `account required {MODULE}`"
            );
            found.push(self.finding(Some(Stage::Account), None, FindingKind::NoAccountLine, text));
        }
        found
    }

    fn ways(&self, stage: Stage, stack: &[StackLine]) -> Vec<StackFinding> {
        let mut found = Vec::new();
        let (mut passed, mut ignored) = (BTreeMap::new(), BTreeMap::new());
        for way in ways(stack, self.name) {
            let (place, kind, text) = match way {
                Way::PassedOver { by, module, code } => {
                    passed.entry((by, module)).or_insert_with(Vec::new).push(code);
                    continue;
                }
                Way::RefusalIgnored { ours, code } => {
                    ignored.entry(ours).or_insert_with(Vec::new).push(code);
                    continue;
                }
                Way::PassedOverByExpiry { by, module } => (
                    Some(by),
                    FindingKind::PassedOverByExpiry,
                    format!(
                        "{module} skips {MODULE} when the password has expired, and suspended users pass where nobody is asked; wanted `account required {MODULE}` before it"
                    ),
                ),
                Way::Doubled { first, second } => (
                    Some(second),
                    FindingKind::Doubled,
                    format!(
                        "{MODULE} runs a second time, after {} line {}; wanted one line",
                        first.file.display(),
                        first.line
                    ),
                ),
                Way::CodeFirst { ours, module } => (
                    Some(ours),
                    FindingKind::CodeFirst,
                    format!(
                        "{MODULE} asks before {module}, so anybody can use up a user's guesses; wanted the code after the first factor"
                    ),
                ),
                Way::TooMany => (
                    None,
                    FindingKind::TooMany,
                    "this stack has too many paths to check; wanted a simpler one".to_owned(),
                ),
            };
            found.push(self.finding(Some(stage), place.as_ref(), kind, text));
        }
        for ((by, module), codes) in passed {
            let text = format!(
                "{module} with {} skips {MODULE} and lets users in without it; wanted `required` or `requisite`, or no jump beyond {MODULE}",
                spelt(&codes)
            );
            found.push(self.finding(Some(stage), Some(&by), FindingKind::PassedOver, text));
        }
        for (ours, codes) in ignored {
            let text = format!(
                "{MODULE} refuses with {}, and the stack lets the user in anyway; wanted `required {MODULE}`",
                spelt(&codes)
            );
            found.push(self.finding(Some(stage), Some(&ours), FindingKind::RefusalIgnored, text));
        }
        found
    }
}

fn not_run(what: &str) -> String {
    format!(
        "{MODULE} is {what} here, and nothing runs it; wanted a line of its own, and no backslash at the end of the line before"
    )
}

fn spelt(codes: &[PamCode]) -> String {
    codes.iter().map(|code| code.name()).collect::<Vec<_>>().join(", ")
}

/// One of the pair has our module, and the other has not.
fn twins(subjects: &[Subject<'_>], other: &ServiceStacks) -> Vec<StackFinding> {
    let gated = |name: &str| {
        let subject = subjects.iter().find(|one| one.name == name);
        subject.map_or_else(|| other.stage(Stage::Auth), |one| one.stage(Stage::Auth)).iter().any(is_ours)
    };
    let lacks = |with: &str, without: &str, command: &str| {
        let subject = subjects.iter().find(|one| one.name == with).filter(|_| gated(with) && !gated(without))?;
        let text = format!(
            "no auth line of the service {without:?} has {MODULE}, which `{command}` uses; wanted the lines of {with:?} there too"
        );
        Some(subject.finding(Some(Stage::Auth), None, FindingKind::NoTwin, text))
    };
    TWINS
        .iter()
        .flat_map(|(plain, login, command)| [lacks(plain, login, command), lacks(login, plain, plain)])
        .flatten()
        .collect()
}

pub(crate) fn is_left_over(name: &str) -> bool {
    name.starts_with('.')
        || LEFTOVERS.iter().any(|end| name.ends_with(end))
        || name.contains(".dpkg-")
        || name.contains(".ucf-")
}

fn mentions_ours(path: &PathBuf) -> bool {
    fs::read(path).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains("pam_otp"))
}

/// Why the module would refuse the options of this line, if it is ours.
fn refused_options(line: &StackLine) -> Option<String> {
    let arguments = own_arguments(line)?;
    let arguments: Vec<&CStr> = arguments.iter().map(CString::as_c_str).collect();
    match Options::parse(&arguments) {
        Ok(options) if options.watch && line.stage != Stage::Password => {
            Some("watch: only on a password line".to_owned())
        }
        read => read.err().map(|error| error.to_string()),
    }
}

/// The options of this line, as libpam gives them to the module, if it is ours.
pub(crate) fn own_arguments(line: &StackLine) -> Option<Vec<CString>> {
    let LineKind::Module { path, arguments } = &line.kind else { return None };
    let given = || arguments.iter().filter_map(|text| CString::new(text.as_str()).ok()).collect();
    (file_name(path) == MODULE).then(given)
}
