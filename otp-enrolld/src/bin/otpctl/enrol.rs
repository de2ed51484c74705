//! `otpctl enrol`: the key is begun, shown once, and stored only when a code of it comes back. One connection carries all of it.

use serde::Serialize;

use otp_enrolld::client::{CallError, Client};
use otp_enrolld::protocol::{Begun, ConfirmEnrolment, Confirmed, Refusal};

use crate::arguments::{Enrol, Form};
use crate::escape::escaped;
use crate::failure::{Failure, error_object, told};
use crate::picture_file::{self, PictureFile};
use crate::sheet;
use crate::terminal::Terminal;

pub fn enrol(client: &mut Client, terminal: &mut Terminal, options: &Enrol) -> Result<(), Failure> {
    let form = options.form();
    let mut files = picture_file::wanted(options)?; // before a key is made: a file that is there ends it here
    let begun = client.call(&options.request())?;
    for file in &mut files {
        file.draw(&begun.enrolment.uri)?;
    }
    show_key(terminal, form, &begun)?;
    loop {
        let request = ask(terminal, form)?;
        match client.call(&request) {
            Ok(confirmed) => {
                show_confirmed(terminal, form, &confirmed)?;
                return keep(terminal, form, files);
            }
            Err(CallError::Refused(refusal)) if may_try_again(&refusal) => show_refusal(terminal, form, &refusal)?,
            Err(CallError::Refused(refusal)) => return Err(Failure::Refused(refusal)),
            Err(_) => {
                files.into_iter().for_each(PictureFile::keep); // the key may have been stored
                return Err(lost(&options.user));
            }
        }
    }
}

fn show_key(terminal: &mut Terminal, form: Form, begun: &Begun) -> Result<(), Failure> {
    match form {
        Form::Json => terminal.json(begun),
        Form::Text => {
            let parts = sheet::parts(&begun.enrolment, terminal.size());
            parts.iter().try_for_each(|part| terminal.show(part))
        }
    }
}

/// The next code; an empty line is asked again.
fn ask(terminal: &mut Terminal, form: Form) -> Result<ConfirmEnrolment, Failure> {
    loop {
        if form == Form::Text {
            terminal.show("Code from the app: ")?;
        }
        match terminal.line()? {
            Some(code) if code.is_empty() => (),
            Some(code) => return Ok(ConfirmEnrolment { code }),
            None => return Err(given_up(terminal, form)?),
        }
    }
}

/// The end of input instead of a code; on a screen the prompt's line is ended first.
fn given_up(terminal: &mut Terminal, form: Form) -> Result<Failure, Failure> {
    if form == Form::Text {
        terminal.show("\n")?;
    }
    Ok(Failure::Stopped("not enrolled: no code was given; nothing was stored".to_owned()))
}

/// The pending key is still there after these.
fn may_try_again(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::CodeRefused { tries_left } => *tries_left > 0,
        Refusal::InvalidValue { field, .. } => field == "code",
        _ => false,
    }
}

fn show_refusal(terminal: &mut Terminal, form: Form, refusal: &Refusal) -> Result<(), Failure> {
    match form {
        Form::Json => terminal.json(&error_object(refusal)),
        Form::Text => terminal.show(&format!("{}\n", told(refusal))),
    }
}

fn show_confirmed(terminal: &mut Terminal, form: Form, confirmed: &Confirmed) -> Result<(), Failure> {
    if form == Form::Json {
        return terminal.json(&Stored { confirmed });
    }
    let (user, label) = (escaped(&confirmed.user), escaped(&confirmed.key.label));
    terminal.show(&format!("enrolled {user}: key \"{label}\" is stored; clear the screen when done\n"))
}

/// The pictures outlive the enrolment; whoever has them must hear what they are.
fn keep(terminal: &mut Terminal, form: Form, files: Vec<PictureFile>) -> Result<(), Failure> {
    for file in files {
        if form == Form::Text {
            let path = escaped(&file.path().to_string_lossy());
            terminal.show(&format!(
                "{path} holds the key: whoever reads it can make codes; delete it when it has been scanned\n"
            ))?;
        }
        file.keep();
    }
    Ok(())
}

/// How a confirmation is told in JSON.
#[derive(Serialize)]
struct Stored<'a> {
    confirmed: &'a Confirmed,
}

/// Only the answer is missing; whether the key was stored is for the daemon to say.
fn lost(user: &str) -> Failure {
    let user = escaped(user);
    Failure::Unreachable(format!(
        "the daemon closed the connection before it answered; otpctl status {user} tells whether the key was stored"
    ))
}

#[cfg(test)]
#[path = "../../../tests/double/mod.rs"]
#[expect(dead_code, reason = "shared with the server's tests, which use more of it")]
mod double;

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io::{self, Write};
    use std::rc::Rc;
    use std::sync::atomic::Ordering;

    use otp_enrolld::limits::Limits;

    use super::double::{CODE, Double, Running, eventually};
    use super::*;
    use crate::terminal::Kind;

    /// What was written, kept for reading.
    #[derive(Clone, Default)]
    struct Paper(Rc<RefCell<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A whole run with `typed` as input: how it ended, and what was shown.
    fn run(form: Form, typed: String) -> (Result<(), Failure>, String) {
        let running = Running::start(Double::default(), Limits::default());
        let uid = nix::unistd::geteuid().as_raw();
        let mut client = Client::connect(running.path(), &[uid]).expect("connect");
        let paper = Paper::default();
        let input = io::Cursor::new(typed.into_bytes());
        let mut terminal = Terminal::new(Box::new(input), Box::new(paper.clone()), Kind::Screen(None));
        let outcome = enrol(&mut client, &mut terminal, &options(form));
        drop(client);
        eventually("session ended", || running.service.closed.load(Ordering::SeqCst) == 1);
        let shown = String::from_utf8(paper.0.take()).expect("UTF-8");
        (outcome, shown)
    }

    fn options(form: Form) -> Enrol {
        Enrol {
            user: "alice".to_owned(),
            label: None,
            kind: None,
            algorithm: None,
            digits: None,
            period: None,
            svg: None,
            png: None,
            json: form == Form::Json,
            allow_pipe: false,
        }
    }

    const SECRET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    #[test]
    fn a_code_of_the_key_stores_it() {
        let (outcome, shown) = run(Form::Text, format!("{CODE}\n"));
        assert!(outcome.is_ok());
        assert!(shown.contains('█') && shown.contains("ABCD EFGH") && shown.contains("otpauth://"));
        assert!(shown.contains("enrolled alice: key \"phone\" is stored; clear the screen when done\n"));
    }

    #[test]
    fn the_key_is_shown_once_however_often_a_code_is_wrong() {
        let (outcome, shown) = run(Form::Text, format!("000000\n\n000001\n{CODE}\n"));
        assert!(outcome.is_ok());
        assert_eq!(shown.matches(SECRET).count(), 1); // in the URI
        assert_eq!(shown.matches("ABCD EFGH").count(), 1);
        assert_eq!(shown.matches("code refused: tries left: 2\n").count(), 2);
        assert_eq!(shown.matches("Code from the app: ").count(), 4);
    }

    #[test]
    fn a_line_that_cannot_be_a_code_is_asked_again() {
        let (outcome, shown) = run(Form::Text, format!("{}\n{CODE}\n", "9".repeat(70)));
        assert!(outcome.is_ok());
        assert!(shown.contains("code: found 70 bytes, not repeated here"), "{shown}");
    }

    #[test]
    fn the_end_of_input_stores_nothing() {
        let (outcome, shown) = run(Form::Text, "000000\n".to_owned());
        assert_eq!(outcome.map_err(|failure| failure.code()), Err(1));
        assert!(!shown.contains("enrolled alice"));
    }

    #[test]
    fn json_is_a_line_for_the_key_and_one_for_each_code() {
        let (outcome, shown) = run(Form::Json, format!("000000\n{CODE}\n"));
        assert!(outcome.is_ok());
        let lines: Vec<serde_json::Value> =
            shown.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let [key, refused, confirmed] = lines.as_slice() else { panic!("{shown}") };
        assert_eq!(key["enrolment"]["secret"], SECRET);
        assert_eq!(refused["error"]["name"], "io.pam-otp.Otp1.CodeRefused");
        assert_eq!(confirmed["confirmed"]["generation"], 1);
    }
}
