//! The commands by which a key reaches its owner: invitation, enrolment, one key more, rotation, tokens, recovery codes.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use otp_core::codes::registration::CodeForm;
use otp_core::keys::key::{Algorithm, Digits, Kind, Label, Period, ValueError};
use otp_protocol::interface::{Shape, WantedKey};

use crate::arguments::user::user;
use crate::output::duration;
use crate::output::format::{OutputFormat, Pipe, UnderSudo};
use crate::output::letter::Paper;

/// Make a registration code, with which a user makes a key for himself
///
/// The code works once, in that user's account alone, and only until it ends, which is always said. Anyone who invites
/// never sees the key. A new code makes the earlier one of the same user worthless.
#[derive(Args)]
pub(crate) struct InviteArgs {
    /// The user to invite
    #[arg(value_parser = user())]
    pub user: String,

    /// How the code travels: spoken (10 minutes), mail (24 hours), letter (14 days) or split (14 days, in two parts)
    ///
    /// The default is spoken, and letter with --letter.
    #[arg(long, value_parser = travel)]
    pub form: Option<CodeForm>,

    /// How long it is good for, for example 10m, 24h or 14d
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    pub lasts: Option<u64>,

    /// The key that is made with it replaces those that are there; otherwise the code is for a first key only
    #[arg(long)]
    pub replace: bool,

    /// Write a page for the post into this file: SVG if it ends in .svg, text if it ends in .txt
    ///
    /// The page has the code, the code as a QR code, and when it ends; it names neither host nor user nor purpose. The
    /// file is made, mode 0600; one that is there is not overwritten. Of a split code it has the first part alone.
    #[arg(long, value_name = "FILE")]
    pub letter: Option<PathBuf>,

    /// Write a note that names host and user and says what to do, into this file; for another envelope
    #[arg(long, value_name = "FILE", requires = "letter")]
    pub cover: Option<PathBuf>,

    /// Size of the page: a4 or letter (8.5 by 11 inches)
    #[arg(long, default_value = "a4", requires = "letter")]
    pub paper: Paper,

    /// Write JSON
    #[arg(long)]
    pub json: bool,

    /// Write the code even if standard output is not a terminal
    #[arg(long)]
    pub allow_pipe: bool,

    /// Make the code of this user worthless instead
    #[arg(long, conflicts_with_all = ["form", "lasts", "replace", "letter", "cover", "json", "allow_pipe"])]
    pub revoke: bool,
}

/// Make a key with a registration code, show it once, and store it when a code from the app confirms it
///
/// Asks for the registration code, shows the key as a QR code, in letters and as an otpauth URI, then asks for a code
/// of the app. Until that code is accepted nothing is stored: end of input, an interrupt, too many wrong codes or too
/// long a wait leave nothing. Then recovery codes are shown, once.
#[derive(Args)]
pub(crate) struct EnrolArgs {
    /// Root only, and only where the policy allows it: make a key for this user, without a registration code
    #[arg(conflicts_with = "registration_stdin", value_parser = user())]
    pub user: Option<String>,

    /// Read the registration code from standard input: its first line, or two for a code of two parts
    #[arg(long)]
    pub registration_stdin: bool,

    #[command(flatten)]
    pub key: KeyWishes,

    #[command(flatten)]
    pub output: KeyOutput,
}

/// Make one more key of one's own, for a code of a key that is there
///
/// Then as with enrol: the key is shown once and stored when a code from the app confirms it.
#[derive(Args)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    pub key: KeyWishes,

    #[command(flatten)]
    pub output: KeyOutput,
}

/// Replace a key of one's own by a new one, for a code of the old one
///
/// The old key works until a code confirms the new one, and is dead from that moment. Whatever ends it earlier leaves
/// the old key as it was.
#[derive(Args)]
pub(crate) struct RotateArgs {
    /// The key to replace, by label or id; left out, it is the one whose code is typed
    pub key: Option<String>,

    #[command(flatten)]
    pub shape: ShapeWishes,

    #[command(flatten)]
    pub output: KeyOutput,
}

/// Make a new set of recovery codes, for a code of a key, and show it once
///
/// The old set is dead from then on.
#[derive(Args)]
pub(crate) struct RecoveryCodesArgs {
    /// Write JSON; the code is read from standard input
    #[arg(long)]
    pub json: bool,

    /// Write the recovery codes even if standard output is not a terminal
    #[arg(long)]
    pub allow_pipe: bool,

    /// Show it under sudo, too
    ///
    /// sudo may keep all that a command shows (log_output, log_ttyout), and no command can see whether it does. Without
    /// this option nothing is made under sudo.
    #[arg(long)]
    pub allow_sudo: bool,
}

/// Import a hardware token's key
#[derive(Args)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    pub act: TokenAct,
}

#[derive(Subcommand)]
pub(crate) enum TokenAct {
    Add(AddTokenArgs),
}

/// Store the secret of a hardware token for a user, when codes of the token confirm it
///
/// Reads the secret, in base32 or with --hex in hex, from standard input, without showing it. A token that goes by the time is confirmed by
/// one code; one with a counter by two that follow each other. They are asked for on the terminal.
#[derive(Args)]
pub(crate) struct AddTokenArgs {
    /// Whose token it is
    #[arg(value_parser = user())]
    pub user: String,

    #[command(flatten)]
    pub key: KeyWishes,

    /// The secret is in hex, not in base32
    #[arg(long)]
    pub hex: bool,

    /// Write JSON; the codes are then read from standard input, too, one a line
    #[arg(long)]
    pub json: bool,
}

/// What a new key is to be.
#[derive(Args, Default)]
pub(crate) struct KeyWishes {
    /// What the user calls the device, for example "phone"
    #[arg(long, value_parser = Label::new)]
    pub label: Option<Label>,

    #[command(flatten)]
    pub shape: ShapeWishes,
}

/// What its codes are to be like.
#[derive(Args, Default)]
pub(crate) struct ShapeWishes {
    /// totp, from the time, or hotp, from a counter (RFC 4226)
    #[arg(long, value_parser = Kind::parse)]
    pub kind: Option<Kind>,

    /// The hash: SHA1, SHA256 or SHA512; several apps know only SHA1 and do not say so
    #[arg(long, value_parser = algorithm)]
    pub algorithm: Option<Algorithm>,

    /// Length of a code: 6, 7 or 8; several apps know only 6 and do not say so
    #[arg(long, value_parser = digits)]
    pub digits: Option<Digits>,

    /// Seconds that a code lasts: 15 to 120; several apps know only 30 and do not say so
    #[arg(long, value_name = "SECONDS", value_parser = period)]
    pub period: Option<Period>,
}

/// Where a new key is shown.
#[derive(Args, Default)]
pub(crate) struct KeyOutput {
    /// Draw the QR code into this file, too, as SVG
    ///
    /// The file is made, mode 0600; one that is there is not overwritten. Anyone who reads it holds the second factor:
    /// delete it when it has been scanned. If nothing is stored, it is removed.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,

    /// Draw the QR code into this file, too, as PNG
    #[arg(long, value_name = "FILE")]
    pub png: Option<PathBuf>,

    /// Write JSON: the pending key, then what became of each code read from standard input
    #[arg(long)]
    pub json: bool,

    /// Write the key even if standard output is not a terminal
    ///
    /// Whatever reads the pipe or file then holds the second factor. Without this option nothing is made.
    #[arg(long)]
    pub allow_pipe: bool,

    /// Show it under sudo, too
    ///
    /// sudo may keep all that a command shows (log_output, log_ttyout), and no command can see whether it does. Without
    /// this option nothing is made under sudo.
    #[arg(long)]
    pub allow_sudo: bool,
}

impl KeyOutput {
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

impl InviteArgs {
    pub(crate) fn pipe(&self) -> Pipe {
        Pipe::of(self.allow_pipe)
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
        WantedKey { label: self.label.clone(), shape: self.shape.wanted() }
    }
}

impl ShapeWishes {
    pub(crate) fn wanted(&self) -> Shape {
        Shape { kind: self.kind, algorithm: self.algorithm, digits: self.digits, period: self.period }
    }
}

fn travel(text: &str) -> Result<CodeForm, &'static str> {
    CodeForm::parse(text).ok_or("wanted spoken, mail, letter or split")
}

fn algorithm(text: &str) -> Result<Algorithm, ValueError> {
    Algorithm::parse(&text.to_ascii_uppercase())
}

fn digits(text: &str) -> Result<Digits, String> {
    Digits::new(number(text, "6, 7 or 8")?).map_err(|error| error.to_string())
}

fn period(text: &str) -> Result<Period, String> {
    Period::new(number(text, "15 to 120 seconds")?).map_err(|error| error.to_string())
}

/// As it is written in one way only: no sign, no zeros before it.
fn number(text: &str, wanted: &str) -> Result<i64, String> {
    let found = text.parse().ok().filter(|number: &i64| number.to_string() == text);
    found.ok_or_else(|| format!("found {text:?}; wanted {wanted}"))
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
    fn an_invitation_takes_its_form_and_its_time() {
        let words = ["invite", "alice", "--form", "split", "--for", "3d", "--replace"];
        let Some(Command::Invite(invite)) = parsed(&words) else { panic!("not parsed") };
        assert_eq!((invite.form, invite.lasts, invite.replace), (Some(CodeForm::Split), Some(3 * 86_400), true));
        assert_eq!((invite.paper, invite.revoke), (Paper::A4, false));
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
            &["invite"],
            &["invite", "alice", "--form", "shouted"],
            &["invite", "alice", "--for", "10"],
            &["invite", "alice", "--cover", "note.txt"],
            &["invite", "alice", "--revoke", "--replace"],
            &["rotate", "phone", "--label", "tablet"],
            &["token", "add"],
        ];
        for case in cases {
            assert!(is_usage_error(case), "{case:?}");
        }
    }

    /// What is typed as an argument stands in the list of processes.
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
