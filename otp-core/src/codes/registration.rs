//! Registration codes as their owner types them: `E-` and groups of five. A code lets its user begin one enrolment; it is no
//! one-time password and opens no gate.
//!
//! | form   | random symbols | bits | symbols in each group |
//! |--------|----------------|------|-----------------------|
//! | spoken | 9              | 45   | 5, 5 |
//! | mail   | 24             | 120  | 5, 5, 5, 5, 5 |
//! | letter | 24             | 120  | the same |
//! | split  | 2 × 13         | 130  | twice 5, 5, 4 |

use zeroize::Zeroizing;

use crate::codes::crockford::{self, Domain, Mistyped, Symbols};
use crate::codes::plain_text;

/// How a registration code travels; its length and its life follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeForm {
    /// Told at the desk or on the phone: short, and only for minutes.
    Spoken,
    /// By mail or chat.
    Mail,
    /// On paper, by post.
    Letter,
    /// Two parts on different ways, each worth nothing alone.
    Split,
}

/// A whole registration code. Wiped on drop, never printed but by [`RegistrationCode::parts`].
pub struct RegistrationCode(Symbols);

/// The content of one typed line.
pub enum Piece {
    /// A whole code: of one piece, or both parts in their order.
    Whole(RegistrationCode),
    /// The first part of two.
    First(Part),
    /// The second part.
    Second(Part),
}

/// One part of two.
pub struct Part(Symbols);

/// Symbols of one part, without its check symbol.
const PART: usize = 13;
/// Symbols after the first prefix letter of both parts on one line: each with its check symbol, the second with its prefix letter.
const BOTH: usize = 2 * PART + 3;
/// Symbols of a code by mail or letter after its prefix.
const WHOLE: usize = 25;
/// The lengths that one may have after its prefix, the shortest first: spoken, one part, by mail or letter.
const ONE_CODE: [usize; 3] = [10, PART + 1, WHOLE];
/// The same, and both parts.
const LENGTHS: [usize; 4] = [10, PART + 1, WHOLE, BOTH];
/// The value of the prefix letter, which is a symbol itself.
const PREFIX: u8 = 14;

impl CodeForm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Spoken, Self::Mail, Self::Letter, Self::Split];

    /// The word in files, messages and options.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spoken => "spoken",
            Self::Mail => "mail",
            Self::Letter => "letter",
            Self::Split => "split",
        }
    }

    /// Reads the word back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.as_str() == text)
    }

    /// Random symbols in it, which is also how many random bytes it takes to make one.
    pub fn symbols(self) -> usize {
        match self {
            Self::Spoken => 9,
            Self::Mail | Self::Letter => 24,
            Self::Split => 2 * PART,
        }
    }

    /// Seconds that it is good for unless said otherwise.
    pub fn usual_life(self) -> u64 {
        match self {
            Self::Spoken => 10 * 60,
            Self::Mail => 24 * 3600,
            Self::Letter | Self::Split => 14 * 24 * 3600,
        }
    }

    /// Seconds that it is good for at most, whatever anybody says.
    pub fn longest_life(self) -> u64 {
        match self {
            Self::Spoken | Self::Mail => self.usual_life(),
            Self::Letter | Self::Split => 30 * 24 * 3600,
        }
    }
}

impl RegistrationCode {
    /// A new code out of [`CodeForm::symbols`] random bytes; `None` if there are more or fewer.
    pub fn new(form: CodeForm, random: &[u8]) -> Option<Self> {
        (random.len() == form.symbols()).then(|| Self(crockford::random(random)))
    }

    /// A whole code as typed; both parts of a split one may stand on one line.
    pub fn parse(typed: &str) -> Result<Self, Mistyped> {
        match Piece::parse(typed)? {
            Piece::Whole(code) => Ok(code),
            Piece::First(_) | Piece::Second(_) => Err(Mistyped::Half),
        }
    }

    /// As it is given to its owner: one text, or two for a split one.
    pub fn parts(&self) -> Vec<Zeroizing<String>> {
        match self.0.split_at_checked(PART) {
            Some((first, second)) if second.len() == PART => {
                vec![written(Domain::FirstPart, first), written(Domain::SecondPart, second)]
            }
            _ => vec![written(Domain::Registration, &self.0)],
        }
    }

    /// On one line.
    pub fn text(&self) -> Zeroizing<String> {
        let parts = self.parts();
        let mut text = Zeroizing::new(String::with_capacity(64));
        for part in &parts {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(part);
        }
        text
    }

    /// Could it be of this form, by its length?
    pub fn fits(&self, form: CodeForm) -> bool {
        self.0.len() == form.symbols()
    }

    /// The values of its symbols, for its keyed hash and nothing else.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl Piece {
    /// Reads a whole code, or one part.
    pub fn parse(typed: &str) -> Result<Self, Mistyped> {
        let values = crockford::after_prefix(typed, PREFIX, &LENGTHS)?;
        let rest = values.as_slice();
        let whole = [CodeForm::Spoken, CodeForm::Mail].map(|form| form.symbols() + 1);
        match rest.len() {
            length if whole.contains(&length) => code(crockford::checked(Domain::Registration, rest)),
            length if length == PART + 1 => match (first(rest), second(rest)) {
                (Some(part), _) => Ok(Self::First(Part(owned(part)))),
                (None, Some(part)) => Ok(Self::Second(Part(owned(part)))),
                (None, None) => Err(Mistyped::Check),
            },
            BOTH => {
                let (head, tail) = rest.split_at_checked(PART + 1).ok_or(Mistyped::Prefix)?;
                let Some((&PREFIX, tail)) = tail.split_first() else { return Err(Mistyped::Prefix) };
                match (first(head), second(tail)) {
                    (Some(head), Some(tail)) => joined(head, tail),
                    _ if second(head).is_some() && first(tail).is_some() => Err(Mistyped::Order),
                    _ => Err(Mistyped::Check),
                }
            }
            found if found < WHOLE => Err(Mistyped::Length { found, wanted: &ONE_CODE }),
            found => Err(Mistyped::Length { found, wanted: &LENGTHS }),
        }
    }
}

/// Does a code begin here: the prefix letter, and a dash or a blank after it?
pub fn begins_a_code(typed: &str) -> bool {
    let mut symbols = typed.trim_start_matches(plain_text::is_dropped).chars();
    let letter = symbols.next().is_some_and(|letter| matches!(plain_text::narrow(letter), 'E' | 'e'));
    letter && symbols.next().is_some_and(|next| plain_text::is_dash(next) || next.is_whitespace())
}

impl Part {
    /// The whole code of this first part and its second.
    pub fn and(&self, second: &Self) -> RegistrationCode {
        let mut all = Zeroizing::new(Vec::with_capacity(2 * PART));
        all.extend_from_slice(&self.0);
        all.extend_from_slice(&second.0);
        RegistrationCode(all)
    }
}

fn written(domain: Domain, values: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(64));
    text.push_str("E-");
    crockford::write(&mut text, domain, values);
    text
}

fn code(values: Option<&[u8]>) -> Result<Piece, Mistyped> {
    values.map(|values| Piece::Whole(RegistrationCode(owned(values)))).ok_or(Mistyped::Check)
}

fn joined(head: &[u8], tail: &[u8]) -> Result<Piece, Mistyped> {
    Ok(Piece::Whole(Part(owned(head)).and(&Part(owned(tail)))))
}

fn first(values: &[u8]) -> Option<&[u8]> {
    crockford::checked(Domain::FirstPart, values)
}

fn second(values: &[u8]) -> Option<&[u8]> {
    crockford::checked(Domain::SecondPart, values)
}

fn owned(values: &[u8]) -> Symbols {
    Zeroizing::new(values.to_vec())
}
