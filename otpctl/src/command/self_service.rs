//! `otpctl add` and `otpctl rotate`: what the owner of a key makes with a code of it.

use otp_protocol::client::Client;
use otp_protocol::interface::{self, AddKey, KeyName};

use crate::arguments::{AddArgs, RotateArgs};
use crate::command::confirm::{ConfirmPurpose, PendingKey};
use crate::input::code;
use crate::output::failure::Failure;
use crate::output::qr_file;
use crate::output::terminal::Terminal;

pub(crate) fn add(
    terminal: &mut Terminal,
    options: &AddArgs,
    connect: impl FnOnce() -> Result<Client, Failure>,
) -> Result<(), Failure> {
    let format = options.output.format();
    let files = qr_file::create(options.output.svg.as_deref(), options.output.png.as_deref())?;
    let code = code::asked(terminal, format, "Code of one of your keys: ")?;
    let client = &mut connect()?;
    let begun = client.call(&AddKey { code, key: options.key.wanted() })?;
    let pending = PendingKey { client, terminal, format, purpose: ConfirmPurpose::Add };
    pending.show_and_confirm(&begun, &begun.enrolment, options.output.qr(), files)
}

pub(crate) fn rotate(
    terminal: &mut Terminal,
    options: &RotateArgs,
    connect: impl FnOnce() -> Result<Client, Failure>,
) -> Result<(), Failure> {
    let format = options.output.format();
    let files = qr_file::create(options.output.svg.as_deref(), options.output.png.as_deref())?;
    let code = code::asked(terminal, format, "Code of the key to replace: ")?;
    let client = &mut connect()?;
    let begun = client.call(&interface::Rotate {
        user: None,
        code,
        key: options.key.as_deref().map(KeyName::new).transpose()?,
        shape: options.shape.wanted(),
        expires: options.end.expires,
        prompt: interface::Prompt { tty: terminal.tty()?, ..interface::Prompt::default() },
    })?;
    let pending = PendingKey { client, terminal, format, purpose: ConfirmPurpose::Rotate };
    pending.show_and_confirm(&begun, &begun.enrolment, options.output.qr(), files)
}
