//! The commands by which a key reaches its owner: enrolment, one key more, rotation, tokens, recovery codes.

use std::path::PathBuf;

use clap::Args;
use otp_core::keys::key::{Algorithm, Digits, Kind, Label, Period, ValueError};
use otp_core::unix_time::UnixTime;
use otp_protocol::interface::{Shape, WantedKey};

use crate::arguments::moment::moment;
use crate::arguments::user::user;
use crate::arguments::wanted::{wanted, wanted_number};
use crate::output::format::{OutputFormat, Pipe, QrWish, UnderSudo};

/// Make a key, with a registration code from an administrator
///
/// Asks for the registration code, shows the new key as a QR code, in letters and as an otpauth URI, then asks for a code from the
/// app, which stores the key. Then it shows recovery codes, once.
#[derive(Args)]
pub(crate) struct EnrolArgs {
    /// For root, if admin_enrol is set in otp.toml: make a key for this user, without a registration code
    ///
    /// Default: you
    #[arg(conflicts_with = "registration_stdin", value_parser = user())]
    pub user: Option<String>,

    /// Read the registration code from the first line of standard input, or the first two for a code of two parts
    #[arg(long)]
    pub registration_stdin: bool,

    #[command(flatten)]
    pub key: KeyWishes,

    #[command(flatten)]
    pub output: KeyOutput,
}

/// Make another key for yourself, with a code of an existing one
///
/// The new key is shown once, and stored when a code from the app confirms it. You can have five keys.
#[derive(Args)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    pub key: KeyWishes,

    #[command(flatten)]
    pub output: KeyOutput,
}

/// Replace one of your keys, with a code of it
///
/// The old key works until a code from the app confirms the new one.
#[derive(Args)]
pub(crate) struct RotateArgs {
    /// The key to replace, by its label, its id or the first characters of its id
    ///
    /// Default: the key whose code you type
    pub key: Option<String>,

    #[command(flatten)]
    pub shape: ShapeWishes,

    #[command(flatten)]
    pub end: EndWish,

    #[command(flatten)]
    pub output: KeyOutput,
}

/// Make new recovery codes for yourself, with a code of a key
///
/// They are shown once. The earlier ones no longer work.
#[derive(Args)]
pub(crate) struct RecoveryCodesArgs {
    /// Write JSON, and read the code from standard input
    #[arg(long)]
    pub json: bool,

    /// Write the recovery codes although standard output is not a terminal
    #[arg(long)]
    pub allow_pipe: bool,

    /// Show it under sudo, too
    ///
    /// sudo can log all that a command shows (log_output, log_ttyout), and no command can see whether it does. Without this option
    /// nothing is made under sudo.
    #[arg(long)]
    pub allow_sudo: bool,
}

/// The settings of a new key.
#[derive(Args, Default)]
pub(crate) struct KeyWishes {
    /// The user's name for the device: 1 to 32 letters, digits, spaces or any of -_.@
    ///
    /// Default: phone; for a token: token
    #[arg(long, value_parser = wanted(Label::new))]
    pub label: Option<Label>,

    #[command(flatten)]
    pub shape: ShapeWishes,

    #[command(flatten)]
    pub end: EndWish,
}

/// When a new key is to end.
#[derive(Args, Default)]
pub(crate) struct EndWish {
    /// The end of the key: a day, to its last second, or a local time, as 2027-01-31 or 2027-01-31T18:00
    ///
    /// After it every code of the key is refused. `otpctl expire` changes it. Default: never
    #[arg(long, value_name = "DATE", value_parser = moment)]
    pub expires: Option<UnixTime>,
}

/// The form of its codes.
#[derive(Args, Default)]
pub(crate) struct ShapeWishes {
    /// Where codes come from: totp, the time (RFC 6238), or hotp, a counter (RFC 4226)
    ///
    /// Default: totp
    #[arg(long, value_parser = wanted(Kind::parse))]
    pub kind: Option<Kind>,

    /// The hash: SHA1, SHA256 or SHA512; several apps silently use SHA1
    ///
    /// Default: as otp.toml says in [key], else SHA1
    #[arg(long, value_parser = wanted(algorithm))]
    pub algorithm: Option<Algorithm>,

    /// The length of a code: 6, 7 or 8 digits; several apps silently use 6
    ///
    /// Default: as otp.toml says in [key], else 6
    #[arg(long, value_parser = wanted_number(Digits::new))]
    pub digits: Option<Digits>,

    /// How long a code lasts: 15 to 120 seconds; several apps silently use 30
    ///
    /// Default: as otp.toml says in [key], else 30
    #[arg(long, value_name = "SECONDS", value_parser = wanted_number(Period::new))]
    pub period: Option<Period>,
}

/// Where a new key is shown.
#[derive(Args, Default)]
pub(crate) struct KeyOutput {
    /// Draw the QR code into this new file, too, as SVG
    ///
    /// Anyone who reads the file has the key: delete it when you have scanned it. The file has mode 0600; a file that exists is not
    /// overwritten. If no key is stored, the file is removed.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,

    /// Draw the QR code into this new file, too, as PNG
    #[arg(long, value_name = "FILE")]
    pub png: Option<PathBuf>,

    /// Draw no QR code on the screen: for screen readers, and for terminals that show it badly
    ///
    /// The key is shown in letters and as an otpauth URI.
    #[arg(long, conflicts_with = "json")]
    pub no_qr: bool,

    /// Write JSON: the new key, then the outcome of each code read from standard input
    #[arg(long)]
    pub json: bool,

    /// Write the key although standard output is not a terminal
    ///
    /// Anyone who reads that pipe or file has the key. Without this option nothing is made.
    #[arg(long)]
    pub allow_pipe: bool,

    /// Show it under sudo, too
    ///
    /// sudo can log all that a command shows (log_output, log_ttyout), and no command can see whether it does. Without this option
    /// nothing is made under sudo.
    #[arg(long)]
    pub allow_sudo: bool,
}

impl KeyOutput {
    pub(crate) fn qr(&self) -> QrWish {
        QrWish::of(self.no_qr)
    }

    pub(crate) fn format(&self) -> OutputFormat {
        OutputFormat::of(self.json)
    }

    pub(crate) fn pipe(&self) -> Pipe {
        Pipe::of(self.allow_pipe)
    }

    pub(crate) fn under_sudo(&self) -> UnderSudo {
        UnderSudo::of(self.allow_sudo)
    }
}

impl RecoveryCodesArgs {
    pub(crate) fn pipe(&self) -> Pipe {
        Pipe::of(self.allow_pipe)
    }

    pub(crate) fn under_sudo(&self) -> UnderSudo {
        UnderSudo::of(self.allow_sudo)
    }
}

impl KeyWishes {
    pub(crate) fn wanted(&self) -> WantedKey {
        WantedKey { label: self.label.clone(), shape: self.shape.wanted(), expires: self.end.expires }
    }
}

impl ShapeWishes {
    pub(crate) fn wanted(&self) -> Shape {
        Shape { kind: self.kind, algorithm: self.algorithm, digits: self.digits, period: self.period }
    }
}

fn algorithm(text: &str) -> Result<Algorithm, ValueError> {
    Algorithm::parse(&text.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn parsed(words: &[&str]) -> Option<Command> {
        Some(Arguments::try_parse_from([&["otpctl"], words].concat()).ok()?.command)
    }

    fn is_usage_error(words: &[&str]) -> bool {
        parsed(words).is_none()
    }

    #[test]
    fn options_reach_the_request() {
        let words = ["enrol", "--label", "phone", "--algorithm", "sha256", "--digits", "8", "--period", "60"];
        let Some(Command::Enrol(EnrolArgs { key, user: None, .. })) = parsed(&words) else { panic!("not parsed") };
        let wanted = key.wanted();
        assert_eq!(wanted.label.as_ref().map(Label::as_str), Some("phone"));
        assert_eq!(wanted.shape.algorithm, Some(Algorithm::Sha256));
        assert_eq!(wanted.shape.digits.map(Digits::get), Some(8));
        assert_eq!(wanted.shape.period.map(Period::seconds), Some(60));
    }

    #[test]
    fn values_out_of_range_are_usage_errors() {
        let cases: [&[&str]; 16] = [
            &["enrol", "alice", "bob"],
            &["enrol", "alice", "--registration-stdin"],
            &["enrol", "--digits", "5"],
            &["enrol", "--digits", "9"],
            &["enrol", "--period", "14"],
            &["enrol", "--period", "300"],
            &["enrol", "--kind", "motp"],
            &["enrol", "--algorithm", "MD5"],
            &["enrol", "--json", "--json"],
            &["enrol", "--json", "--no-qr"],
            &["invite"],
            &["invite", "alice", "--form", "shouted"],
            &["invite", "alice", "--for", "10"],
            &["invite", "alice", "--revoke", "--replace"],
            &["rotate", "phone", "--label", "tablet"],
            &["token", "add"],
        ];
        for case in cases {
            assert!(is_usage_error(case), "{case:?}");
        }
    }

    /// The list of processes shows arguments.
    #[test]
    fn no_command_takes_a_code_or_a_secret_as_an_argument() {
        for words in [
            &["enrol", "--registration", "E-12345-6789W"] as &[&str],
            &["add", "123456"],
            &["recovery-codes", "123456"],
            &["token", "add", "alice", "ABCDEFGHIJKLMNOP"],
        ] {
            assert!(is_usage_error(words), "{words:?}");
        }
    }
}
