//! The value of one code: HMAC and dynamic truncation of RFC 4226 section 5.3, which RFC 6238 uses with time steps.

use totp_rs::{Builder, Totp};

use crate::keys::key::{Algorithm, Digits, Step};
use crate::keys::secret::Secret;

/// The codes of one key; holds the secret, wiped on drop.
pub struct Codes {
    totp: Totp,
    digits: Digits,
}

impl Codes {
    /// `None` only if the library refuses the key, which [`Secret`]'s own limits rule out.
    pub fn new(secret: &Secret, algorithm: Algorithm, digits: Digits) -> Option<Self> {
        let totp = Builder::new()
            .with_algorithm(hash(algorithm))
            .with_digits(digits.get())
            .with_step_duration(1) // the library divides by it: with 1 its "time" is the step itself
            .with_secret(secret.expose().to_vec())
            .build()
            .ok()?;
        Some(Self { totp, digits })
    }

    /// How many digits these codes have.
    pub fn digits(&self) -> Digits {
        self.digits
    }

    /// The code at `step`, as a number below 10 to the power of the digits.
    pub fn at(&self, step: Step) -> Option<u32> {
        let hmac = self.totp.sign(step.0);
        Some(truncate(hmac.as_ref())? % 10_u32.pow(u32::from(self.digits.get())))
    }
}

/// Dynamic truncation (RFC 4226 section 5.3, step 2).
fn truncate(hmac: &[u8]) -> Option<u32> {
    let offset = usize::from(hmac.last()? & 0xf);
    let bytes: [u8; 4] = hmac.get(offset..offset + 4)?.try_into().ok()?;
    Some(u32::from_be_bytes(bytes) & 0x7fff_ffff)
}

fn hash(algorithm: Algorithm) -> totp_rs::Algorithm {
    match algorithm {
        Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
        Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
        Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
    }
}
