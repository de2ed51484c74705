//! Finds why a code is not one of a new key. What is found is told to the person who has the pending key on the screen, and accepted
//! never.

use otp_core::decision::input::Code;
use otp_core::keys::diagnosis::Diagnosis;
use otp_core::keys::hotp::Codes;
use otp_core::keys::key::{Algorithm, Digits, Kind, NewKey, Period, Step};
use otp_core::keys::secret::Secret;
use otp_core::unix_time::UnixTime;

/// Looks for the code under other settings and at other times, the likeliest first.
pub(crate) fn diagnose(secret: &Secret, kind: Kind, new: NewKey, code: &Code, wall: UnixTime) -> Option<Diagnosis> {
    if kind != Kind::Totp {
        return None;
    }
    let period_s = i64::try_from(new.period.seconds()).ok()?;
    if let Some(steps) = offset(secret, new, code, wall, REACH) {
        return Some(Diagnosis::Clock(steps.saturating_mul(period_s)));
    }
    let algorithms = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];
    let lengths = [6, 7, 8].into_iter().filter_map(|digits| Digits::new(digits).ok());
    let periods: Vec<Period> =
        [30, 60].into_iter().filter_map(|period| Period::new(period).ok()).chain([new.period]).collect();
    for digits in lengths {
        for algorithm in algorithms {
            for period in &periods {
                let other = NewKey { algorithm, digits, period: *period };
                if offset(secret, other, code, wall, NEAR).is_some() {
                    return Some(match () {
                        () if algorithm != new.algorithm => Diagnosis::Algorithm(algorithm),
                        () if digits != new.digits => Diagnosis::Digits(digits),
                        () => Diagnosis::Period(*period),
                    });
                }
            }
        }
    }
    None
}

/// How many steps from now the code is one, the nearest first.
fn offset(secret: &Secret, settings: NewKey, code: &Code, wall: UnixTime, reach: i64) -> Option<i64> {
    let NewKey { algorithm, digits, period } = settings;
    if usize::from(digits.get()) != code.length() {
        return None;
    }
    let codes = Codes::new(secret, algorithm, digits)?;
    let now = period.step_at(wall).0;
    let mut offsets: Vec<i64> = (-reach..=reach).collect();
    offsets.sort_by_key(|offset| offset.abs());
    offsets.into_iter().find(|offset| {
        let step = now.checked_add_signed(*offset);
        step.and_then(|step| codes.at(Step(step))) == Some(code.value())
    })
}

/// A clock may be wrong by so many steps.
const REACH: i64 = 20;
/// With other settings the clock is taken to be right.
const NEAR: i64 = 1;

#[cfg(test)]
mod tests {
    use otp_core::decision::input::Typed;
    use zeroize::Zeroizing;

    use super::*;

    const NOW: u64 = 1_700_000_010;

    fn secret() -> Secret {
        Secret::new(Zeroizing::new(b"12345678901234567890".to_vec())).ok().unwrap()
    }

    fn shown_by_an_app(algorithm: Algorithm, digits: i64, period: i64, clock: i64) -> Option<Diagnosis> {
        let (digits, period) = (Digits::new(digits).unwrap(), Period::new(period).unwrap());
        let codes = Codes::new(&secret(), algorithm, digits).unwrap();
        let value = codes.at(period.step_at(UnixTime::new(NOW.checked_add_signed(clock).unwrap()))).unwrap();
        let width = usize::from(digits.get());
        let Typed::Code(code) = Typed::parse(format!("{value:0width$}").as_bytes()) else { panic!("no code") };
        let wanted =
            NewKey { algorithm: Algorithm::Sha256, digits: Digits::new(6).unwrap(), period: Period::new(60).unwrap() };
        diagnose(&secret(), Kind::Totp, wanted, &code, UnixTime::new(NOW))
    }

    #[test]
    fn what_the_app_ignored_or_the_clock_is_told() {
        let digits = Digits::new(8).unwrap();
        assert_eq!(shown_by_an_app(Algorithm::Sha1, 6, 60, 0), Some(Diagnosis::Algorithm(Algorithm::Sha1)));
        assert_eq!(shown_by_an_app(Algorithm::Sha256, 8, 60, 0), Some(Diagnosis::Digits(digits)));
        assert_eq!(shown_by_an_app(Algorithm::Sha256, 6, 30, 0), Some(Diagnosis::Period(Period::new(30).unwrap())));
        assert_eq!(shown_by_an_app(Algorithm::Sha256, 6, 60, -240), Some(Diagnosis::Clock(-240)));
        assert_eq!(shown_by_an_app(Algorithm::Sha256, 6, 60, 300), Some(Diagnosis::Clock(300)));
        assert_eq!(shown_by_an_app(Algorithm::Sha512, 8, 60, 5000), None);
    }
}
