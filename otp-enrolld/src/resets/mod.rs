//! Resets: new keys for somebody who has lost the old ones, after a delay and with others watching.

pub(crate) mod cancel;
pub(crate) mod decision;
pub(crate) mod invitation;
pub(crate) mod list;
pub(crate) mod pace;
pub(crate) mod request;
mod waiting;
