//! A file with secrets that grows over several runs: the caller's own, closed to everybody else, in a directory where nobody else can
//! put another one under its name.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::mem;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::unistd::Uid;
use zeroize::Zeroizing;

use crate::output::escape::escaped;
use crate::output::failure::Failure;

/// The file, and what is in it until now.
pub(crate) struct GrowingFile {
    pub file: File,
    pub text: Zeroizing<String>,
}

/// Opens it, or makes it, mode 0600, and changes nothing in it. A character that an interruption has torn at its end reads as `?`.
pub(crate) fn open_growing(path: &Path) -> Result<GrowingFile, Failure> {
    let failed = |error: io::Error| Failure::Usage(format!("{}: {error}", escaped(&path.to_string_lossy())));
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    own_directory(above)?;
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags.bits());
    let mut file = options.open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    let own = Uid::effective().as_raw();
    if !about.is_file() || about.uid() != own || about.mode() & 0o077 != 0 || about.nlink() != 1 {
        let found = format!("found owner {}, mode {:04o}, {} names", about.uid(), about.mode() & 0o7777, about.nlink());
        return Err(failed(io::Error::other(format!(
            "{found}; wanted a regular file of owner {own}, mode 0600, one name"
        ))));
    }
    File::open(above).and_then(|above| above.sync_all()).map_err(failed)?;
    let size = usize::try_from(about.len()).unwrap_or(usize::MAX);
    if size > LARGEST {
        return Err(failed(io::Error::other(format!(
            "found {size} bytes; wanted {LARGEST} at most: choose another name"
        ))));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1)); // so that it never grows and leaves a copy behind
    Read::take(&mut file, size as u64).read_to_end(&mut bytes).map_err(failed)?;
    if let Some(whole) = before_torn_character(&bytes) {
        bytes.truncate(whole);
        bytes.push(b'?');
    }
    let text = String::from_utf8(mem::take(&mut *bytes)).map(Zeroizing::new).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        failed(io::Error::other("found bytes that are not UTF-8; wanted UTF-8"))
    })?;
    Ok(GrowingFile { file, text })
}

/// The length without the character at the end, if that one is not whole and all before it is UTF-8.
fn before_torn_character(bytes: &[u8]) -> Option<usize> {
    let error = str::from_utf8(bytes).err()?;
    error.error_len().is_none().then_some(error.valid_up_to())
}

/// Refuses a directory in which somebody else may write.
pub(crate) fn own_directory(path: &Path) -> Result<(), Failure> {
    let failed = |why: String| Failure::Usage(format!("{}: {why}", escaped(&path.to_string_lossy())));
    let about = path.metadata().map_err(|error| failed(error.to_string()))?;
    let (own, mode) = (Uid::effective().as_raw(), about.mode());
    let is_trusted = about.uid() == own || about.uid() == 0;
    let is_shared = mode & 0o022 != 0 && mode & 0o1000 == 0;
    match about.is_dir() && is_trusted && !is_shared {
        true => Ok(()),
        false => Err(failed(format!(
            "found owner {}, mode {:04o}; wanted a directory of owner {own} or root in which nobody else may write",
            about.uid(),
            mode & 0o7777
        ))),
    }
}

/// Many thousand sheets.
const LARGEST: usize = 256 * 1024 * 1024;
