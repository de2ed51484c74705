//! The key of an encrypted file of tokens: from a root-owned file, from a terminal that does not show it, or from standard input.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use data_encoding::HEXLOWER_PERMISSIVE;
use nix::fcntl::OFlag;
use nix::unistd::Uid;
use otp_import::pskc::{TransportKey, WantedTransportKey};
use zeroize::Zeroizing;

use crate::arguments::ImportTokensArgs;
use crate::input::no_echo;
use crate::output::escape::escaped;
use crate::output::failure::Failure;
use crate::output::terminal::Terminal;

/// Reads the key that the file wants.
pub(crate) fn read(
    terminal: &mut Terminal,
    options: &ImportTokensArgs,
    wanted: WantedTransportKey,
) -> Result<TransportKey, Failure> {
    let ask = match (wanted, &options.key_file) {
        (WantedTransportKey::None, None) => return Ok(TransportKey::None),
        (WantedTransportKey::None, Some(_)) => {
            // Its maker has sent a key for it, so this may be another file.
            return Err(stopped("the file is not encrypted; leave out --key-file if that is intended"));
        }
        (WantedTransportKey::Shared, _) => "AES key of the file, in hex: ",
        (WantedTransportKey::Passphrase, _) => "Passphrase of the file: ",
    };
    let typed = match &options.key_file {
        Some(path) => in_file(path)?,
        None if options.file == Path::new("-") => {
            return Err(Failure::Usage(
                "the encrypted file comes from standard input; give its key in --key-file".to_owned(),
            ));
        }
        None if terminal.asks_a_person() => no_echo::any(ask)?.unwrap_or_default(),
        None => terminal.line()?.unwrap_or_default(),
    };
    if typed.is_empty() {
        return Err(stopped("the file is encrypted and no key was given for it"));
    }
    match wanted {
        WantedTransportKey::Shared => shared(&typed),
        _ => Ok(TransportKey::Passphrase(typed)),
    }
}

/// An AES key in hex.
fn shared(typed: &str) -> Result<TransportKey, Failure> {
    let wrong = || stopped("AES key: found something else, not repeated here; wanted 32, 48 or 64 hex digits");
    let mut digits = Zeroizing::new(String::with_capacity(typed.len())); // never grows
    digits.extend(typed.chars().filter(|symbol| !matches!(symbol, ' ' | ':' | '-')));
    let mut bytes = Zeroizing::new(vec![0; HEXLOWER_PERMISSIVE.decode_len(digits.len()).map_err(|_| wrong())?]);
    HEXLOWER_PERMISSIVE.decode_mut(digits.as_bytes(), &mut bytes).map_err(|_| wrong())?;
    if [16, 24, 32].contains(&bytes.len()) { Ok(TransportKey::Shared(bytes)) } else { Err(wrong()) }
}

/// The first line of a file that nobody else can read.
fn in_file(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let failed = |error: io::Error| stopped(&format!("{}: {error}", escaped(&path.to_string_lossy())));
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST + 1)); // never grows
    opened(path).and_then(|file| file.take(MOST as u64 + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() > MOST {
        return Err(failed(io::Error::other(format!("more than {MOST} bytes"))));
    }
    let text = str::from_utf8(&bytes).map_err(|_| failed(io::Error::other("not UTF-8")))?;
    let line = text.split('\n').next().unwrap_or_default();
    Ok(Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned()))
}

fn opened(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    let (about, own) = (file.metadata()?, Uid::effective().as_raw());
    if !about.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if about.uid() != own || about.mode() & 0o077 != 0 {
        let mode = about.mode() & 0o7777;
        return Err(io::Error::other(format!("owner {}, mode {mode:04o}; wanted {own}, mode 0600", about.uid())));
    }
    Ok(file)
}

fn stopped(why: &str) -> Failure {
    Failure::Stopped(format!("{why}; nothing was imported"))
}

const MOST: usize = 4096;
