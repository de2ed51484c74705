//! `otpctl explain`: what would happen to a user at a service, and why. Changes nothing.

use crate::arguments::ExplainArgs;
use crate::explain::question::{LoginQuestion, LookedUp, looked_up};
use crate::explain::verdict::explain as of;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;
use crate::stack::findings::Survey;

pub(crate) fn explain(terminal: &mut Terminal, options: &ExplainArgs) -> Result<(), Failure> {
    let plain = |c: char| !c.is_control() && c != '/' && !c.is_whitespace();
    if options.service.is_empty() || !options.service.chars().all(plain) {
        return Err(Failure::Usage(format!(
            "{:?} is not a service; wanted the name of a file in /etc/pam.d, for example sudo",
            options.service
        )));
    }
    let by = options.by.as_deref().map(looked_up);
    if let (Some(name), Some(LookedUp::Unknown)) = (&options.by, &by) {
        return Err(Failure::Stopped(format!("no such user: {}", escaped(name))));
    }
    let question = LoginQuestion::new(&options.user, &options.service, options.from.as_deref(), by);
    let found = of(&question, &Survey::standard());
    match OutputFormat::of(options.json) {
        OutputFormat::Json => terminal.json(&found)?,
        OutputFormat::Text => terminal.show(&found.text())?,
    }
    match found.is_whole() {
        true => Ok(()),
        false => Err(Failure::Stopped("not everything could be read; run this as root".to_owned())),
    }
}
