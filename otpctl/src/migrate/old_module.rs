//! The modules whose lines are read here, and every option that they have had.

use serde::Serialize;

use crate::stack::modules::file_name;
use crate::stack::reader::{LineKind, StackLine};

/// A module that checks one-time codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum OldModule {
    #[serde(rename = "pam_google_authenticator.so")]
    GoogleAuthenticator,
    #[serde(rename = "pam_oath.so")]
    Oath,
}

/// The rule of an option, whatever its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OptionRule {
    /// Our line has it too, by the same name.
    Same,
    /// Our line has this instead.
    Named(&'static str),
    /// The prompt, which ours takes within bounds.
    Prompt,
    /// Steps or counters around the expected one.
    Window,
    /// Digits of a code, after a password.
    Digits,
    /// A users file may be missing.
    NoUsersFile,
    /// It is always so here.
    Always,
    /// There is no such thing here.
    Nothing,
}

/// An option: its name, with `=` if it has a value, its rule, and a sentence for the reader.
pub(super) type KnownOption = (&'static str, OptionRule, &'static str);

impl OldModule {
    pub(crate) const ALL: [Self; 2] = [Self::GoogleAuthenticator, Self::Oath];

    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::GoogleAuthenticator => "pam_google_authenticator.so",
            Self::Oath => "pam_oath.so",
        }
    }

    /// The module of this line, if it is one of them.
    pub(crate) fn of(line: &StackLine) -> Option<Self> {
        let LineKind::Module { path, .. } = &line.kind else { return None };
        Self::ALL.into_iter().find(|one| one.file() == file_name(path))
    }

    /// Does the text name one of them, however it is written?
    pub(crate) fn is_meant(text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        Self::ALL.into_iter().any(|one| text.contains(one.file().trim_end_matches(".so")))
    }

    pub(super) fn known(self, option: &str) -> Option<KnownOption> {
        let table: &[KnownOption] = match self {
            Self::GoogleAuthenticator => &GOOGLE_AUTHENTICATOR,
            Self::Oath => &OATH,
        };
        let is_it = |name: &str| if name.ends_with('=') { option.starts_with(name) } else { option == name };
        table.iter().copied().find(|(name, _, _)| is_it(name))
    }
}

/// pam_google_authenticator(8) of 1.11, and options that its README alone has.
const GOOGLE_AUTHENTICATOR: [KnownOption; 16] = [
    (
        "secret=",
        OptionRule::Nothing,
        "keys are in the vault; import each one with `otpctl import google-authenticator USER FILE`",
    ),
    ("authtok_prompt=", OptionRule::Prompt, "the prompt"),
    ("user=", OptionRule::Nothing, "no account reads users' files; the vault belongs to the daemon"),
    ("no_strict_owner", OptionRule::Nothing, "the import accepts only files that belong to their user"),
    ("allowed_perm=", OptionRule::Nothing, "the import accepts only files that nobody else may read"),
    ("debug", OptionRule::Same, "more lines in the log, never a code"),
    ("try_first_pass", OptionRule::Same, "an earlier answer counts if it is a code and nothing else"),
    ("use_first_pass", OptionRule::Same, "an earlier answer counts if it is a code and nothing else"),
    ("forward_pass", OptionRule::Same, "the last 6 characters are the code, the rest goes on to the next module"),
    ("noskewadj", OptionRule::Always, "clock differences are not learned from codes"),
    ("no_increment_hotp", OptionRule::Always, "a wrong code moves no counter"),
    (
        "nullok",
        OptionRule::Named("unenrolled=skip"),
        "users who never had a key here are not asked; a deleted file opens nothing",
    ),
    ("echo_verification_code", OptionRule::Named("echo"), "the terminal shows the code"),
    ("echo-verification-code", OptionRule::Named("echo"), "the terminal shows the code"),
    (
        "grace_period=",
        OptionRule::Nothing,
        "each login asks for a code; `exempt` in otp.toml names users, groups and networks that are not asked, and sudo has timestamp_timeout",
    ),
    ("allow_readonly", OptionRule::Nothing, "a code that cannot be marked as used is refused"),
];

/// The README of pam_oath 2.6.7, and options that later versions have added.
const OATH: [KnownOption; 11] = [
    ("debug", OptionRule::Same, "more lines in the log, never a code"),
    ("debug_syslog", OptionRule::Named("debug"), "more lines in the log, never a code"),
    (
        "alwaysok",
        OptionRule::Nothing,
        "nobody is let in by a wrong code; `report_only = true` in otp.toml lets in users without a key, and the log names them",
    ),
    ("try_first_pass", OptionRule::Same, "an earlier answer counts if it is a code and nothing else"),
    ("use_first_pass", OptionRule::Same, "an earlier answer counts if it is a code and nothing else"),
    ("no_usersfile_okay", OptionRule::NoUsersFile, "users who never had a key here are not asked"),
    ("ignore_userfile_password", OptionRule::Always, "passwords are not stored with keys"),
    ("usersfile=", OptionRule::Nothing, "keys are in the vault; import them with `otpctl import oath FILE`"),
    ("digits=", OptionRule::Digits, "the length of a code after a password"),
    ("window=", OptionRule::Window, "the steps around the clock"),
    ("allow_replayed_otp_within=", OptionRule::Nothing, "a code works once"),
];
