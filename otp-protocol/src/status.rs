//! The facts that may be told about a user: everything except the secrets.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use otp_core::accounts::Account;
use otp_core::decision::limits::Limits;
use otp_core::decision::origin::Origin;
use otp_core::decision::state::State;
use otp_core::decision::{Now, wait_left};
use otp_core::environment::{Clock, Environment, Moment};
use otp_core::files::key_file::{Key, Record};
use otp_core::unix_time::UnixTime;
use otp_core::vault::{LockedUser, UserView, Vault, VaultError, short_lock_deadline};

use crate::database::{AccountAnswer, AccountPages};
use crate::interface::{CoolDownStatus, KeyStatus, OriginStatus, Unreadable, UserList, UserStatus};
use crate::invitation_status::{Inviters, invitation};

/// The status of `account`, which is an error where the account's keys are under another uid; its lock is waited for until `deadline`.
pub fn of(
    vault: &Vault,
    account: &Account,
    limits: &Limits,
    environment: &dyn Environment,
    deadline: Instant,
) -> Result<UserStatus, VaultError> {
    let locked = vault.look(account, environment, deadline)?;
    let status = told(account, locked.as_ref().map(SeenUser::from), limits, environment);
    drop(locked);
    if !status.enrolled {
        vault.nowhere_else(account)?;
    }
    let ticket = vault.last_ticket(account.uid).unwrap_or(None); // one that cannot be read keeps nobody from the rest; doctor names it
    let ticket = ticket.filter(|ticket| account.owns(&ticket.account).is_ok());
    let invitation =
        ticket.and_then(|ticket| invitation(&ticket, &status.keys, environment.wall(), &mut Inviters::default()));
    let (lost_since, lost_until) = lost(vault, account, &status, environment)?;
    Ok(UserStatus { invitation, lost_since, lost_until, ..status })
}

/// When the owner reported a lost device, and until when the owner can take that back.
fn lost(
    vault: &Vault,
    account: &Account,
    status: &UserStatus,
    clock: &dyn Clock,
) -> Result<(Option<UnixTime>, Option<UnixTime>), VaultError> {
    let mark = if status.suspended { vault.lost_report_of(account)? } else { None };
    let now = Moment::of(clock);
    let until = mark.as_ref().and_then(|mark| mark.lost.as_ref()).and_then(|lost| lost.until(&now));
    Ok((mark.map(|mark| mark.since), until))
}

/// A user, as somebody sees them who may change them or not.
#[derive(Clone, Copy)]
struct SeenUser<'a> {
    record: Option<&'a Record>,
    state: &'a State,
    now: Now,
}

impl<'a> From<&'a LockedUser<'_>> for SeenUser<'a> {
    fn from(user: &'a LockedUser<'_>) -> Self {
        Self { record: user.record(), state: user.state(), now: user.now() }
    }
}

impl<'a> From<&'a UserView> for SeenUser<'a> {
    fn from(user: &'a UserView) -> Self {
        Self { record: user.record.as_ref(), state: &user.state, now: user.now }
    }
}

fn told(account: &Account, user: Option<SeenUser<'_>>, limits: &Limits, clock: &dyn Clock) -> UserStatus {
    let never = State::never_enrolled(account.uid);
    let state = user.map_or(&never, |user| user.state);
    let record = user.and_then(|user| user.record);
    UserStatus {
        enrolled: record.is_some(),
        generation: state.generation,
        suspended: state.is_suspended(),
        disabled: state.disabled,
        expired: user.zip(record).is_some_and(|(user, record)| record.has_expired(user.state, user.now)),
        restored: state.restored,
        keys: record.map_or(&[][..], |record| &record.keys).iter().map(|one| key(one, state)).collect(),
        origins: Origin::ALL.into_iter().map(|one| origin(one, state, limits, clock)).collect(),
        recovery_left: record.map(|record| recovery_left(record, state)),
        ..UserStatus::not_enrolled(account.name.clone(), account.uid)
    }
}

/// None of a set that its owner has repudiated.
fn recovery_left(record: &Record, state: &State) -> u32 {
    let left = if state.recovery.suspended { 0 } else { state.recovery.left_of(&record.recovery) };
    u32::try_from(left).unwrap_or(u32::MAX)
}

/// The purpose of a list.
pub enum Listing<'a> {
    /// Nothing is changed, whatever is found.
    Looking,
    /// The traces of a crash or a restore are put right, and each user is handed on while they are locked.
    PuttingRight(&'a mut dyn FnMut(LockedUser<'_>)),
}

/// Everybody with a key file, a page at a time.
pub struct UserPages<'a> {
    vault: &'a Vault,
    limits: &'a Limits,
    environment: &'a dyn Environment,
    listing: Listing<'a>,
    /// How long locks are waited for in vain, all together: stuck users cost no more than one.
    patience: Duration,
    invited: InvitedToo,
    /// Uids with a file of tickets.
    with_tickets: HashSet<u32>,
    inviters: Inviters,
}

/// Are users listed who have no key, and have or had a registration code?
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum InvitedToo {
    /// They are.
    Listed,
    /// They are not.
    LeftOut,
}

impl<'a> UserPages<'a> {
    /// A list for that purpose.
    pub fn new(vault: &'a Vault, limits: &'a Limits, environment: &'a dyn Environment, listing: Listing<'a>) -> Self {
        let patience = short_lock_deadline().saturating_duration_since(Instant::now());
        let (invited, with_tickets, inviters) = (InvitedToo::LeftOut, HashSet::new(), Inviters::default());
        Self { vault, limits, environment, listing, patience, invited, with_tickets, inviters }
    }

    /// The same, with the invited or without them.
    pub fn and(self, invited: InvitedToo) -> Self {
        Self { invited, ..self }
    }

    /// Hands on those with a uid above `after`, by rising uid. No lock is held meanwhile.
    pub fn each<E: From<VaultError>>(
        mut self,
        after: Option<u32>,
        take: &mut dyn FnMut(UserList) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut uids = self.vault.enrolled_uids()?;
        let with_tickets = self.vault.ticket_uids()?;
        let keyed: HashSet<u32> = uids.iter().copied().collect();
        if self.invited == InvitedToo::Listed {
            uids.extend(with_tickets.iter().filter(|uid| !keyed.contains(uid)));
            uids.sort_unstable();
        }
        uids.retain(|uid| after.is_none_or(|after| *uid > after));
        self.with_tickets = with_tickets.into_iter().collect();
        for page in AccountPages::of(&uids) {
            let mut list = UserList::default();
            for (uid, answer) in page {
                let seen =
                    if keyed.contains(&uid) { self.seen(uid, answer).map(Some) } else { self.invited(uid, answer) };
                match seen {
                    Ok(status) => list.users.extend(status),
                    Err(unreadable) => list.unreadable.push(unreadable),
                }
            }
            take(list)?;
        }
        Ok(())
    }

    fn seen(&mut self, uid: u32, answer: AccountAnswer) -> Result<UserStatus, Unreadable> {
        let account = account_in(answer).map_err(|reason| Unreadable { uid, user: self.former(uid), reason })?;
        let status = self.look(&account).map_err(|error| unreadable(&account, &error))?;
        let has_tickets = self.with_tickets.contains(&uid);
        let ticket = has_tickets.then(|| self.vault.last_ticket(uid).unwrap_or(None)).flatten(); // as in `of`
        let ticket = ticket.filter(|ticket| account.owns(&ticket.account).is_ok());
        let invitation =
            ticket.and_then(|ticket| invitation(&ticket, &status.keys, self.environment.wall(), &mut self.inviters));
        Ok(UserStatus { invitation, ..status })
    }

    /// A user without a key file. An account that is gone has nothing to be looked at: its code is worth nothing.
    fn invited(&mut self, uid: u32, answer: AccountAnswer) -> Result<Option<UserStatus>, Unreadable> {
        if answer == Ok(None) {
            return Ok(None);
        }
        let account = account_in(answer).map_err(|reason| Unreadable { uid, user: self.invitee(uid), reason })?;
        let ticket = self.vault.last_ticket(uid).map_err(|error| unreadable(&account, &error))?;
        let Some(ticket) = ticket else { return Ok(None) };
        if let Err(another) = account.owns(&ticket.account) {
            return Err(Unreadable { uid, user: Some(account.name), reason: format!("tickets/{uid}: {another}") });
        }
        let status = self.look(&account).map_err(|error| unreadable(&account, &error))?;
        let invitation = invitation(&ticket, &status.keys, self.environment.wall(), &mut self.inviters);
        let is_shown = status.enrolled || invitation.is_some();
        Ok(is_shown.then_some(UserStatus { invitation, ..status }))
    }

    /// The name in the file of tickets.
    fn invitee(&self, uid: u32) -> Option<String> {
        self.vault.last_ticket(uid).ok().flatten().map(|ticket| ticket.account.name)
    }

    fn look(&mut self, account: &Account) -> Result<UserStatus, VaultError> {
        let begun = Instant::now();
        let deadline = begun + self.patience;
        let told = |user: Option<SeenUser<'_>>| told(account, user, self.limits, self.environment);
        let seen = match &mut self.listing {
            Listing::Looking => {
                let user = self.vault.peek(account, self.environment, deadline);
                user.map(|user| told(user.as_ref().map(SeenUser::from)))
            }
            Listing::PuttingRight(with_each) => self.vault.look(account, self.environment, deadline).map(|locked| {
                let told = told(locked.as_ref().map(SeenUser::from));
                locked.into_iter().for_each(with_each);
                told
            }),
        };
        if let Err(VaultError::LockTimeout { .. }) = seen {
            self.patience = self.patience.saturating_sub(begun.elapsed());
        }
        seen
    }

    /// The name in the key file.
    fn former(&self, uid: u32) -> Option<String> {
        self.vault.owner_of(uid).ok().flatten().map(|owner| owner.name)
    }
}

/// The account, or why there is none.
fn account_in(answer: AccountAnswer) -> Result<Account, String> {
    match answer {
        Ok(account) => account.ok_or_else(|| NO_ACCOUNT.to_owned()),
        Err(Errno::ETIMEDOUT) => Err(NO_ANSWER.to_owned()),
        Err(errno) => Err(format!("{NO_ANSWER} ({errno:?})")),
    }
}

fn unreadable(account: &Account, error: &VaultError) -> Unreadable {
    Unreadable { uid: account.uid, user: Some(account.name.clone()), reason: error.to_string() }
}

/// Is a user unreadable because the account database knows no such uid, or does not answer?
pub fn without_account(one: &Unreadable) -> bool {
    one.reason == NO_ACCOUNT || one.reason.starts_with(NO_ANSWER)
}

/// How much of a status somebody sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// All of it.
    Whole,
    /// Not the counts of wrong codes, which would tell a wrong code from a replayed one (R8).
    WithoutCounts,
    /// Nor the ids of keys, which are of use to those alone who may change keys, nor who changed the password and until when others do
    /// not, which a helper who wants both factors would plan by.
    WithoutIds,
    /// Nor when the password was changed: anyone who only looks resets nothing.
    WithoutCoolDown,
}

/// A status without the parts that somebody with this sight does not see.
pub fn seen_with(sight: Sight, mut status: UserStatus) -> UserStatus {
    if sight != Sight::Whole {
        status.origins.iter_mut().for_each(|origin| origin.failures = None);
    }
    if matches!(sight, Sight::WithoutIds | Sight::WithoutCoolDown) {
        status.keys.iter_mut().for_each(|key| key.id.clear());
        status.password_until = None;
    }
    status.cool_down = cool_down_seen_with(sight, status.cool_down);
    status
}

/// As much of a cool-down as somebody with this sight sees.
pub fn cool_down_seen_with(sight: Sight, cool_down: Option<CoolDownStatus>) -> Option<CoolDownStatus> {
    let seen = cool_down.filter(|_| sight != Sight::WithoutCoolDown)?;
    let by = seen.by.filter(|_| sight != Sight::WithoutIds);
    Some(CoolDownStatus { by, ..seen })
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
        suspended: state.is_key_off(key.id),
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
