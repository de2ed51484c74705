//! Rights: the table, the groups that give them, and how much of it at once.

pub(crate) mod check;
pub(crate) mod concurrency;
pub(crate) mod groups;
pub(crate) mod on_file;
pub(crate) mod rights;
pub(crate) mod slow;
pub(crate) mod turns;
