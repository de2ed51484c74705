//! A line typed at a terminal that does not show it. The terminal hands on every key, an interrupt too, so that whatever ends
//! the line, the terminal is left as it was.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::output::failure::Failure;
use crate::output::stderr;

/// Which letters count; all others are passed over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Letters {
    Ascii,
    /// A password may have any; a tab in what is pasted stands between words.
    All,
}

/// Asks on standard error, reads standard input.
pub(crate) fn line(prompt: &str) -> Result<Option<Zeroizing<String>>, Failure> {
    asked(prompt, Letters::Ascii)
}

/// The same for a password, or for what is pasted: it may have any letters, and a tab counts.
pub(crate) fn any(prompt: &str) -> Result<Option<Zeroizing<String>>, Failure> {
    asked(prompt, Letters::All)
}

fn asked(prompt: &str, letters: Letters) -> Result<Option<Zeroizing<String>>, Failure> {
    // A descriptor of its own: the buffer of the standard stream is not wiped, and would swallow the next line.
    let mut keys = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let typed = {
        // Before the prompt: the switch throws away what was typed before it.
        let _restored = EchoOff::begin()?;
        stderr::say(prompt);
        read(&mut keys, letters)
    };
    stderr::say("\n");
    typed
}

/// The terminal as it was, put back on drop.
struct EchoOff(Termios);

impl EchoOff {
    fn begin() -> Result<Self, Failure> {
        let before = tcgetattr(io::stdin()).map_err(io::Error::from)?;
        let mut silent = before.clone();
        silent.local_flags &= !(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG);
        tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &silent).map_err(io::Error::from)?;
        Ok(Self(before))
    }
}

impl Drop for EchoOff {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing put back.
        let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.0);
    }
}

/// The line as the keys make it: backspace takes one back, ^U all.
fn read(keys: &mut dyn Read, letters: Letters) -> Result<Option<Zeroizing<String>>, Failure> {
    let mut text = Zeroizing::new(Vec::with_capacity(LINE_BYTES));
    loop {
        match key(keys)? {
            b'\n' | b'\r' => return whole(&text).map(Some),
            INTERRUPT => return Err(Failure::Stopped("interrupted; nothing was stored".to_owned())),
            END if text.is_empty() => return Ok(None),
            // A letter of several bytes goes as a whole.
            BACKSPACE | DELETE => while text.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {},
            KILL => text.clear(),
            byte if byte.is_ascii_graphic()
                || byte == b' '
                || letters == Letters::All && (!byte.is_ascii() || byte == b'\t') =>
            {
                if text.len() == LINE_BYTES {
                    return Err(Failure::Stopped(format!(
                        "input: a line has more than {LINE_BYTES} bytes; nothing was stored"
                    )));
                }
                text.push(byte);
            }
            _ => {}
        }
    }
}

fn whole(bytes: &[u8]) -> Result<Zeroizing<String>, Failure> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| Failure::Stopped("input: not UTF-8; nothing was stored".to_owned()))?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn key(keys: &mut dyn Read) -> Result<u8, Failure> {
    let mut byte = Zeroizing::new([0]);
    loop {
        match keys.read(&mut *byte) {
            Ok(0) => return Ok(END),
            Ok(_) => return Ok(byte.first().copied().unwrap_or(END)),
            Err(error) if error.kind() == ErrorKind::Interrupted => (),
            Err(error) => return Err(error.into()),
        }
    }
}

const INTERRUPT: u8 = 3;
const END: u8 = 4;
const BACKSPACE: u8 = 8;
const DELETE: u8 = 127;
const KILL: u8 = 21;
/// Longer than any code, secret or address.
const LINE_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[u8]) -> Option<String> {
        read(&mut &*keys, Letters::Ascii).ok().flatten().map(|text| text.to_string())
    }

    #[test]
    fn keys_make_a_line() {
        assert_eq!(typed(b"GEZD GNBV\n").as_deref(), Some("GEZD GNBV"));
        assert_eq!(typed(b"AB\x7fC\x08D\r").as_deref(), Some("AD"));
        assert_eq!(typed(b"wrong\x15right\n").as_deref(), Some("right"));
        assert_eq!(typed(b"a\x1b[Ab\n").as_deref(), Some("a[Ab"));
        assert_eq!(typed(b"\x04"), None);
        assert_eq!(typed(b""), None);
        assert_eq!(typed(b"AB\x03"), None);
        let password = |keys: &[u8]| read(&mut &*keys, Letters::All).ok().flatten().map(|text| text.to_string());
        assert_eq!(password("pä\u{20ac}\x7f\x7fäß\x1b\n".as_bytes()).as_deref(), Some("päß"));
        assert_eq!(password(b"\xff\n"), None);
        assert_eq!(password(b"a\tb\n").as_deref(), Some("a\tb"));
        assert_eq!(typed(b"a\tb\n").as_deref(), Some("ab"));
        assert_eq!(typed(&[b'A'; LINE_BYTES + 44]), None);
    }
}
