//! What the vault's files hold, as values and as bytes. Each file's rules stand at the head of its source.

pub(crate) mod checksum;
pub mod date;
pub mod emergency_mark;
pub(crate) mod hex;
pub mod key_file;
pub(crate) mod name_entry;
pub mod notice;
pub mod notice_file;
pub mod state_slot;
pub mod ticket;
pub mod ticket_file;
pub mod user_mark;
pub mod vault_file;
