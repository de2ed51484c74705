//! Recovery codes as their owner types them: `R-` and five groups of five, of which the first symbol is the number of the code
//! in its set and the last one a check symbol. 115 random bits: no guess hits, so there is no limit on guesses, and the keyed
//! hash on disk needs no slow function.

use zeroize::Zeroizing;

use crate::codes::crockford::{self, Domain, Mistyped};
use crate::codes::ids::{RecoverySetId, TicketId};
use crate::codes::plain_text::plain;
use crate::keys::seal::CodeHash;

/// Codes in a set.
pub const SET: u8 = 8;

/// One recovery code. Wiped on drop, never printed but by [`RecoveryCode::text`].
pub struct RecoveryCode {
    index: u8,
    symbols: Zeroizing<[u8; RecoveryCode::RANDOM]>,
}

/// Index, random symbols, check symbol.
const WRITTEN: usize = 1 + RecoveryCode::RANDOM + 1;
/// The lengths that one may have after its prefix.
const LENGTHS: [usize; 1] = [WRITTEN];
/// The value of the prefix letter.
const PREFIX: u8 = 24;

impl RecoveryCode {
    /// Random symbols in it, which is also how many random bytes it takes to make one.
    pub const RANDOM: usize = 23;
    /// Characters of one as it is written down.
    pub const LENGTH: usize = "R-12345-12345-12345-12345-12345".len();

    /// Number `index` of a set, out of random bytes; `None` if there is no such number.
    pub fn new(index: u8, random: &[u8; Self::RANDOM]) -> Option<Self> {
        (index < 32).then(|| Self { index, symbols: Zeroizing::new(random.map(|byte| byte & 31)) })
    }

    /// Reads one as typed. Where the letter before it is left out, a check symbol that fits tells it from other text.
    pub fn parse(typed: &str) -> Result<Self, Mistyped> {
        match crockford::after_prefix(typed, PREFIX, &LENGTHS) {
            Ok(values) if values.len() == WRITTEN => Self::of_values(&values).ok_or(Mistyped::Check),
            Ok(values) => Err(Mistyped::Length { found: values.len(), wanted: &LENGTHS }),
            Err(Mistyped::Prefix) => Self::parse_bare(typed).ok_or(Mistyped::Prefix),
            Err(mistyped) => Err(mistyped),
        }
    }

    fn parse_bare(typed: &str) -> Option<Self> {
        crockford::values(&plain(typed), &LENGTHS).ok().and_then(|values| Self::of_values(&values))
    }

    fn of_values(values: &[u8]) -> Option<Self> {
        let (index, random) = crockford::checked(Domain::Recovery, values)?.split_first()?;
        Some(Self { index: *index, symbols: Zeroizing::new(random.try_into().ok()?) })
    }

    /// Reads one that is typed in its groups, in letters of either case.
    pub fn parse_as_written(typed: &[u8]) -> Option<Self> {
        let hyphens = (0..Self::LENGTH).filter(|place| place % 6 == 1);
        let in_groups = typed.len() == Self::LENGTH
            && typed.first().is_some_and(|letter| letter.eq_ignore_ascii_case(&b'R'))
            && typed.iter().enumerate().filter(|(_, byte)| **byte == b'-').map(|(place, _)| place).eq(hyphens);
        std::str::from_utf8(typed).ok().filter(|_| in_groups).and_then(|text| Self::parse(text).ok())
    }

    /// As it is given to its owner.
    pub fn text(&self) -> Zeroizing<String> {
        let mut values = Zeroizing::new(Vec::with_capacity(WRITTEN));
        values.push(self.index);
        values.extend_from_slice(self.symbols.as_slice());
        let mut text = Zeroizing::new(String::with_capacity(64));
        text.push_str("R-");
        crockford::write(&mut text, Domain::Recovery, &values);
        text
    }

    /// Its number in its set.
    pub fn index(&self) -> u8 {
        self.index
    }

    /// The values of its random symbols, for its keyed hash and nothing else.
    pub fn expose(&self) -> &[u8] {
        self.symbols.as_slice()
    }
}

/// One recovery code, as a keyed hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryHash {
    /// Which set it belongs to.
    pub set: RecoverySetId,
    /// Its number in the set, 0 to 31: the bit in the state file.
    pub index: u8,
    /// HMAC-SHA-256 under a subkey of the host key.
    pub hash: CodeHash,
    /// The ticket of the registration code that its set descends from.
    pub redemption: Option<TicketId>,
}
