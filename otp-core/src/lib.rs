//! The core of pam_otp: the decision, the record and the vault. No PAM, no sockets, no unsafe.
//!
//! Read `decision` first: it says how a code is accepted. `vault` says where it is written down, `record` and `slot` how,
//! `seal` how the shared key lies on disk, `policy` what an admin may choose, and `check` puts them together.
#![forbid(unsafe_code)]

pub mod book;
pub mod check;
mod checksum;
pub mod clock;
pub mod date;
pub mod decision;
pub mod emergency;
pub mod hotp;
pub mod key;
pub mod limits;
pub mod log_line;
pub mod notice;
pub mod notify;
pub mod origin;
pub mod policy;
pub mod record;
pub mod recovery;
pub mod registration;
pub mod rotation;
mod salvage;
pub mod seal;
pub mod secret;
pub mod service;
pub mod site;
pub mod slot;
pub mod spool;
pub mod state;
pub mod symbols;
pub mod table;
pub mod ticket;
pub mod typed;
pub mod vault;
pub mod who;
