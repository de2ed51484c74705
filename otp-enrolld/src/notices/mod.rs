//! Notifies owners of changes to their keys: into the spool, and out of this host.

pub(crate) mod delivery;
pub(crate) mod guesses;
pub(crate) mod housekeeping;
pub(crate) mod outbox_runner;
pub(crate) mod quota;
pub(crate) mod spool;
mod wording;
