//! Announcements: before or after a change of a password, the module's line notes who makes it, and the next pass takes that up.
//!
//! The line runs in a process that its user can stop, so it waits for nobody, nobody waits for it, and it writes no record.

use crate::environment::{Clock, Moment};
use crate::files::password_announcement::PasswordAnnouncement;
use crate::files::password_record::{PasswordActor, SeenAt};
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
    let Some(kept) = place.record(uid)?.filter(|kept| kept.copied.is_none()) else { return Ok(NotedChange::Left) };
    let Some(fingerprint) = Passwords::read()?.fingerprint(uid, host_key) else { return Ok(NotedChange::Left) };
    place.announce(&PasswordAnnouncement { uid, fingerprint, at: SeenAt::now(&Moment::of(clock)), by })?;
    Ok(if kept.record.fingerprint == fingerprint { NotedChange::Announced } else { NotedChange::Changed })
}
