//! A code of a key that is there, typed by its owner.

use otp_core::codes::plain_text::plain;
use otp_protocol::interface::TypedCode;

use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::terminal::Terminal;

/// The next line; in JSON without a prompt.
pub(crate) fn asked(terminal: &mut Terminal, format: OutputFormat, prompt: &str) -> Result<TypedCode, Failure> {
    if format == OutputFormat::Text {
        terminal.show(prompt)?;
    }
    match terminal.line()? {
        Some(code) if !code.is_empty() => Ok(TypedCode::new(plain(&code))?),
        _ => Err(Failure::Stopped("no code was given; nothing was changed".to_owned())),
    }
}
