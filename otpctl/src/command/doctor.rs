//! `otpctl doctor`: looks at this host, and tells what it found to a person, a monitoring system or Prometheus.

use nix::sys::prctl;
use otp_core::environment::Clock as _;

use crate::arguments::DoctorArgs;
use crate::doctor::gravity::Gravity;
use crate::doctor::host::{ExaminedHost, Looker};
use crate::doctor::report::{COMMAND, Report};
use crate::doctor::{examine, textfile};
use crate::machine::Machine;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;
use crate::policy_path::whole_path;

pub(crate) fn run(terminal: &mut Terminal, options: &DoctorArgs) -> Result<(), Failure> {
    let Some(looker) = Looker::caller() else {
        return unknown(terminal, "otpctl doctor is for root and members of the group otp-viewer");
    };
    // The host key is read to see whether it is the right one.
    prctl::set_dumpable(false).map_err(std::io::Error::from)?;
    let report = examine(&ExaminedHost::seen_by(looker));
    match OutputFormat::of(options.json) {
        OutputFormat::Json => terminal.json(&report.shown())?,
        OutputFormat::Text => told(terminal, &report.text())?,
    }
    written(options, &report)?;
    match report.exit_code() {
        0 => Ok(()),
        code => Err(Failure::Found(code)),
    }
}

/// Wrapped, but for commands, which are copied as a whole.
fn told(terminal: &mut Terminal, text: &str) -> Result<(), Failure> {
    text.split_inclusive('\n').try_for_each(|line| match line.starts_with(COMMAND) {
        true => terminal.show_as_it_is(line),
        false => terminal.show(line),
    })
}

/// The file for Prometheus, if one is wanted. Where it cannot be written the exit code is that of "unknown": Prometheus sees an old one.
fn written(options: &DoctorArgs, report: &Report) -> Result<(), Failure> {
    let Some(file) = &options.textfile else { return Ok(()) };
    let path = whole_path(file)?;
    textfile::write(&path, report, Machine.wall())
        .map_err(|error| Failure::Unreachable(escaped(&format!("{}: {error}", path.display()))))
}

/// In the shape of a monitoring plugin, too: otherwise its exit code would read as a warning.
fn unknown(terminal: &mut Terminal, why: &str) -> Result<(), Failure> {
    terminal.show(&format!("OTP UNKNOWN - {why}\n"))?;
    Err(Failure::Found(Gravity::Unknown.exit_code()))
}
