//! What a person typed, told apart by its shape alone. What is not a code by shape is junk: refused, never counted,
//! and it never leaves this process (R10).

use zeroize::Zeroizing;

/// The shape of an answer.
pub enum Typed {
    /// Six to eight digits.
    Code(Code),
    /// Anything else: a password by mistake, an empty line, what sshd types for unknown users.
    Junk,
}

/// A code as typed: six to eight digits, without the spaces and hyphens.
pub struct Code {
    digits: Zeroizing<[u8; Code::MAX]>,
    length: usize,
}

impl Typed {
    /// Sorts an answer by its shape. Spaces and hyphens between digits are dropped.
    pub fn parse(answer: &[u8]) -> Self {
        let mut digits = Zeroizing::new([0; Code::MAX]);
        let mut length = 0;
        for &byte in answer.iter().filter(|byte| !matches!(byte, b' ' | b'-')) {
            match digits.get_mut(length) {
                Some(place) if byte.is_ascii_digit() => *place = byte - b'0',
                _ => return Self::Junk,
            }
            length += 1;
        }
        match length {
            Code::MIN..=Code::MAX => Self::Code(Code { digits, length }),
            _ => Self::Junk,
        }
    }
}

impl Code {
    const MIN: usize = 6;
    const MAX: usize = 8;

    /// How many digits were typed.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The digits as a number; the length says how many zeros lead.
    pub fn value(&self) -> u32 {
        self.digits.iter().take(self.length).fold(0, |value, &digit| value * 10 + u32::from(digit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(answer: &str) -> Option<(usize, u32)> {
        match Typed::parse(answer.as_bytes()) {
            Typed::Code(code) => Some((code.length(), code.value())),
            Typed::Junk => None,
        }
    }

    #[test]
    fn spaces_and_hyphens_do_not_make_another_code() {
        for same in ["012345", "012 345", "01-23-45", " 012345 ", "0 1 2 3 4 5"] {
            assert_eq!(value(same), Some((6, 12345)), "{same:?}");
        }
        assert_eq!(value("99999999"), Some((8, 99_999_999)));
    }

    #[test]
    fn everything_else_is_junk() {
        let sshd = "\x08\n\r\x7fINCORRECT";
        for junk in ["", " ", "12345", "123456789", "12345a", "+12345", "１２３４５６", "123456\n", "12345\0", sshd]
        {
            assert_eq!(value(junk), None, "{junk:?}");
        }
        assert!(matches!(Typed::parse(&[b'1'; 5_000_000]), Typed::Junk));
        assert!(matches!(Typed::parse(&[0xff; 6]), Typed::Junk));
    }
}
