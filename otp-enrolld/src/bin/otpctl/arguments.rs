//! The command line: one definition gives the parser, the help and the man page.

use clap::{Args, Parser, Subcommand};

use otp_core::emergency::Reason;
use otp_core::key::{Algorithm, Digits, Label, Period, ValueError};
use otp_enrolld::protocol::{BeginEnrolment, Status};

/// Enrol users for one-time codes and look at their state
///
/// Talks to the daemon otp-enrolld on its local socket, which alone decides who may do what.
/// Exit status: 0 done, 1 refused, 2 wrong usage, 3 daemon not reachable.
#[derive(Parser)]
#[command(name = "otpctl", version)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    Enrol(Enrol),
    Status(ShowStatus),
    List(ShowList),
    Emergency(Emergency),
}

/// Make a key for a user, show it once, and store it when a code from the app confirms it
///
/// Shows the key as a QR code, in letters and as an otpauth URI, then asks for a code of the app. Until that code
/// is accepted nothing is stored: end of input, an interrupt, too many wrong codes or too long a wait leave nothing.
#[derive(Args)]
pub struct Enrol {
    /// The user to enrol
    pub user: String,

    /// What the user calls the device, for example "phone"
    #[arg(long, value_parser = Label::new)]
    pub label: Option<Label>,

    /// The hash: SHA1, SHA256 or SHA512; many apps know only SHA1
    #[arg(long, value_parser = algorithm)]
    pub algorithm: Option<Algorithm>,

    /// Length of a code: 6, 7 or 8; many apps know only 6
    #[arg(long, value_parser = digits)]
    pub digits: Option<Digits>,

    /// Seconds that a code lasts: 15 to 120; many apps know only 30
    #[arg(long, value_name = "SECONDS", value_parser = period)]
    pub period: Option<Period>,

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

/// List every enrolled user
#[derive(Args)]
pub struct ShowList {
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

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
            Self::List(options) => options.form(),
            Self::Emergency(_) => Form::Text,
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

impl ShowList {
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
            Command::Status(_) | Command::List(_) | Command::Emergency(_) => None,
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
    fn values_out_of_range_are_usage_errors() {
        let cases = [
            vec![],
            vec!["alice", "bob"],
            vec!["alice", "--digits", "5"],
            vec!["alice", "--digits", "9"],
            vec!["alice", "--period", "14"],
            vec!["alice", "--period", "121"],
            vec!["alice", "--period", "300"],
            vec!["alice", "--algorithm", "MD5"],
            vec!["alice", "--json", "--json"],
        ];
        for case in cases {
            assert!(enrol(&case).is_none(), "{case:?}");
        }
    }
}
