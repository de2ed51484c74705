//! The daemon's log: the lines, and where they go.

pub(crate) mod events;
pub(crate) mod sink;
