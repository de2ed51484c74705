//! The export of a host key: a text file that a passphrase opens, for a safe apart from the vault's backups.
//!
//! H1  TOML, version 1; unknown or repeated fields refuse the file
//! H2  the key under the seal is Argon2id's (RFC 9106) of the passphrase, with the memory and the passes that the file names
//! H3  everything else in the file is authenticated with the seal (XChaCha20-Poly1305)
//! H4  nothing that the file names makes the reader work or allocate without a limit

use argon2::{Algorithm, Argon2, Block, Params, Version};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use data_encoding::HEXLOWER;
use otp_core::keys::seal::{HostKey, HostKeyId};
use otp_core::policy::toml_table::{Document, TableError, quoted};
use zeroize::Zeroizing;

/// Random numbers for one export.
pub(crate) struct Fresh {
    pub salt: [u8; 16],
    pub nonce: [u8; 24],
}

/// An export that was read, and not opened.
pub(crate) struct HostKeyExport {
    /// Which key is in it.
    pub host_key: HostKeyId,
    cost: Cost,
    salt: [u8; 16],
    nonce: [u8; 24],
    sealed: Vec<u8>,
}

/// The cost of one guess at a passphrase.
#[derive(Clone, Copy)]
struct Cost {
    memory_kib: u32,
    passes: u32,
}

/// Why an export gives no key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ExportError {
    /// Not an export of a version that is known; what and where.
    Malformed(String),
    /// Another passphrase, or a changed file: the seal does not tell which.
    NotOpened,
    /// Not enough memory for the slow hash.
    NoMemory,
}

/// Largest file in bytes.
pub(crate) const EXPORT_CAP: usize = 4096;

const HEADING: &str = "# The host key of a pam_otp vault, sealed with a passphrase; see `otpctl host-key import`.\n";
const CONTEXT: &[u8] = b"pam_otp host key export 1";
const KDF: &str = "argon2id";
/// 64 MiB and three passes: the second of the settings that RFC 9106 recommends, with one lane.
const COST: Cost = Cost { memory_kib: 64 * 1024, passes: 3 };
const MOST: Cost = Cost { memory_kib: 1024 * 1024, passes: 16 };
const TAG: usize = 16;

/// The text of an export.
pub(crate) fn sealed(key: &HostKey, passphrase: &str, fresh: &Fresh) -> Result<String, ExportError> {
    let mut export =
        HostKeyExport { host_key: key.id(), cost: COST, salt: fresh.salt, nonce: fresh.nonce, sealed: Vec::new() };
    let mut text = Zeroizing::new(key.to_file().as_bytes().to_vec());
    let tag = export
        .cipher(passphrase)?
        .encrypt_inout_detached(&XNonce::from(fresh.nonce), &export.context(), text.as_mut_slice().into())
        .map_err(|_| ExportError::NoMemory)?;
    export.sealed = [text.as_slice(), tag.as_slice()].concat();
    Ok(export.to_toml())
}

impl HostKeyExport {
    /// Reads the text of an export.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, ExportError> {
        let text = std::str::from_utf8(text).map_err(|_| ExportError::Malformed("not UTF-8".to_owned()))?;
        Self::read(text).map_err(|error| ExportError::Malformed(error.to_string()))
    }

    fn read(text: &str) -> Result<Self, TableError> {
        let document = Document::parse(text)?;
        let mut root = document.root();
        let top = root.start();
        let wrong = |what: String| top.error(what);
        let version = root.required_number("version")?;
        if version != 1 {
            return Err(wrong(format!("version is {version}; wanted 1")));
        }
        let host_key = HostKeyId(bytes("host_key", root.required_string("host_key")?).map_err(wrong)?);
        let kdf = root.required_string("kdf")?;
        if kdf != KDF {
            return Err(wrong(format!("kdf is {kdf}; wanted {KDF}")));
        }
        let cost = Cost {
            memory_kib: limited("memory_kib", root.required_number("memory_kib")?, MOST.memory_kib).map_err(wrong)?,
            passes: limited("passes", root.required_number("passes")?, MOST.passes).map_err(wrong)?,
        };
        let salt = bytes("salt", root.required_string("salt")?).map_err(wrong)?;
        let nonce = bytes("nonce", root.required_string("nonce")?).map_err(wrong)?;
        let sealed = decoded("sealed", root.required_string("sealed")?).map_err(wrong)?;
        root.end()?;
        Ok(Self { host_key, cost, salt, nonce, sealed })
    }

    /// The key in it.
    pub(crate) fn open(&self, passphrase: &str) -> Result<HostKey, ExportError> {
        let (text, tag) = self.sealed.split_last_chunk::<TAG>().ok_or(ExportError::NotOpened)?;
        let mut text = Zeroizing::new(text.to_vec());
        self.cipher(passphrase)?
            .decrypt_inout_detached(
                &XNonce::from(self.nonce),
                &self.context(),
                text.as_mut_slice().into(),
                &Tag::from(*tag),
            )
            .map_err(|_| ExportError::NotOpened)?;
        HostKey::parse(&text).filter(|key| key.id() == self.host_key).ok_or(ExportError::NotOpened)
    }

    fn to_toml(&self) -> String {
        let hex = |bytes: &[u8]| quoted(&HEXLOWER.encode(bytes));
        let Cost { memory_kib, passes } = self.cost;
        let (id, salt, nonce, sealed) = (hex(&self.host_key.0), hex(&self.salt), hex(&self.nonce), hex(&self.sealed));
        format!(
            "{HEADING}version = 1\nhost_key = {id}\nkdf = \"{KDF}\"\nmemory_kib = {memory_kib}\npasses = {passes}\n\
             salt = {salt}\nnonce = {nonce}\nsealed = {sealed}\n"
        )
    }

    fn cipher(&self, passphrase: &str) -> Result<XChaCha20Poly1305, ExportError> {
        let Cost { memory_kib, passes } = self.cost;
        let params = Params::new(memory_kib, passes, 1, Some(32)).map_err(|_| ExportError::NoMemory)?;
        let mut memory = Vec::new();
        memory.try_reserve_exact(params.block_count()).map_err(|_| ExportError::NoMemory)?;
        memory.resize(params.block_count(), Block::default());
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(passphrase.as_bytes(), &self.salt, key.as_mut_slice(), &mut memory)
            .map_err(|_| ExportError::NoMemory)?;
        Ok(XChaCha20Poly1305::new((&*key).into()))
    }

    fn context(&self) -> Vec<u8> {
        let Cost { memory_kib, passes } = self.cost;
        [CONTEXT, &self.host_key.0, &memory_kib.to_le_bytes(), &passes.to_le_bytes(), &self.salt].concat()
    }
}

fn limited(name: &str, found: u64, most: u32) -> Result<u32, String> {
    let number = u32::try_from(found).ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("{name} is {found}; wanted 1 to {most}"))
}

fn decoded(name: &str, text: &str) -> Result<Vec<u8>, String> {
    HEXLOWER.decode(text.as_bytes()).map_err(|_| format!("{name}: wanted lower-case hexadecimal"))
}

fn bytes<const N: usize>(name: &str, text: &str) -> Result<[u8; N], String> {
    let bytes = decoded(name, text)?;
    bytes.try_into().map_err(|bytes: Vec<u8>| format!("{name} has {} bytes; wanted {N}", bytes.len()))
}

impl std::fmt::Display for ExportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "not an export of a host key: {what}"),
            Self::NotOpened => f.write_str("the passphrase is not the one of this export, or the file was changed"),
            Self::NoMemory => f.write_str("there is not enough memory for the slow hash of the passphrase"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSPHRASE: &str = "correct horse battery";

    fn key() -> HostKey {
        HostKey::new(Zeroizing::new([7; 32]))
    }

    fn exported() -> String {
        sealed(&key(), PASSPHRASE, &Fresh { salt: [1; 16], nonce: [2; 24] }).unwrap()
    }

    fn opened(text: &str, passphrase: &str) -> Result<HostKeyId, ExportError> {
        HostKeyExport::parse(text.as_bytes())?.open(passphrase).map(|key| key.id())
    }

    #[test]
    fn an_export_opens_with_its_passphrase_and_no_other() {
        let text = exported();
        assert_eq!(opened(&text, PASSPHRASE), Ok(key().id()));
        assert_eq!(opened(&text, "correct horse batterz"), Err(ExportError::NotOpened));
        assert!(!text.contains("0707"), "the key itself is not in it");
    }

    #[test]
    fn h3_a_changed_field_opens_nothing() {
        let text = exported();
        let flipped = |name: &str| {
            let at = text.find(&format!("\n{name} = \"")).unwrap() + name.len() + 5;
            let other = if &text[at..=at] == "0" { "1" } else { "0" };
            format!("{}{other}{}", &text[..at], &text[at + 1..])
        };
        for name in ["host_key", "salt", "nonce", "sealed"] {
            assert_eq!(opened(&flipped(name), PASSPHRASE), Err(ExportError::NotOpened), "{name}");
        }
        for (from, to) in [("passes = 3", "passes = 2"), ("memory_kib = 65536", "memory_kib = 65535")] {
            assert_eq!(opened(&text.replace(from, to), PASSPHRASE), Err(ExportError::NotOpened), "{to}");
        }
    }

    #[test]
    fn h1_h4_what_is_unknown_missing_or_too_much_is_refused_with_what_was_wanted() {
        let text = exported();
        for (from, to, what) in [
            ("version = 1", "version = 2", "version is 2; wanted 1"),
            ("memory_kib = 65536", "memory_kib = 99999999", "wanted 1 to 1048576"),
            ("memory_kib = 65536", "memory_kib = 0", "wanted 1 to 1048576"),
            ("passes = 3", "passes = 17", "wanted 1 to 16"),
            ("argon2id", "scrypt", "wanted argon2id"),
            ("version = 1\n", "version = 1\ncolour = \"red\"\n", "colour"),
            ("passes = 3\n", "", "passes"),
        ] {
            let Err(ExportError::Malformed(found)) = opened(&text.replace(from, to), PASSPHRASE) else {
                panic!("{to}")
            };
            assert!(found.contains(what), "{found}");
        }
        assert!(matches!(HostKeyExport::parse(b"\xff"), Err(ExportError::Malformed(_))));
    }
}
