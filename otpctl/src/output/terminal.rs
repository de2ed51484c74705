//! The person's end: what is shown and what is typed, unbuffered, so that a secret stays in buffers that are wiped.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::os::fd::AsFd;

use nix::unistd::ttyname;
use otp_core::keys::key::ValueError;
use otp_protocol::interface::ShortText;
use otp_protocol::qr::Extent;
use otp_system::screen::{ColorWish, Look, wrapped};
use serde::Serialize;
use terminal_size::{Height, Width, terminal_size_of};
use zeroize::Zeroizing;

use crate::input::interrupts::{Awaited, Interrupts};
use crate::output::failure::Failure;
use crate::output::format::{OutputFormat, Pipe};
use crate::output::json;

/// Standard input and output, or what stands in for them in a test.
pub(crate) struct Terminal {
    input: Box<dyn Read>,
    output: Box<dyn Write>,
    kind: OutputKind,
    /// The output again, which is asked what it is like.
    window: Option<File>,
    wish: ColorWish,
    typist: Typist,
    /// The terminal that a person types at, if it is the process's own.
    keys: Option<File>,
    interrupts: Option<Interrupts>,
}

/// The one who types.
enum Typist {
    /// Somebody at a terminal, with its name if it has one here.
    Person(Option<String>),
    /// A pipe, a file.
    Nobody,
}

/// The kind of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutputKind {
    /// A terminal.
    Screen,
    /// A pipe, a file, a device.
    Pipe,
}

/// The room on a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScreenSize {
    /// As the terminal tells it.
    Told(Extent),
    /// Of a terminal that does not tell, as many behind a serial line.
    Assumed(Extent),
}

impl ScreenSize {
    pub(crate) fn extent(self) -> Extent {
        match self {
            Self::Told(extent) | Self::Assumed(extent) => extent,
        }
    }
}

impl Terminal {
    /// A stand-in for a terminal, with a person before it.
    #[cfg(test)]
    pub(crate) fn new(input: Box<dyn Read>, output: Box<dyn Write>, kind: OutputKind) -> Self {
        let typist = Typist::Person(None);
        Self { input, output, kind, window: None, wish: ColorWish::Never, typist, keys: None, interrupts: None }
    }

    /// The process's own. Duplicated descriptors, to get past the buffers of the standard streams.
    pub(crate) fn standard(wish: ColorWish) -> Result<Self, Failure> {
        let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let kind = if output.is_terminal() { OutputKind::Screen } else { OutputKind::Pipe };
        let window = Some(output.try_clone()?);
        let typist = if input.is_terminal() { Typist::Person(name(&input)) } else { Typist::Nobody };
        let keys = matches!(typist, Typist::Person(_)).then(|| input.try_clone()).transpose()?;
        let (input, output) = (Box::new(input), Box::new(output));
        Ok(Self { input, output, kind, window, wish, typist, keys, interrupts: None })
    }

    /// Asks on the terminal that the process belongs to, for standard input was something else.
    pub(crate) fn ask_on_the_controlling_terminal(&mut self) -> Result<(), Failure> {
        let none = |error| Failure::Usage(format!("/dev/tty: {error}; without a terminal use --json"));
        let input = File::open("/dev/tty").map_err(none)?;
        self.typist = Typist::Person(name(&input));
        self.keys = Some(input.try_clone()?);
        self.input = Box::new(input);
        Ok(())
    }

    /// Refuses unless a secret may be written here.
    pub(crate) fn allow_secrets(&self, pipe: Pipe) -> Result<(), Failure> {
        if self.kind == OutputKind::Pipe && pipe == Pipe::Refused {
            let text = "standard output is not a terminal: the key or code would go where anybody may read it later; \
                        use --allow-pipe to do it anyway";
            return Err(Failure::Usage(text.to_owned()));
        }
        Ok(())
    }

    /// The size as it is now, if the output is a terminal.
    pub(crate) fn size(&self) -> Option<ScreenSize> {
        let told = self.window.as_ref().and_then(terminal_size_of);
        let told = told.map(|(Width(columns), Height(rows))| Extent { columns: columns.into(), rows: rows.into() });
        let usual = || Extent { columns: self.width().unwrap_or(USUAL_SIZE.columns), ..USUAL_SIZE };
        self.is_screen().then(|| told.map_or_else(|| ScreenSize::Assumed(usual()), ScreenSize::Told))
    }

    /// How text is laid out, as the terminal is now.
    pub(crate) fn look(&self) -> Look {
        self.window.as_ref().map_or(Look::PLAIN, |window| Look::of(window, self.wish))
    }

    /// Does a person see what is shown?
    pub(crate) fn is_screen(&self) -> bool {
        self.kind != OutputKind::Pipe
    }

    /// Is it a regular file, which nobody watches?
    pub(crate) fn is_file(&self) -> bool {
        self.window.as_ref().and_then(|window| window.metadata().ok()).is_some_and(|about| about.is_file())
    }

    /// Is there somebody who answers questions?
    pub(crate) fn asks_a_person(&self) -> bool {
        matches!(self.typist, Typist::Person(_))
    }

    /// The terminal's name, as it is claimed to the daemon.
    pub(crate) fn tty(&self) -> Result<Option<ShortText>, ValueError> {
        match &self.typist {
            Typist::Person(Some(name)) => ShortText::new("tty", name.clone()).map(Some),
            Typist::Person(None) | Typist::Nobody => Ok(None),
        }
    }

    /// How many columns a line may have; none where nothing is wrapped.
    pub(crate) fn width(&self) -> Option<usize> {
        self.look().width
    }

    /// Text, wrapped between words.
    pub(crate) fn show(&mut self, text: &str) -> Result<(), Failure> {
        self.show_as_it_is(&wrapped(text, self.look()))
    }

    /// Writes what has been made for this terminal, byte for byte.
    pub(crate) fn show_as_it_is(&mut self, text: &str) -> Result<(), Failure> {
        self.output.write_all(text.as_bytes())?;
        Ok(self.output.flush()?)
    }

    /// From now on an interrupt is what [`Self::line`] fails with, and does not end this program, if a person types here.
    pub(crate) fn hold_interrupts(&mut self) -> Result<(), Failure> {
        self.interrupts = self.keys.as_ref().map(Interrupts::hold).transpose()?;
        Ok(())
    }

    /// One line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        Ok(json::write(&mut self.output, value)?)
    }

    /// The answer of a command, one way or the other.
    pub(crate) fn tell(&mut self, format: OutputFormat, value: &impl Serialize, text: &str) -> Result<(), Failure> {
        match format {
            OutputFormat::Json => self.json(value),
            OutputFormat::Text => self.show(text),
        }
    }

    /// The typed text, without blanks at its ends; `None` at the end of input.
    pub(crate) fn line(&mut self) -> Result<Option<Zeroizing<String>>, Failure> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(LINE_BYTES));
        loop {
            if let Some(interrupts) = &self.interrupts
                && interrupts.wait()? == Awaited::Interrupt
            {
                self.show("\n")?;
                return Err(Failure::Stopped("interrupted".to_owned()));
            }
            match self.byte()? {
                None if bytes.is_empty() => return Ok(None),
                None | Some(b'\n') => break,
                Some(_) if bytes.len() == LINE_BYTES => return Err(too_long()),
                Some(byte) => bytes.push(byte),
            }
        }
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        Ok(Some(Zeroizing::new(text.trim().to_owned())))
    }

    /// One at a time: whatever follows the line belongs to the next reader.
    fn byte(&mut self) -> io::Result<Option<u8>> {
        let mut byte = Zeroizing::new([0]);
        loop {
            match self.input.read(&mut *byte) {
                Ok(0) => return Ok(None),
                Ok(_) => return Ok(byte.first().copied()),
                Err(error) if error.kind() == ErrorKind::Interrupted => (),
                Err(error) => return Err(error),
            }
        }
    }
}

fn name(input: &File) -> Option<String> {
    ttyname(input).ok().map(|path| path.to_string_lossy().into_owned())
}

fn too_long() -> Failure {
    Failure::Stopped(format!("input: a line has more than {LINE_BYTES} bytes"))
}

/// Of the terminals that tell no size.
const USUAL_SIZE: Extent = Extent { columns: 80, rows: 24 };

/// Longer than any code, secret or address.
const LINE_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &'static [u8]) -> Terminal {
        Terminal::new(Box::new(text), Box::new(io::sink()), OutputKind::Pipe)
    }

    fn lines(text: &'static [u8]) -> Vec<String> {
        let mut terminal = typed(text);
        std::iter::from_fn(|| terminal.line().expect("line").map(|line| line.to_string())).collect()
    }

    #[test]
    fn lines_come_one_by_one_without_blanks_at_their_ends() {
        assert_eq!(lines(b"123456\n 123 456 \r\n\nlast"), ["123456", "123 456", "", "last"]);
        assert!(lines(b"").is_empty());
    }

    #[test]
    fn what_is_not_utf8_is_nothing() {
        assert_eq!(lines(b"\xff\xfe\n123456\n"), ["", "123456"]);
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut terminal = Terminal::new(Box::new(io::repeat(b'1')), Box::new(io::sink()), OutputKind::Pipe);
        assert!(matches!(terminal.line(), Err(Failure::Stopped(_))));
    }

    #[test]
    fn a_secret_goes_into_a_pipe_only_when_told() {
        let pipe = typed(b"");
        assert!(matches!(pipe.allow_secrets(Pipe::Refused), Err(Failure::Usage(_))));
        assert!(pipe.allow_secrets(Pipe::Allowed).is_ok());
        let screen = Terminal::new(Box::new(io::empty()), Box::new(io::sink()), OutputKind::Screen);
        assert!(screen.allow_secrets(Pipe::Refused).is_ok());
    }
}
