//! The name under which an app lists a key, read from the URI that the app scanned.

/// `alice@web1 (Example)`: account and issuer; `None` for any other address.
pub fn app_entry(uri: &str) -> Option<String> {
    let (label, query) = uri.strip_prefix("otpauth://")?.split_once('/')?.1.split_once('?')?;
    let account = decoded(label)?;
    let issuer = query.split('&').find_map(|pair| pair.strip_prefix("issuer=")).and_then(decoded);
    Some(match issuer {
        Some(issuer) => format!("{account} ({issuer})"),
        None => account,
    })
}

/// Percent-encoding undone (RFC 3986 section 2.1).
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        bytes.push(match byte {
            b'%' => u8::try_from(digit(rest.next())? * 16 + digit(rest.next())?).ok()?,
            plain => plain,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_named_as_the_app_names_it() {
        let cases = [
            ("otpauth://totp/alice%40web1?secret=AB&issuer=Example", Some("alice@web1 (Example)")),
            (
                "otpauth://totp/CORP%5Ca%2Bb%40b%C3%BCro%20tablet?secret=AB&issuer=S%26S",
                Some("CORP\\a+b@büro tablet (S&S)"),
            ),
            ("otpauth://totp/web1:alice?secret=AB&issuer=web1", Some("web1:alice (web1)")),
            ("otpauth://totp/alice?secret=AB", Some("alice")),
            ("otpauth://totp/a%4", None),
            ("otpauth://totp/a%4?secret=AB", None),
            ("otpauth://totp/a%FF?secret=AB", None),
            ("https://example.org/alice?secret=AB", None),
            ("", None),
        ];
        for (uri, name) in cases {
            assert_eq!(app_entry(uri).as_deref(), name, "{uri}");
        }
    }
}
