//! A line of pam_oath's users file: type, user, password, key in hex, and what the module wrote at the last login.

use data_encoding::HEXLOWER_PERMISSIVE;
use otp_core::keys::key::{Algorithm, Digits, Period};
use otp_core::keys::secret::{Secret, SecretLengthError};
use zeroize::Zeroizing;

use crate::fault::{ForeignFault, counter, counter_in_range};
use crate::foreign_key::{ForeignKey, Holder, LeftBehind, Moving, Taken};
use crate::uri;

/// Reads each line that holds a key; blank lines and comments are none. A line that is wrong does not spoil the next.
pub fn read(file: &[u8]) -> impl Iterator<Item = Result<ForeignKey, ForeignFault>> {
    let lines = (1..).zip(file.split(|byte| *byte == b'\n'));
    lines.filter_map(|(number, line)| read_line(number, line).map_err(|fault| fault.in_line(number)).transpose())
}

fn read_line(number: usize, line: &[u8]) -> Result<Option<ForeignKey>, ForeignFault> {
    if line.len() > LINE_CAP {
        return Err(ForeignFault::new(format!("a line of {} bytes", line.len()), "at most 4096"));
    }
    let line = str::from_utf8(line).map_err(|_| ForeignFault::new("bytes that are not text", FIELDS))?;
    let mut words = line.split_ascii_whitespace();
    let Some(kind) = words.next().filter(|word| !word.starts_with('#')) else { return Ok(None) };
    let (kind, digits) = kind_and_digits(kind)?;
    let fields: Vec<&str> = words.collect();
    let ([user, password, key], written) = match fields.as_slice() {
        [user, password, key, written @ ..] if written.len() <= 3 => ([*user, *password, *key], written),
        _ => return Err(ForeignFault::new(format!("{} fields", fields.len() + 1), FIELDS)),
    };
    let moving = kind.map_or_else(|| next_counter(written).map(Moving::Counter), |period| Ok(Moving::Time(period)))?;
    let is_password = !matches!(password, "-" | "+");
    let left_behind =
        [is_password.then_some(LeftBehind::Password), (moving == Moving::Counter(0)).then_some(LeftBehind::FirstCode)];
    Ok(Some(ForeignKey {
        line: number,
        holder: Holder::User(uri::plain(user, "a user")?.into_owned()),
        secret: secret(key)?,
        moving,
        algorithm: Algorithm::Sha1,
        digits,
        starts: None,
        expires: None,
        taken: taken(written, digits),
        left_behind: left_behind.into_iter().flatten().collect(),
    }))
}

/// The first field: HOTP, or with a time step in seconds TOTP.
fn kind_and_digits(text: &str) -> Result<(Option<Period>, Digits), ForeignFault> {
    let unknown =
        || ForeignFault::new("a type of another kind", "HOTP, HOTP/E, HOTP/T30 or HOTP/T60, and /6, /7 or /8 after it");
    let rest = text.strip_prefix("HOTP").ok_or_else(unknown)?;
    let (seconds, digits) = match rest.strip_prefix('/') {
        None if rest.is_empty() => (None, None),
        None => return Err(unknown()),
        Some(rest) => match rest.split_once('/') {
            Some((moving, digits)) => (Some(moving), Some(digits)),
            None => (Some(rest), None),
        },
    };
    let period = match seconds {
        None | Some("E") => None,
        Some("T30") => Some(Period::new(30)?),
        Some("T60") => Some(Period::new(60)?),
        Some(_) => return Err(unknown()),
    };
    let digits = match digits {
        None | Some("6") => 6,
        Some("7") => 7,
        Some("8") => 8,
        Some(_) => return Err(unknown()),
    };
    Ok((period, Digits::new(digits)?))
}

/// A counter alone is the next one; with a code after it, it is that code's, which was used.
fn next_counter(written: &[&str]) -> Result<u64, ForeignFault> {
    match written {
        [] => Ok(0),
        [next] => counter(next),
        [used, ..] => counter_in_range(counter(used)?.saturating_add(1)),
    }
}

/// The last code that was accepted, with as many digits as it has; a reader that finds no code there takes it for none.
fn taken(written: &[&str], digits: Digits) -> Taken {
    let [_, code, ..] = written else { return Taken::Untold };
    let is_code = code.len() == usize::from(digits.get()) && code.bytes().all(|byte| byte.is_ascii_digit());
    code.parse().ok().filter(|_| is_code).map_or(Taken::Untold, Taken::Code)
}

fn secret(hex: &str) -> Result<Result<Secret, SecretLengthError>, ForeignFault> {
    let wrong = || ForeignFault::new("a key in another notation, not repeated here", "pairs of hex digits");
    let length = HEXLOWER_PERMISSIVE.decode_len(hex.len()).map_err(|_| wrong())?;
    let mut bytes = Zeroizing::new(vec![0; length]);
    HEXLOWER_PERMISSIVE.decode_mut(hex.as_bytes(), &mut bytes).map_err(|_| wrong())?;
    Ok(Secret::new(bytes))
}

const LINE_CAP: usize = 4096;
const FIELDS: &str = "type, user, password and key, and of a login counter, code and time";

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "3132333435363738393031323334353637383930";

    fn only(line: &str) -> ForeignKey {
        let mut found: Vec<_> = read(line.as_bytes()).collect();
        assert_eq!(found.len(), 1, "{line}");
        found.remove(0).unwrap()
    }

    fn faults(text: &str) -> Vec<String> {
        read(text.as_bytes()).filter_map(|found| found.err().map(|fault| fault.to_string())).collect()
    }

    #[test]
    fn lines_that_the_module_wrote_are_read() {
        let key = only("HOTP\totto\t-\t00112233445566778899AABBCCDDEEFF00112233\t3\t879449\t2026-11-29T14:42:23L\n");
        assert_eq!((key.holder, key.moving), (Holder::User("otto".to_owned()), Moving::Counter(4)));
        assert!(key.left_behind.is_empty());
        let key = only(&format!("HOTP/T60/8 anna + {KEY}\t0\t70689112\t2026-11-29T14:42:23L"));
        assert_eq!((key.moving, key.digits.get()), (Moving::Time(Period::new(60).unwrap()), 8));
        assert_eq!(key.secret.ok().map(|secret| secret.expose().to_vec()), Some(b"12345678901234567890".to_vec()));
    }

    #[test]
    fn a_counter_that_nobody_used_yet_is_the_next_one() {
        assert_eq!(only(&format!("HOTP/E/7 otto - {KEY} 12")).moving, Moving::Counter(12));
        assert_eq!(only(&format!("HOTP otto - {KEY}")).left_behind, [LeftBehind::FirstCode]);
    }

    #[test]
    fn a_password_in_the_file_stays_behind() {
        assert_eq!(only(&format!("HOTP/T30 otto 4711 {KEY}")).left_behind, [LeftBehind::Password]);
    }

    #[test]
    fn comments_are_no_keys_and_one_wrong_line_does_not_spoil_the_next() {
        let text = format!("# users\n\n  \t\nHOTP/T30 anna - {KEY}\nHOTP/T45 bert - {KEY}\nHOTP/T30 carl - {KEY}\n");
        let found: Vec<_> = read(text.as_bytes()).map(|found| found.map(|key| key.line)).collect();
        assert!(matches!(found.as_slice(), [Ok(4), Err(fault), Ok(6)] if fault.line == Some(5)), "{found:?}");
    }

    #[test]
    fn a_fault_names_its_line_and_never_the_key() {
        let long = "1".repeat(5000);
        let cases = [
            ("TOTP otto - 31", "line 1: found a type of another kind"),
            ("HOTP/T30/9 otto - 31", "line 1: found a type"),
            ("HOTP/T30/ otto - 31", "line 1: found a type"),
            ("HOTPX otto - 31", "line 1: found a type"),
            ("\nHOTP otto -", "line 2: found 3 fields"),
            ("HOTP otto - 31 1 2 3 4", "line 1: found 8 fields"),
            ("HOTP otto - 3", "line 1: found a key in another notation"),
            ("HOTP otto - GEZDGNBVGY3TQOJQ", "line 1: found a key in another notation"),
            ("HOTP otto - 31 -5", "line 1: found a counter that is not one"),
            ("HOTP otto - 31 4611686018427387903 123456 now", "line 1: found a counter above that"),
            ("HOTP/T30 ot\x1bto - 31", "line 1: found a user that is too long or has control"),
            (&long, "line 1: found a line of 5000 bytes"),
        ];
        for (text, wanted) in cases {
            let found = faults(text);
            assert!(found.len() == 1 && found[0].starts_with(wanted), "{text}: {found:?}");
            assert!(!found[0].contains("GEZD"));
        }
        assert_eq!(read(b"HOTP \xff\n").filter(Result::is_err).count(), 1);
    }
}
