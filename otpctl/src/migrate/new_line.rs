//! The line of ours for one old line: its control stays, its options are ours.

use std::ffi::{CStr, CString};
use std::path::PathBuf;

use serde::Serialize;

use super::old_module::OldModule;
use super::old_option::{OldOption, OptionOutcome, Password};
use super::policy_block::PolicyWishes;
use crate::options::Options;
use crate::stack::code::PamCode;
use crate::stack::control::StackAction;
use crate::stack::modules::MODULE;
use crate::stack::reader::{LineKind, StackLine};
use crate::stack::words::{BLANKS, Words};

/// That of `nullok`, and of users who have not moved.
pub(super) const SKIP: &str = "unenrolled=skip";

/// How long the old module stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StackForm {
    /// Ours stands for it.
    OursAlone,
    /// It asks users who have no key here yet.
    Both,
}

/// An old line, and the lines that stand for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct NewLine {
    pub file: PathBuf,
    pub line: usize,
    pub module: OldModule,
    pub old: String,
    pub new: Vec<String>,
    pub options: Vec<OldOption>,
}

impl NewLine {
    /// Of the old line, whose text is `old`. An error says why ours cannot take its place.
    pub(super) fn of(
        (line, module): (&StackLine, OldModule),
        old: &str,
        password: Password,
        form: &FormAt,
        wishes: &mut PolicyWishes,
    ) -> Result<Self, String> {
        let LineKind::Module { arguments, .. } = &line.kind else { return Err("it names no module".to_owned()) };
        let options = OldOption::all(module, arguments, password, wishes);
        let ours = options.iter().filter(|one| one.outcome == OptionOutcome::Option);
        let mut ours: Vec<String> = ours.filter_map(|one| one.becomes.clone()).collect();
        let skip = SKIP.to_owned();
        let (head, comment) = (head(old), old.split_once('#').map(|(_, text)| format!(" #{text}")).unwrap_or_default());
        let new = match form {
            FormAt::OursAlone => vec![format!("{head} {}{comment}", call(&ours)?)],
            FormAt::EndOfBoth { old, options } => {
                let skip = ours.contains(&skip).then_some(skip);
                let options: Vec<String> = skip.into_iter().chain(options.clone()).collect();
                vec![format!("{} {}{comment}", self::head(old), call(&options)?)]
            }
            FormAt::Both { kept, success } => {
                if !ours.contains(&skip) {
                    ours.insert(0, skip);
                }
                let first = format!("{} [success={success} ignore=ignore default=die] {}", stage(head), call(&ours)?);
                let last = (success == "1").then(|| format!("{} required pam_permit.so", stage(head)));
                [first, kept.clone()].into_iter().chain(last).collect()
            }
        };
        let old = old.trim_end().to_owned();
        Ok(Self { file: line.place.file.clone(), line: line.place.line, module, old, new, options })
    }
}

/// The form at one line.
pub(super) enum FormAt {
    OursAlone,
    /// The old line with the jumps that it will have, and the options of our line that is there.
    EndOfBoth {
        old: String,
        options: Vec<String>,
    },
    /// The old line as it stays, and where ours leads after an accepted code.
    Both {
        kept: String,
        success: String,
    },
}

/// How many lines are added at an old line that stays; an error where an accepted code would not be enough there.
pub(super) fn added_at(line: &StackLine) -> Result<isize, String> {
    match line.control.action(PamCode::SUCCESS) {
        StackAction::Ok => Ok(2),
        StackAction::Done | StackAction::Jump(_) => Ok(1),
        _ => Err("its control does not treat an accepted code as success; write the lines of both modules by hand"
            .to_owned()),
    }
}

/// The module with its options, as our own parser takes them.
fn call(options: &[String]) -> Result<String, String> {
    let given: Vec<CString> = options.iter().filter_map(|one| CString::new(one.as_str()).ok()).collect();
    let given: Vec<&CStr> = given.iter().map(CString::as_c_str).collect();
    Options::parse(&given).map_err(|error| error.to_string())?;
    Ok(options.iter().fold(MODULE.to_owned(), |line, option| format!("{line} {}", word(option))))
}

/// In brackets where libpam would take it for several words.
fn word(option: &str) -> String {
    let plain = !option.starts_with('[') && !option.contains(BLANKS) && !option.contains('\\');
    if plain { option.to_owned() } else { format!("[{}]", option.replace(']', "\\]")) }
}

/// Stage and control as they are written. A dash before the stage keeps libpam silent about a missing module; it stays out.
fn head(old: &str) -> &str {
    let mut words = Words(old);
    words.by_ref().take(2).for_each(drop);
    let end = old.len().saturating_sub(words.0.len());
    let head = old.get(..end).unwrap_or_default().trim_matches(BLANKS);
    head.strip_prefix('-').unwrap_or(head)
}

fn stage(head: &str) -> &str {
    head.split(BLANKS).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stage_and_control_stay_as_they_are_written() {
        assert_eq!(head("auth\trequired  pam_oath.so window=1"), "auth\trequired");
        assert_eq!(head("  -auth [success=1 default=ignore] pam_oath.so"), "auth [success=1 default=ignore]");
        assert_eq!(head("auth [a \\] b]pam_oath.so"), "auth [a \\] b]");
    }

    #[test]
    fn an_option_with_blanks_is_one_word_again() {
        for option in ["prompt=Your code: ", "prompt=[x] y", "prompt=a\\b"] {
            assert_eq!(Words(&word(option)).collect::<Vec<_>>(), [option]);
        }
    }
}
