//! The protection of a file's secrets: nothing, or AES-CBC and an HMAC, under a key that was agreed on or one made of a passphrase.

use std::borrow::Cow;

use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeDecrypt, KeyIvInit};
use aes::{Aes128, Aes192, Aes256};
use cbc::Decryptor;
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use roxmltree::Node;
use sha1::Sha1;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::xml::{attribute, child, fault, required, text};
use crate::fault::{ForeignFault, number};

/// The key that the maker of the tokens sent by another way.
pub enum TransportKey {
    /// Nothing: only a plain file can be read.
    None,
    /// An AES key.
    Shared(Zeroizing<Vec<u8>>),
    /// A passphrase.
    Passphrase(Zeroizing<String>),
}

/// The protection of a file's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WantedTransportKey {
    /// Nothing.
    None,
    /// An AES key that was agreed on.
    Shared,
    /// A passphrase.
    Passphrase,
}

/// Looks at the protection alone.
pub(super) fn wanted_key(container: Node<'_, '_>) -> Result<WantedTransportKey, ForeignFault> {
    let Some(encryption) = child(container, "EncryptionKey")? else { return Ok(WantedTransportKey::None) };
    Ok(match child(encryption, "DerivedKey")? {
        Some(_) => WantedTransportKey::Passphrase,
        None => WantedTransportKey::Shared,
    })
}

/// The keys of a file.
pub(super) enum Protection {
    Plain,
    Encrypted { key: Zeroizing<Vec<u8>>, mac_key: Zeroizing<Vec<u8>>, mac: MacHash },
}

#[derive(Clone, Copy)]
pub(super) enum MacHash {
    Sha1,
    Sha256,
}

impl Protection {
    pub(super) fn read(container: Node<'_, '_>, transport: &TransportKey) -> Result<Self, ForeignFault> {
        let (encryption, method) = (child(container, "EncryptionKey")?, child(container, "MACMethod")?);
        let (Some(encryption), Some(method)) = (encryption, method) else {
            return match encryption.or(method) {
                None => Ok(Self::Plain),
                Some(alone) => {
                    Err(fault(alone, "one of EncryptionKey and MACMethod", "both, or neither in a plain file"))
                }
            };
        };
        let key = encryption_key(encryption, transport)?;
        let mac = match attribute(method, "Algorithm") {
            Some("http://www.w3.org/2000/09/xmldsig#hmac-sha1") => MacHash::Sha1,
            Some("http://www.w3.org/2001/04/xmldsig-more#hmac-sha256") => MacHash::Sha256,
            _ => return Err(fault(method, "another MAC", "HMAC-SHA1 or HMAC-SHA256")),
        };
        let mac_key = match child(method, "MACKey")? {
            Some(value) => opened(value, &Encrypted::read(value)?, &key)?,
            None => key.clone(),
        };
        Ok(Self::Encrypted { key, mac_key, mac })
    }

    /// The bytes of a secret.
    pub(super) fn open(&self, secret: Node<'_, '_>) -> Result<Zeroizing<Vec<u8>>, ForeignFault> {
        let (plain, encrypted) = (child(secret, "PlainValue")?, child(secret, "EncryptedValue")?);
        match (self, plain, encrypted) {
            (Self::Plain, Some(value), None) => base64(value),
            (Self::Encrypted { key, mac_key, mac }, None, Some(value)) => {
                let encrypted = Encrypted::read(value)?;
                let written = child(secret, "ValueMAC")?.ok_or_else(|| {
                    fault(
                        secret,
                        "an encrypted secret without ValueMAC",
                        "a ValueMAC: without it anybody may have changed the secret",
                    )
                })?;
                if !mac.is_of(mac_key, &encrypted.bytes, &base64(written)?) {
                    return Err(fault(
                        value,
                        "a secret whose MAC is another",
                        "the key or passphrase of this file, and an unchanged file",
                    ));
                }
                opened(value, &encrypted, key)
            }
            (Self::Plain, ..) => Err(fault(secret, "no plain secret in a plain file", "PlainValue")),
            (Self::Encrypted { .. }, ..) => {
                Err(fault(secret, "no encrypted secret in an encrypted file", "EncryptedValue"))
            }
        }
    }
}

impl MacHash {
    /// Compares in constant time.
    fn is_of(self, key: &[u8], bytes: &[u8], written: &[u8]) -> bool {
        match self {
            Self::Sha1 => {
                Hmac::<Sha1>::new_from_slice(key).is_ok_and(|mac| mac.chain_update(bytes).verify_slice(written).is_ok())
            }
            Self::Sha256 => Hmac::<Sha256>::new_from_slice(key)
                .is_ok_and(|mac| mac.chain_update(bytes).verify_slice(written).is_ok()),
        }
    }
}

/// An encrypted value: for AES keys of this length, and IV and blocks.
struct Encrypted {
    key_length: usize,
    bytes: Zeroizing<Vec<u8>>,
}

impl Encrypted {
    fn read(value: Node<'_, '_>) -> Result<Self, ForeignFault> {
        let method = required(value, "EncryptionMethod")?;
        let key_length = match attribute(method, "Algorithm").and_then(|name| name.strip_prefix(XENC)) {
            Some("aes128-cbc") => 16,
            Some("aes192-cbc") => 24,
            Some("aes256-cbc") => 32,
            _ => return Err(fault(method, "another cipher", "aes128-cbc, aes192-cbc or aes256-cbc")),
        };
        let bytes = base64(required(required(value, "CipherData")?, "CipherValue")?)?;
        Ok(Self { key_length, bytes })
    }
}

/// Takes the cipher off, and the padding of XML Encryption, whose last byte tells its length.
fn opened(place: Node<'_, '_>, encrypted: &Encrypted, key: &[u8]) -> Result<Zeroizing<Vec<u8>>, ForeignFault> {
    if key.len() != encrypted.key_length {
        return Err(fault(
            place,
            &format!("a cipher for keys of {} bytes", encrypted.key_length),
            "the length of the key that was given",
        ));
    }
    let wrong =
        || fault(place, "a value that does not open", "the key or passphrase of this file, and an unchanged file");
    let (iv, blocks) = encrypted.bytes.split_at_checked(BLOCK).ok_or_else(wrong)?;
    let mut text = Zeroizing::new(blocks.to_vec());
    let plain = match key.len() {
        16 => decrypted::<Decryptor<Aes128>>(key, iv, &mut text),
        24 => decrypted::<Decryptor<Aes192>>(key, iv, &mut text),
        _ => decrypted::<Decryptor<Aes256>>(key, iv, &mut text),
    };
    let padding = plain.and(text.last().copied()).map(usize::from).filter(|padding| (1..=BLOCK).contains(padding));
    let length = padding.and_then(|padding| text.len().checked_sub(padding)).ok_or_else(wrong)?;
    text.truncate(length);
    Ok(text)
}

/// In place.
fn decrypted<C: KeyIvInit + BlockModeDecrypt>(key: &[u8], iv: &[u8], text: &mut [u8]) -> Option<()> {
    let cipher = C::new_from_slices(key, iv).ok()?;
    cipher.decrypt_padded::<NoPadding>(text).ok().map(|_| ())
}

fn encryption_key(place: Node<'_, '_>, transport: &TransportKey) -> Result<Zeroizing<Vec<u8>>, ForeignFault> {
    // Some writers name the key that was agreed on, and some leave the element empty.
    let is_shared = place.children().filter(Node::is_element).all(|child| child.tag_name().name() == "KeyName");
    match (child(place, "DerivedKey")?, transport) {
        (Some(derived), TransportKey::Passphrase(passphrase)) => derived_key(derived, passphrase.as_bytes()),
        (Some(derived), _) => Err(fault(derived, "keys under a passphrase", "that passphrase")),
        (None, TransportKey::Shared(key)) if is_shared => Ok(key.clone()),
        (None, _) if is_shared => Err(fault(place, "keys under an AES key that was agreed on", "that key")),
        _ => Err(fault(place, "keys under something else, as a certificate", "an agreed AES key, or a passphrase")),
    }
}

/// PBKDF2 (RFC 8018 section 5.2). Older files and newer ones put its parameters into different namespaces.
fn derived_key(derived: Node<'_, '_>, passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, ForeignFault> {
    let method = required(derived, "KeyDerivationMethod")?;
    if !attribute(method, "Algorithm").is_some_and(|name| PBKDF2.contains(&name)) {
        return Err(fault(method, "another way from passphrase to key", "PBKDF2"));
    }
    let parameters = required(method, "PBKDF2-params")?;
    let salt = base64(required(required(parameters, "Salt")?, "Specified")?)?;
    let value = |name| -> Result<u64, ForeignFault> {
        let node = required(parameters, name)?;
        number(&text(node)?, name, "a number").map_err(|found| found.in_line(super::xml::line(node)))
    };
    let rounds = u32::try_from(value("IterationCount")?).ok().filter(|rounds| (1..=MOST_ROUNDS).contains(rounds));
    let rounds = rounds.ok_or_else(|| fault(parameters, "no number of iterations to work with", "1 to 10000000"))?;
    let length = match child(parameters, "KeyLength")? {
        Some(_) => value("KeyLength")?,
        None => 16,
    };
    if ![16, 24, 32].contains(&length) {
        return Err(fault(parameters, "another length of key", "16, 24 or 32 bytes"));
    }
    let mut key = Zeroizing::new(vec![0; usize::try_from(length).unwrap_or_default()]);
    match prf(parameters)? {
        MacHash::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(passphrase, &salt, rounds, &mut key),
        MacHash::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(passphrase, &salt, rounds, &mut key),
    }
    Ok(key)
}

/// HMAC-SHA1 where nothing is said, as in figure 7 of RFC 6030. Some writers have the name in the attribute, python-pskc in the text.
fn prf(parameters: Node<'_, '_>) -> Result<MacHash, ForeignFault> {
    let Some(prf) = child(parameters, "PRF")? else { return Ok(MacHash::Sha1) };
    let text = text(prf)?;
    let name = attribute(prf, "Algorithm").unwrap_or(&text);
    let is = |hash: &str| {
        name.ends_with(&format!("hmac-{hash}")) || name.ends_with(&format!("hmacWith{}", hash.to_ascii_uppercase()))
    };
    match (is("sha1") || name.is_empty(), is("sha256")) {
        (true, _) => Ok(MacHash::Sha1),
        (_, true) => Ok(MacHash::Sha256),
        _ => Err(fault(prf, "another PRF", "HMAC-SHA1 or HMAC-SHA256")),
    }
}

/// The bytes of an element in base64, with blanks wherever the writer broke lines.
fn base64(node: Node<'_, '_>) -> Result<Zeroizing<Vec<u8>>, ForeignFault> {
    let wrong = || fault(node, "a value that is not in base64", "base64");
    let text: Cow<'_, str> = text(node)?;
    let mut letters = Zeroizing::new(Vec::with_capacity(text.len())); // never grows
    letters.extend(text.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    if letters.len() > LONGEST {
        return Err(fault(node, "a value that is too long", "at most 4096 characters"));
    }
    let mut bytes = Zeroizing::new(vec![0; BASE64.decode_len(letters.len()).map_err(|_| wrong())?]);
    let length = BASE64.decode_mut(&letters, &mut bytes).map_err(|_| wrong())?;
    bytes.truncate(length);
    Ok(bytes)
}

const BLOCK: usize = 16;
const LONGEST: usize = 4096;
const MOST_ROUNDS: u32 = 10_000_000;
const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
const PBKDF2: [&str; 2] =
    ["http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2", "http://www.w3.org/2009/xmlenc11#pbkdf2"];
