//! The otpauth URI that an app scans (the key-URI format that Google Authenticator set): `Issuer:account` with exactly one
//! colon, the issuer again as a parameter, base32 in upper case without padding, and every parameter always present: apps
//! that know it agree, the others pass over it. HOTP has a counter instead of the period.

use otp_core::keys::key::{Algorithm, Digits, Kind, Period};
use otp_core::keys::secret::Secret;
use zeroize::Zeroizing;

use crate::enrolment::pending::FIRST_COUNTER;

/// What goes into a URI besides the key.
pub(crate) struct Provisioning<'a> {
    /// Shown above the code; no colon.
    pub issuer: &'a str,
    /// Shown beside the code.
    pub account: &'a str,
    /// TOTP or HOTP.
    pub kind: Kind,
    /// Hash.
    pub algorithm: Algorithm,
    /// Digits of a code.
    pub digits: Digits,
    /// Time step.
    pub period: Period,
}

impl Provisioning<'_> {
    /// The whole URI.
    pub(crate) fn uri(&self, secret: &Secret) -> Zeroizing<String> {
        let (issuer, account, letters) = (encoded(self.issuer), encoded(self.account), secret.base32());
        let moving = match self.kind {
            Kind::Totp => format!("period={}", self.period.seconds()),
            Kind::Hotp => format!("counter={FIRST_COUNTER}"),
        };
        let (algorithm, digits) = (self.algorithm.as_str(), self.digits.get());
        let rest = format!("&issuer={issuer}&algorithm={algorithm}&digits={digits}&{moving}");
        let head = format!("otpauth://{}/{issuer}:{account}?secret=", self.kind.as_str());
        let mut uri = Zeroizing::new(String::with_capacity(head.len() + letters.len() + rest.len()));
        uri.push_str(&head);
        uri.push_str(&letters);
        uri.push_str(&rest);
        uri
    }
}

/// Percent-encoding of everything but the unreserved characters (RFC 3986 section 2.3).
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(issuer: &str, account: &str) -> String {
        uri_of(Kind::Totp, issuer, account)
    }

    fn uri_of(kind: Kind, issuer: &str, account: &str) -> String {
        let secret = Secret::new(Zeroizing::new(b"12345678901234567890".to_vec())).ok().unwrap();
        let (digits, period) = (Digits::new(6).unwrap(), Period::new(30).unwrap());
        let provisioning = Provisioning { issuer, account, kind, algorithm: Algorithm::Sha1, digits, period };
        provisioning.uri(&secret).to_string()
    }

    #[test]
    fn the_uri_that_apps_expect() {
        let want = "otpauth://totp/web1:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=web1&algorithm=SHA1&digits=6&period=30";
        assert_eq!(uri("web1", "alice"), want);
        let want = "otpauth://hotp/web1:alice?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=web1&algorithm=SHA1&digits=6&counter=1";
        assert_eq!(uri_of(Kind::Hotp, "web1", "alice"), want);
    }

    #[test]
    fn whatever_the_names_hold_there_is_one_colon_and_no_stray_separator() {
        let uri = uri("Ex ample & Söhne?", "a:b@c/d#e");
        let (label, query) = uri.strip_prefix("otpauth://totp/").unwrap().split_once('?').unwrap();
        assert_eq!(label, "Ex%20ample%20%26%20S%C3%B6hne%3F:a%3Ab%40c%2Fd%23e");
        assert_eq!(query.matches('&').count(), 4);
    }
}
