//! What may be told of a user: everything but the secrets.

use std::time::Instant;

use nix::errno::Errno;
use otp_core::accounts::Account;
use otp_core::decision::limits::Limits;
use otp_core::decision::origin::Origin;
use otp_core::decision::state::State;
use otp_core::decision::wait_left;
use otp_core::environment::{Clock, Environment};
use otp_core::files::key_file::Key;
use otp_core::vault::{LockedUser, Vault, VaultError, short_lock_deadline};

use crate::database::accounts_of;
use crate::interface::{KeyStatus, OriginStatus, Unreadable, UserList, UserStatus};

/// The status of `account`, which is an error where the account's keys are under another uid; its lock is waited for until `deadline`.
pub fn of(
    vault: &Vault,
    account: &Account,
    limits: &Limits,
    environment: &dyn Environment,
    deadline: Instant,
) -> Result<UserStatus, VaultError> {
    let status = told(account, vault.look(account, environment, deadline)?.as_ref(), limits, environment);
    if !status.enrolled {
        vault.nowhere_else(account)?;
    }
    Ok(status)
}

fn told(account: &Account, locked: Option<&LockedUser<'_>>, limits: &Limits, clock: &dyn Clock) -> UserStatus {
    let never = State::never_enrolled(account.uid);
    let state = locked.map_or(&never, |locked| locked.state());
    let record = locked.and_then(|locked| locked.record());
    UserStatus {
        user: account.name.clone(),
        uid: account.uid,
        enrolled: record.is_some(),
        generation: state.generation,
        suspended: state.is_suspended(),
        disabled: state.disabled,
        expired: locked.zip(record).is_some_and(|(locked, record)| record.has_expired(locked.now().believed())),
        restored: state.restored,
        keys: record.map_or(&[][..], |record| &record.keys).iter().map(|one| key(one, state)).collect(),
        origins: Origin::ALL.into_iter().map(|one| origin(one, state, limits, clock)).collect(),
    }
}

/// Everybody with a key file, by rising uid; each is handed on while they are locked. One deadline holds for all locks, so that one
/// stuck user costs no more than ten.
pub fn all(
    vault: &Vault,
    limits: &Limits,
    environment: &dyn Environment,
    with_each: &mut dyn FnMut(LockedUser<'_>),
) -> Result<UserList, VaultError> {
    let mut list = UserList { users: Vec::new(), unreadable: Vec::new() };
    let uids = vault.enrolled_uids()?;
    let mut accounts = accounts_of(&uids);
    let deadline = short_lock_deadline();
    for uid in uids {
        let former = || vault.owner_of(uid).ok().flatten().map(|owner| owner.name);
        let (user, told) = match accounts.remove(&uid).unwrap_or(Ok(None)) {
            Ok(Some(account)) => {
                let told = vault.look(&account, environment, deadline).map(|locked| {
                    let told = told(&account, locked.as_ref(), limits, environment);
                    locked.into_iter().for_each(&mut *with_each);
                    told
                });
                (Some(account.name), told.map_err(|error| error.to_string()))
            }
            Ok(None) => (former(), Err(NO_ACCOUNT.to_owned())),
            Err(Errno::ETIMEDOUT) => (former(), Err(NO_ANSWER.to_owned())),
            Err(errno) => (former(), Err(format!("{NO_ANSWER} ({errno:?})"))),
        };
        match told {
            Ok(status) => list.users.push(status),
            Err(reason) => list.unreadable.push(Unreadable { uid, user, reason }),
        }
    }
    Ok(list)
}

/// Is a user unreadable because the account database knows no such uid, or does not answer?
pub fn without_account(one: &Unreadable) -> bool {
    one.reason == NO_ACCOUNT || one.reason.starts_with(NO_ANSWER)
}

/// What everybody but root may see of it: not the counts, which would tell a wrong code from a replayed one (R8).
pub fn without_counts(status: UserStatus) -> UserStatus {
    let origins = status.origins.into_iter().map(|origin| OriginStatus { failures: None, ..origin }).collect();
    UserStatus { origins, ..status }
}

/// The status of one key.
pub fn key(key: &Key, state: &State) -> KeyStatus {
    let last_used = state.key(key.id).and_then(|entry| entry.last_used);
    KeyStatus {
        id: key.id.hex(),
        label: key.label.as_str().to_owned(),
        kind: key.kind.as_str().to_owned(),
        algorithm: key.algorithm.as_str().to_owned(),
        digits: key.digits.get(),
        period: u32::try_from(key.period.seconds()).unwrap_or(u32::MAX),
        created: key.created,
        confirmed: key.confirmed,
        last_used,
        expires: key.expires,
        resync: state.key(key.id).is_some_and(|entry| entry.resync),
        suspended: state.key(key.id).is_some_and(|entry| entry.suspended),
    }
}

fn origin(origin: Origin, state: &State, limits: &Limits, clock: &dyn Clock) -> OriginStatus {
    let budget = state.origin(origin);
    OriginStatus {
        origin: origin.as_str().to_owned(),
        failures: Some(budget.failures),
        limit: limits.of(origin),
        closed: budget.closed,
        wait: wait_left(state, limits, origin, clock.boot_ms()).div_ceil(1000),
    }
}

/// sssd says the same of a user who has left and of one whom it cannot ask for.
const NO_ACCOUNT: &str = "no account has this uid now, or its directory is down";
const NO_ANSWER: &str = "the account database does not answer";
