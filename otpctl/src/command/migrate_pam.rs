//! `otpctl migrate-pam`: our line for each line of pam_google_authenticator or pam_oath. Shows it, and changes nothing.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use otp_core::site::Site;

use crate::arguments::MigratePamArgs;
use crate::migrate::new_line::{NewLine, StackForm};
use crate::migrate::report::{MigrationReport, NotUnderstood, OtherLine};
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::stderr;
use crate::output::terminal::Terminal;
use crate::stack::findings::is_left_over;
use crate::stack::reader::{PamDirectories, StandIn};

pub(crate) fn migrate_pam(terminal: &mut Terminal, options: &MigratePamArgs) -> Result<(), Failure> {
    let original = original(&options.file, options.service.as_deref())?;
    let form = if options.both { StackForm::Both } else { StackForm::OursAlone };
    let policy = fs::read_to_string(Site::STANDARD.policy).unwrap_or_default();
    let report = MigrationReport::of(original, form, &policy);
    match OutputFormat::of(options.json) {
        OutputFormat::Json => terminal.json(&report)?,
        OutputFormat::Text if options.stack => {
            stack(terminal, &report.stack)?;
            not_carried_over(&report);
        }
        OutputFormat::Text => told(terminal, &report)?,
    }
    if !options.json {
        report.notes.iter().for_each(|note| stderr::note(&escaped(note)));
        report.not_understood.iter().for_each(|one| stderr::wrong(&escaped(&not_understood(one))));
        report
            .findings
            .iter()
            .for_each(|one| stderr::wrong(&format!("in the new stack: {}", escaped(&one.to_string()))));
    }
    let (odd, found) = (report.not_understood.len(), report.findings.len());
    match report.is_clean() {
        true => Ok(()),
        false => Err(Failure::Stopped(format!("not understood: {odd}, findings in the new stack: {found}"))),
    }
}

/// The file that is named: `-` is standard input, a word without a slash a service.
fn original(file: &Path, service: Option<&str>) -> Result<StandIn, Failure> {
    let shown = escaped(&file.to_string_lossy());
    let stopped = |error: io::Error| Failure::Stopped(format!("{shown}: {error}"));
    if file == Path::new("-") {
        let text = text(&mut io::stdin().lock()).map_err(stopped)?;
        let service = service.unwrap_or("standard-input").to_owned();
        return Ok(StandIn { service: checked(service)?, path: PathBuf::from("-"), text });
    }
    let is_path = file.components().count() > 1 || file.is_absolute();
    let path = match (is_path, file.to_str()) {
        (true, _) => std::path::absolute(file).map_err(stopped)?,
        (false, name) => name.and_then(|name| PamDirectories::standard().file(name)).ok_or_else(|| {
            Failure::Stopped(format!("{shown}: no PAM file has that name; wanted one, or a path such as ./{shown}"))
        })?,
    };
    if !fs::metadata(&path).map_err(stopped)?.is_file() {
        return Err(Failure::Stopped(format!("{shown}: not a regular file")));
    }
    let text = text(&mut fs::File::open(&path).map_err(stopped)?).map_err(stopped)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(StandIn { service: checked(service.map_or(name, str::to_owned))?, path, text })
}

/// A name under which libpam reads a file.
fn checked(service: String) -> Result<String, Failure> {
    let odd = |c: char| c.is_ascii_uppercase() || c.is_whitespace() || c.is_control() || c == '/';
    if service.is_empty() || service == "other" || service.contains(odd) || is_left_over(&service) {
        return Err(Failure::Usage(format!(
            "{} is not the name of a PAM service; use --service NAME, for example --service sshd",
            escaped(&service)
        )));
    }
    Ok(service)
}

fn text(from: &mut dyn Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err(io::Error::other(format!("more than {MOST} bytes; wanted a file of /etc/pam.d")));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("not UTF-8; wanted a file of /etc/pam.d"))
}

/// As it is to a file, unable to move a cursor on a screen.
fn stack(terminal: &mut Terminal, text: &str) -> Result<(), Failure> {
    match terminal.is_screen() {
        true => text.lines().try_for_each(|line| terminal.show_as_it_is(&format!("{}\n", tabs(line)))),
        false => terminal.show_as_it_is(text),
    }
}

fn tabs(line: &str) -> String {
    line.split('\t').map(escaped).collect::<Vec<_>>().join("\t")
}

fn told(terminal: &mut Terminal, report: &MigrationReport) -> Result<(), Failure> {
    let file = escaped(&report.file.to_string_lossy());
    if report.lines.is_empty() {
        return terminal.show(&format!("{file}: no line of pam_google_authenticator.so or pam_oath.so\n"));
    }
    for line in &report.lines {
        old_line(terminal, line)?;
    }
    for OtherLine { line, old, new } in &report.others {
        let why = match (old, new) {
            (Some(_), Some(_)) => format!("line {line}: its jump crosses lines that are added or removed"),
            (Some(_), None) => format!("line {line}: it was needed while both modules asked, and is removed"),
            (None, _) => format!("before line {line}: so that suspended users stay out even where nobody is asked"),
        };
        terminal.show(&format!("{file} {why}\n"))?;
        for (sign, text) in old.iter().map(|old| ('-', old)).chain(new.iter().map(|new| ('+', new))) {
            terminal.show_as_it_is(&format!("  {sign} {}\n", tabs(text)))?;
        }
        terminal.show("\n")?;
    }
    if let Some(policy) = &report.policy {
        terminal.show("/etc/otp/otp.toml\n")?;
        policy.lines().try_for_each(|line| terminal.show_as_it_is(&format!("  + {}\n", escaped(line))))?;
    }
    Ok(())
}

fn old_line(terminal: &mut Terminal, line: &NewLine) -> Result<(), Failure> {
    terminal.show(&format!("{} line {}\n", escaped(&line.file.to_string_lossy()), line.line))?;
    if !line.new.contains(&line.old) {
        terminal.show_as_it_is(&format!("  - {}\n", tabs(&line.old)))?;
    }
    for new in &line.new {
        let sign = if *new == line.old { ' ' } else { '+' };
        terminal.show_as_it_is(&format!("  {sign} {}\n", tabs(new)))?;
    }
    for option in &line.options {
        terminal.show(&format!("    {}\n", escaped(&option.told())))?;
    }
    terminal.show("\n")
}

/// Beside a stack that goes into a file.
fn not_carried_over(report: &MigrationReport) {
    for line in &report.lines {
        for option in line.options.iter().filter(|one| one.becomes.is_none()) {
            let file = line.file.to_string_lossy();
            stderr::note(&escaped(&format!("{file} line {}: {}", line.line, option.told())));
        }
    }
    if let Some(policy) = &report.policy {
        stderr::note(&format!("for /etc/otp/otp.toml:\n{}", policy.trim_end()));
    }
}

fn not_understood(one: &NotUnderstood) -> String {
    let line = one.line.map(|line| format!(" line {line}")).unwrap_or_default();
    format!("{}{line}: {}", one.file.display(), one.text)
}

/// Far more than any stack.
const MOST: u64 = 1 << 20;
