//! The command line: one definition gives the parser, the help and the man page.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use otp_core::emergency::Reason;
use otp_core::key::{Algorithm, Digits, Kind, Label, Period, ValueError};
use otp_core::origin::Origin;
use otp_enrolld::protocol::{BeginEnrolment, Status};

/// Enrol users for one-time codes and look at their state
///
/// Talks to the daemon otp-enrolld on its local socket, which alone decides who may do what.
/// Exit status: 0 done, 1 refused, 2 wrong usage, 3 daemon not reachable.
#[derive(Parser)]
#[command(name = "otpctl", version)]
pub struct Arguments {
    /// Without the daemon, as root: on the files themselves, under the same locks
    #[arg(long)]
    pub offline: bool,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    Enrol(Enrol),
    Status(ShowStatus),
    Notices(ShowNotices),
    List(ShowList),
    Suspend(Suspend),
    Resume(Resume),
    Reopen(Reopen),
    Rename(Rename),
    Revoke(Revoke),
    Forget(Forget),
    Adopt(Adopt),
    Restored(Restored),
    Config(Config),
    Emergency(Emergency),
    Clock(Clock),
}

/// Make a key for a user, show it once, and store it when a code from the app confirms it
///
/// Shows the key as a QR code, in letters and as an otpauth URI, then asks for a code of the app. Until that code
/// is accepted nothing is stored: end of input, an interrupt, too many wrong codes or too long a wait leave nothing.
#[derive(Args)]
pub struct Enrol {
    /// The user to enrol; one who is enrolled gets one more key, up to five
    pub user: String,

    /// What the user calls the device, for example "phone"
    #[arg(long, value_parser = Label::new)]
    pub label: Option<Label>,

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

    /// Draw the QR code into this file, too, as SVG
    ///
    /// The file is made, mode 0600; one that is there is not overwritten. Whoever reads it holds the second factor:
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
}

/// Show the keys and the wrong codes of a user, or of whoever calls
#[derive(Args)]
pub struct ShowStatus {
    /// The user to show; left out, it is whoever calls
    pub user: Option<String>,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Show what happened to the keys of a user, or of whoever calls, and has not been seen often enough
///
/// On a terminal what is shown counts as seen; each notice is shown three times, here or at logins.
#[derive(Args)]
pub struct ShowNotices {
    /// The user; left out, it is whoever calls
    pub user: Option<String>,

    /// Write JSON; then nothing counts as seen
    #[arg(long)]
    pub json: bool,
}

/// List every enrolled user
#[derive(Args)]
pub struct ShowList {
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Refuse every code of a user until `otpctl resume`
#[derive(Args)]
pub struct Suspend {
    /// The user
    pub user: String,
}

/// End a suspension
#[derive(Args)]
pub struct Resume {
    /// The user
    pub user: String,
}

/// Reopen what too many wrong codes have closed
///
/// Root reopens anybody's, and the total of wrong codes stays. Everybody else is asked for a code.
#[derive(Args)]
pub struct Reopen {
    /// The user; left out, it is whoever calls
    pub user: Option<String>,

    /// Only this one: self, other, remote, console or socket
    #[arg(long, value_parser = origin)]
    pub origin: Option<Origin>,
}

/// Give a key another label
#[derive(Args)]
pub struct Rename {
    /// The user
    pub user: String,

    /// The key, by label or id
    pub key: String,

    /// Its new label
    #[arg(value_parser = Label::new)]
    pub label: Label,
}

/// Remove a key for good
///
/// After the last one the user is still enrolled, and refused. Everybody but root is asked for a code of that key.
#[derive(Args)]
#[command(allow_missing_positional = true)]
pub struct Revoke {
    /// The user; left out, it is whoever calls
    pub user: Option<String>,

    /// The key, by label or id
    pub key: String,
}

/// Forget a user: never enrolled from now on
#[derive(Args)]
pub struct Forget {
    /// The user, or the uid of one whose account is gone
    pub user: String,
}

/// Take over the files of a former name or uid, after an account was renamed
#[derive(Args)]
pub struct Adopt {
    /// The user, as the account is called now
    pub user: String,

    /// What the name or the uid was before
    #[arg(long, value_name = "NAME|UID")]
    pub from: String,
}

/// Say that what came back from a backup is meant
///
/// Turns HOTP keys on again, which then want two codes in a row, and takes a key file of another generation.
#[derive(Args)]
pub struct Restored {
    /// The user
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub user: Option<String>,

    /// Every user
    #[arg(long)]
    pub all: bool,

    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Look the policy file over, or edit it
#[derive(Args)]
pub struct Config {
    #[command(subcommand)]
    pub act: ConfigAct,
}

#[derive(Subcommand)]
pub enum ConfigAct {
    Check(CheckConfig),
    Edit(EditConfig),
}

/// Say whether the policy file is in order, with every service in it; needs no daemon
#[derive(Args)]
pub struct CheckConfig {
    /// Another file than /etc/otp/otp.toml; root's too, as the module wants it
    pub file: Option<PathBuf>,
}

/// Edit /etc/otp/otp.toml and put it into force only if it is in order
///
/// For root. A copy is opened in $VISUAL, $EDITOR or vi; it takes the file's place, in one step, when the module would read it.
#[derive(Args)]
pub struct EditConfig {}

/// Say that the clock is right, where nobody vouches for it; only with --offline
#[derive(Args)]
pub struct Clock {}

/// Let a user past the gate without a code, whatever is broken, or end that
///
/// For root on this machine. Needs no daemon, vault, policy, host key or clock.
#[derive(Args)]
pub struct Emergency {
    #[command(subcommand)]
    pub act: EmergencyAct,
}

#[derive(Subcommand)]
pub enum EmergencyAct {
    Bypass(Bypass),
    End(EndBypass),
    List(ListBypasses),
}

/// Write a mark: from now on this user is not asked for a code
///
/// Every use of the mark is logged at alert, until `otpctl emergency end`.
#[derive(Args)]
pub struct Bypass {
    /// The user to let past the gate
    pub user: String,

    /// Why; it stands in the log at every use
    #[arg(long, value_name = "TEXT", value_parser = Reason::new)]
    pub reason: Reason,
}

/// List the marks: who is let past, why, since when
#[derive(Args)]
pub struct ListBypasses {
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Take the mark away: from now on this user is asked again
#[derive(Args)]
pub struct EndBypass {
    /// The user, or the uid of one who is gone
    pub user: String,
}

/// How answers are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Text,
    Json,
}

/// Whether a key may be written to something that is not a terminal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pipe {
    Allowed,
    Refused,
}

impl Command {
    pub fn form(&self) -> Form {
        match self {
            Self::Enrol(options) => options.form(),
            Self::Status(options) => options.form(),
            Self::Notices(options) => options.form(),
            Self::List(options) => options.form(),
            Self::Restored(options) => options.form(),
            Self::Emergency(Emergency { act: EmergencyAct::List(options) }) => options.form(),
            _ => Form::Text,
        }
    }
}

impl Enrol {
    pub fn form(&self) -> Form {
        Form::of(self.json)
    }

    pub fn pipe(&self) -> Pipe {
        if self.allow_pipe { Pipe::Allowed } else { Pipe::Refused }
    }

    pub fn request(&self) -> BeginEnrolment {
        BeginEnrolment {
            user: self.user.clone(),
            label: self.label.clone(),
            kind: self.kind,
            algorithm: self.algorithm,
            digits: self.digits,
            period: self.period,
        }
    }
}

impl ShowStatus {
    pub fn form(&self) -> Form {
        Form::of(self.json)
    }

    pub fn request(&self) -> Status {
        Status { user: self.user.clone() }
    }
}

impl ShowNotices {
    pub fn form(&self) -> Form {
        Form::of(self.json)
    }
}

impl ShowList {
    pub fn form(&self) -> Form {
        Form::of(self.json)
    }
}

impl Restored {
    pub fn form(&self) -> Form {
        Form::of(self.json)
    }
}

impl ListBypasses {
    pub fn form(&self) -> Form {
        Form::of(self.json)
    }
}

impl Form {
    fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}

fn algorithm(text: &str) -> Result<Algorithm, ValueError> {
    Algorithm::parse(&text.to_ascii_uppercase())
}

fn origin(text: &str) -> Result<Origin, &'static str> {
    Origin::parse(text).ok_or("wanted self, other, remote, console or socket")
}

fn digits(text: &str) -> Result<Digits, ValueError> {
    Digits::new(text.parse().unwrap_or(-1))
}

fn period(text: &str) -> Result<Period, ValueError> {
    Period::new(text.parse().unwrap_or(-1))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn enrol(arguments: &[&str]) -> Option<Enrol> {
        let all = ["otpctl", "enrol"].iter().chain(arguments);
        match Arguments::try_parse_from(all).ok()?.command {
            Command::Enrol(enrol) => Some(enrol),
            _ => None,
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn options_reach_the_request() {
        let options = ["alice", "--label", "phone", "--algorithm", "sha256", "--digits", "8", "--period", "60"];
        let request = enrol(&options).expect("parsed").request();
        assert_eq!(request.user, "alice");
        assert_eq!(request.label.as_ref().map(Label::as_str), Some("phone"));
        assert_eq!(request.algorithm, Some(Algorithm::Sha256));
        assert_eq!(request.digits.map(Digits::get), Some(8));
        assert_eq!(request.period.map(Period::seconds), Some(60));
    }

    #[test]
    fn a_key_is_revoked_with_or_without_a_user() {
        let revoke = |words: &[&str]| match Arguments::try_parse_from([&["otpctl", "revoke"], words].concat()) {
            Ok(Arguments { command: Command::Revoke(found), .. }) => Some((found.user, found.key)),
            _ => None,
        };
        assert_eq!(revoke(&["phone"]), Some((None, "phone".to_owned())));
        assert_eq!(revoke(&["alice", "phone"]), Some((Some("alice".to_owned()), "phone".to_owned())));
        assert_eq!(revoke(&[]), None);
    }

    #[test]
    fn values_out_of_range_are_usage_errors() {
        let cases = [
            vec![],
            vec!["alice", "bob"],
            vec!["alice", "--digits", "5"],
            vec!["alice", "--digits", "9"],
            vec!["alice", "--period", "14"],
            vec!["alice", "--period", "121"],
            vec!["alice", "--period", "300"],
            vec!["alice", "--kind", "motp"],
            vec!["alice", "--algorithm", "MD5"],
            vec!["alice", "--json", "--json"],
        ];
        for case in cases {
            assert!(enrol(&case).is_none(), "{case:?}");
        }
    }
}
