//! The clock: does a time server correct it, and is it near the times that are known to have passed?

use otp_core::decision::ClockTrust;
use otp_core::decision::limits::ClockPolicy;
use otp_core::environment::{Clock as _, PolicyClock};
use otp_core::files::date::utc;

use super::finding::DoctorFinding;
use super::host::{ExaminedHost, RUN_AS_ROOT};
use super::ids::FindingId;
use super::report::Report;
use crate::machine::Machine;

pub(crate) fn look(host: &ExaminedHost, report: &mut Report) {
    let policy = host.rules().limits.clock;
    if policy == ClockPolicy::Checked && !Machine.vouched() {
        let what = "the kernel says that the clock is not synchronised";
        report.add(DoctorFinding::decide(
            FindingId::ClockNotSynchronised,
            what,
            TIME_SERVICE,
            "timedatectl set-ntp true",
        ));
    }
    if !host.is_seen_by_root() {
        return report.not_looked_at("the newest time that the vault knows", RUN_AS_ROOT);
    }
    let Ok(vault) = host.site.open_vault() else { return }; // told elsewhere
    let clock = PolicyClock { environment: &Machine, policy };
    match (vault.clock_mark(), vault.now(&clock)) {
        (Ok(mark), Ok(now)) => {
            let told = format!("the clock says {}, and the vault knows that {} has passed", utc(now.wall), utc(mark));
            if let ClockTrust::Unsynchronised { .. } = now.clock {
                report.add(DoctorFinding::decide(FindingId::ClockFarAhead, told, IS_IT_RIGHT, TAKE_IT));
            } else if now.wall + BEHIND_S < mark {
                report.add(DoctorFinding::decide(FindingId::ClockBehind, told, IS_IT_RIGHT, TAKE_IT));
            }
        }
        (Err(error), _) | (_, Err(error)) => {
            report.not_looked_at("the newest time that the vault knows", &error.to_string());
        }
    }
}

/// Within a minute a clock may be corrected backwards.
const BEHIND_S: u64 = 60;
const TIME_SERVICE: &str = "the command starts systemd's time service; if this host uses another one, start that. \
                            If it has none on purpose, write `clock = \"trusted\"` into /etc/otp/otp.toml";
const IS_IT_RIGHT: &str =
    "compare it with a watch and set it with date(1) if it is wrong; the command then says that it is right";
const TAKE_IT: &str = "otpctl --offline clock";
