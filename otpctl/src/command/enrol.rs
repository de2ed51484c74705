//! `otpctl enrol`: a key for oneself with a registration code, or, by root where the policy allows it, for a user. It is begun,
//! shown once, and stored only when a code of it comes back.

use nix::unistd::Uid;
use otp_core::reasons::ChangeRefusal;
use otp_core::reasons::words::Received;
use otp_protocol::client::{CallError, Client};
use otp_protocol::interface::{BeginEnrolment, Prompt, Redeem, Redeemed, Refusal, UserName};

use crate::arguments::EnrolArgs;
use crate::command::confirm::{ConfirmPurpose, PendingKey};
use crate::command::used_code;
use crate::input::registration::{self, CodeSource};
use crate::output::escape::{escaped, word};
use crate::output::failure::Failure;
use crate::output::format::OutputFormat;
use crate::output::local_time::when_and_where;
use crate::output::qr_file;
use crate::output::terminal::Terminal;

pub(crate) fn enrol(
    terminal: &mut Terminal,
    options: &EnrolArgs,
    connect: impl Fn() -> Result<Client, Failure>,
) -> Result<(), Failure> {
    match &options.user {
        Some(user) => by_root(&mut connect()?, terminal, options, user),
        None => by_owner(terminal, options, connect),
    }
}

fn by_root(client: &mut Client, terminal: &mut Terminal, options: &EnrolArgs, user: &str) -> Result<(), Failure> {
    let format = options.output.format();
    let files = qr_file::create(options.output.svg.as_deref(), options.output.png.as_deref())?; // before a key is made: a file that is there ends it here
    let request = BeginEnrolment { user: UserName::new(user)?, key: options.key.wanted() };
    let begun = client.call(&request).map_err(|error| with_the_way_for_users(error, format))?;
    let pending = PendingKey { client, terminal, format, purpose: ConfirmPurpose::EnrolAnother };
    pending.show_and_confirm(&begun, &begun.enrolment, options.output.qr(), files)
}

/// Anyone but root most likely meant their own account.
fn with_the_way_for_users(error: CallError, format: OutputFormat) -> Failure {
    match error {
        CallError::Refused(Refusal::NotAllowed { reason })
            if format == OutputFormat::Text && !Uid::effective().is_root() =>
        {
            let way = "to enrol yourself, leave the name out and type your registration code when asked";
            Failure::Refused(Refusal::NotAllowed { reason: format!("{reason}; {way}") })
        }
        error => error.into(),
    }
}

/// The connection is made when the code is typed: the daemon does not wait for slow fingers.
fn by_owner(
    terminal: &mut Terminal,
    options: &EnrolArgs,
    connect: impl Fn() -> Result<Client, Failure>,
) -> Result<(), Failure> {
    let format = options.output.format();
    let source = source(terminal, options)?;
    let files = qr_file::create(options.output.svg.as_deref(), options.output.png.as_deref())?;
    if source == CodeSource::Person {
        terminal.show(WHAT_IS_ASKED)?;
    }
    let code = registration::read(terminal, source)?;
    let prompt = Prompt { tty: terminal.tty()?, ..Prompt::default() };
    let request = Redeem { user: None, registration: code, key: options.key.wanted(), prompt };
    let client = &mut connect()?;
    match client.call(&request) {
        Ok(redeemed) => {
            show_earlier(terminal, format, &redeemed)?;
            let pending = PendingKey { client, terminal, format, purpose: ConfirmPurpose::Enrol };
            pending.show_and_confirm(&redeemed, &redeemed.enrolment, options.output.qr(), files)
        }
        Err(CallError::Refused(Refusal::RegistrationSpent { used })) if source == CodeSource::Person => {
            used_code::ask(terminal, request.registration, &used, connect)
        }
        Err(error) => Err(for_an_owner(error)),
    }
}

/// A refusal that an owner reads; the same one tells an administrator who invites something else.
fn for_an_owner(error: CallError) -> Failure {
    match error {
        CallError::Refused(Refusal::NotPossible { user, reason: Received::Known(reason) })
            if reason == ChangeRefusal::AlreadyEnrolled.into() =>
        {
            let (user, typed) = (escaped(&user), word(&user));
            Failure::Stopped(format!(
                "{user} already has a key, and this code is for a first key only; the code is not used up\nfor one \
                 more device: otpctl add; for a new phone instead of the old one: otpctl rotate\nif no key works \
                 any more: ask an administrator for a code that replaces it (otpctl invite {typed} --replace)"
            ))
        }
        error => error.into(),
    }
}

/// Before the first prompt of somebody who may never have heard of any of it.
const WHAT_IS_ASKED: &str = "\
A registration code begins with E-; you get it from an administrator, for example by letter or by phone.
If you already have a key: otpctl add is for one more device, otpctl rotate for a new phone.
";

/// A person is asked; a pipe or a file is read only if that is said, for then there is nobody to answer questions.
fn source(terminal: &Terminal, options: &EnrolArgs) -> Result<CodeSource, Failure> {
    let usage = |text: &str| Err(Failure::Usage(text.to_owned()));
    match (options.registration_stdin, options.output.format(), terminal.asks_a_person()) {
        (true, _, _) => Ok(CodeSource::Script),
        (false, OutputFormat::Json, _) => usage("--json: the registration code is read with --registration-stdin"),
        (false, OutputFormat::Text, false) => usage(
            "standard input is not a terminal; use --registration-stdin if the registration code is to be read from it",
        ),
        (false, OutputFormat::Text, true) => Ok(CodeSource::Person),
    }
}

/// In JSON it is in the answer.
fn show_earlier(terminal: &mut Terminal, format: OutputFormat, redeemed: &Redeemed) -> Result<(), Failure> {
    match (&redeemed.earlier, format) {
        (Some(earlier), OutputFormat::Text) => terminal.show(&format!(
            "You used this code {}, and did not finish. That does no harm: the key shown then was thrown away, and this one is new.\n\
             If your app has an entry from that time, delete it.\n\
             If that was not you: finish now, so that nobody else can use the code, then tell an administrator.\n\n",
            when_and_where(earlier)
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "../../../otp-protocol/tests/double/mod.rs"]
#[expect(dead_code, reason = "shared with the server's tests, which use more of it")]
mod double;

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io::{self, Write};
    use std::rc::Rc;
    use std::sync::atomic::Ordering;

    use otp_protocol::server::limits::ServerLimits;

    use super::double::{CODE, Double, Running, eventually};
    use super::*;
    use crate::arguments::KeyWishes;
    use crate::arguments::keys::KeyOutput;
    use crate::output::terminal::OutputKind;

    /// The written text, kept for reading.
    #[derive(Clone, Default)]
    struct Screen(Rc<RefCell<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A whole run with `typed` as input: how it ended, and what was shown.
    fn run(format: OutputFormat, typed: String) -> (Result<(), Failure>, String) {
        let (outcome, shown, _) = run_for("alice", format, typed);
        (outcome, shown)
    }

    /// The same for any user, and how many calls arrived.
    fn run_for(user: &str, format: OutputFormat, typed: String) -> (Result<(), Failure>, String, usize) {
        let running = Running::start(Double::default(), ServerLimits::default());
        let uid = nix::unistd::geteuid().as_raw();
        let mut client = Client::connect(running.path(), &[uid]).expect("connect");
        let paper = Screen::default();
        let input = io::Cursor::new(typed.into_bytes());
        let mut terminal = Terminal::new(Box::new(input), Box::new(paper.clone()), OutputKind::Screen);
        let outcome = by_root(&mut client, &mut terminal, &options(format), user);
        drop(client);
        eventually("session ended", || running.service.closed.load(Ordering::SeqCst) == 1);
        let shown = String::from_utf8(paper.0.take()).expect("UTF-8");
        (outcome, shown, running.service.calls.load(Ordering::SeqCst))
    }

    fn options(format: OutputFormat) -> EnrolArgs {
        EnrolArgs {
            user: None,
            registration_stdin: false,
            key: KeyWishes::default(),
            output: KeyOutput { json: format == OutputFormat::Json, ..KeyOutput::default() },
        }
    }

    const SECRET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    #[test]
    fn a_code_of_the_key_stores_it() {
        let (outcome, shown) = run(OutputFormat::Text, format!("{CODE}\n"));
        assert!(outcome.is_ok());
        assert!(shown.contains("ABCD EFGH") && shown.contains("otpauth://"));
        assert!(shown.contains("enrolled alice: key \"phone\" is stored\n"));
    }

    #[test]
    fn the_key_is_shown_once_however_often_a_code_is_wrong_and_again_for_enter() {
        let (outcome, shown) = run(OutputFormat::Text, format!("000000\n\n000001\n{CODE}\n"));
        assert!(outcome.is_ok());
        assert_eq!(shown.matches(SECRET).count(), 1); // in the URI
        assert_eq!(shown.matches("ABCD EFGH").count(), 2);
        assert_eq!(shown.matches("code refused: tries left: 2\n").count(), 2);
        assert_eq!(shown.matches("Code from the app: ").count(), 4);
    }

    #[test]
    fn a_line_that_cannot_be_a_code_is_asked_again() {
        let (outcome, shown) = run(OutputFormat::Text, format!("{}\n{CODE}\n", "9".repeat(70)));
        assert!(outcome.is_ok());
        assert!(shown.contains("that is not a code: type the digits that the app shows"), "{shown}");
    }

    #[test]
    fn the_end_of_input_stores_nothing() {
        let (outcome, shown) = run(OutputFormat::Text, "000000\n".to_owned());
        assert_eq!(outcome.map_err(|failure| failure.code()), Err(1));
        assert!(!shown.contains("enrolled alice"));
    }

    #[test]
    fn json_is_a_line_for_the_key_and_one_for_each_code() {
        let (outcome, shown) = run(OutputFormat::Json, format!("000000\n{CODE}\n"));
        assert!(outcome.is_ok());
        let lines: Vec<serde_json::Value> =
            shown.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let [key, refused, confirmed] = lines.as_slice() else { panic!("{shown}") };
        assert_eq!(key["enrolment"]["secret"], SECRET);
        assert_eq!(refused["error"]["name"], "io.pam-otp.Otp1.CodeRefused");
        assert_eq!(confirmed["confirmed"]["generation"], 1);
    }

    #[test]
    fn what_the_daemon_would_refuse_by_its_form_is_refused_before_it_is_sent() {
        let (outcome, _, calls) = run_for(&"a".repeat(257), OutputFormat::Text, String::new());
        let failure = outcome.expect_err("too long");
        assert_eq!((failure.code(), calls), (1, 0));
        let told = format!("user: found {}, wanted 1 to 256 bytes without control characters", "a".repeat(64));
        assert_eq!(failure.to_string(), told);

        let typed = format!("{}\n{CODE}\n", "1".repeat(65));
        let (outcome, shown, calls) = run_for("alice", OutputFormat::Json, typed);
        assert!(outcome.is_ok());
        assert_eq!(calls, 2, "the beginning and the code that is one");
        assert!(shown.contains(r#""field":"code","found":"65 bytes, not repeated here""#), "{shown}");
    }
}
