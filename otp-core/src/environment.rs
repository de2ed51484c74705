//! The clocks and the receiver of alarms, passed in: the core asks nobody for the time and logs nothing by itself.

use crate::accounts::Account;
use crate::decision::limits::ClockPolicy;
use crate::log_line::LogLine;
use crate::repair::Repair;
use crate::unix_time::UnixTime;

/// Questions about time: of this machine, unless a test has another clock.
pub trait Clock {
    /// CLOCK_REALTIME; [`UnixTime::EPOCH`] for anything earlier.
    fn wall(&self) -> UnixTime {
        system_wall()
    }

    /// CLOCK_BOOTTIME, in milliseconds; nobody can set it.
    fn boot_ms(&self) -> u64 {
        let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).map(std::time::Duration::from);
        now.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// Does the kernel say that the wall clock is synchronised (adjtimex(2))? A sandbox may kill a process that asks.
    fn vouched(&self) -> bool;
}

/// Where the core works: a host program, the daemon, a test.
pub trait Environment: Clock {
    /// Something about `account` was found in the vault and put right. `line` tells of it, and is worth an alert wherever it happened.
    fn repaired(&self, account: &Account, what: Repair, line: LogLine);
}

/// The same environment with a clock that an admin vouches for, if the policy says so.
pub struct PolicyClock<'a> {
    /// Clock and alarms of the host.
    pub environment: &'a dyn Environment,
    /// The policy for the clock.
    pub policy: ClockPolicy,
}

impl Clock for PolicyClock<'_> {
    fn wall(&self) -> UnixTime {
        self.environment.wall()
    }

    fn boot_ms(&self) -> u64 {
        self.environment.boot_ms()
    }

    fn vouched(&self) -> bool {
        self.policy == ClockPolicy::Trusted || self.environment.vouched()
    }
}

impl Environment for PolicyClock<'_> {
    fn repaired(&self, account: &Account, what: Repair, line: LogLine) {
        self.environment.repaired(account, what, line);
    }
}

/// This moment, for what must end although clocks are wrong and machines are booted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// As [`Clock::wall`].
    pub wall: UnixTime,
    /// As [`Clock::boot_ms`].
    pub boot_ms: u64,
    /// Which boot `boot_ms` counts from; `None` where /proc does not show it.
    pub boot: Option<BootId>,
}

/// The kernel's name of one boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootId(String);

impl Moment {
    /// Now.
    pub fn of(clock: &dyn Clock) -> Self {
        Self { wall: clock.wall(), boot_ms: clock.boot_ms(), boot: BootId::of_this_boot() }
    }
}

impl BootId {
    /// Reads 36 hexadecimal digits and hyphens.
    pub fn parse(text: &str) -> Option<Self> {
        let good = text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        good.then(|| Self(text.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of_this_boot() -> Option<Self> {
        Self::parse(std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim_end())
    }
}

/// CLOCK_REALTIME in whole seconds.
pub fn system_wall() -> UnixTime {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(UnixTime::EPOCH, |since| UnixTime::new(since.as_secs()))
}
