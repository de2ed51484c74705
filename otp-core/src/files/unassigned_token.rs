//! A hardware token that nobody has yet, `tokens/<SHA-256>`: imported by root, waiting to be assigned. No login reads it.
//!
//! U1  TOML 1.0, at most 4 KiB, version 1, the first line a checksum; an unknown or repeated field refuses
//! U2  the file is named after the SHA-256 of the serial number, with a line feed and the manufacturer after it if there is one
//! U3  the seal is bound to every other field but the time of the import, by associated data that no secret file has: it opens in none
//! U4  writing and reading are each other's inverse

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::files::checksum;
use crate::files::hex::{NotHex, hex};
use crate::keys::key::{Algorithm, Digits, Kind, Label, Period, Step, ValueError};
use crate::keys::seal::{AssociatedData, Fingerprint, HostKey, HostKeyId, Nonce, SealBroken, Sealed, VaultId};
use crate::keys::secret::Secret;
use crate::policy::toml_table::{Document, Table, TableError, quoted};
use crate::unix_time::UnixTime;

/// The name of a token: its serial number and, where its maker's file says it, its manufacturer. Each is 1 to 64 bytes without
/// control characters, and no blank at the ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenName {
    serial: String,
    manufacturer: Option<String>,
}

/// A token without an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnassignedToken {
    /// Its name.
    pub name: TokenName,
    /// TOTP or HOTP.
    pub kind: Kind,
    /// Hash.
    pub algorithm: Algorithm,
    /// Digits of a code.
    pub digits: Digits,
    /// Time step; of no use to HOTP.
    pub period: Period,
    /// The counter that is accepted next; 0 for TOTP.
    pub counter: Step,
    /// Not good before this.
    pub starts: Option<UnixTime>,
    /// Not good after this.
    pub expires: Option<UnixTime>,
    /// When it was imported.
    pub imported: UnixTime,
    /// The keyed fingerprint of its secret.
    pub fingerprint: Fingerprint,
    /// The sealed secret.
    pub sealed: Sealed,
}

/// Why a file is no token. Names places and rules, never contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAToken(String);

impl TokenName {
    /// Checks length and characters.
    pub fn new(serial: &str, manufacturer: Option<&str>) -> Result<Self, ValueError> {
        let wanted = "1 to 64 bytes without control characters, no blank at the ends";
        let good =
            |text: &str| (1..=64).contains(&text.len()) && text.trim() == text && !text.chars().any(char::is_control);
        let checked = |what, text: &str| {
            if good(text) { Ok(text.to_owned()) } else { Err(ValueError::new(what, text, wanted)) }
        };
        let manufacturer = manufacturer.map(|text| checked("manufacturer", text)).transpose()?;
        Ok(Self { serial: checked("serial", serial)?, manufacturer })
    }

    /// The serial number.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The manufacturer, where it is known.
    pub fn manufacturer(&self) -> Option<&str> {
        self.manufacturer.as_deref()
    }

    /// The name of its file.
    pub fn file_name(&self) -> String {
        let maker = self.manufacturer.as_deref().map_or(String::new(), |maker| format!("\n{maker}"));
        data_encoding::HEXLOWER.encode(&Sha256::digest(format!("{}{maker}", self.serial)))
    }

    /// The label that a key of this token gets: the serial number, where that can be a label.
    pub fn label(&self) -> Option<Label> {
        Label::new(&self.serial).ok()
    }
}

impl UnassignedToken {
    /// Largest size in bytes.
    pub(crate) const CAP: usize = 4096;

    /// The same with `secret` under its seal.
    #[must_use]
    pub fn sealed(self, secret: &Secret, host_key: &HostKey, vault: VaultId, nonce: &Nonce) -> Option<Self> {
        let sealed = host_key.seal(secret, &TokenBinding { token: &self, vault }, nonce)?;
        Some(Self { sealed, ..self })
    }

    /// Its secret.
    pub fn open(&self, host_key: &HostKey, vault: VaultId) -> Result<Secret, SealBroken> {
        host_key.open(&self.sealed, &TokenBinding { token: self, vault })
    }

    /// Reads the text of the file `file_name`.
    pub fn parse(text: &[u8], file_name: &str) -> Result<Self, NotAToken> {
        let not = |why: &str| NotAToken(why.to_owned());
        let text = std::str::from_utf8(text).map_err(|_| not("not UTF-8"))?;
        let text =
            checksum::checked(text).ok_or_else(|| not("the checksum in the first line is not that of the rest"))?;
        let document = Document::parse(text).map_err(|error| NotAToken(error.place()))?;
        let token = Self::read(document.root())?;
        if token.name.file_name() != file_name {
            return Err(not("it is not named after the token in it"));
        }
        Ok(token)
    }

    fn read(mut root: Table<'_>) -> Result<Self, NotAToken> {
        let version = root.required_number("version")?;
        if version != 1 {
            return Err(NotAToken(format!("version is {version}; wanted 1")));
        }
        let serial = root.required_string("serial")?;
        let manufacturer = root.string("manufacturer")?.map(|found| found.value);
        let small = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let token = Self {
            name: TokenName::new(serial, manufacturer)?,
            kind: Kind::parse(root.required_string("kind")?)?,
            algorithm: Algorithm::parse(root.required_string("algorithm")?)?,
            digits: Digits::new(small(root.required_number("digits")?))?,
            period: Period::new(small(root.required_number("period")?))?,
            counter: counter(root.required_number("counter")?)?,
            starts: time(&mut root, "starts")?,
            expires: time(&mut root, "expires")?,
            imported: root.required_time("imported")?,
            fingerprint: Fingerprint(hex(root.required_string("fingerprint")?, "fingerprint")?),
            sealed: sealed(root.required_string("sealed")?)?,
        };
        root.end()?;
        Ok(token)
    }

    /// The text of the file.
    pub fn to_toml(&self) -> String {
        let hex = |bytes: &[u8]| quoted(&data_encoding::HEXLOWER.encode(bytes));
        let fields = [
            ("version", Some("1".to_owned())),
            ("serial", Some(quoted(self.name.serial()))),
            ("manufacturer", self.name.manufacturer().map(quoted)),
            ("kind", Some(quoted(self.kind.as_str()))),
            ("algorithm", Some(quoted(self.algorithm.as_str()))),
            ("digits", Some(self.digits.get().to_string())),
            ("period", Some(self.period.seconds().to_string())),
            ("counter", Some(self.counter.0.to_string())),
            ("starts", self.starts.map(|time| time.to_string())),
            ("expires", self.expires.map(|time| time.to_string())),
            ("imported", Some(self.imported.to_string())),
            ("fingerprint", Some(hex(&self.fingerprint.0))),
            ("sealed", Some(hex(&self.sealed.0))),
        ];
        let lines = fields.into_iter().filter_map(|(name, value)| Some(format!("{name} = {}\n", value?)));
        let rest: String = lines.collect();
        format!("{}{rest}", checksum::line(&rest))
    }
}

/// U3.
struct TokenBinding<'a> {
    token: &'a UnassignedToken,
    vault: VaultId,
}

impl AssociatedData for TokenBinding<'_> {
    fn bytes(&self, host_key: HostKeyId) -> Vec<u8> {
        let token = self.token;
        let mut out = b"pam_otp sealed token 1".to_vec();
        out.extend_from_slice(&self.vault.0);
        out.extend_from_slice(&host_key.0);
        for text in [Some(token.name.serial()), token.name.manufacturer()] {
            out.push(u8::from(text.is_some()));
            out.extend_from_slice(&(text.map_or(0, str::len) as u64).to_le_bytes());
            out.extend_from_slice(text.unwrap_or_default().as_bytes());
        }
        out.extend_from_slice(token.kind.as_str().as_bytes()); // both kinds have four letters
        out.push(token.algorithm.sealed_as());
        out.push(token.digits.get());
        out.extend_from_slice(&token.period.seconds().to_le_bytes());
        out.extend_from_slice(&token.counter.0.to_le_bytes());
        for time in [token.starts, token.expires] {
            out.push(u8::from(time.is_some()));
            out.extend_from_slice(&time.map_or(0, UnixTime::seconds).to_le_bytes());
        }
        out.extend_from_slice(&token.fingerprint.0);
        out
    }
}

fn counter(found: u64) -> Result<Step, NotAToken> {
    if found <= Step::MOST_IMPORTED {
        Ok(Step(found))
    } else {
        Err(NotAToken("value out of its range: counter".into()))
    }
}

fn time<'d>(root: &mut Table<'d>, name: &'d str) -> Result<Option<UnixTime>, NotAToken> {
    let found = root.integer(name)?.map(|found| u64::try_from(found.value));
    let found = found.transpose().map_err(|_| NotAToken(format!("value out of its range: {name}")))?;
    Ok(found.map(UnixTime::new))
}

/// Nonce, ciphertext of 16 to 64 bytes, tag.
fn sealed(text: &str) -> Result<Sealed, NotAToken> {
    let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok();
    let bytes = bytes.filter(|bytes| (56..=104).contains(&bytes.len()));
    bytes.map(Sealed).ok_or_else(|| NotAToken("value out of its range: sealed".to_owned()))
}

impl From<TableError> for NotAToken {
    fn from(error: TableError) -> Self {
        Self(error.place())
    }
}

impl From<ValueError> for NotAToken {
    fn from(error: ValueError) -> Self {
        Self(format!("value out of its range: {}", error.what))
    }
}

impl From<NotHex> for NotAToken {
    fn from(error: NotHex) -> Self {
        Self(format!("value out of its range: {}", error.0))
    }
}

impl fmt::Display for NotAToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for TokenName {
    /// For messages; whatever is odd in it is for the caller to escape.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.manufacturer {
            Some(maker) => write!(f, "{} of {maker}", self.serial),
            None => f.write_str(&self.serial),
        }
    }
}

#[cfg(test)]
#[path = "unassigned_token_tests.rs"]
mod tests;
