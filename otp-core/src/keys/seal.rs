//! The host key, which seals shared keys at rest and keys their fingerprints.
//!
//! A sealed key opens only while everything that belongs to it is unchanged: vault, host key, user, uid, key, kind, algorithm, digits,
//! period, floor and expiry are authenticated with it.

use std::sync::OnceLock;

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use hmac::{HmacReset, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::codes::ids::{RecoverySetId, TicketId};
use crate::keys::key::{Algorithm, Digits, KeyId, Kind, Period, Step};
use crate::keys::secret::Secret;
use crate::unix_time::UnixTime;

/// The key of this host, 256 bits. Wiped on drop, never printed.
pub struct HostKey {
    bytes: Zeroizing<[u8; 32]>,
    /// Worked out when it is asked for, unless somebody has said it.
    id: OnceLock<HostKeyId>,
}

/// Names a host key without giving it away: 8 bytes of an HMAC under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostKeyId(pub [u8; 8]);

/// Random name of a vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VaultId(pub [u8; 16]);

/// A nonce, fresh for every sealing: 24 random bytes.
pub struct Nonce(pub [u8; 24]);

/// A sealed shared key: nonce, ciphertext, tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

/// Keyed fingerprint of a shared key: equal for equal keys, tells nothing without the host key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint(pub [u8; 16]);

/// Keyed fingerprint of a UNIX password's hash: equal for equal ones, tells nothing to anybody without the host key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordFingerprint(pub [u8; 16]);

/// Keyed hash of a recovery or registration code. Compared in constant time.
#[derive(Debug, Clone, Copy)]
pub struct CodeHash(pub [u8; 32]);

/// Which code is hashed. Each kind has a subkey of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashedCode {
    /// For logging in without the device: its set, and its number in that.
    Recovery(RecoverySetId, u8),
    /// For beginning an enrolment.
    Registration(TicketId),
}

/// The binding of a code's hash.
#[derive(Debug, Clone, Copy)]
pub struct CodePlace {
    /// Which vault.
    pub vault: VaultId,
    /// Whose it is.
    pub uid: u32,
    /// Which code.
    pub code: HashedCode,
}

/// Everything that a sealed key is bound to.
pub struct Binding<'a> {
    /// Which vault.
    pub vault: VaultId,
    /// Canonical user name.
    pub user: &'a str,
    /// Its uid.
    pub uid: u32,
    /// Which key.
    pub key: KeyId,
    /// The generation in which the key was made.
    pub made_in: u64,
    /// TOTP or HOTP.
    pub kind: Kind,
    /// Hash.
    pub algorithm: Algorithm,
    /// Digits.
    pub digits: Digits,
    /// Time step.
    pub period: Period,
    /// The step burnt at confirmation.
    pub floor: Step,
    /// Its end.
    pub expires: Option<UnixTime>,
}

/// The associated data of a seal, as XChaCha20-Poly1305 authenticates it: a seal opens only where all of it is unchanged.
pub trait AssociatedData {
    /// Unambiguous bytes, which begin with a text that no other kind of seal has.
    fn bytes(&self, host_key: HostKeyId) -> Vec<u8>;
}

/// The sealed text does not open: another host key, another owner, changed fields or changed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealBroken;

const NONCE: usize = 24;
const TAG: usize = 16;
const FILE_PREFIX: &str = "otp-host-key-1:";

impl HostKey {
    /// Largest host-key file, in bytes.
    pub const FILE_CAP: usize = 128;

    /// From 32 random bytes.
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self { bytes, id: OnceLock::new() }
    }

    /// The same key, taken to have this name. A seal opens by it only if it has: the name is authenticated with the seal, and sealed
    /// was with the right one. Where no seal is opened, [`HostKey::is`] tells.
    #[must_use]
    pub fn presumed(self, id: HostKeyId) -> Self {
        Self { bytes: self.bytes, id: id.into() }
    }

    /// Is this its name? Whatever it is taken to be.
    pub fn is(&self, id: HostKeyId) -> bool {
        self.own_id() == id
    }

    fn own_id(&self) -> HostKeyId {
        HostKeyId(first(&self.subkey(b"host key id")))
    }

    /// From the text of a host-key file: `otp-host-key-1:` and 64 lower-case hexadecimal digits, one line.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let line = text.strip_suffix(b"\n").unwrap_or(text);
        let digits = line.strip_prefix(FILE_PREFIX.as_bytes())?;
        let mut bytes = Zeroizing::new([0; 32]);
        (digits.len() == 2 * bytes.len()).then_some(())?;
        data_encoding::HEXLOWER.decode_mut(digits, bytes.as_mut_slice()).ok()?;
        Some(Self::new(bytes))
    }

    /// The complaint about a text that does not parse: the version that it names, if it names one, and never its contents.
    pub fn complaint(text: &[u8]) -> String {
        match version_named(text) {
            Some(found) if found != 1 => format!("version of the host key is {found}; wanted 1"),
            _ => "not a host key of version 1".to_owned(),
        }
    }

    /// The text of a host-key file.
    pub fn to_file(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(Self::FILE_CAP));
        text.push_str(FILE_PREFIX);
        data_encoding::HEXLOWER.encode_append(self.bytes.as_slice(), &mut text);
        text.push('\n');
        text
    }

    /// Its name.
    pub fn id(&self) -> HostKeyId {
        *self.id.get_or_init(|| self.own_id())
    }

    /// Seals `secret` for `binding`.
    pub fn seal(&self, secret: &Secret, binding: &impl AssociatedData, nonce: &Nonce) -> Option<Sealed> {
        let mut text = Zeroizing::new(secret.expose().to_vec());
        let nonce_bytes = XNonce::from(nonce.0);
        let context = binding.bytes(self.id());
        let tag = self.cipher().encrypt_inout_detached(&nonce_bytes, &context, text.as_mut_slice().into()).ok()?;
        let mut sealed = nonce.0.to_vec();
        sealed.extend_from_slice(&text);
        sealed.extend_from_slice(&tag);
        Some(Sealed(sealed))
    }

    /// Opens what [`HostKey::seal`] made.
    pub fn open(&self, sealed: &Sealed, binding: &impl AssociatedData) -> Result<Secret, SealBroken> {
        let (nonce, rest) = sealed.0.split_first_chunk::<NONCE>().ok_or(SealBroken)?;
        let (text, tag) = rest.split_last_chunk::<TAG>().ok_or(SealBroken)?;
        let mut text = Zeroizing::new(text.to_vec());
        let context = binding.bytes(self.id());
        self.cipher()
            .decrypt_inout_detached(&XNonce::from(*nonce), &context, text.as_mut_slice().into(), &Tag::from(*tag))
            .map_err(|_| SealBroken)?;
        Secret::new(text).map_err(|_| SealBroken)
    }

    /// The fingerprint of `secret` in this vault.
    pub fn fingerprint(&self, vault: VaultId, secret: &Secret) -> Fingerprint {
        let key = self.subkey(b"fingerprint");
        Fingerprint(first(&hmac(&key, &[&vault.0, secret.expose()])))
    }

    /// The fingerprint of what the files of accounts hold as the password of `uid`.
    pub fn password_fingerprint(&self, uid: u32, held: &[u8]) -> PasswordFingerprint {
        PasswordFingerprint(first(&hmac(&self.subkey(b"password"), &[&uid.to_le_bytes(), held])))
    }

    /// The keyed hash of a code, given as the values of its symbols or as what a slow function made of them.
    pub fn code_hash(&self, place: &CodePlace, code: &[u8]) -> CodeHash {
        let (purpose, id, index): (&[u8], _, _) = match place.code {
            HashedCode::Recovery(set, index) => (b"recovery code", set.bytes(), index),
            HashedCode::Registration(ticket) => (b"registration code", ticket.bytes(), 0),
        };
        let parts: [&[u8]; 5] = [&place.vault.0, &place.uid.to_le_bytes(), &id, &[index], code];
        CodeHash(*hmac(&self.subkey(purpose), &parts))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.subkey(b"sealing")).into())
    }

    /// One key per purpose, so that no two uses can meet.
    fn subkey(&self, purpose: &[u8]) -> Zeroizing<[u8; 32]> {
        hmac(&self.bytes, &[b"pam_otp 1 ", purpose])
    }
}

impl PartialEq for CodeHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for CodeHash {}

impl AssociatedData for Binding<'_> {
    /// Every field of variable length is preceded by its length.
    fn bytes(&self, host_key: HostKeyId) -> Vec<u8> {
        let mut out = b"pam_otp sealed key 1".to_vec();
        out.extend_from_slice(&self.vault.0);
        out.extend_from_slice(&host_key.0);
        out.extend_from_slice(&self.uid.to_le_bytes());
        out.extend_from_slice(&(self.user.len() as u64).to_le_bytes());
        out.extend_from_slice(self.user.as_bytes());
        out.extend_from_slice(&self.key.0);
        out.extend_from_slice(&self.made_in.to_le_bytes());
        out.extend_from_slice(self.kind.as_str().as_bytes()); // both kinds have four letters
        out.push(self.algorithm.sealed_as());
        out.push(self.digits.get());
        out.extend_from_slice(&self.period.seconds().to_le_bytes());
        out.extend_from_slice(&self.floor.0.to_le_bytes());
        out.push(u8::from(self.expires.is_some()));
        out.extend_from_slice(&self.expires.map_or(0, UnixTime::seconds).to_le_bytes());
        out
    }
}

impl Algorithm {
    /// The byte that stands for it under a seal.
    pub(crate) fn sealed_as(self) -> u8 {
        match self {
            Self::Sha1 => 1,
            Self::Sha256 => 2,
            Self::Sha512 => 3,
        }
    }
}

/// The number between `otp-host-key-` and its colon.
fn version_named(text: &[u8]) -> Option<u32> {
    let line = std::str::from_utf8(text).ok()?;
    line.strip_prefix("otp-host-key-")?.split_once(':')?.0.parse().ok()
}

/// HMAC-SHA-256. The key is padded to the hash's block here, as RFC 2104 does, so that nothing can fail.
fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut block = Zeroizing::new([0; 64]);
    for (place, byte) in block.iter_mut().zip(key) {
        *place = *byte;
    }
    let mut mac = HmacReset::<Sha256>::new((&*block).into());
    for part in parts {
        mac.update(part);
    }
    // In place: `finalize` would move the hash with the last of its input, and leave a copy on the stack that nobody wipes.
    Zeroizing::new(mac.finalize_reset().into_bytes().into())
}

fn first<const N: usize>(bytes: &[u8; 32]) -> [u8; N] {
    bytes.first_chunk::<N>().copied().unwrap_or([0; N])
}
