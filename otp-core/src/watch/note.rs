//! The note of the module's line about a change of a password: who makes it. Before the change that is an announcement, which the next pass
//! takes up; after it the change itself.

use crate::environment::{Clock, Moment};
use crate::files::password_record::{Announcement, PasswordActor, PasswordRecord, SeenAt};
use crate::keys::seal::HostKey;
use crate::vault::VaultError;
use crate::watch::passwords::Passwords;
use crate::watch::records::WatchPlace;

/// The kind of note that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotedChange {
    /// The password is another one than before.
    Changed,
    /// It is not changed yet.
    Announced,
    /// Nothing: there is no record, or none that is to be believed. The next pass dates it.
    Left,
}

/// Notes that `by` changes the password of `uid`. As root.
pub fn note(
    place: &WatchPlace<'_>,
    uid: u32,
    by: PasswordActor,
    host_key: &HostKey,
    clock: &dyn Clock,
) -> Result<NotedChange, VaultError> {
    let _alone = match place.lock() {
        Err(VaultError::Missing(_)) => return Ok(NotedChange::Left), // no directory, no record
        locked => locked?,
    };
    let Some(kept) = place.record(uid)?.filter(|kept| kept.copied.is_none()) else { return Ok(NotedChange::Left) };
    let Some(fingerprint) = Passwords::read()?.fingerprint(uid, host_key) else { return Ok(NotedChange::Left) };
    let (kept, now) = (kept.record, Moment::of(clock));
    let written = now.wall;
    let (noted, record) = if kept.fingerprint != fingerprint {
        let changed = SeenAt::now(&now);
        (NotedChange::Changed, PasswordRecord { uid, fingerprint, changed, by: Some(by), announced: None, written })
    } else {
        let (announced, is_fresh) = (Some(Announcement { at: now.wall, by }), kept.changed.left(JUST_NOW_S, &now) > 0);
        // A pass may have been quicker than a line after the change; a line before it is about a change to come.
        let by = kept.by.or(is_fresh.then_some(by));
        (NotedChange::Announced, PasswordRecord { by, announced, written, ..kept })
    };
    place.write(&record)?;
    Ok(noted)
}

/// Between a change and this line, in seconds.
const JUST_NOW_S: u64 = 10;
