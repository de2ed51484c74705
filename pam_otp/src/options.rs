//! The options on the PAM line. Whatever is unknown, repeated or malformed refuses: a typing error must not open a door.

use std::ffi::CStr;
use std::fmt;
use std::path::PathBuf;

/// What the line in /etc/pam.d says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `prompt=TEXT`: what to ask.
    pub prompt: String,
    /// `unenrolled=deny|skip`; `nullok` is `unenrolled=skip`.
    pub unenrolled: Unenrolled,
    /// `config=PATH`: another policy file.
    pub config: Option<PathBuf>,
    /// `debug`: more lines in the log, never a code or a secret.
    pub debug: bool,
}

/// What becomes of a user who was never enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unenrolled {
    /// Asked like everybody else, and refused.
    Deny,
    /// Not asked; the module stands aside (PAM_IGNORE).
    Skip,
}

/// An option that refuses the whole line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionError {
    /// No such option.
    Unknown(String),
    /// Given twice, or with its synonym.
    Repeated(&'static str),
    /// A value that the option does not take.
    Malformed {
        /// Which option.
        option: &'static str,
        /// What was found.
        found: String,
        /// What was wanted.
        wanted: &'static str,
    },
}

/// Every option, as the man page lists them; a test compares.
pub const NAMES: [&str; 5] = ["prompt=", "unenrolled=", "nullok", "config=", "debug"];

const PROMPT: &str = "One-time code: ";
const LONGEST_PROMPT: usize = 128;

impl Options {
    /// Reads the arguments of the PAM line.
    pub fn parse(arguments: &[&CStr]) -> Result<Self, OptionError> {
        let (mut prompt, mut unenrolled, mut config, mut debug) = (None, None, None, None);
        for argument in arguments {
            let text = argument.to_str().map_err(|_| unknown(&argument.to_string_lossy()))?;
            match text.split_once('=') {
                Some(("prompt", value)) => once(&mut prompt, "prompt=", parse_prompt(value)?)?,
                Some(("unenrolled", value)) => once(&mut unenrolled, "unenrolled=", parse_unenrolled(value)?)?,
                Some(("config", value)) => once(&mut config, "config=", parse_config(value)?)?,
                None if text == "nullok" => once(&mut unenrolled, "unenrolled=", Unenrolled::Skip)?,
                None if text == "debug" => once(&mut debug, "debug", true)?,
                _ => return Err(unknown(text)),
            }
        }
        Ok(Self {
            prompt: prompt.unwrap_or_else(|| PROMPT.to_owned()),
            unenrolled: unenrolled.unwrap_or(Unenrolled::Deny),
            config,
            debug: debug.unwrap_or(false),
        })
    }
}

fn once<T>(place: &mut Option<T>, option: &'static str, value: T) -> Result<(), OptionError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(OptionError::Repeated(option)),
    }
}

fn parse_prompt(value: &str) -> Result<String, OptionError> {
    let good = !value.is_empty() && value.len() <= LONGEST_PROMPT && !value.chars().any(char::is_control);
    good.then(|| value.to_owned())
        .ok_or_else(|| malformed("prompt=", value, "1 to 128 bytes without control characters"))
}

fn parse_unenrolled(value: &str) -> Result<Unenrolled, OptionError> {
    match value {
        "deny" => Ok(Unenrolled::Deny),
        "skip" => Ok(Unenrolled::Skip),
        _ => Err(malformed("unenrolled=", value, "deny or skip")),
    }
}

fn parse_config(value: &str) -> Result<PathBuf, OptionError> {
    let path = PathBuf::from(value);
    let plain = path.is_absolute() && path.components().all(|part| !matches!(part, std::path::Component::ParentDir));
    plain.then_some(path).ok_or_else(|| malformed("config=", value, "an absolute path without .."))
}

fn unknown(text: &str) -> OptionError {
    OptionError::Unknown(text.to_owned())
}

fn malformed(option: &'static str, found: &str, wanted: &'static str) -> OptionError {
    OptionError::Malformed { option, found: found.to_owned(), wanted }
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(text) => write!(f, "{text}: no such option; there are {}", NAMES.join(" ")),
            Self::Repeated(option) => write!(f, "{option}: given more than once"),
            Self::Malformed { option, found, wanted } => write!(f, "{option}{found}: wanted {wanted}"),
        }
    }
}

impl std::error::Error for OptionError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&CStr]) -> Result<Options, OptionError> {
        Options::parse(arguments)
    }

    #[test]
    fn without_options_everybody_is_asked_and_the_unenrolled_are_refused() {
        let options = parse(&[]).unwrap();
        assert_eq!((options.prompt.as_str(), options.unenrolled), ("One-time code: ", Unenrolled::Deny));
        assert!(options.config.is_none() && !options.debug);
    }

    #[test]
    fn every_option_is_read() {
        let options =
            parse(&[c"prompt=Code, please: ", c"unenrolled=skip", c"config=/etc/otp/x.toml", c"debug"]).unwrap();
        assert_eq!((options.prompt.as_str(), options.unenrolled), ("Code, please: ", Unenrolled::Skip));
        assert_eq!((options.config, options.debug), (Some(PathBuf::from("/etc/otp/x.toml")), true));
        assert_eq!(parse(&[c"nullok"]).unwrap().unenrolled, Unenrolled::Skip);
    }

    #[test]
    fn everything_unknown_repeated_or_malformed_refuses() {
        let long = std::ffi::CString::new(format!("prompt={}", "x".repeat(129))).unwrap();
        let bad: [&[&CStr]; 22] = [
            &[c""],
            &[c"Debug"],
            &[c"debug="],
            &[c"debug=1"],
            &[c"nullok=yes"],
            &[c"prompt"],
            &[c"prompt="],
            &[c"prompt=a\nb"],
            &[c"prompt=\x1b[2J"],
            &[&long],
            &[c"unenrolled"],
            &[c"unenrolled="],
            &[c"unenrolled=Skip"],
            &[c"unenrolled=enrol"],
            &[c"config="],
            &[c"config=otp.toml"],
            &[c"config=/etc/otp/../x"],
            &[c"secret=/x"],
            &[c"debug", c"debug"],
            &[c"nullok", c"unenrolled=skip"],
            &[c"prompt=a", c"prompt=a"],
            &[c"\xff\xfe"],
        ];
        for arguments in bad {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
    }
}
