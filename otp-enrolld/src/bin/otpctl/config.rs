//! `otpctl config`: is the policy file in order? Read as the module reads it, without the daemon. Editing it is `edit`.

use otp_core::site::Site;

use crate::arguments::{CheckConfig, ConfigAct};
use crate::edit;
use crate::escape::escaped;
use crate::failure::Failure;
use crate::terminal::Terminal;

pub fn run(terminal: &mut Terminal, act: &ConfigAct) -> Result<(), Failure> {
    match act {
        ConfigAct::Check(options) => check(terminal, options),
        ConfigAct::Edit(_) => edit::edit(terminal),
    }
}

fn check(terminal: &mut Terminal, options: &CheckConfig) -> Result<(), Failure> {
    let site = Site::STANDARD;
    let found = site.whole_policy(options.file.as_deref());
    let found = found.map_err(|obstacle| Failure::Stopped(escaped(&obstacle.detail)))?;
    let path = options.file.as_ref().map_or_else(|| site.policy.to_owned(), |path| path.display().to_string());
    let state = if found.is_some() { "in order" } else { "not there; everything is at its default" };
    terminal.show(&format!("{}: {state}\n", escaped(&path)))
}
