//! A person's answer, told apart by its shape alone. Anything that is no code by shape is junk: refused, never counted,
//! and it never leaves this process (R10).

use zeroize::Zeroizing;

use crate::codes::plain_text::plain;
use crate::codes::recovery::RecoveryCode;
use crate::codes::registration::RegistrationCode;
use crate::decision::origin::Origin;

/// The shape of an answer.
pub enum Typed {
    /// Six to eight digits.
    Code(Code),
    /// A recovery code, typed without an error.
    Recovery(RecoveryCode),
    /// A whole registration code, typed without an error. It opens no gate.
    Registration(RegistrationCode),
    /// Anything else: a password by mistake, an empty line, what sshd types for unknown users.
    Junk,
}

/// A guess: the text, and where it came from.
#[derive(Clone, Copy)]
pub struct Guess<'a> {
    /// The text.
    pub typed: &'a Typed,
    /// Whose budget of wrong codes it counts against.
    pub origin: Origin,
}

/// A code as typed: six to eight digits.
pub struct Code {
    digits: Zeroizing<[u8; Code::MAX]>,
    length: usize,
}

impl Typed {
    /// Sorts an answer by its shape. Blanks, dashes, quotes and the like are dropped ([`plain`]).
    pub fn parse(answer: &[u8]) -> Self {
        let Some(text) = std::str::from_utf8(answer).ok().filter(|text| text.len() <= LONGEST) else {
            return Self::Junk;
        };
        if let Some(code) = Code::parse(plain(text).as_bytes()) {
            return Self::Code(code);
        }
        match (RecoveryCode::parse(text), RegistrationCode::parse(text)) {
            (Ok(code), _) => Self::Recovery(code),
            (_, Ok(code)) => Self::Registration(code),
            _ => Self::Junk,
        }
    }
}

impl Typed {
    /// A code only if it has one of these lengths; none means any.
    pub fn of_length(self, lengths: &[usize]) -> Self {
        match self {
            Self::Code(code) if !lengths.is_empty() && !lengths.contains(&code.length) => Self::Junk,
            other => other,
        }
    }

    /// The text to be handed to the daemon, if it is something that opens a gate.
    pub fn text(&self) -> Option<Zeroizing<String>> {
        match self {
            Self::Code(code) => Some(code.digits()),
            Self::Recovery(code) => Some(code.text()),
            Self::Registration(_) | Self::Junk => None,
        }
    }

    /// Sorts what another module asked for, or what stands behind a password: digits and nothing else, for a password may hold
    /// spaces and hyphens; or a recovery code just as it is written down, which no password ends with by chance.
    pub fn parse_bare(answer: &[u8]) -> Self {
        if answer.iter().all(u8::is_ascii_digit) {
            return Self::parse(answer);
        }
        match RecoveryCode::parse_as_written(answer) {
            Some(code) => Self::Recovery(code),
            None => Self::Junk,
        }
    }

    /// Is it something that opens a gate?
    pub fn opens(&self) -> bool {
        matches!(self, Self::Code(_) | Self::Recovery(_))
    }
}

impl Code {
    const MIN: usize = 6;
    const MAX: usize = 8;

    fn parse(answer: &[u8]) -> Option<Self> {
        let mut digits = Zeroizing::new([0; Self::MAX]);
        let mut length = 0;
        for byte in answer {
            let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
            *digits.get_mut(length)? = digit;
            length += 1;
        }
        (length >= Self::MIN).then_some(Self { digits, length })
    }

    /// How many digits were typed.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The digits as text, to be handed to the daemon.
    pub fn digits(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(Self::MAX));
        self.digits.iter().take(self.length).for_each(|digit| text.push(char::from(b'0' + digit)));
        text
    }

    /// The digits as a number; the length says how many zeros lead.
    pub fn value(&self) -> u32 {
        self.digits.iter().take(self.length).fold(0, |value, &digit| value * 10 + u32::from(digit))
    }
}

/// Longer than any code with blanks and hyphens in it, in bytes.
const LONGEST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn value(answer: &str) -> Option<(usize, u32)> {
        match Typed::parse(answer.as_bytes()) {
            Typed::Code(code) => Some((code.length(), code.value())),
            _ => None,
        }
    }

    #[test]
    fn blanks_dashes_and_the_like_do_not_make_another_code() {
        for same in ["012345", "012 345", "01-23-45", " 012345 ", "0 1 2 3 4 5", "012–345", "０１２３４５", "“012345.”"]
        {
            assert_eq!(value(same), Some((6, 12345)), "{same:?}");
        }
        assert_eq!(value("99999999"), Some((8, 99_999_999)));
    }

    #[test]
    fn a_code_of_a_length_that_a_service_does_not_take_is_junk() {
        let of = |answer: &str, lengths: &[usize]| {
            matches!(Typed::parse(answer.as_bytes()).of_length(lengths), Typed::Code(_))
        };
        assert!(of("123456", &[]) && of("123456", &[6, 8]) && !of("1234567", &[6, 8]));
    }

    #[test]
    fn what_another_module_asked_for_is_a_code_only_if_it_is_digits_alone() {
        let bare = |answer: &str| matches!(Typed::parse_bare(answer.as_bytes()), Typed::Code(_));
        assert!(bare("123456"));
        for other in ["123 456", "12-34-56", " 123456", "123456.", "１２３４５６", "123–456", "\"123456\""] {
            assert!(!bare(other), "{other}");
        }
    }

    #[test]
    fn the_digits_go_out_as_they_came_in() {
        let Typed::Code(code) = Typed::parse(b"012-345") else { panic!("junk") };
        assert_eq!(code.digits().as_str(), "012345");
    }

    #[test]
    fn recovery_and_registration_codes_are_told_by_their_prefix_and_their_check_symbol() {
        let parse = |answer: &str| Typed::parse(answer.as_bytes());
        assert!(matches!(parse("R-307EN-W3AHR-Z6DMV-29GQY-5CKTB"), Typed::Recovery(_)));
        assert!(matches!(parse("307EN-W3AHR-Z6DMV-29GQY-5CKTB"), Typed::Recovery(_)));
        assert!(matches!(parse("e-07enw-3ahrm"), Typed::Registration(_)));
        for junk in
            ["R-307EN-W3AHR-Z6DMV-29GQY-5CKTC", "e-07enw-3ahrn", "E-07ENW-3AHRZ-6DM0", "307EN-W3AHR-Z6DMV-29GQY-5CKTC"]
        {
            assert!(matches!(parse(junk), Typed::Junk), "{junk}");
        }
    }

    #[test]
    fn behind_a_password_a_recovery_code_is_one_only_as_it_is_written_down() {
        let bare = |answer: &str| matches!(Typed::parse_bare(answer.as_bytes()), Typed::Recovery(_));
        assert!(bare("R-307EN-W3AHR-Z6DMV-29GQY-5CKTB") && bare("r-3o7en-w3ahr-z6dmv-29gqy-5cktb"));
        for other in [
            "R-307EN-W3AHR-Z6DMV-29GQY-5CKTC",
            "R307ENW3AHRZ6DMV29GQY5CKTB",
            "R-307EN-W3AHR-Z6DMV-29GQY5-CKTB",
            "R-307EN-W3AHR-Z6DMV-29GQY-5CKTB ",
            "E-307EN-W3AHR-Z6DMV-29GQY-5CKTB",
            "\"-307EN-W3AHR-Z6DMV-29GQY-5CKTB",
            "--307EN-W3AHR-Z6DMV-29GQY-5CKTB",
            "307EN-W3AHR-Z6DMV-29GQY-5CKTB",
            "e-07enw-3ahrm",
        ] {
            assert!(!bare(other), "{other}");
        }
    }

    #[test]
    fn everything_else_is_junk() {
        let sshd = "\x08\n\r\x7fINCORRECT";
        for junk in
            ["", " ", "12345", "123456789", "12345a", "+12345", "+123456", "123.456", "12345\0", "\u{1b}123456", sshd]
        {
            assert_eq!(value(junk), None, "{junk:?}");
        }
        assert!(matches!(Typed::parse(&[b'1'; 5_000_000]), Typed::Junk));
        assert!(matches!(Typed::parse(&[0xff; 6]), Typed::Junk));
    }
}
