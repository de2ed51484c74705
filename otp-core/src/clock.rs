//! The clocks, as an argument: the core never asks the system for the time by itself.

/// What can be asked about time.
pub trait Clock {
    /// CLOCK_REALTIME, in whole seconds since 1970; 0 for anything earlier.
    fn wall(&self) -> u64;
    /// CLOCK_BOOTTIME, in milliseconds; nobody can set it.
    fn boot_ms(&self) -> u64;
    /// Does the kernel (adjtimex(2)) or the admin vouch for the wall clock?
    fn vouched(&self) -> bool;
}

/// CLOCK_REALTIME in whole seconds.
pub fn system_wall() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs())
}

/// CLOCK_BOOTTIME in milliseconds.
pub fn system_boot_ms() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).map(std::time::Duration::from);
    now.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
