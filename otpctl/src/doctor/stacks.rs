//! The stacks of PAM, by the one reader of them: everything that `otpctl config check` finds, with the command that mends it.

use std::collections::BTreeSet;
use std::path::Path;

use super::finding::{DoctorFinding, path_word};
use super::host::ExaminedHost;
use super::ids::FindingId;
use super::report::Report;
use crate::command::config::{cannot_rotate, idle_parts, no_service};
use crate::gate::marks::{PASSWORD_AFTER, PASSWORD_RULE};
use crate::stack::code::PamCode;
use crate::stack::finding::{FindingKind, StackFinding};
use crate::stack::findings::{Survey, own_arguments};
use crate::stack::modules::{MODULE, file_name, is_ours, resembles_ours};
use crate::stack::reader::{LineKind, PamDirectories, StackLine, Stage};
use crate::stack::walk::Walk;
use crate::stack::words::Dialect;
use otp_core::policy::WholePolicy;
use otp_system::screen::escape::shell_word;

pub(crate) fn look(host: &ExaminedHost, report: &mut Report) {
    let survey = Survey::standard();
    let found: BTreeSet<StackFinding> = survey.findings();
    for one in &found {
        of_check(one, &survey.services, report);
    }
    other(&survey.services, report);
    if let Ok(Some(policy)) = &host.policy {
        beside_the_policy(policy, &survey.services, report);
    }
}

/// Rules of otp.toml that no stack obeys.
fn beside_the_policy(policy: &WholePolicy, host: &PamDirectories, report: &mut Report) {
    for (service, what) in idle_parts(policy) {
        let command = format!("otpctl gate enable {}", shell_word(&service));
        report.add(DoctorFinding::decide(FindingId::PolicyForNobody, what, IDLE, command));
    }
    for what in no_service(policy) {
        report.add(DoctorFinding::decide(FindingId::PolicyForNobody, what, NO_SERVICE, "otpctl config edit"));
    }
    for (service, what) in cannot_rotate(policy) {
        let id = FindingId::RotationWithoutPasswordLine;
        report.add(match password_line(&service, host) {
            Some(command) => DoctorFinding::run(id, what, command),
            None => DoctorFinding::decide(id, what, BY_HAND, format!("otpctl explain root {}", shell_word(&service))),
        });
    }
}

/// The password line of ours, before the lines that change a password, as `otpctl gate` writes it.
fn password_line(service: &str, host: &PamDirectories) -> Option<String> {
    let path = host.file(service)?;
    let text = std::fs::read_to_string(&path).ok()?;
    let file = path_word(&path);
    let begins = ["password", "@include common-password"];
    Some(match text.lines().find_map(|line| begins.into_iter().find(|begin| line.starts_with(begin))) {
        Some(first) => format!(r"sed -i --follow-symlinks '0,/^{first}/s//{PASSWORD_RULE}\n&/' {file}"),
        None => format!(r"printf '%s\n' '{PASSWORD_RULE}' '{PASSWORD_AFTER}' >>{file}"),
    })
}

/// A finding of `config check`, with its way out.
fn of_check(one: &StackFinding, host: &PamDirectories, report: &mut Report) {
    let (what, line) = (one.to_string(), line_of(one, host));
    let service = shell_word(&one.service);
    let run = |id, script: Option<String>| match script {
        Some(command) => DoctorFinding::run(id, what.clone(), command),
        None => DoctorFinding::decide(id, what.clone(), BY_HAND, shown(one)),
    };
    let finding = match one.kind {
        // There is one module, and it is looked at by itself.
        FindingKind::NoSuchModule if line.as_ref().is_some_and(is_ours) => return,
        FindingKind::Unreadable | FindingKind::TooMany => return report.not_looked_at(&one.service, &what),
        FindingKind::RefusalIgnored => run(FindingId::StackLetsPast, set_control(one)),
        FindingKind::PassedOver => DoctorFinding::decide(FindingId::StackLetsPast, what, PUT_BACK, put_back(one, host)),
        FindingKind::PassedOverByExpiry => run(FindingId::StackPassedByExpiry, account_first(one, host)),
        FindingKind::NoAccountLine => run(FindingId::GateWithoutAccountLine, account_first(one, host)),
        FindingKind::NoSuchModule => run(FindingId::StackRefuses, line.as_ref().and_then(|line| spelt(one, line))),
        FindingKind::BadOption => {
            run(FindingId::StackRefuses, line.as_ref().and_then(|line| without_option(one, line)))
        }
        FindingKind::BadLine if line.as_ref().is_some_and(is_ours) => run(FindingId::StackRefuses, set_control(one)),
        FindingKind::BadLine => run(FindingId::StackRefuses, None),
        FindingKind::Refused => {
            let command = format!("otpctl explain root {service}");
            DoctorFinding::decide(FindingId::StackRefuses, what, INCLUDE, command)
        }
        FindingKind::PamConf => run(FindingId::GateIdle, Some("sed -i '/pam_otp/d' /etc/pam.conf".to_owned())),
        FindingKind::Capitals => run(FindingId::GateIdle, renamed(one)),
        FindingKind::NotRun => run(FindingId::GateIdle, None),
        FindingKind::Doubled => run(FindingId::CodeAskedTwice, sed(one, "d")),
        FindingKind::CodeFirst => DoctorFinding::decide(FindingId::CodeAskedFirst, what, PUT_BACK, put_back(one, host)),
        FindingKind::NoTwin => run(FindingId::GateWithoutTwin, lines_by_hand(one, host)),
    };
    report.add(finding);
}

/// The line that a finding is about.
fn line_of(one: &StackFinding, host: &PamDirectories) -> Option<StackLine> {
    let (file, number) = (one.file.as_ref()?, one.line?);
    let read = [Dialect::New, Dialect::Old].into_iter().filter_map(|libpam| host.read(&one.service, libpam));
    let mut lines = read.flat_map(|stacks| stacks.lines);
    lines.find(|line| line.place.file == *file && line.place.line == number)
}

/// `sed -i` with one action at the line of a finding.
fn sed(one: &StackFinding, action: &str) -> Option<String> {
    let (file, line) = (one.file.as_ref()?, one.line?);
    Some(format!("sed -i -E --follow-symlinks {} {}", shell_word(&format!("{line}{action}")), path_word(file)))
}

/// Makes the line `required`.
fn set_control(one: &StackFinding) -> Option<String> {
    let (stage, new) = ("^([[:space:]]*-?[[:alpha:]]+[[:space:]]+)", r"\1required");
    sed(one, &format!(r"{{s/{stage}\[[^]]*\]/{new}/;t;s/{stage}[^[:space:]]+/{new}/}}"))
}

/// Gives our module its name.
fn spelt(one: &StackFinding, line: &StackLine) -> Option<String> {
    let LineKind::Module { path, .. } = &line.kind else { return None };
    let name = file_name(path);
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    (plain && resembles_ours(path)).then(|| sed(one, &format!("s/{}/{MODULE}/", name.replace('.', r"\."))))?
}

/// Takes the one word out that the module refuses.
fn without_option(one: &StackFinding, line: &StackLine) -> Option<String> {
    let arguments = own_arguments(line)?;
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "_-=.".contains(c));
    let refused = arguments.iter().filter(|one| crate::options::Options::parse(&[one.as_c_str()]).is_err());
    let refused: Vec<&str> = refused.filter_map(|one| one.to_str().ok()).collect();
    match refused.as_slice() {
        [word] if plain(word) => sed(one, &format!(r"s/[[:space:]]+{}([[:space:]].*)?$/\1/", word.replace('.', r"\."))),
        _ => None,
    }
}

/// The account line of ours, before everything else of that stage.
fn account_first(one: &StackFinding, host: &PamDirectories) -> Option<String> {
    let file = host.file(&one.service)?;
    let text = std::fs::read_to_string(&file).ok()?;
    let others = text.lines().filter(|line| !line.contains(MODULE));
    let first = others.into_iter().find_map(|line| BEGINS.into_iter().find(|begin| line.starts_with(begin)))?;
    let stacks = host.read(&one.service, Dialect::New)?;
    let lines = stacks.stage(Stage::Account).into_iter().chain(stacks.stage(Stage::Auth));
    let options: Vec<String> = lines.filter(is_ours).find_map(|line| match line.kind {
        LineKind::Module { arguments, .. } => Some(arguments),
        _ => None,
    })?;
    let kept: Vec<&String> =
        options.iter().filter(|one| one.starts_with("config=") || one.starts_with("whose=")).collect();
    let plain = kept.iter().all(|one| one.chars().all(|c| c.is_ascii_alphanumeric() || "_-=./".contains(c)));
    plain.then_some(())?;
    let ours = kept.iter().fold(format!("account required {MODULE}"), |line, one| format!("{line} {one}"));
    let file = path_word(&file);
    Some(format!(
        r"sed -i --follow-symlinks '/^account[[:space:]].*pam_otp\.so/d' {file} && sed -i --follow-symlinks '0,/^{first}/s//{}\n&/' {file}",
        ours.replace('/', r"\/")
    ))
}

/// The lines of docs/hosts.md for a file of Debian's shape.
fn lines_by_hand(one: &StackFinding, host: &PamDirectories) -> Option<String> {
    let twin = crate::stack::findings::TWINS.iter().find_map(|(plain, login, _)| match one.service.as_str() {
        name if name == *plain => Some(*login),
        name if name == *login => Some(*plain),
        _ => None,
    })?;
    let file = host.file(twin)?;
    let text = std::fs::read_to_string(&file).ok()?;
    let has = |wanted: &str| text.lines().any(|line| line.trim_end() == wanted);
    (has("@include common-auth") && has("@include common-account")).then(|| {
        format!(
            r"sed -i --follow-symlinks -e 's/^@include common-auth[[:space:]]*$/&\nauth required {MODULE}/' -e 's/^@include common-account[[:space:]]*$/account required {MODULE}\n&/' {}",
            path_word(&file)
        )
    })
}

/// A file whose name no program asks for.
fn renamed(one: &StackFinding) -> Option<String> {
    let file = one.file.as_ref()?;
    let wanted = file.with_file_name(one.service.to_ascii_lowercase());
    (!wanted.exists()).then(|| format!("mv -n {} {}", path_word(file), path_word(&wanted)))
}

/// Our lines come out, and `otpctl gate` puts them where nothing passes them.
fn put_back(one: &StackFinding, host: &PamDirectories) -> String {
    let file = host.file(&one.service).unwrap_or_else(|| Path::new("/etc/pam.d").join(&one.service));
    let (file, service) = (path_word(&file), shell_word(&one.service));
    format!(r"sed -i --follow-symlinks '/pam_otp\.so/d' {file} && otpctl gate enable {service}")
}

/// The line as it is.
fn shown(one: &StackFinding) -> String {
    match (&one.file, one.line) {
        (Some(file), Some(line)) => format!("sed -n {line}p {}", path_word(file)),
        (Some(file), None) => format!("cat {}", path_word(file)),
        (None, _) => "otpctl config check".to_owned(),
    }
}

/// Does `other`, which stands for every service without a file, let somebody in whom no module knows?
fn other(host: &PamDirectories, report: &mut Report) {
    let Some(stacks) = host.read("other", Dialect::New).filter(|stacks| stacks.refused.is_none()) else { return };
    let stack = stacks.stage(Stage::Auth);
    let refuses = |line: &StackLine| match &line.kind {
        LineKind::Module { path, .. } if file_name(path) == "pam_permit.so" => PamCode::SUCCESS,
        LineKind::Module { path, .. } if SILENT.contains(&file_name(path)) => PamCode::IGNORE,
        _ => PamCode::AUTH_ERR,
    };
    let mut walk = Walk::begin();
    while let Some(line) = stack.get(walk.at) {
        walk = walk.after(&stack, refuses(line));
    }
    if walk.answer() == PamCode::SUCCESS {
        let file = stacks.files.first().map_or_else(String::new, |file| file.display().to_string());
        let what = format!("{file}: its auth lines let anybody in");
        report.add(DoctorFinding::decide(FindingId::OtherPermits, what, OTHER, OTHER_DENIES));
    }
}

/// The beginnings of the first line of an account stage.
const BEGINS: [&str; 2] = ["account", "@include common-account"];
/// Modules that neither ask nor refuse.
const SILENT: [&str; 4] = ["pam_env.so", "pam_faildelay.so", "pam_warn.so", "pam_cap.so"];
const BY_HAND: &str = "the command shows the line: correct it as described, with a root shell open in another \
                       window, and run `otpctl config check` again";
const PUT_BACK: &str = "the command removes the lines of pam_otp.so and lets otpctl put them where nothing skips \
                        them; it asks an admin for password and code. Keep a root shell open in another window";
const INCLUDE: &str = "the included file does not exist, or includes itself: correct the line; until then the \
                       service lets nobody in";
const IDLE: &str =
    "the command makes the service ask for codes; if you do not want that, remove its table from /etc/otp/otp.toml";
const NO_SERVICE: &str = "the command opens the policy in an editor: give the table the name of a file in /etc/pam.d";
const OTHER: &str = "the command makes it refuse everybody; a program that uses it then needs its own PAM file";
const OTHER_DENIES: &str = "printf '%s required pam_deny.so\\n' auth account password session >/etc/pam.d/other";
