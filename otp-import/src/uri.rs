//! The pieces of a URI (RFC 3986): percent-encoded text, and a query of names and values.

use std::borrow::Cow;

use zeroize::Zeroizing;

use crate::fault::ForeignFault;

/// Takes percent-encoding off. A plus sign is a plus sign.
pub(crate) fn decoded(text: &str) -> Result<Zeroizing<String>, ForeignFault> {
    let wrong = || ForeignFault::new("a percent sign that encodes nothing", "two hex digits after it, and UTF-8");
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len())); // never grows
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let (high, low) = (rest.next().and_then(digit), rest.next().and_then(digit));
                high.zip(low).map(|(high, low)| high << 4 | low).ok_or_else(wrong)?
            }
            plain => plain,
        });
    }
    let text = str::from_utf8(&bytes).map_err(|_| wrong())?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// The same, for what may be shown: no control character, and short.
pub(crate) fn shown(text: &str, what: &'static str) -> Result<String, ForeignFault> {
    let text = decoded(text)?;
    plain(&text, what).map(Cow::into_owned)
}

/// A text that may be shown.
pub(crate) fn plain<'a>(text: &'a str, what: &'static str) -> Result<Cow<'a, str>, ForeignFault> {
    let good = text.len() <= 256 && !text.chars().any(char::is_control);
    good.then_some(Cow::Borrowed(text)).ok_or_else(|| {
        ForeignFault::new(format!("{what} that is too long or has control characters"), "256 bytes of text")
    })
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_are_taken_off_once_and_nothing_else_is() {
        assert_eq!(decoded("a%2520b%C3%A4+").unwrap().as_str(), "a%20bä+");
        for wrong in ["%", "%2", "%zz", "%ff", "%+1"] {
            assert!(decoded(wrong).is_err(), "{wrong}");
        }
        assert!(shown("a%0ab", "a label").is_err());
    }
}
