//! Finds why a code does not belong to a new key. Only the person who has the pending key on the screen hears it, and the code is never
//! accepted.

use otp_core::decision::input::Code;
use otp_core::keys::diagnosis::{Diagnosis, QUARTER_HOUR};
use otp_core::keys::hotp::Codes;
use otp_core::keys::key::{Algorithm, Digits, Kind, NewKey, Period, Step};
use otp_core::keys::secret::Secret;
use otp_core::unix_time::UnixTime;

/// Looks for the code under other settings and at other times, the likeliest first.
pub(crate) fn diagnose(secret: &Secret, kind: Kind, new: NewKey, code: &Code, wall: UnixTime) -> Option<Diagnosis> {
    if kind != Kind::Totp {
        return None;
    }
    clock(secret, new, code, wall)
        .or_else(|| other_settings(secret, new, code, wall))
        .or_else(|| zone(secret, new, code, wall).map(Diagnosis::Clock))
}

/// A clock that is somewhat wrong. Where steps are long it may be by a quarter of an hour, which is told as such.
fn clock(secret: &Secret, new: NewKey, code: &Code, wall: UnixTime) -> Option<Diagnosis> {
    let period_s = i64::try_from(new.period.seconds()).ok()?;
    let seconds = offset(secret, new, code, wall, REACH)?.saturating_mul(period_s);
    let quarter = i64::try_from(QUARTER_HOUR).ok()?;
    let nearest = (seconds.abs() + quarter / 2) / quarter * quarter * seconds.signum();
    let is_a_zone = nearest != 0 && (seconds - nearest).abs() <= period_s;
    Some(Diagnosis::Clock(if is_a_zone { nearest } else { seconds }))
}

/// An app that ignores what the key says.
fn other_settings(secret: &Secret, new: NewKey, code: &Code, wall: UnixTime) -> Option<Diagnosis> {
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

/// By how many seconds a zone or a date that was set by hand is wrong, the smallest error first: whole quarter hours, up to a day.
fn zone(secret: &Secret, new: NewKey, code: &Code, wall: UnixTime) -> Option<i64> {
    let quarter = i64::try_from(QUARTER_HOUR).ok()?;
    (1..=QUARTERS_OF_A_DAY).flat_map(|quarters| [quarters * quarter, -quarters * quarter]).find(|seconds| {
        let shifted = wall.seconds().checked_add_signed(*seconds).map(UnixTime::new);
        shifted.is_some_and(|shifted| offset(secret, new, code, shifted, NEAR).is_some())
    })
}

/// How many steps from then the code is one, the nearest first.
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
/// With other settings, and in another zone, the clock is taken to be right.
const NEAR: i64 = 1;
const QUARTERS_OF_A_DAY: i64 = 24 * 4;

#[cfg(test)]
mod tests {
    use otp_core::decision::input::Typed;
    use zeroize::Zeroizing;

    use super::*;

    const NOW: u64 = 1_700_000_010;

    fn secret() -> Secret {
        Secret::new(Zeroizing::new(b"12345678901234567890".to_vec())).ok().unwrap()
    }

    fn key(algorithm: Algorithm, digits: i64, period: i64) -> NewKey {
        NewKey { algorithm, digits: Digits::new(digits).unwrap(), period: Period::new(period).unwrap() }
    }

    /// The diagnosis of a code that a device with these settings and so wrong a clock shows for the key.
    fn found(device: NewKey, wanted: NewKey, clock: i64) -> Option<Diagnosis> {
        let codes = Codes::new(&secret(), device.algorithm, device.digits).unwrap();
        let value = codes.at(device.period.step_at(UnixTime::new(NOW.checked_add_signed(clock).unwrap()))).unwrap();
        let width = usize::from(device.digits.get());
        let Typed::Code(code) = Typed::parse(format!("{value:0width$}").as_bytes()) else { panic!("no code") };
        diagnose(&secret(), Kind::Totp, wanted, &code, UnixTime::new(NOW))
    }

    fn shown_by_an_app(algorithm: Algorithm, digits: i64, period: i64, clock: i64) -> Option<Diagnosis> {
        found(key(algorithm, digits, period), key(Algorithm::Sha256, 6, 60), clock)
    }

    #[test]
    fn a_zone_set_by_hand_is_told_as_whole_quarter_hours_up_to_a_day() {
        for (algorithm, digits, period) in [
            (Algorithm::Sha1, 6, 30),
            (Algorithm::Sha256, 8, 15),
            (Algorithm::Sha1, 7, 60),
            (Algorithm::Sha512, 8, 120),
        ] {
            let key = key(algorithm, digits, period);
            for quarters in (1..=96).flat_map(|quarters| [quarters, -quarters]) {
                let zone = quarters * 900;
                for clock in [zone, zone + period / 2, zone - period / 2] {
                    assert_eq!(found(key, key, clock), Some(Diagnosis::Clock(zone)), "{period} s, {clock} s off");
                }
            }
            for clock in [97 * 900, -97 * 900, 450 + 3 * 3600] {
                assert_eq!(found(key, key, clock), None, "{period} s, {clock} s off");
            }
        }
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
