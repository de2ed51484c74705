//! Root-owned files outside the vault, written so that a reader finds the whole text or none, with their mode whatever the umask is.
//! On disk, and so is the name, when a call returns.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Makes a file; never over one that is there.
pub fn create(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    write_new(path, text, mode)?;
    sync_above(path)
}

/// Writes `aside`, in the same directory, and renames it over `path`. `aside` is gone when that fails.
pub fn replace(path: &Path, aside: &Path, text: &str, mode: u32) -> io::Result<()> {
    match fs::remove_file(aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {} // left by a writer that was killed here
    }
    let written = write_new(aside, text, mode).and_then(|()| fs::rename(aside, path));
    written.inspect_err(|_| drop(fs::remove_file(aside)))?;
    sync_above(path)
}

fn write_new(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.set_permissions(Permissions::from_mode(mode))?; // whatever the umask is
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn sync_above(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}
