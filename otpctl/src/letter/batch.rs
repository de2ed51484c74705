//! References of letters: they stand on the sheet instead of a name, and in the list beside it. All letters of one list begin alike,
//! so that sheets of two lists are told apart.

use otp_system::random;

use crate::output::failure::Failure;

/// The letters that go into one list.
pub(crate) struct LetterBatch(String);

impl LetterBatch {
    /// A new one.
    pub(crate) fn new() -> Result<Self, Failure> {
        let random: [u8; LENGTH] = random::bytes().map_err(|error| Failure::Stopped(error.to_string()))?;
        let symbol = |byte: &u8| SYMBOLS.chars().nth(usize::from(*byte) % SYMBOLS.len());
        Ok(Self(random.iter().filter_map(symbol).collect()))
    }

    /// That of a letter.
    pub(crate) fn of(reference: &str) -> Option<Self> {
        let (batch, number) = reference.split_once('-')?;
        let is_one = batch.len() == LENGTH && batch.chars().all(|symbol| SYMBOLS.contains(symbol));
        (is_one && number.parse::<usize>().is_ok()).then(|| Self(batch.to_owned()))
    }

    /// The reference of one letter, counted from 1.
    pub(crate) fn reference(&self, number: usize) -> String {
        format!("{}-{number:03}", self.0)
    }
}

/// Neither vowels, which would make words, nor what is taken for something else; nor the E and R that begin codes.
const SYMBOLS: &str = "23456789BCDFGHJKMNPQTVWXYZ";
const LENGTH: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_says_of_which_batch_it_is() {
        let batch = LetterBatch::new().expect("random numbers");
        let reference = batch.reference(7);
        assert!(reference.ends_with("-007"), "{reference}");
        assert_eq!(LetterBatch::of(&reference).map(|batch| batch.0), Some(batch.0));
        for wrong in ["", "-001", "2345", "2345-x", "ABCD-001", "23456-001"] {
            assert!(LetterBatch::of(wrong).is_none(), "{wrong}");
        }
    }
}
