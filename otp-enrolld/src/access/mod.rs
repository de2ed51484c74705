//! Rights: the table, the groups that grant them, and how many calls may run at once.

pub(crate) mod check;
pub(crate) mod concurrency;
pub(crate) mod groups;
pub(crate) mod on_file;
pub(crate) mod rights;
pub(crate) mod slow;
pub(crate) mod turns;
