//! A registration code as its owner types it. It is looked over here: a typing error is no guess and never leaves this process.

use otp_core::codes::crockford::Mistyped;
use otp_core::codes::registration::{Part, Piece, RegistrationCode, begins_a_code};
use zeroize::Zeroizing;

use crate::output::failure::Failure;
use crate::output::terminal::Terminal;

/// The person who brings the code.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodeSource {
    /// Somebody at a terminal, who may mistype.
    Person,
    /// A program: no prompts, and one chance.
    Script,
}

/// A whole code, of one line or of several as a letter may break it, or of two parts.
pub(crate) fn read(terminal: &mut Terminal, source: CodeSource) -> Result<RegistrationCode, Failure> {
    let mut lines = Lines::default();
    let mut mistakes = 0;
    loop {
        let Some(typed) = line(terminal, source, lines.prompt())? else { return Err(lines.ended()) };
        match lines.take(&typed) {
            TypedLine::Whole(code) => return Ok(code),
            TypedLine::FirstPart => {}
            TypedLine::Unfinished(missing) => {
                if source == CodeSource::Person {
                    terminal.show(&format!("{missing}; type the rest\n"))?;
                }
            }
            TypedLine::Mistake(wrong) => {
                mistakes += 1;
                if mistakes == source.chances() {
                    return Err(stopped(&wrong));
                }
                terminal.show(&format!("{wrong}; type it again\n"))?;
            }
        }
    }
}

/// The parts so far.
#[derive(Default)]
struct Lines {
    /// The first of two parts.
    first: Option<Part>,
    /// Lines of a code that is not whole yet.
    begun: Zeroizing<String>,
    /// Why it is not.
    missing: Option<Mistyped>,
}

/// The content of a line.
enum TypedLine {
    Whole(RegistrationCode),
    FirstPart,
    Unfinished(Mistyped),
    Mistake(String),
}

impl Lines {
    fn prompt(&self) -> &'static str {
        match (&self.missing, &self.first) {
            (Some(Mistyped::Length { .. }), _) => "The rest: ",
            (_, Some(_)) => "Second part: ",
            (_, None) => "Registration code: ",
        }
    }

    fn take(&mut self, typed: &str) -> TypedLine {
        let begun = if begins_a_code(typed) { Zeroizing::default() } else { std::mem::take(&mut self.begun) };
        let goes_on = matches!(self.missing.take(), Some(Mistyped::Length { .. })) && !begun.is_empty();
        let joined = Zeroizing::new([begun.as_str(), typed].concat());
        let whole = Piece::parse(&joined).or_else(|joined| without_prefix(typed).ok_or(joined));
        let wrong = match (whole, &self.first) {
            (Ok(Piece::Whole(code)), None) => return TypedLine::Whole(code),
            (Ok(Piece::Second(second)), Some(first)) => return TypedLine::Whole(first.and(&second)),
            (Ok(Piece::First(part)), None) => {
                self.first = Some(part);
                return TypedLine::FirstPart;
            }
            (Ok(Piece::Second(_)), None) => "this is the second part; type the first part first".to_owned(),
            (Ok(_), Some(_)) => "this is not the second part".to_owned(),
            (Err(in_all), _) => {
                // Two groups of a letter are as long as a spoken code. They look mistyped, and the next line may go on with them.
                if in_all.is_too_short() || in_all == Mistyped::Check {
                    self.begun = joined;
                }
                let alone = if goes_on { in_all } else { Piece::parse(typed).err().unwrap_or(in_all) };
                self.missing = Some(alone);
                match alone {
                    alone if alone.is_too_short() => return TypedLine::Unfinished(alone),
                    Mistyped::Prefix => "a registration code begins with E-".to_owned(),
                    alone => alone.to_string(),
                }
            }
        };
        TypedLine::Mistake(wrong)
    }

    /// The end of input.
    fn ended(&self) -> Failure {
        match &self.missing {
            Some(missing) => stopped(&missing.to_string()),
            None => Failure::Stopped("no registration code was given; nothing was sent".to_owned()),
        }
    }
}

/// A code whose prefix was left out, which its check symbol tells.
fn without_prefix(typed: &str) -> Option<Piece> {
    Piece::parse(&Zeroizing::new(["E-", typed].concat())).ok()
}

fn stopped(wrong: &str) -> Failure {
    Failure::Stopped(format!("registration code: {wrong}; nothing was sent, and the code is not used up"))
}

/// The typed text, `None` at the end of input; an empty line is asked again.
fn line(terminal: &mut Terminal, source: CodeSource, prompt: &str) -> Result<Option<Zeroizing<String>>, Failure> {
    loop {
        if source == CodeSource::Person {
            terminal.show(prompt)?;
        }
        match terminal.line()? {
            Some(typed) if typed.is_empty() && source == CodeSource::Person => (),
            None if source == CodeSource::Person => {
                terminal.show("\n")?;
                return Ok(None);
            }
            typed => return Ok(typed),
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
        let random: Vec<u8> = (3..).step_by(5).take(form.symbols()).collect();
        RegistrationCode::new(form, &random).expect("a code")
    }

    fn parts() -> [String; 2] {
        let parts = code(CodeForm::Split).parts();
        [parts[0].to_string(), parts[1].to_string()]
    }

    fn typed(source: CodeSource, lines: &[&str]) -> Result<String, String> {
        let input = io::Cursor::new(lines.join("\n").into_bytes());
        let mut terminal = Terminal::new(Box::new(input), Box::new(io::sink()), OutputKind::Screen);
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
    fn a_code_may_be_typed_line_by_line() {
        for form in [CodeForm::Spoken, CodeForm::Letter] {
            let text = code(form).text().to_string();
            let groups: Vec<&str> = text.trim_start_matches("E-").split('-').collect();
            for size in 1..=groups.len() {
                let mut lines: Vec<String> = groups.chunks(size).map(|line| line.join("-")).collect();
                lines[0].insert_str(0, "E-");
                let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
                assert_eq!(typed(CodeSource::Person, &lines), Ok(text.clone()), "{lines:?}");
            }
            let lines = [&text[..7], "", &text[7..]];
            assert_eq!(typed(CodeSource::Person, &lines), Ok(text.clone()));
            assert_eq!(typed(CodeSource::Person, &["E-12345", &text]), Ok(text.clone()), "a new beginning");
        }
        let text = code(CodeForm::Letter).text().to_string();
        assert_eq!(typed(CodeSource::Script, &[&text[..19], &text[19..]]), Ok(text.clone()));
        assert!(
            typed(CodeSource::Script, &[&text[..19]])
                .is_err_and(|told| told.contains("10 are missing") && told.contains("nothing was sent"))
        );
    }

    #[test]
    fn a_code_may_be_typed_again_without_its_prefix_after_a_mistake() {
        let right = code(CodeForm::Spoken).text().to_string();
        let wrong = right.replace('3', "4");
        assert_eq!(typed(CodeSource::Person, &[&wrong, &wrong[2..], &right[2..]]), Ok(right.clone()));
        assert_eq!(typed(CodeSource::Person, &[&wrong, "123456", &right]), Ok(right));
    }

    #[test]
    fn the_prefix_may_be_left_out_if_the_check_symbol_fits() {
        for form in [CodeForm::Spoken, CodeForm::Letter] {
            let text = code(form).text().to_string();
            assert_eq!(typed(CodeSource::Person, &[&text[2..]]), Ok(text.clone()));
            assert!(typed(CodeSource::Script, &[&text[2..].replace('3', "4")]).is_err());
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [("123456", "begins with E-"), ("E-1234", "4 letters and digits"), ("E-1234U-67890", "number 5")];
        for (text, said) in cases {
            assert!(typed(CodeSource::Script, &[text]).is_err_and(|told| told.contains(said)), "{text}");
        }
    }
}
