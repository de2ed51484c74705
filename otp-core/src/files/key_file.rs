//! The secret file of one user, `keys/<uid>.toml`: what changes only at enrolments.
//!
//! F1  TOML 1.0 in its one form ([`crate::files::canonical`]), at most 16 KiB, version 1
//! F2  the uid must be the one it is opened for, and the user name one that the account database gives to this uid
//! F3  at most five keys; no two share an id, a label or a fingerprint
//! F4  numbers lie in their ranges; ids, fingerprints and sealed texts have their exact lengths
//! F5  a key was made in a generation from 1 to the file's own
//! F6  the first line is a checksum of everything after it: `crc32 = "xxxxxxxx"`
//! F7  writing and reading are each other's inverse
//! F8  recovery codes are of one set, and no two have the same number

use std::fmt::{self, Write as _};

use crate::accounts::{Account, NotOwner};
use crate::codes::ids::{RecoverySetId, TicketId};
use crate::codes::recovery::{RecoveryCode, RecoveryHash};
use crate::decision::Now;
use crate::decision::state::State;
use crate::files::canonical::{CanonicalReader, NotCanonical};
use crate::files::checksum;
use crate::files::hex::{NotHex, hex};
use crate::keys::hotp::Codes;
use crate::keys::key::{Algorithm, Digits, KeyId, Kind, Label, Period, Step, ValueError};
use crate::keys::open_key::{KeyFacts, OpenKey};
use crate::keys::seal::{Binding, CodeHash, CodePlace, Fingerprint, HashedCode, HostKey, Sealed, VaultId};
use crate::policy::toml_table::quoted;
use crate::unix_time::UnixTime;

/// Largest secret file in bytes.
pub const RECORD_CAP: usize = 16 * 1024;
/// F6. A flipped bit in a label or a time is found by it; what matters for a login is under the seal as well.
const CHECKSUM: &str = "the checksum in the first line is not that of the rest";
/// Most keys a user can have.
pub const MAX_KEYS: usize = 5;

/// The secret file of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whose it is.
    pub account: Account,
    /// Rises by one with every change of this file.
    pub generation: u64,
    /// The keys; none after the last one was revoked.
    pub keys: Vec<Key>,
    /// Keyed hashes of the recovery codes.
    pub recovery: Vec<RecoveryHash>,
}

/// One authenticator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its random name.
    pub id: KeyId,
    /// Its owner's name for it.
    pub label: Label,
    /// TOTP or HOTP.
    pub kind: Kind,
    /// Hash.
    pub algorithm: Algorithm,
    /// Digits of its codes.
    pub digits: Digits,
    /// Time step; of no use to HOTP.
    pub period: Period,
    /// The sealed shared key.
    pub sealed: Sealed,
    /// Its keyed fingerprint.
    pub fingerprint: Fingerprint,
    /// Generation in which it was made.
    pub made_in: u64,
    /// When it was made.
    pub created: UnixTime,
    /// When its first code confirmed it.
    pub confirmed: UnixTime,
    /// The step or counter burnt at confirmation.
    pub floor: Step,
    /// The ticket of the registration code that it descends from.
    pub redemption: Option<TicketId>,
    /// Its end.
    pub expires: Option<UnixTime>,
}

impl From<&Key> for KeyFacts {
    fn from(key: &Key) -> Self {
        Self { id: key.id, kind: key.kind, period: key.period, floor: key.floor, expires: key.expires }
    }
}

/// Why a file is not this user's record. Names places and rules, never contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordError {
    /// F1: not this format; where.
    Syntax(String),
    /// F1: of a version that this program does not know.
    Version(u64),
    /// F2: somebody else's.
    Owner(NotOwner),
    /// F3, F4, F5: a value out of its range.
    Value(&'static str),
    /// The seal of this key does not open with this host key.
    Sealed(Label),
}

impl Record {
    /// Have all keys that are not repudiated come to their end? Not if there are none: they were revoked.
    pub fn has_expired(&self, state: &State, now: Now) -> bool {
        let mut working = self.keys.iter().filter(|key| !state.is_key_off(key.id)).peekable();
        working.peek().is_some() && working.all(|key| key.has_ended(now))
    }

    /// The keyed fingerprints of its keys.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.keys.iter().map(|key| key.fingerprint).collect()
    }

    /// Reads the text of a secret file for `account`.
    pub fn parse(text: &str, account: &Account) -> Result<Self, RecordError> {
        let record = Self::read(text)?;
        account.owns(&record.account).map_err(RecordError::Owner)?;
        Ok(record)
    }

    /// Reads the text of a secret file, whosever it is.
    pub(crate) fn read(text: &str) -> Result<Self, RecordError> {
        let text = checksum::checked(text).ok_or(RecordError::Value(CHECKSUM))?;
        let mut reader = CanonicalReader::new(text, 1);
        let version = reader.number("version")?;
        if version != 1 {
            return Err(RecordError::Version(version));
        }
        let account = Account { name: reader.text("user")?.into_owned(), uid: small(reader.number("uid")?, "uid")? };
        let generation = reader.number("generation")?;
        let (mut keys, mut recovery) = (Vec::new(), Vec::new());
        while reader.table("key") {
            keys.push(Key::read(&mut reader)?);
        }
        while reader.table("recovery") {
            recovery.push(RecoveryHash::read(&mut reader)?);
        }
        reader.end()?;
        let record = Self { account, generation, keys, recovery };
        record.check()?;
        Ok(record)
    }

    /// The text of the secret file.
    pub fn to_toml(&self) -> String {
        let mut out = format!(
            "version = 1\nuser = {}\nuid = {}\ngeneration = {}\n",
            quoted(&self.account.name),
            self.account.uid,
            self.generation
        );
        for key in &self.keys {
            key.write(&mut out);
        }
        for code in &self.recovery {
            code.write(&mut out);
        }
        format!("{}{out}", checksum::line(&out))
    }

    /// Opens every seal. One that does not open refuses the whole record: something was changed behind the vault's back.
    pub fn open(&self, host_key: &HostKey, vault: VaultId) -> Result<Vec<OpenKey>, RecordError> {
        self.keys.iter().map(|key| key.open(&self.account, host_key, vault)).collect()
    }

    /// Which of the recovery codes `typed` is, if it is one.
    pub fn recovery_code(&self, typed: &RecoveryCode, host_key: &HostKey, vault: VaultId) -> Option<&RecoveryHash> {
        let known = self.recovery.iter().find(|code| code.index == typed.index())?;
        let hash = RecoveryHash::of(typed, known.set, self.account.uid, host_key, vault);
        (hash == known.hash).then_some(known)
    }

    /// F3, F5 and F8.
    fn check(&self) -> Result<(), RecordError> {
        if self.keys.len() > MAX_KEYS {
            return Err(RecordError::Value("more than five keys"));
        }
        if self.keys.iter().any(|key| !(1..=self.generation).contains(&key.made_in)) {
            return Err(RecordError::Value("a key is not from a generation of this file"));
        }
        let twins = self.keys.iter().enumerate().any(|(place, key)| {
            let same =
                |other: &Key| other.id == key.id || other.label == key.label || other.fingerprint == key.fingerprint;
            self.keys.iter().skip(place + 1).any(same)
        });
        if twins {
            return Err(RecordError::Value("two keys share an id, a label or a secret"));
        }
        let one_set = self.recovery.iter().enumerate().all(|(place, code)| {
            self.recovery.iter().skip(place + 1).all(|other| other.set == code.set && other.index != code.index)
        });
        if one_set { Ok(()) } else { Err(RecordError::Value("recovery codes of two sets, or two of one number")) }
    }
}

impl Key {
    /// Has it come to its end?
    pub fn has_ended(&self, now: Now) -> bool {
        self.expires.is_some_and(|end| now.for_ends() > end)
    }

    /// The binding of this key's seal, in the record of `account` and in `vault`.
    pub fn binding<'a>(&self, account: &'a Account, vault: VaultId) -> Binding<'a> {
        Binding {
            vault,
            user: &account.name,
            uid: account.uid,
            key: self.id,
            made_in: self.made_in,
            kind: self.kind,
            algorithm: self.algorithm,
            digits: self.digits,
            period: self.period,
            floor: self.floor,
            expires: self.expires,
        }
    }

    fn open(&self, account: &Account, host_key: &HostKey, vault: VaultId) -> Result<OpenKey, RecordError> {
        let broken = || RecordError::Sealed(self.label.clone());
        let secret = host_key.open(&self.sealed, &self.binding(account, vault)).map_err(|_| broken())?;
        Ok(OpenKey {
            id: self.id,
            label: self.label.clone(),
            kind: self.kind,
            codes: Codes::new(&secret, self.algorithm, self.digits).ok_or_else(broken)?,
            period: self.period,
            floor: self.floor,
            expires: self.expires,
        })
    }

    fn read(fields: &mut CanonicalReader<'_>) -> Result<Self, RecordError> {
        let value = |error: ValueError| RecordError::Value(error.what);
        Ok(Self {
            id: KeyId(hex(&fields.text("id")?, "key id")?),
            label: Label::new(&fields.text("label")?).map_err(value)?,
            kind: Kind::parse(&fields.text("kind")?).map_err(value)?,
            algorithm: Algorithm::parse(&fields.text("algorithm")?).map_err(value)?,
            digits: Digits::new(small(fields.number("digits")?, "digits")?.into()).map_err(value)?,
            period: Period::new(small(fields.number("period")?, "period")?.into()).map_err(value)?,
            sealed: Sealed(sealed(&fields.text("sealed")?)?),
            fingerprint: Fingerprint(hex(&fields.text("fingerprint")?, "fingerprint")?),
            made_in: fields.number("made_in")?,
            created: UnixTime::new(fields.number("created")?),
            confirmed: UnixTime::new(fields.number("confirmed")?),
            floor: Step(fields.number("floor")?),
            redemption: redemption(fields)?,
            expires: fields.optional_number("expires")?.map(UnixTime::new),
        })
    }

    fn write(&self, out: &mut String) {
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        let fields = [
            ("id", quoted(&self.id.hex())),
            ("label", quoted(self.label.as_str())),
            ("kind", quoted(self.kind.as_str())),
            ("algorithm", quoted(self.algorithm.as_str())),
            ("digits", self.digits.get().to_string()),
            ("period", self.period.seconds().to_string()),
            ("sealed", quoted(&hex(&self.sealed.0))),
            ("fingerprint", quoted(&hex(&self.fingerprint.0))),
            ("made_in", self.made_in.to_string()),
            ("created", self.created.to_string()),
            ("confirmed", self.confirmed.to_string()),
            ("floor", self.floor.0.to_string()),
        ];
        let optional = [
            ("redemption", self.redemption.map(|ticket| quoted(&ticket.hex()))),
            ("expires", self.expires.map(|end| end.to_string())),
        ];
        out.push_str("\n[[key]]\n");
        let present = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
        for (name, value) in fields.into_iter().chain(present) {
            let written = writeln!(out, "{name} = {value}");
            debug_assert!(written.is_ok(), "writing to a String does not fail");
        }
    }
}

impl RecoveryHash {
    /// The keyed hash of a code in a set of user `uid`.
    pub fn of(code: &RecoveryCode, set: RecoverySetId, uid: u32, host_key: &HostKey, vault: VaultId) -> CodeHash {
        let place = CodePlace { vault, uid, code: HashedCode::Recovery(set, code.index()) };
        host_key.code_hash(&place, code.expose())
    }

    fn read(fields: &mut CanonicalReader<'_>) -> Result<Self, RecordError> {
        let set = RecoverySetId::new(hex(&fields.text("set")?, "recovery set")?);
        let index = fields.number("index")?;
        let hash = CodeHash(hex(&fields.text("hash")?, "recovery hash")?);
        let redemption = redemption(fields)?;
        let index = u8::try_from(index).ok().filter(|index| *index < 32);
        Ok(Self { set, index: index.ok_or(RecordError::Value("recovery index is above 31"))?, hash, redemption })
    }

    fn write(&self, out: &mut String) {
        let (set, hash) = (quoted(&self.set.hex()), quoted(&data_encoding::HEXLOWER.encode(&self.hash.0)));
        let redemption =
            self.redemption.map_or(String::new(), |ticket| format!("redemption = {}\n", quoted(&ticket.hex())));
        let written = write!(out, "\n[[recovery]]\nset = {set}\nindex = {}\nhash = {hash}\n{redemption}", self.index);
        debug_assert!(written.is_ok(), "writing to a String does not fail");
    }
}

fn redemption(fields: &mut CanonicalReader<'_>) -> Result<Option<TicketId>, RecordError> {
    let Some(text) = fields.optional_text("redemption")? else { return Ok(None) };
    Ok(Some(TicketId::new(hex(&text, "redemption")?)))
}

/// A number that fits into 32 bits.
fn small(number: u64, what: &'static str) -> Result<u32, RecordError> {
    u32::try_from(number).map_err(|_| RecordError::Value(what))
}

/// Nonce, ciphertext of 16 to 64 bytes, tag.
fn sealed(text: &str) -> Result<Vec<u8>, RecordError> {
    let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok();
    bytes.filter(|bytes| (56..=104).contains(&bytes.len())).ok_or(RecordError::Value("sealed"))
}

impl From<NotHex> for RecordError {
    fn from(error: NotHex) -> Self {
        Self::Value(error.0)
    }
}

impl From<NotCanonical> for RecordError {
    fn from(error: NotCanonical) -> Self {
        Self::Syntax(error.place())
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(place) => write!(f, "not a secret file of version 1: {place}"),
            Self::Version(found) => write!(f, "version is {found}; wanted 1"),
            Self::Owner(why) => why.fmt(f),
            Self::Value(what) => write!(f, "value out of its range: {what}"),
            Self::Sealed(label) => write!(
                f,
                "the seal of key {:?} does not open: the host key is a different one, or the file was changed",
                label.as_str()
            ),
        }
    }
}

impl std::error::Error for RecordError {}

#[cfg(test)]
#[path = "key_file_tests.rs"]
mod tests;
