//! The contents of the vault's files, as values and as bytes. Each file's rules are at the head of its source.

pub mod account_note;
pub(crate) mod canonical;
pub(crate) mod checksum;
pub mod date;
pub mod emergency_mark;
pub(crate) mod hex;
pub mod key_file;
pub(crate) mod name_entry;
pub mod notice;
mod notice_event;
pub mod notice_file;
pub mod notice_lines;
pub mod password_announcement;
pub mod password_record;
pub mod reset;
pub mod state_slot;
pub mod ticket;
pub mod ticket_file;
pub mod unassigned_token;
pub mod user_mark;
pub mod vault_file;
