//! A registration code as its owner types it. It is looked over here: a typing error is no guess and never leaves this process.

use otp_core::codes::crockford::Mistyped;
use otp_core::codes::registration::{Part, Piece, RegistrationCode};

use crate::output::failure::Failure;
use crate::output::terminal::Terminal;

/// Who brings the code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodeSource {
    /// Somebody at a terminal, who may mistype.
    Person,
    /// A program: no prompts, and one chance.
    Script,
}

/// A whole code of one line, or of two parts on a line each.
pub(crate) fn read(terminal: &mut Terminal, source: CodeSource) -> Result<RegistrationCode, Failure> {
    let mut first: Option<Part> = None;
    let mut mistakes = 0;
    loop {
        let typed = line(terminal, source, if first.is_some() { "Second part: " } else { "Registration code: " })?;
        let wrong = match (Piece::parse(&typed), &first) {
            (Ok(Piece::Whole(code)), None) => return Ok(code),
            (Ok(Piece::Second(second)), Some(first)) => return Ok(first.and(&second)),
            (Ok(Piece::First(part)), None) => {
                first = Some(part);
                continue;
            }
            (Ok(Piece::Second(_)), None) => "this is the second part; the first one is wanted before it".to_owned(),
            (Ok(_), Some(_)) => "this is not the second part".to_owned(),
            (Err(Mistyped::Prefix), _) => "a registration code begins with E-".to_owned(),
            (Err(mistyped), _) => mistyped.to_string(),
        };
        mistakes += 1;
        if mistakes == source.chances() {
            return Err(Failure::Stopped(format!(
                "registration code: {wrong}; nothing was sent, and the code is not used up"
            )));
        }
        terminal.show(&format!("{wrong}; type it again\n"))?;
    }
}

/// What was typed; an empty line is asked again.
fn line(terminal: &mut Terminal, source: CodeSource, prompt: &str) -> Result<zeroize::Zeroizing<String>, Failure> {
    loop {
        if source == CodeSource::Person {
            terminal.show(prompt)?;
        }
        match terminal.line()? {
            Some(typed) if typed.is_empty() && source == CodeSource::Person => (),
            Some(typed) => return Ok(typed),
            None => {
                if source == CodeSource::Person {
                    terminal.show("\n")?;
                }
                return Err(Failure::Stopped("no registration code was given; nothing was sent".to_owned()));
            }
        }
    }
}

impl CodeSource {
    fn chances(self) -> u32 {
        match self {
            Self::Person => 3,
            Self::Script => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use otp_core::codes::registration::CodeForm;

    use super::*;
    use crate::output::terminal::OutputKind;

    fn code(form: CodeForm) -> RegistrationCode {
        let random: Vec<u8> = (3..).take(form.symbols()).collect();
        RegistrationCode::new(form, &random).expect("a code")
    }

    fn parts() -> [String; 2] {
        let parts = code(CodeForm::Split).parts();
        [parts[0].to_string(), parts[1].to_string()]
    }

    fn typed(source: CodeSource, lines: &[&str]) -> Result<String, String> {
        let input = io::Cursor::new(lines.join("\n").into_bytes());
        let mut terminal = Terminal::new(Box::new(input), Box::new(io::sink()), OutputKind::Screen(None));
        read(&mut terminal, source).map(|code| code.text().to_string()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_code_is_read_however_it_is_written() {
        for form in CodeForm::ALL {
            let text = code(form).text().to_string();
            for variant in [text.clone(), text.to_lowercase(), text.replace('-', " ").replace('0', "o")] {
                assert_eq!(typed(CodeSource::Person, &[&variant]), Ok(text.clone()));
                assert_eq!(typed(CodeSource::Script, &[&variant]), Ok(text.clone()));
            }
        }
    }

    #[test]
    fn two_parts_are_asked_for_in_their_order() {
        let [first, second] = &parts();
        let whole = Ok(format!("{first} {second}"));
        assert_eq!(typed(CodeSource::Person, &[first, second]), whole);
        assert_eq!(typed(CodeSource::Script, &[first, second]), whole);
        assert_eq!(typed(CodeSource::Person, &[second, first, first, second]), whole);
        assert!(
            typed(CodeSource::Script, &[second, first]).is_err_and(|told| told.contains("this is the second part"))
        );
        assert!(typed(CodeSource::Script, &[first]).is_err());
    }

    #[test]
    fn a_person_may_mistype_twice_and_a_script_never() {
        let right = code(CodeForm::Spoken).text().to_string();
        let wrong = right.replace('3', "4");
        assert_ne!(right, wrong);
        assert_eq!(typed(CodeSource::Person, &[&wrong, "", &wrong, &right]), Ok(right.clone()));
        let told = typed(CodeSource::Person, &[&wrong, &wrong, &wrong, &right]).expect_err("three times");
        assert!(told.contains("nothing was sent") && !told.contains(&wrong), "{told}");
        assert!(typed(CodeSource::Script, &[&wrong, &right]).is_err());
        assert!(typed(CodeSource::Script, &["", &right]).is_err());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [("123456", "begins with E-"), ("E-1234", "4 letters and digits"), ("E-1234U-67890", "number 5")];
        for (text, said) in cases {
            assert!(typed(CodeSource::Script, &[text]).is_err_and(|told| told.contains(said)), "{text}");
        }
    }
}
