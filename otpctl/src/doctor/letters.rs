//! The site's own templates of letters: would a letter be made of them?

use std::path::Path;

use otp_core::vault::VaultError;

use super::finding::{DoctorFinding, path_word};
use super::host::{ExaminedHost, RUN_AS_ROOT};
use super::ids::FindingId;
use super::report::Report;
use crate::letter::templates::{SITES_TEMPLATES, broken_templates};

pub(crate) fn look(_: &ExaminedHost, report: &mut Report) {
    for error in broken_templates() {
        let what = error.to_string();
        match error {
            VaultError::Unreadable { .. } => report.not_looked_at("a template of letters", RUN_AS_ROOT),
            VaultError::Untrusted { path, .. } if !path.starts_with(SITES_TEMPLATES) => {} // a directory, told as such
            VaultError::Untrusted { path, .. } if path.is_dir() => report.add(closed(what, &path)),
            VaultError::Untrusted { path, .. } | VaultError::Malformed { path, .. } => {
                report.add(set_aside(what, &path))
            }
            _ => {}
        }
    }
}

fn closed(what: String, directory: &Path) -> DoctorFinding {
    let directory = path_word(directory);
    let command = format!("chown root:root {directory} && chmod go-w {directory}");
    DoctorFinding::decide(FindingId::LetterTemplateBroken, what, READ_FIRST, command)
}

fn set_aside(what: String, file: &Path) -> DoctorFinding {
    let file = path_word(file);
    DoctorFinding::decide(FindingId::LetterTemplateBroken, what, BUILT_IN, format!("mv {file} {file}.aside"))
}

const READ_FIRST: &str = "read the templates first: somebody else could have written into them";
const BUILT_IN: &str = "correct the file; or set it aside with the command, and letters use the built-in template";
