//! One thing that is wrong: what was found, and what mends it.

use std::path::Path;

use otp_system::screen::escape::shell_word;

use super::ids::FindingId;

/// One finding at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DoctorFinding {
    pub id: FindingId,
    /// Where, and what was found there: names and paths, never what a secret file holds. Escaped when it is shown.
    pub what: String,
    pub mend: Mend,
}

/// The way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mend {
    /// This command mends it, as root.
    Run(String),
    /// A person has to decide or do something, as the text says; the command shows what they need for it, or does what they decide for most of the time.
    Decide { text: &'static str, command: String },
}

impl DoctorFinding {
    /// One that a command mends.
    pub(crate) fn run(id: FindingId, what: impl Into<String>, command: impl Into<String>) -> Self {
        Self { id, what: what.into(), mend: Mend::Run(command.into()) }
    }

    /// One that a person has to decide about.
    pub(crate) fn decide(
        id: FindingId,
        what: impl Into<String>,
        text: &'static str,
        command: impl Into<String>,
    ) -> Self {
        Self { id, what: what.into(), mend: Mend::Decide { text, command: command.into() } }
    }
}

/// A user as a word of a command: by number where the name would not be one word of a shell.
pub(crate) fn user_word(name: &str, uid: u32) -> String {
    if is_plain(name) { name.to_owned() } else { format!("uid:{uid}") }
}

/// A path as a word of a command.
pub(crate) fn path_word(path: &Path) -> String {
    shell_word(&path.to_string_lossy())
}

/// Is it one word to a shell, and no option?
fn is_plain(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./@+-".contains(&byte);
    !word.is_empty() && !word.starts_with('-') && word.bytes().all(plain)
}

impl Mend {
    pub(crate) fn command(&self) -> &str {
        match self {
            Self::Run(command) | Self::Decide { command, .. } => command,
        }
    }

    /// The decision that the command leaves to a person.
    pub(crate) fn decision(&self) -> Option<&'static str> {
        match self {
            Self::Run(_) => None,
            Self::Decide { text, .. } => Some(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_or_a_path_never_becomes_more_than_one_word() {
        let words = ["alice", "a;id", "$(id)", "DOMAIN\\bob", "-f", "a b", ""].map(|name| user_word(name, 7));
        assert_eq!(words, ["alice", "uid:7", "uid:7", "uid:7", "uid:7", "uid:7", "uid:7"]);
        let paths = ["/var/lib/otp/keys/7.toml", "/a b", "/it's;id"].map(|path| path_word(Path::new(path)));
        assert_eq!(paths, ["/var/lib/otp/keys/7.toml", "'/a b'", "'/it'\\''s;id'"]);
    }
}
