//! An otpauth URI, as QR codes for apps hold it.

use otp_core::keys::key::{Algorithm, Digits, Kind, NewKey, Period};
use otp_core::keys::secret::{Secret, SecretLengthError};
use zeroize::Zeroizing;

use crate::base32;
use crate::fault::{ForeignFault, counter, number};
use crate::foreign_key::{ForeignKey, Holder, LeftBehind, Moving, Taken};
use crate::uri;

/// Reads one URI, without blanks before or after it.
pub fn read(uri: &str) -> Result<ForeignKey, ForeignFault> {
    if uri.len() > URI_CAP {
        return Err(ForeignFault::new(format!("a URI of {} bytes", uri.len()), "at most 4096"));
    }
    let (scheme, rest) = uri.split_once("://").ok_or_else(other)?;
    if !scheme.eq_ignore_ascii_case("otpauth") || rest.contains('#') {
        return Err(other());
    }
    let (kind, rest) = rest.split_once('/').ok_or_else(other)?;
    let kind = Kind::parse(&kind.to_ascii_lowercase())
        .map_err(|_| ForeignFault::new("a key of another kind", "totp or hotp"))?;
    let (label, query) = rest.split_once('?').ok_or_else(|| ForeignFault::new("no secret", WANTED))?;
    let (account, prefix) = label_parts(label)?;
    let mut query = Query::read(query)?;
    let moving = query.moving(kind)?;
    Ok(ForeignKey {
        line: 1,
        holder: Holder::Account { name: account, issuer: query.issuer.take().or(prefix) },
        secret: query.secret.ok_or_else(|| ForeignFault::new("no secret", WANTED))?,
        moving,
        algorithm: query.algorithm.unwrap_or(Algorithm::Sha1),
        digits: query.digits.unwrap_or(NewKey::default().digits),
        starts: None,
        expires: None,
        taken: Taken::Untold,
        left_behind: first_code(moving),
    })
}

/// A key with this counter leaves its first code behind.
pub(crate) fn first_code(moving: Moving) -> Vec<LeftBehind> {
    (moving == Moving::Counter(0)).then_some(LeftBehind::FirstCode).into_iter().collect()
}

/// `issuer:account`, or the account alone. Other readers disagree about a second colon, so it belongs to the account.
fn label_parts(label: &str) -> Result<(String, Option<String>), ForeignFault> {
    let label = uri::shown(label, "a label")?;
    Ok(split_label(&label))
}

/// Account and issuer of a decoded label.
pub(crate) fn split_label(label: &str) -> (String, Option<String>) {
    match label.split_once(':') {
        Some((issuer, account)) => (account.trim_start().to_owned(), Some(issuer.to_owned())),
        None => (label.to_owned(), None),
    }
}

#[derive(Default)]
struct Query {
    seen: Vec<String>,
    secret: Option<Result<Secret, SecretLengthError>>,
    issuer: Option<String>,
    algorithm: Option<Algorithm>,
    digits: Option<Digits>,
    period: Option<Period>,
    counter: Option<u64>,
}

impl Query {
    fn read(query: &str) -> Result<Self, ForeignFault> {
        let mut all = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = name.to_ascii_lowercase();
            all.take(&name, value)?;
            if all.seen.contains(&name) {
                return Err(ForeignFault::new("a parameter twice", "each parameter once"));
            }
            all.seen.push(name);
        }
        Ok(all)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), ForeignFault> {
        let value: Zeroizing<String> = uri::decoded(value)?;
        let small = |what| number(&value, what, "a number").map(|found| i64::try_from(found).unwrap_or(i64::MAX));
        match name {
            "secret" => self.secret = Some(base32::secret(&value)?),
            "issuer" => self.issuer = Some(uri::plain(&value, "an issuer")?.into_owned()),
            "algorithm" => {
                let algorithm = Algorithm::parse(&value.to_ascii_uppercase().replacen("HMAC", "", 1));
                self.algorithm = Some(algorithm.map_err(|_| ForeignFault::new("another algorithm", ALGORITHMS))?);
            }
            "digits" => self.digits = Some(Digits::new(small("digits")?)?),
            "period" => self.period = Some(Period::new(small("a period")?)?),
            "counter" => self.counter = Some(counter(&value)?),
            "image" | "icon" | "color" | "lock" => {} // how an app draws it
            _ => return Err(ForeignFault::new("another parameter", WANTED)),
        }
        Ok(())
    }

    fn moving(&self, kind: Kind) -> Result<Moving, ForeignFault> {
        match (kind, self.counter) {
            (Kind::Totp, _) => Ok(Moving::Time(self.period.unwrap_or(NewKey::default().period))),
            (Kind::Hotp, Some(counter)) => Ok(Moving::Counter(counter)),
            (Kind::Hotp, None) => Err(ForeignFault::new("an HOTP key without counter", "counter=NUMBER")),
        }
    }
}

fn other() -> ForeignFault {
    ForeignFault::new("something else, not repeated here", "otpauth://totp/ACCOUNT?secret=BASE32 or otpauth://hotp/...")
}

const URI_CAP: usize = 4096;
const ALGORITHMS: &str = "SHA1, SHA256 or SHA512";
const WANTED: &str = "secret, and at will issuer, algorithm, digits, period, counter";

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "7KSQL2JTUDIS5EF65KLMRQIIGY";

    fn fault(uri: &str) -> String {
        read(uri).err().map(|fault| fault.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_uri_with_everything_is_read() {
        let uri = format!(
            "otpauth://totp/Example%20Org:anna%40example.org?secret={}&issuer=Example%20Org&algorithm=SHA256&digits=8&period=60&image=x",
            SECRET.to_lowercase()
        );
        let key = read(&uri).unwrap();
        let issuer = Some("Example Org".to_owned());
        assert_eq!(key.holder, Holder::Account { name: "anna@example.org".to_owned(), issuer });
        assert_eq!((key.algorithm, key.digits.get()), (Algorithm::Sha256, 8));
        assert_eq!(key.moving, Moving::Time(Period::new(60).unwrap()));
        assert_eq!(key.secret.ok().map(|secret| secret.base32().to_string()).as_deref(), Some(SECRET));
    }

    #[test]
    fn what_is_not_said_is_usual_and_a_counter_must_be_said() {
        let key = read(&format!("OTPAUTH://totp/pi@raspberrypi?secret={SECRET}")).unwrap();
        assert_eq!((key.algorithm, key.digits.get()), (Algorithm::Sha1, 6));
        assert_eq!(key.holder, Holder::Account { name: "pi@raspberrypi".to_owned(), issuer: None });
        let key = read(&format!("otpauth://hotp/a?secret={SECRET}&counter=0")).unwrap();
        assert_eq!((key.moving, key.left_behind), (Moving::Counter(0), vec![LeftBehind::FirstCode]));
        assert!(fault(&format!("otpauth://hotp/a?secret={SECRET}")).contains("without counter"));
    }

    #[test]
    fn a_fault_says_what_was_wanted_and_repeats_nothing() {
        let cases = [
            ("", "something else"),
            ("https://example.org/?secret=7KSQ", "something else"),
            ("otpauth://motp/a?secret=7KSQ", "a key of another kind"),
            ("otpauth://totp/a", "no secret"),
            ("otpauth://totp/a?digits=6", "no secret"),
            ("otpauth://totp/a?secret=7KSQ9", "something else, not repeated"),
            ("otpauth://totp/a?secret=7KSQ&secret=7KSQ", "a parameter twice"),
            ("otpauth://totp/a?secret=7KSQ&encoder=steam", "another parameter"),
            ("otpauth://totp/a?secret=7KSQ&algorithm=MD5", "another algorithm"),
            ("otpauth://totp/a?secret=7KSQ&digits=5", "digits \"5\""),
            ("otpauth://totp/a?secret=7KSQ&period=0", "period \"0\""),
            ("otpauth://totp/a?secret=7KSQ&period=%zz", "a percent sign"),
            ("otpauth://totp/a%0a?secret=7KSQ", "a label that"),
            ("otpauth://totp/a?secret=7KSQ#x", "something else"),
        ];
        for (uri, wanted) in cases {
            let found = fault(uri);
            assert!(found.starts_with(&format!("found {wanted}")), "{uri}: {found}");
            assert!(!found.contains("7KSQ"));
        }
    }
}
