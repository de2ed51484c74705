//! Codes that travel on paper: Crockford's base32 with a check symbol that finds typing errors before anything is sent.
//!
//! Thirty-two symbols, without I, L, O and U. Either case is read, `I` and `L` as 1, `O` as 0; blanks, dashes and what else
//! [`plain`] takes away are passed over. The check symbol is a sum over GF(32) with the polynomial x^5 + x^2 + 1: every symbol times a power of alpha of its
//! own. So every single wrong symbol and every swap of two is found, for up to 30 symbols. The kind of code is in the sum as
//! a first symbol that is not written: a code of one kind is a typing error where another is wanted.

use std::fmt;

use zeroize::Zeroizing;

use crate::codes::plain_text::plain;

/// The symbols in the order of their values.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Symbols in a group.
const GROUP: usize = 5;

/// The kind of code that a check symbol is for. The values never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Domain {
    /// A whole registration code.
    Registration = 14,
    /// The first of two parts.
    FirstPart = 15,
    /// The second.
    SecondPart = 16,
    /// A recovery code.
    Recovery = 24,
}

/// Values from 0 to 31, wiped on drop.
pub(crate) type Symbols = Zeroizing<Vec<u8>>;

/// The fault of a code as typed. Never repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistyped {
    /// It does not begin with the letter of its kind.
    Prefix,
    /// This many symbols where another number was wanted.
    Length {
        /// Symbols after the prefix.
        found: usize,
        /// How many a code of this kind may have, the shortest first.
        wanted: &'static [usize],
    },
    /// The symbol at this place, counted from 1 after the prefix, is none.
    Symbol {
        /// Its place.
        place: usize,
    },
    /// One symbol is wrong, or two are swapped.
    Check,
    /// A second part instead of the first, or the other way round.
    Order,
    /// One part of two.
    Half,
}

impl Mistyped {
    /// Would more symbols make it a code?
    pub fn is_too_short(self) -> bool {
        matches!(self, Self::Length { found, wanted } if wanted.iter().any(|length| *length > found))
    }
}

/// Random symbols out of as many random bytes.
pub(crate) fn random(bytes: &[u8]) -> Symbols {
    Zeroizing::new(bytes.iter().map(|byte| byte & 31).collect())
}

/// The values of what was typed after the letter `prefix`: at most as many as the last of the lengths that are `wanted`.
pub(crate) fn after_prefix(typed: &str, prefix: u8, wanted: &'static [usize]) -> Result<Symbols, Mistyped> {
    let text = plain(typed);
    let (first, rest) = text.split_at_checked(1).ok_or(Mistyped::Prefix)?;
    if first.bytes().next().and_then(value) != Some(prefix) {
        return Err(Mistyped::Prefix);
    }
    values(rest, wanted)
}

/// The values of [`plain`] text: at most as many as the last of the lengths that are `wanted`.
pub(crate) fn values(text: &str, wanted: &'static [usize]) -> Result<Symbols, Mistyped> {
    let most = wanted.last().copied().unwrap_or_default();
    let mut values = Zeroizing::new(Vec::with_capacity(most)); // never grows: no piece of a code is left behind
    for (place, byte) in (1..).zip(text.bytes()) {
        if values.len() == most {
            return Err(Mistyped::Length { found: text.chars().count(), wanted });
        }
        values.push(value(byte).ok_or(Mistyped::Symbol { place })?);
    }
    Ok(values)
}

/// Takes the check symbol off the end, if it is right.
pub(crate) fn checked(domain: Domain, values: &[u8]) -> Option<&[u8]> {
    let (found, rest) = values.split_last()?;
    (*found == check(domain, rest)).then_some(rest)
}

/// Appends `values` with their check symbol, in groups of five with hyphens between.
pub(crate) fn write(out: &mut String, domain: Domain, values: &[u8]) {
    let last = check(domain, values);
    for (place, value) in values.iter().chain([&last]).enumerate() {
        if place > 0 && place % GROUP == 0 {
            out.push('-');
        }
        out.push(ALPHABET.get(usize::from(*value)).copied().map_or('0', char::from));
    }
}

fn value(byte: u8) -> Option<u8> {
    let folded = match byte.to_ascii_uppercase() {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        other => other,
    };
    ALPHABET.iter().position(|symbol| *symbol == folded).and_then(|place| u8::try_from(place).ok())
}

fn check(domain: Domain, values: &[u8]) -> u8 {
    let mut weight = 1;
    let mut sum = 0;
    for value in [domain as u8].iter().chain(values) {
        weight = times(weight, ALPHA);
        sum ^= times(*value, weight);
    }
    sum
}

/// The generator of the field.
const ALPHA: u8 = 2;

/// Multiplication in GF(32), without a table: its time does not depend on the code.
fn times(left: u8, right: u8) -> u8 {
    let mut product = 0;
    let mut shifted = left;
    for bit in 0..5 {
        product ^= shifted & 0u8.wrapping_sub(right >> bit & 1);
        shifted = (shifted << 1) ^ (0b10_0101 & 0u8.wrapping_sub(shifted >> 4 & 1));
    }
    product & 31
}

impl fmt::Display for Mistyped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix => write!(f, "it does not begin with its letter and a hyphen"),
            Self::Length { found, wanted } => f.write_str(&wrong_length(*found, wanted)),
            Self::Symbol { place } => {
                write!(f, "mistyped: number {place} after the prefix is not a letter or digit that codes use")
            }
            Self::Check => write!(f, "mistyped: one letter or digit is wrong, or two are swapped"),
            Self::Order => write!(f, "the two parts are in the wrong order"),
            Self::Half => write!(f, "this is one part of two; the other one is needed as well"),
        }
    }
}

impl std::error::Error for Mistyped {}

fn wrong_length(found: usize, wanted: &[usize]) -> String {
    match wanted.iter().copied().filter(|length| *length > found).collect::<Vec<_>>().as_slice() {
        [] => format!("{found} letters and digits are too many for a code"),
        [one] => format!("{found} of {one} letters and digits are there: {} are missing", one - found),
        [lengths @ .., last] => {
            let lengths: Vec<_> = lengths.iter().map(usize::to_string).collect();
            format!("{found} letters and digits are there: a code has {} or {last}", lengths.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(domain: Domain, values: &[u8]) -> String {
        let mut out = String::new();
        write(&mut out, domain, values);
        out
    }

    fn read(domain: Domain, text: &str) -> Option<Vec<u8>> {
        checked(domain, &values(&plain(text), &[64]).ok()?).map(<[u8]>::to_vec)
    }

    #[test]
    fn the_field_has_31_powers_of_alpha_and_the_table_agrees() {
        let mut power = 1;
        let powers: std::collections::HashSet<u8> = (0..31)
            .map(|_| {
                power = times(power, ALPHA);
                power
            })
            .collect();
        assert_eq!((powers.len(), power), (31, 1));
        assert_eq!((times(16, 2), times(31, 31), times(0, 7)), (5, 18, 0));
    }

    #[test]
    fn a_code_that_is_written_down_somewhere_reads_the_same_for_ever() {
        let nine: Vec<u8> = (1..10).collect();
        assert_eq!(written(Domain::Registration, &nine), "12345-6789W");
        assert_eq!(written(Domain::Recovery, &nine), "12345-6789N");
    }

    #[test]
    fn look_alikes_case_blanks_and_hyphens_make_no_difference() {
        let text = written(Domain::Recovery, &[0, 1, 10, 31, 1, 0]);
        for other in
            [text.replace('-', ""), text.to_lowercase(), text.replace('0', "o").replace('1', "l"), format!(" {text} ")]
        {
            assert_eq!(read(Domain::Recovery, &other), Some(vec![0, 1, 10, 31, 1, 0]), "{other}");
        }
        assert_eq!(values("12U45", &[8]).err(), Some(Mistyped::Symbol { place: 3 }));
        assert_eq!(values("12é45", &[8]).err(), Some(Mistyped::Symbol { place: 3 }));
        assert_eq!(values("123456789", &[8]).err(), Some(Mistyped::Length { found: 9, wanted: &[8] }));
    }

    proptest! {
        #[test]
        fn every_single_error_and_every_swap_is_found(
            values in proptest::collection::vec(0..32_u8, 1..=26), first: prop::sample::Index, second: prop::sample::Index, wrong in 1..32_u8,
        ) {
            let domain = Domain::Registration;
            let good: Vec<u8> = values.iter().copied().chain([check(domain, &values)]).collect();
            prop_assert_eq!(checked(domain, &good), Some(values.as_slice()));
            let (first, second) = (first.index(good.len()), second.index(good.len()));
            let mut single = good.clone();
            single[first] ^= wrong;
            prop_assert_eq!(checked(domain, &single), None);
            let mut swapped = good.clone();
            swapped.swap(first, second);
            prop_assert_eq!(checked(domain, &swapped).is_some(), swapped == good);
        }

        #[test]
        fn a_code_of_one_kind_is_a_typing_error_in_the_place_of_another(values in proptest::collection::vec(0..32_u8, 1..=26)) {
            let text = written(Domain::FirstPart, &values);
            for other in [Domain::Registration, Domain::SecondPart, Domain::Recovery] {
                prop_assert_eq!(read(other, &text), None);
            }
        }
    }
}
