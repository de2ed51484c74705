//! Showing an answer to a person or a script, and keys on paper and screen.

pub(crate) mod alert;
pub(crate) mod app_quirks;
pub(crate) mod diagnosis;
pub(crate) mod duration;
pub(crate) mod failure;
pub(crate) mod format;
pub(crate) mod growing_file;
pub(crate) mod json;
pub(crate) mod key_sheet;
pub(crate) mod local_time;
pub(crate) mod new_file;
pub(crate) mod progress;
pub(crate) mod qr_file;
pub(crate) mod stderr;
pub(crate) mod table;
pub(crate) mod template;
pub(crate) mod terminal;
pub(crate) mod terminal_kind;

pub(crate) use otp_system::screen::escape;
