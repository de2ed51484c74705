//! A file that a gate changes, with its text before and after.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A file of /etc/pam.d, or a drop-in of sshd or sudo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlannedFile {
    pub path: PathBuf,
    /// None where /etc has no such file, and that of the distribution is copied.
    pub before: Option<String>,
    pub after: String,
}
