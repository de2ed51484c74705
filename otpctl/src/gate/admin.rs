//! The admin who proves a gate: somebody with a key that works, and the codes that were accepted, as the state records them.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use otp_core::accounts::Account;
use otp_core::policy::WholePolicy;
use otp_core::site::Site;
use otp_core::unix_time::UnixTime;
use otp_core::vault::{Vault, short_lock_deadline};
use otp_protocol::status;
use serde::{Deserialize, Serialize};

use super::service::GateService;
use crate::command::bypasses;
use crate::command::emergency::{named, no_such_user};
use crate::machine::Machine;
use crate::output::escape::escaped;
use crate::output::failure::Failure;

/// Which codes were accepted so far: of each key the step or counter, and when; and the recovery codes that are used. All of it only
/// grows, so that two of them tell whether a code was accepted in between.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Acceptances {
    keys: BTreeMap<String, Accepted>,
    recovery: (String, u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Accepted {
    step: u64,
    at: u64,
}

impl Acceptances {
    /// As the vault records them.
    pub(crate) fn of(account: &Account) -> Result<Self, Failure> {
        let (vault, no_answer) = (open()?, |error| stopped(&format!("{error}")));
        let locked = vault.look(account, &Machine, short_lock_deadline()).map_err(no_answer)?;
        let Some(locked) = locked else { return Ok(Self::default()) };
        let state = locked.state();
        let keys = state.keys.iter().map(|key| {
            (key.id.hex(), Accepted { step: key.watermark.0, at: key.last_used.map_or(0, UnixTime::seconds) })
        });
        Ok(Self { keys: keys.collect(), recovery: (HEXLOWER.encode(&state.recovery.set.bytes()), state.recovery.used) })
    }

    /// Was a code accepted after `before`? A code without a time is none.
    pub(crate) fn is_after(&self, before: &Self) -> bool {
        self.has_newer(before, |at, then| at != 0 && at >= then)
    }

    /// The same, in a later second: a repair raises a step without a code, and leaves the time of the last one.
    pub(crate) fn is_seconds_after(&self, before: &Self) -> bool {
        self.has_newer(before, |at, then| at > then)
    }

    fn has_newer(&self, before: &Self, is_later: impl Fn(u64, u64) -> bool) -> bool {
        let newer = |(id, now): (&String, &Accepted)| {
            let then = before.keys.get(id).copied().unwrap_or_default();
            now.step > then.step && is_later(now.at, then.at)
        };
        let (set, used) = &self.recovery;
        let recovered = *set == before.recovery.0 && used & !before.recovery.1 != 0;
        recovered || self.keys.iter().any(newer)
    }
}

/// The account that this name means, or that has logged in here, if this service asks it for a code.
pub(crate) fn of_the_gate(gate: &GateService, typed: Option<&str>, policy: &WholePolicy) -> Result<Account, Failure> {
    let account = match typed {
        Some(name) => named(name)?.ok_or_else(|| no_such_user(name))?,
        None => login_account()?,
    };
    if !gate.asks(account.uid) {
        return Err(Failure::Usage(format!(
            "{} never asks root for a code; name the admin who will type one here with --admin USER",
            gate.name
        )));
    }
    with_a_working_key(account, policy)
}

/// The account, with a key that works and without a way past the gate; else why not.
pub(super) fn with_a_working_key(account: Account, policy: &WholePolicy) -> Result<Account, Failure> {
    let user = escaped(&account.name);
    if bypasses::longest(&bypasses::in_force(), account.uid).is_some() {
        return Err(Failure::Stopped(format!(
            "{user} has a bypass, so a login would prove nothing; first run `otpctl emergency end {user}`"
        )));
    }
    let status = status::of(&open()?, &account, &policy.host.limits, &Machine, short_lock_deadline());
    let status = status.map_err(|error| stopped(&error.to_string()))?;
    let (what, first) = match status {
        ref it if !it.enrolled => ("is not enrolled", format!("invite {user}")),
        ref it if it.disabled => ("is disabled by too many wrong codes", format!("invite {user} --replace")),
        ref it if it.suspended => ("is suspended", format!("resume {user}")),
        ref it if it.expired => ("has keys that have all ended", format!("invite {user} --replace")),
        ref it if it.keys.iter().all(|key| key.suspended) => {
            ("has no key that works", format!("invite {user} --replace"))
        }
        _ => return Ok(account),
    };
    Err(Failure::Stopped(format!(
        "{user} {what}, and the admin of a gate must be able to pass it: first run `otpctl {first}`, or name \
         another admin with --admin USER"
    )))
}

/// The account that logged in, as the audit system has it: it survives su and sudo, and cannot be set. SUDO_UID is only an
/// environment variable, and is not asked.
fn login_account() -> Result<Account, Failure> {
    let uid = std::fs::read_to_string("/proc/self/loginuid").unwrap_or_default();
    let uid = uid.trim().parse::<u32>().ok().filter(|uid| *uid != u32::MAX);
    let account = uid.and_then(|uid| otp_core::accounts::account_of(uid).ok().flatten());
    account.ok_or_else(|| {
        Failure::Usage(
            "nobody has logged in here, as far as the kernel knows; name the admin who types a code here with --admin USER".to_owned(),
        )
    })
}

fn open() -> Result<Vault, Failure> {
    Site::STANDARD.open_vault().map_err(|unavailable| stopped(&unavailable.detail))
}

fn stopped(text: &str) -> Failure {
    Failure::Stopped(escaped(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(all: &[(&str, u64, u64)]) -> Acceptances {
        let keys = all.iter().map(|(id, step, at)| ((*id).to_owned(), Accepted { step: *step, at: *at })).collect();
        Acceptances { keys, recovery: ("set".to_owned(), 0b1) }
    }

    #[test]
    fn a_code_that_was_accepted_in_between_is_seen_and_nothing_else_is_one() {
        let before = keys(&[("a", 7, 100), ("b", 9, 0)]);
        let used = |set: &str, used| Acceptances { recovery: (set.to_owned(), used), ..before.clone() };
        let cases = [
            (before.clone(), false),
            (keys(&[("a", 8, 101), ("b", 9, 0)]), true),
            (keys(&[("a", 7, 100), ("b", 10, 0)]), false),
            (keys(&[("a", 7, 100), ("b", 10, 101)]), true),
            (keys(&[("a", 7, 100), ("new", 10, 0)]), false),
            (keys(&[("a", 7, 100), ("new", 10, 101)]), true),
            (keys(&[]), false),
            (used("set", 0b11), true),
            (used("another", 0), false),
        ];
        for (now, accepted) in cases {
            assert_eq!((now.is_after(&before), now.is_seconds_after(&before)), (accepted, accepted), "{now:?}");
        }
    }

    #[test]
    fn a_step_that_only_a_repair_has_raised_confirms_nothing() {
        let repaired = keys(&[("a", 9, 100), ("b", 10, 0)]);
        assert!(!repaired.is_seconds_after(&keys(&[("a", 7, 100), ("b", 9, 0)])));
    }
}
