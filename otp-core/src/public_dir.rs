//! Root-owned directories that everybody can pass through, for files that programs without root must reach.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// Makes `dir`, mode 0755 whatever the umask or an inherited ACL says. One that is there keeps its mode.
pub fn make(dir: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(MODE).create(dir) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made
            .and_then(|()| fs::set_permissions(dir, Permissions::from_mode(MODE)))
            .and_then(|()| File::open(dir.parent().unwrap_or(Path::new("/")))?.sync_all()),
    }
}

const MODE: u32 = 0o755;
