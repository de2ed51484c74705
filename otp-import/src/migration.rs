//! The address in Google Authenticator's export codes: a protocol-buffer message in base64. It does not carry a period.

use data_encoding::BASE64_NOPAD;
use otp_core::keys::key::{Algorithm, Digits, NewKey};
use otp_core::keys::secret::{Secret, SecretLengthError};
use zeroize::Zeroizing;

use crate::fault::{ForeignFault, counter_in_range};
use crate::foreign_key::{ForeignKey, Holder, Moving, Taken};
use crate::otpauth::{first_code, split_label};
use crate::protobuf::{FieldValue, Fields};
use crate::uri;

/// The contents of one code of an export.
pub struct Export {
    /// Its keys, or why one is none.
    pub keys: Vec<Result<ForeignKey, ForeignFault>>,
    /// Which of how many codes it is, from 0, and of which export.
    pub part: ExportPart,
}

/// A place among the codes of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportPart {
    /// Names the export.
    pub export: u64,
    /// Which code, from 0.
    pub index: u64,
    /// How many there are.
    pub of: u64,
}

/// Reads one address.
pub fn read(uri: &str) -> Result<Export, ForeignFault> {
    if uri.len() > URI_CAP {
        return Err(ForeignFault::new(format!("an address of {} bytes", uri.len()), "at most 16384"));
    }
    let data =
        uri.strip_prefix(PREFIX).ok_or_else(|| ForeignFault::new("something else, not repeated here", WANTED))?;
    let payload = base64(&uri::decoded(data)?)?;
    let mut export = Export { keys: Vec::new(), part: ExportPart { export: 0, index: 0, of: 1 } };
    for field in Fields(&payload) {
        let field = field?;
        match (field.number, field.value) {
            (1, FieldValue::Bytes(_)) if export.keys.len() >= MOST_KEYS => {
                return Err(ForeignFault::new("more than 100 keys", "the 10 that one code holds"));
            }
            (1, FieldValue::Bytes(key)) => export.keys.push(read_key(key)),
            (2, FieldValue::Number(1 | 2)) => {}
            (2, FieldValue::Number(_)) => return Err(ForeignFault::new("a later version", "version 1 or 2")),
            (3, FieldValue::Number(of)) => export.part.of = of,
            (4, FieldValue::Number(index)) => export.part.index = index,
            (5, FieldValue::Number(id)) => export.part.export = id,
            _ => return Err(unknown()),
        }
    }
    Ok(export)
}

/// Padded or not, in letters of the usual alphabet.
fn base64(text: &str) -> Result<Zeroizing<Vec<u8>>, ForeignFault> {
    let wrong = || ForeignFault::new("data that are not in base64", WANTED);
    let text = text.trim_end_matches('=');
    let mut bytes = Zeroizing::new(vec![0; BASE64_NOPAD.decode_len(text.len()).map_err(|_| wrong())?]);
    BASE64_NOPAD.decode_mut(text.as_bytes(), &mut bytes).map_err(|_| wrong())?;
    Ok(bytes)
}

/// The fields of one key.
#[derive(Default)]
struct KeyParameters {
    secret: Option<Result<Secret, SecretLengthError>>,
    name: String,
    issuer: Option<String>,
    algorithm: u64,
    digits: u64,
    kind: u64,
    counter: u64,
}

fn read_key(message: &[u8]) -> Result<ForeignKey, ForeignFault> {
    let mut all = KeyParameters::default();
    for field in Fields(message) {
        let field = field?;
        match (field.number, field.value) {
            (1, FieldValue::Bytes(secret)) => all.secret = Some(Secret::new(Zeroizing::new(secret.to_vec()))),
            (2, FieldValue::Bytes(name)) => all.name = text(name)?,
            (3, FieldValue::Bytes(issuer)) => all.issuer = Some(text(issuer)?),
            (4, FieldValue::Number(algorithm)) => all.algorithm = algorithm,
            (5, FieldValue::Number(digits)) => all.digits = digits,
            (6, FieldValue::Number(kind)) => all.kind = kind,
            (7, FieldValue::Number(counter)) => all.counter = counter,
            (8, FieldValue::Bytes(_)) => {} // the app's own name of the key
            _ => return Err(unknown()),
        }
    }
    all.key()
}

impl KeyParameters {
    fn key(self) -> Result<ForeignKey, ForeignFault> {
        let (account, prefix) = split_label(&self.name);
        let moving = match self.kind {
            1 => Moving::Counter(counter_in_range(self.counter)?),
            2 => Moving::Time(NewKey::default().period),
            _ => return Err(ForeignFault::new("a key of another kind", "TOTP or HOTP")),
        };
        let algorithm = match self.algorithm {
            0 | 1 => Algorithm::Sha1,
            2 => Algorithm::Sha256,
            3 => Algorithm::Sha512,
            _ => return Err(ForeignFault::new("another algorithm", "SHA1, SHA256 or SHA512")),
        };
        let digits = match self.digits {
            0 | 1 => 6,
            2 => 8,
            3 => 7,
            _ => return Err(ForeignFault::new("another number of digits", "6, 7 or 8")),
        };
        Ok(ForeignKey {
            line: 1,
            holder: Holder::Account {
                name: account,
                issuer: self.issuer.filter(|issuer| !issuer.is_empty()).or(prefix),
            },
            secret: self.secret.ok_or_else(|| ForeignFault::new("a key without secret", "a secret"))?,
            moving,
            algorithm,
            digits: Digits::new(digits)?,
            starts: None,
            expires: None,
            taken: Taken::Untold,
            left_behind: first_code(moving),
        })
    }
}

fn text(bytes: &[u8]) -> Result<String, ForeignFault> {
    let text = str::from_utf8(bytes).map_err(|_| ForeignFault::new("a name that is not UTF-8", "UTF-8"))?;
    uri::plain(text, "a name").map(|text| text.into_owned())
}

/// A field may change what the codes are.
fn unknown() -> ForeignFault {
    ForeignFault::new(
        "a field that this version does not know",
        "the fields of Google Authenticator's export, version 1 or 2",
    )
}

const PREFIX: &str = "otpauth-migration://offline?data=";
const WANTED: &str = "otpauth-migration://offline?data=BASE64";
const URI_CAP: usize = 16 << 10;
const MOST_KEYS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::foreign_key::LeftBehind;

    const SECRET: &str = "7KSQL2JTUDIS5EF65KLMRQIIGY";

    fn export(data: &str) -> Export {
        read(&format!("{PREFIX}{data}")).unwrap_or_else(|fault| panic!("{fault}"))
    }

    fn fault(data: &[u8]) -> String {
        let uri = format!("{PREFIX}{}", BASE64_NOPAD.encode(data));
        read(&uri).and_then(|mut export| export.keys.remove(0)).err().map(|fault| fault.to_string()).unwrap_or_default()
    }

    /// Exported by the app: published with the secret as examples of extract_otp_secrets.
    #[test]
    fn what_the_app_exported_is_read() {
        let one = "CjUKEPqlBekzoNEukL7qlsjBCDYSDnBpQHJhc3BiZXJyeXBpGgtyYXNwYmVycnlwaSABKAEwAhABGAEgACjr4JKK%2B%2F%2F%2F%2F%2F8B";
        let export = export(one);
        assert_eq!((export.part.index, export.part.of), (0, 1));
        let key = export.keys.into_iter().next().unwrap().unwrap();
        let issuer = Some("raspberrypi".to_owned());
        assert_eq!(key.holder, Holder::Account { name: "pi@raspberrypi".to_owned(), issuer });
        assert_eq!(key.secret.ok().map(|secret| secret.base32().to_string()).as_deref(), Some(SECRET));
        assert_eq!((key.moving.kind().as_str(), key.algorithm, key.digits.get()), ("totp", Algorithm::Sha1, 6));
    }

    #[test]
    fn several_keys_counters_and_names_of_any_script_are_read() {
        let two = "CigKEPqlBekzoNEukL7qlsjBCDYSDnBpQHJhc3BiZXJyeXBpIAEoATACCjUKEPqlBekzoNEukL7qlsjBCDYSDnBpQHJhc3BiZXJyeXBp\
                   GgtyYXNwYmVycnlwaSABKAEwAhABGAEgACiQ7OOa%2Bf%2F%2F%2F%2F8B";
        assert_eq!(export(two).keys.iter().filter(|key| key.is_ok()).count(), 2);
        let counted = "CiUKEPqlBekzoNEukL7qlsjBCDYSCWhvdHAgZGVtbyABKAEwATgEEAEYASAAKNuv15j6%2F%2F%2F%2F%2FwE%3D";
        assert_eq!(export(counted).keys.remove(0).unwrap().moving, Moving::Counter(4));
        let umlauts = "CjYKEPqlBekzoNEukL7qlsjBCDYSHGVuY29kaW5nOiDCv8Okw4TDqcOJPyAoZGVtbykgASgBMAIQARgBIAAorfCurv%2F%2F%2F%2F%2F%2FAQ%3D%3D";
        let Holder::Account { name, issuer } = export(umlauts).keys.remove(0).unwrap().holder else {
            panic!("no account")
        };
        assert_eq!((name.as_str(), issuer.as_deref()), ("¿äÄéÉ? (demo)", Some("encoding")));
    }

    #[test]
    fn a_fault_of_one_key_does_not_spoil_the_others() {
        let uri =
            format!("{PREFIX}{}", BASE64_NOPAD.encode(b"\x0a\x02\x30\x09\x0a\x16\x0a\x1012345678901234567\x30\x02"));
        assert!(read(&uri).is_err(), "a length that is wrong spoils what follows");
        let uri =
            format!("{PREFIX}{}", BASE64_NOPAD.encode(b"\x0a\x02\x30\x09\x0a\x14\x0a\x101234567890123456\x30\x02"));
        let keys = read(&uri).unwrap().keys;
        assert!(matches!(keys.as_slice(), [Err(_), Ok(_)]));
    }

    #[test]
    fn hostile_payloads_are_refused() {
        let cases: [(&[u8], &str); 12] = [
            (b"\x0a\x02\x30\x02", "a key without secret"),
            (b"\x0a\x06\x0a\x091234", "a payload that breaks off"),
            (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "a payload that breaks off"),
            (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "a payload that breaks off"),
            (b"\x0a\x02\x48\x01", "a field that this version"),
            (b"\x0d1234", "a payload that breaks off"),
            (b"\x50\x01", "a field that this version"),
            (b"\x10\x03", "a later version"),
            (b"\x0a\x06\x0a\x0212\x20\x04", "a key of another kind"),
            (b"\x0a\x08\x0a\x0212\x20\x04\x30\x02", "another algorithm"),
            (b"\x0a\x08\x0a\x0212\x28\x09\x30\x02", "another number of digits"),
            (b"\x0a\x08\x0a\x0212\x12\x02\x1b[", "a name that is too long or has control"),
        ];
        for (data, wanted) in cases {
            assert!(fault(data).starts_with(&format!("found {wanted}")), "{data:?}: {}", fault(data));
        }
        for uri in ["", "otpauth-migration://offline", "otpauth-migration://offline?data=!!!", "otpauth://totp/a"] {
            assert!(read(uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn the_first_code_of_a_counter_stays_behind() {
        let uri = format!("{PREFIX}{}", BASE64_NOPAD.encode(b"\x0a\x14\x0a\x101234567890123456\x30\x01"));
        assert_eq!(read(&uri).unwrap().keys.remove(0).unwrap().left_behind, [LeftBehind::FirstCode]);
    }
}
