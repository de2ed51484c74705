//! The options on the PAM line. Whatever is unknown, repeated or malformed refuses: a typing error must not open a door.

use std::ffi::CStr;
use std::fmt;
use std::path::PathBuf;

use otp_core::policy::service::Unenrolled;

/// The options of the line in /etc/pam.d.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    /// `prompt=TEXT`: what to ask.
    pub prompt: Option<String>,
    /// `unenrolled=deny|skip`; `nullok` is `unenrolled=skip`.
    pub unenrolled: Option<Unenrolled>,
    /// `echo`: what is typed is shown.
    pub echo: Echo,
    /// `try_first_pass`, `use_first_pass`: take what a module before this one asked for.
    pub first_pass: FirstPass,
    /// `forward_pass[=N]`: password and code are typed as one; the last N characters (6) are the code.
    pub forward: Option<usize>,
    /// `whose=user|invoker`: whose code is asked for.
    pub whose: Whose,
    /// `rotate=due|ask`: when the password stage replaces a key.
    pub rotate: RotateWhen,
    /// `watch`: the line notes changes of passwords, and asks for nothing.
    pub watch: bool,
    /// `config=PATH`: another policy file.
    pub config: Option<PathBuf>,
    /// `debug`: more lines in the log, never a code or a secret.
    pub debug: bool,
}

/// Whether the terminal shows what is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Echo {
    /// PAM_PROMPT_ECHO_ON.
    On,
    /// PAM_PROMPT_ECHO_OFF.
    Off,
}

/// Whether to take an answer that is there already (PAM_AUTHTOK).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstPass {
    /// Always ask.
    Ask,
    /// Take it if it is a code, else ask.
    Try,
    /// Take it or refuse; never ask.
    Use,
}

/// Whose code it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// PAM_USER's: the invoker in sudo, the target in su.
    User,
    /// That of the person who started the process (real uid), never root's.
    Invoker,
}

/// When the password stage replaces a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RotateWhen {
    /// When the policy says that it is due.
    Due,
    /// Also whenever somebody changes their password; an empty answer keeps the key.
    Ask,
}

/// An option that refuses the whole line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OptionError {
    /// No such option.
    Unknown(String),
    /// Given twice, or with its synonym.
    Repeated(&'static str),
    /// A value that the option does not take.
    Malformed {
        /// Which option.
        option: &'static str,
        /// The text that was found.
        found: String,
        /// The form that was wanted.
        wanted: &'static str,
    },
}

/// Every option, as the man page lists them; a test compares.
pub(crate) const NAMES: [&str; 12] = [
    "prompt=",
    "unenrolled=",
    "nullok",
    "config=",
    "debug",
    "echo",
    "try_first_pass",
    "use_first_pass",
    "forward_pass=",
    "whose=",
    "rotate=",
    "watch",
];

const LONGEST_PROMPT: usize = 128;

impl Options {
    /// Reads the arguments of the PAM line.
    pub(crate) fn parse(arguments: &[&CStr]) -> Result<Self, OptionError> {
        let mut read = Read::default();
        for argument in arguments {
            let text = argument.to_str().map_err(|_| unknown(&argument.to_string_lossy()))?;
            match text.split_once('=') {
                Some((name, value)) => read.valued(text, name, value)?,
                None => read.plain(text)?,
            }
        }
        if read.watch.is_some() && read.asks() {
            return Err(malformed("watch", "", "no other option with it except config= and debug"));
        }
        Ok(Self {
            watch: read.watch.is_some(),
            prompt: read.prompt,
            unenrolled: read.unenrolled,
            echo: read.echo.unwrap_or(Echo::Off),
            first_pass: read.first_pass.unwrap_or(FirstPass::Ask),
            forward: read.forward,
            whose: read.whose.unwrap_or(Whose::User),
            rotate: read.rotate.unwrap_or(RotateWhen::Due),
            config: read.config,
            debug: read.debug.is_some(),
        })
    }
}

/// Whose code the line asks for, also where something else in it is wrong: an emergency mark is looked at all the same, but only
/// that of the right person. The mistake, if it may have been about just this.
pub(crate) fn whose(options: &Result<Options, OptionError>, arguments: &[&CStr]) -> Result<Whose, OptionError> {
    let error = match options {
        Ok(options) => return Ok(options.whose),
        Err(error) => error,
    };
    let about_it = |text: &[u8]| {
        let text = text.to_ascii_lowercase();
        text.starts_with(b"who") || text.windows(7).any(|part| part == b"invoker")
    };
    let mut said = arguments.iter().map(|argument| argument.to_bytes()).filter(|text| about_it(text));
    match (said.next(), said.next()) {
        (None, _) | (Some(b"whose=user"), None) => Ok(Whose::User),
        (Some(b"whose=invoker"), None) => Ok(Whose::Invoker),
        _ => Err(error.clone()),
    }
}

/// The options read so far.
#[derive(Default)]
struct Read {
    prompt: Option<String>,
    unenrolled: Option<Unenrolled>,
    echo: Option<Echo>,
    first_pass: Option<FirstPass>,
    forward: Option<usize>,
    whose: Option<Whose>,
    rotate: Option<RotateWhen>,
    config: Option<PathBuf>,
    debug: Option<()>,
    watch: Option<()>,
}

impl Read {
    /// Is there an option about a question?
    fn asks(&self) -> bool {
        let words = self.prompt.is_some() || self.echo.is_some() || self.first_pass.is_some() || self.forward.is_some();
        words || self.unenrolled.is_some() || self.whose.is_some() || self.rotate.is_some()
    }

    fn valued(&mut self, text: &str, name: &str, value: &str) -> Result<(), OptionError> {
        match name {
            "prompt" => once(&mut self.prompt, "prompt=", parse_prompt(value)?),
            "unenrolled" => once(&mut self.unenrolled, "unenrolled=", parse_unenrolled(value)?),
            "config" => once(&mut self.config, "config=", parse_config(value)?),
            "forward_pass" => once(&mut self.forward, "forward_pass=", parse_forward(value)?),
            "whose" => once(&mut self.whose, "whose=", parse_whose(value)?),
            "rotate" => once(&mut self.rotate, "rotate=", parse_rotate(value)?),
            _ => Err(unknown(text)),
        }
    }

    fn plain(&mut self, text: &str) -> Result<(), OptionError> {
        match text {
            "nullok" => once(&mut self.unenrolled, "unenrolled=", Unenrolled::Skip),
            "debug" => once(&mut self.debug, "debug", ()),
            "watch" => once(&mut self.watch, "watch", ()),
            "echo" => once(&mut self.echo, "echo", Echo::On),
            "try_first_pass" => once(&mut self.first_pass, "try_first_pass", FirstPass::Try),
            "use_first_pass" => once(&mut self.first_pass, "use_first_pass", FirstPass::Use),
            "forward_pass" => once(&mut self.forward, "forward_pass=", 6),
            _ => Err(unknown(text)),
        }
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
    // `enrol` is for services that otp.toml lists: the PAM line alone does not open that way.
    let found = Unenrolled::parse(value).filter(|found| *found != Unenrolled::Enrol);
    found.ok_or_else(|| malformed("unenrolled=", value, "deny or skip; enrol is for otp.toml only"))
}

fn parse_forward(value: &str) -> Result<usize, OptionError> {
    match value {
        "6" => Ok(6),
        "7" => Ok(7),
        "8" => Ok(8),
        _ => Err(malformed("forward_pass=", value, "6, 7 or 8")),
    }
}

fn parse_whose(value: &str) -> Result<Whose, OptionError> {
    match value {
        "user" => Ok(Whose::User),
        "invoker" => Ok(Whose::Invoker),
        _ => Err(malformed("whose=", value, "user or invoker")),
    }
}

fn parse_rotate(value: &str) -> Result<RotateWhen, OptionError> {
    match value {
        "due" => Ok(RotateWhen::Due),
        "ask" => Ok(RotateWhen::Ask),
        _ => Err(malformed("rotate=", value, "due or ask")),
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
    fn without_options_nothing_is_said() {
        let options = parse(&[]).unwrap();
        assert_eq!((options.prompt, options.unenrolled, options.config, options.forward), (None, None, None, None));
        assert_eq!((options.echo, options.first_pass, options.whose), (Echo::Off, FirstPass::Ask, Whose::User));
        assert!(!options.debug && !options.watch && options.rotate == RotateWhen::Due);
    }

    #[test]
    fn every_option_is_read() {
        let options = parse(&[
            c"prompt=Code, please: ",
            c"unenrolled=skip",
            c"config=/etc/otp/x.toml",
            c"debug",
            c"echo",
            c"use_first_pass",
            c"forward_pass=8",
            c"whose=invoker",
            c"rotate=ask",
        ]);
        let options = options.unwrap();
        assert_eq!((options.prompt.as_deref(), options.unenrolled), (Some("Code, please: "), Some(Unenrolled::Skip)));
        assert_eq!((options.config, options.debug), (Some(PathBuf::from("/etc/otp/x.toml")), true));
        assert_eq!((options.echo, options.first_pass), (Echo::On, FirstPass::Use));
        assert_eq!((options.forward, options.whose, options.rotate), (Some(8), Whose::Invoker, RotateWhen::Ask));
        let watch = parse(&[c"watch", c"debug", c"config=/etc/otp/x.toml"]).unwrap();
        assert!(watch.watch && watch.debug && watch.config.is_some());
        assert_eq!(parse(&[c"nullok"]).unwrap().unenrolled, Some(Unenrolled::Skip));
        assert_eq!(parse(&[c"unenrolled=deny"]).unwrap().unenrolled, Some(Unenrolled::Deny));
        assert_eq!(parse(&[c"try_first_pass", c"forward_pass"]).unwrap().forward, Some(6));
    }

    #[test]
    fn whose_code_it_is_is_known_unless_the_mistake_may_be_about_that() {
        let of = |arguments: &[&CStr]| whose(&parse(arguments), arguments).ok();
        assert_eq!(of(&[c"echo"]), Some(Whose::User));
        assert_eq!(of(&[c"nonsense"]), Some(Whose::User));
        assert_eq!(of(&[c"nonsense", c"whose=user"]), Some(Whose::User));
        assert_eq!(of(&[c"whose=invoker", c"nonsense"]), Some(Whose::Invoker));
        for unclear in [
            c"whose=invokr",
            c"whose",
            c"whse=invoker",
            c"Whose=invoker",
            c"Whose=Invoker",
            c"WHOSE=INVOKER",
            c"invoker",
        ] {
            assert_eq!(of(&[unclear]), None, "{unclear:?}");
        }
        assert_eq!(of(&[c"whose=user", c"whose=invoker"]), None);
    }

    #[test]
    fn everything_unknown_repeated_or_malformed_refuses() {
        let long = std::ffi::CString::new(format!("prompt={}", "x".repeat(129))).unwrap();
        let bad: [&[&CStr]; 45] = [
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
            &[c"echo=on"],
            &[c"echo", c"echo"],
            &[c"use_first_pass", c"try_first_pass"],
            &[c"use_first_pass=1"],
            &[c"forward_pass="],
            &[c"forward_pass=0"],
            &[c"forward_pass=-6"],
            &[c"forward_pass=5"],
            &[c"forward_pass=9"],
            &[c"forward_pass=99999999999999999999"],
            &[c"forward_pass=06"],
            &[c"forward_pass", c"forward_pass=6"],
            &[c"whose"],
            &[c"whose=root"],
            &[c"whose=user", c"whose=user"],
            &[c"watch="],
            &[c"watch", c"watch"],
            &[c"watch", c"rotate=due"],
            &[c"watch", c"nullok"],
            &[c"echo", c"watch"],
            &[c"rotate"],
            &[c"rotate=always"],
            &[c"rotate=due", c"rotate=ask"],
        ];
        for arguments in bad {
            assert!(parse(arguments).is_err(), "{arguments:?}");
        }
    }
}
