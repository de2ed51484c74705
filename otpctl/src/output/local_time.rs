//! Moments for people: by the clock on the wall of this machine, with the name of its zone.

use otp_core::environment::system_wall;
use otp_core::files::date::utc;
use otp_core::unix_time::UnixTime;
use otp_protocol::interface::Redemption;
use otp_system::{kernel, local_time};

/// `2026-11-29 15:43:10 CET`; past the years that the C library knows, as UTC.
pub(crate) fn local(time: UnixTime) -> String {
    kernel::local_time(time.seconds()).unwrap_or_else(|| utc(time))
}

/// The same where seconds do not matter: `2026-11-29 15:43 CET`.
pub(crate) fn to_the_minute(time: UnixTime) -> String {
    local_time::to_the_minute(time.seconds())
}

/// `3 minutes ago (2026-11-29 15:43 CET), on pts/1`: a use of a registration code.
pub(crate) fn when_and_where(used: &Redemption) -> String {
    used.when_and_where(system_wall(), to_the_minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_a_zone_and_one_that_no_calendar_knows_is_a_number() {
        let text = local(UnixTime::new(1_795_298_640));
        let (moment, zone) = text.rsplit_once(' ').expect("a zone");
        assert!(moment.starts_with("2026-11-2") && !zone.is_empty(), "{text}");
        assert_eq!(local(UnixTime::new(u64::MAX)), "18446744073709551615 s since 1970");
    }
}
