//! A file that root names: nobody else may have written it, or others' keys would become somebody's.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;
use nix::unistd::Uid;
use otp_import::SOURCE_CAP;
use zeroize::Zeroizing;

use crate::output::escape::escaped;
use crate::output::failure::Failure;

/// All of it, before anything is `done`; `-` is standard input.
pub(crate) fn read(path: &Path, done: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let name = escaped(&path.to_string_lossy());
    let failed = |error: io::Error| Failure::Stopped(format!("{name}: {error}; nothing was {done}"));
    if path == Path::new("-") {
        return all(&mut io::stdin().lock(), SOURCE_CAP).map_err(failed);
    }
    let mut file = opened(path).map_err(failed)?;
    let size = usize::try_from(file.metadata().map_err(failed)?.len()).unwrap_or(usize::MAX);
    all(&mut file, size).map_err(failed)
}

fn opened(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let own = Uid::effective().as_raw();
    if about.uid() != own || about.mode() & 0o022 != 0 {
        let mode = about.mode() & 0o7777;
        let why = format!("owner {}, mode {mode:04o}; wanted {own}, and nobody else may write it", about.uid());
        return Err(io::Error::other(why));
    }
    Ok(file)
}

/// With room for all of it from the beginning, so that no piece is left where a buffer was.
fn all(from: &mut dyn Read, size: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    if size > SOURCE_CAP {
        return Err(io::Error::other(format!("{size} bytes; wanted at most {SOURCE_CAP}: split it")));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
    from.take(size as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > size {
        return Err(io::Error::other(format!("more than {size} bytes")));
    }
    Ok(bytes)
}
