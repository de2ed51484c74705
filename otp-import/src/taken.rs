//! Codes that the other program has accepted, or may have, ahead of this host's clock: none of them may work here.

use otp_core::decision::limits::Window;
use otp_core::keys::hotp::Codes;
use otp_core::keys::key::{Period, Step};
use otp_core::unix_time::UnixTime;

use crate::fault::ForeignFault;
use crate::foreign_key::{ForeignKey, Moving, Taken};

impl ForeignKey {
    /// The last step whose code the other program has accepted, where it lies further ahead of `now` than every code here may. More
    /// than two days ahead it is a fault: a clock was wrong, and the key would be of no use for so long.
    pub fn taken_until(&self, now: UnixTime) -> Result<Option<Step>, ForeignFault> {
        let Moving::Time(period) = self.moving else { return Ok(None) };
        let current = period.step_at(now).0;
        let last = match self.taken {
            Taken::Untold => None,
            Taken::UpTo(step) => Some(step.0),
            Taken::Ahead(steps) => Some(current.saturating_add(steps)),
            Taken::Code(code) => self.step_ahead(code, current),
        };
        match last.filter(|last| *last > current.saturating_add(Window::MOST)) {
            Some(last) if last > period.step_at(now + MOST_AHEAD_S).0 => Err(ForeignFault::new(FAR, NEAR)),
            last => Ok(last.map(Step)),
        }
    }

    /// The last of the steps ahead whose code this is.
    fn step_ahead(&self, code: u32, current: u64) -> Option<u64> {
        let codes = Codes::new(self.secret.as_ref().ok()?, self.algorithm, self.digits)?;
        let ahead = current.saturating_add(1)..=current.saturating_add(CODES_AHEAD);
        ahead.rev().find(|step| codes.at(Step(*step)) == Some(code))
    }
}

/// When the codes after this step begin.
pub fn after(step: Step, period: Period) -> UnixTime {
    UnixTime::new(step.0.saturating_add(1).saturating_mul(period.seconds()))
}

/// Longer than any difference of clocks that pam_google_authenticator learns, which is 1500 steps of a minute at most.
pub const MOST_AHEAD_S: u64 = 2 * 24 * 60 * 60;
/// Wider than any window of pam_oath that its manual speaks of.
const CODES_AHEAD: u64 = 100;
const FAR: &str = "codes of more than two days ahead of this host's clock as used";
const NEAR: &str = "those of a clock that was right: invite this user again";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{google_authenticator, oath};

    const NOW: UnixTime = UnixTime::new(1_795_963_320); // step 59865444 of 30 s

    fn google(options: &str) -> Result<Option<u64>, String> {
        let file = format!("BTR2XZ3WVDG6K7SD5NASGIRLKA\n{options}");
        let key = google_authenticator::read(file.as_bytes()).map_err(|fault| fault.to_string())?;
        key.taken_until(NOW).map(|step| step.map(|step| step.0)).map_err(|fault| fault.to_string())
    }

    #[test]
    fn the_latest_code_that_was_remembered_counts_if_it_lies_ahead() {
        assert_eq!(google("\" DISALLOW_REUSE 59865440 59865944 59865444\n\" TOTP_AUTH\n"), Ok(Some(59_865_944)));
        assert_eq!(google("\" DISALLOW_REUSE 59865440 59865446\n\" TOTP_AUTH\n"), Ok(None), "within every window");
        assert_eq!(google("\" DISALLOW_REUSE\n\" TOTP_AUTH\n"), Ok(None));
        assert_eq!(google("\" DISALLOW_REUSE 29932999\n\" STEP_SIZE 60\n\" TOTP_AUTH\n"), Ok(Some(29_932_999)));
        assert_eq!(google("\" HOTP_COUNTER 5\n\" DISALLOW_REUSE 99999999999\n"), Ok(None), "a counter has no clock");
    }

    #[test]
    fn where_nothing_was_remembered_every_code_that_may_have_been_taken_counts() {
        assert_eq!(google("\" TOTP_AUTH\n"), Ok(None));
        assert_eq!(google("\" WINDOW_SIZE 17\n\" TOTP_AUTH\n"), Ok(Some(59_865_444 + 8)));
        assert_eq!(google("\" WINDOW_SIZE 17\n\" TIME_SKEW 1400\n\" TOTP_AUTH\n"), Ok(Some(59_865_444 + 1408)));
        assert_eq!(google("\" WINDOW_SIZE 17\n\" TIME_SKEW -1400\n\" TOTP_AUTH\n"), Ok(Some(59_865_444 + 8)));
    }

    #[test]
    fn a_clock_that_was_wild_is_a_fault() {
        let last = 59_865_444 + 5760; // two days
        assert_eq!(google(&format!("\" DISALLOW_REUSE {last}\n\" TOTP_AUTH\n")), Ok(Some(last)));
        for wild in [last + 1, u64::MAX] {
            let fault = google(&format!("\" DISALLOW_REUSE {wild}\n\" TOTP_AUTH\n")).unwrap_err();
            assert!(fault.starts_with("found codes of more than two days ahead"), "{fault}");
        }
        assert!(google("\" TIME_SKEW 9223372036854775807\n\" TOTP_AUTH\n").is_err());
    }

    #[test]
    fn the_last_code_of_a_users_file_is_looked_for_ahead() {
        let key = "3132333435363738393031323334353637383930";
        let of = |code: &str| {
            let line = format!("HOTP/T30 anna - {key}\t0\t{code}\t2026-11-29T14:42:23L");
            let key = oath::read(line.as_bytes()).next().unwrap().unwrap();
            key.taken_until(NOW).unwrap().map(|step| step.0)
        };
        let secret = otp_core::keys::secret::Secret::new(zeroize::Zeroizing::new(b"12345678901234567890".to_vec()));
        let digits = otp_core::keys::key::Digits::new(6).unwrap();
        let codes = Codes::new(&secret.unwrap(), otp_core::keys::key::Algorithm::Sha1, digits).unwrap();
        let code = |step: u64| format!("{:06}", codes.at(Step(step)).unwrap());
        assert_eq!(of(&code(59_865_444 + 5)), Some(59_865_449));
        assert_eq!(of(&code(59_865_444 + 2)), None);
        assert_eq!((of(&code(59_865_444 - 7)), of("-"), of("12345")), (None, None, None));
    }
}
