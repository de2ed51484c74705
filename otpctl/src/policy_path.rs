//! The path of a policy file, as the module wants it: whole.

use std::path::{Path, PathBuf};

use crate::output::escape::escaped;
use crate::output::failure::Failure;

/// As the module wants it.
pub(crate) fn whole_path(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::Stopped(escaped(&format!("{}: {error}", path.display()))))
}
