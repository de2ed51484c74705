//! What may be told of a user: everything but the secrets.

use otp_core::clock::{Clock, Surroundings};
use otp_core::decision::wait_left;
use otp_core::limits::Limits;
use otp_core::origin::Origin;
use otp_core::record::{Account, Key};
use otp_core::state::State;
use otp_core::vault::{Vault, VaultError};

use crate::protocol::{KeyStatus, OriginStatus, UserStatus};

/// The status of `account`.
pub fn of(
    vault: &Vault,
    account: &Account,
    limits: &Limits,
    clock: &dyn Surroundings,
) -> Result<UserStatus, VaultError> {
    let held = vault.hold(account, clock)?;
    let never = State::never_enrolled(account.uid);
    let state = held.as_ref().map_or(&never, |held| held.state());
    let record = held.as_ref().and_then(|held| held.record());
    Ok(UserStatus {
        user: account.name.clone(),
        uid: account.uid,
        enrolled: record.is_some(),
        generation: state.generation,
        suspended: state.suspended,
        disabled: state.disabled,
        restored: state.restored,
        keys: record.map_or(&[][..], |record| &record.keys).iter().map(|one| key(one, state)).collect(),
        origins: Origin::ALL.into_iter().map(|one| origin(one, state, limits, clock)).collect(),
    })
}

/// The status of one key.
pub fn key(key: &Key, state: &State) -> KeyStatus {
    let last_used = state.key(key.id).map(|entry| entry.last_used).filter(|time| *time != 0);
    KeyStatus {
        id: data_encoding::HEXLOWER.encode(&key.id.0),
        label: key.label.as_str().to_owned(),
        kind: key.kind.as_str().to_owned(),
        algorithm: key.algorithm.as_str().to_owned(),
        digits: key.digits.get(),
        period: u32::try_from(key.period.seconds()).unwrap_or(u32::MAX),
        created: key.created,
        confirmed: key.confirmed,
        last_used,
        resync: state.key(key.id).is_some_and(|entry| entry.resync),
    }
}

fn origin(origin: Origin, state: &State, limits: &Limits, clock: &dyn Clock) -> OriginStatus {
    let budget = state.origin(origin);
    OriginStatus {
        origin: origin.as_str().to_owned(),
        failures: budget.failures,
        limit: limits.of(origin),
        closed: budget.closed,
        wait: wait_left(state, limits, origin, clock.boot_ms()).div_ceil(1000),
    }
}
