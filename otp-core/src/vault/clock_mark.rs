//! The clock mark: the newest wall time that this vault knows to have passed, in the file `clock`. The daemon moves it once
//! a day. A clock that nobody vouches for is believed up to 30 days beyond it; so a machine that was off for a month and
//! comes up with a wild clock refuses, and one that runs on, synchronised or not, never does.

use super::Vault;
use super::error::VaultError;
use super::state_file::is_doubted;
use crate::decision::limits::FAR_AHEAD_S;
use crate::decision::{ClockTrust, Now};
use crate::environment::Clock;
use crate::unix_time::UnixTime;

const NAME: &str = "clock";
const TEMPORARY: &str = ".clock.new";
const CAP: usize = 32;

/// The mark as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockMark {
    /// The time; [`UnixTime::EPOCH`] if there was none.
    At(UnixTime),
    /// A file that is not to be trusted, or that holds no time.
    Unreadable,
}

impl Vault {
    /// The newest time that is known to have passed; [`UnixTime::EPOCH`] in a vault without a mark.
    pub fn clock_mark(&self) -> Result<UnixTime, VaultError> {
        let bytes = match self.dir.read(NAME, CAP) {
            Err(VaultError::Missing(_)) => return Ok(UnixTime::EPOCH),
            read => read?,
        };
        let text = std::str::from_utf8(&bytes).unwrap_or("");
        let number = text.strip_suffix('\n').and_then(|digits| digits.parse().ok());
        number
            .map(UnixTime::new)
            .ok_or_else(|| VaultError::malformed(&self.dir.path_of(NAME), "wanted Unix seconds and a line end"))
    }

    /// The time, with the mark as what is known of it.
    pub fn now(&self, clock: &dyn Clock) -> Result<Now, VaultError> {
        let mark = self.clock_mark()?;
        Ok(now(clock, mark, mark))
    }

    /// Moves the mark to now, never back, and not over more than 30 days on a clock that nobody vouches for.
    pub fn move_clock_mark(&self, clock: &dyn Clock) -> Result<(), VaultError> {
        let (old, now) = (self.clock_mark()?, clock.wall());
        if now <= old || is_doubted(now, old, clock) {
            return Ok(());
        }
        self.write_clock_mark(now)
    }

    /// Root vouches for `now`: that is the mark from now on, whatever it was. Says what it was.
    pub fn set_clock_mark(&self, now: UnixTime) -> Result<ClockMark, VaultError> {
        let before = self.clock_mark().map_or(ClockMark::Unreadable, ClockMark::At);
        self.write_clock_mark(now)?;
        Ok(before)
    }

    fn write_clock_mark(&self, now: UnixTime) -> Result<(), VaultError> {
        self.dir.remove(TEMPORARY)?;
        self.dir.create(TEMPORARY, format!("{now}\n").as_bytes())?;
        self.dir.rename(TEMPORARY, NAME)?;
        self.dir.sync()
    }
}

/// The time, with the newest one that is known to have passed. The kernel is asked about its clock only where that matters: the
/// sandbox of a host may kill it for the question.
pub(super) fn now(clock: &dyn Clock, newest_known: UnixTime, mark: UnixTime) -> Now {
    let wall = clock.wall();
    let far_ahead = wall > newest_known + FAR_AHEAD_S;
    let clock_trust = match far_ahead && !clock.vouched() {
        true => ClockTrust::Unsynchronised { newest_known },
        false => ClockTrust::Trusted,
    };
    Now { wall, boot_ms: clock.boot_ms(), clock: clock_trust, mark }
}
