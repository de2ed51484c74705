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

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn secret(text: &[u8]) -> Secret {
        Secret::new(Zeroizing::new(text.to_vec())).ok().unwrap()
    }

    #[test]
    fn rfc_4226_appendix_d() {
        let codes = Codes::new(&secret(b"12345678901234567890"), Algorithm::Sha1, Digits::new(6).unwrap()).unwrap();
        let table = [755_224, 287_082, 359_152, 969_429, 338_314, 254_676, 287_922, 162_583, 399_871, 520_489];
        for (counter, code) in table.into_iter().enumerate() {
            let step = Step(counter as u64);
            assert_eq!(codes.at(step), Some(code));
        }
    }

    #[test]
    fn rfc_6238_appendix_b() {
        let keys = [
            (Algorithm::Sha1, secret(b"12345678901234567890")),
            (Algorithm::Sha256, secret(b"12345678901234567890123456789012")),
            (Algorithm::Sha512, secret(b"1234567890123456789012345678901234567890123456789012345678901234")),
        ];
        let table = [
            (59, [94_287_082, 46_119_246, 90_693_936]),
            (1_111_111_109, [7_081_804, 68_084_774, 25_091_201]),
            (1_111_111_111, [14_050_471, 67_062_674, 99_943_326]),
            (1_234_567_890, [89_005_924, 91_819_424, 93_441_116]),
            (2_000_000_000, [69_279_037, 90_698_825, 38_618_901]),
            (20_000_000_000_u64, [65_353_130, 77_737_706, 47_863_826]),
        ];
        for (time, codes) in table {
            for ((algorithm, key), code) in keys.iter().zip(codes) {
                let codes = Codes::new(key, *algorithm, Digits::new(8).unwrap()).unwrap();
                assert_eq!(codes.at(Step(time / 30)), Some(code));
            }
        }
    }
}
