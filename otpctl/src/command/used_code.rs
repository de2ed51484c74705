//! A registration code with which a key was made already. Its owner is told when and from where, and asked whether that was
//! them: a no suspends all that came of it.

use otp_core::codes::registration::RegistrationCode;
use otp_protocol::client::Client;
use otp_protocol::interface::{Redemption, Repudiate};

use crate::output::failure::Failure;
use crate::output::local_time::when_and_where;
use crate::output::terminal::Terminal;

/// Asks the owner. Nothing is done without a clear no.
pub(crate) fn ask(
    terminal: &mut Terminal,
    code: RegistrationCode,
    used: &Redemption,
    connect: impl FnOnce() -> Result<Client, Failure>,
) -> Result<(), Failure> {
    let when = when_and_where(used);
    terminal.show(&format!("A key was made with this registration code {when}.\n"))?;
    match answer(terminal)? {
        WasThatYou::Yes => Err(not_enrolled(
            "you have the key that was made then, and its codes work\nfor one more device: otpctl add; for a new \
             phone instead of the old one: otpctl rotate; if the phone is lost: ask an administrator for a new registration code",
        )),
        WasThatYou::None => Err(not_enrolled(
            "no answer, so nothing was done; run the same command with the same code to be asked again",
        )),
        WasThatYou::No => {
            let keys = connect()?.call(&Repudiate { registration: code })?.keys;
            terminal.show(&suspended(keys))?;
            Err(not_enrolled("somebody else used the code"))
        }
    }
}

enum WasThatYou {
    Yes,
    No,
    None,
}

fn answer(terminal: &mut Terminal) -> Result<WasThatYou, Failure> {
    for _ in 0..3 {
        terminal.show("Was that you? [y/n] ")?;
        let Some(typed) = terminal.line()? else {
            terminal.show("\n")?;
            break;
        };
        match typed.to_ascii_lowercase().as_str() {
            "y" | "yes" => return Ok(WasThatYou::Yes),
            "n" | "no" => return Ok(WasThatYou::No),
            "" => break,
            _ => terminal.show("type y for yes or n for no\n")?,
        }
    }
    Ok(WasThatYou::None)
}

fn suspended(keys: usize) -> String {
    let what = match keys {
        0 => "no key made with it is left to switch off".to_owned(),
        1 => "switched off: the key made with it; its codes and recovery codes are now refused".to_owned(),
        keys => {
            format!("switched off: {keys} keys made with it; their codes and recovery codes are now refused")
        }
    };
    format!("{what}\ncall an administrator now: say that somebody else used your code, and ask for a new one\n")
}

fn not_enrolled(why: &str) -> Failure {
    Failure::Stopped(format!("not enrolled: {why}"))
}

#[cfg(test)]
mod tests {
    use otp_core::unix_time::UnixTime;
    use std::io;

    use otp_core::codes::registration::CodeForm;
    use otp_protocol::interface::ClaimedPlace;

    use super::*;
    use crate::output::terminal::OutputKind;

    /// How it ended, and whether the daemon was asked for.
    fn run(typed: &'static str) -> (String, bool) {
        let code = RegistrationCode::new(CodeForm::Spoken, &[7; 9]).expect("a code");
        let used = Redemption { at: UnixTime::EPOCH, from: ClaimedPlace::default() };
        let mut terminal = Terminal::new(Box::new(typed.as_bytes()), Box::new(io::sink()), OutputKind::Screen);
        let mut reached = false;
        let outcome = ask(&mut terminal, code, &used, || {
            reached = true;
            Err(Failure::Unreachable("no daemon".to_owned()))
        });
        (outcome.expect_err("never enrolled").to_string(), reached)
    }

    #[test]
    fn without_a_clear_no_nothing_is_done() {
        for typed in ["", "\n", "maybe\n", "nope\nnot me\n?\nn\n"] {
            let (told, reached) = run(typed);
            assert!(!reached && told.contains("nothing was done"), "{typed:?}: {told}");
        }
        let (told, reached) = run("y\n");
        assert!(!reached && told.contains("its codes work"));
    }

    #[test]
    fn a_no_reaches_the_daemon() {
        for typed in ["n\n", "NO\n", "what?\nno\n"] {
            assert!(run(typed).1, "{typed:?}");
        }
    }
}
