//! Keys as other programs keep them: pure functions from text to keys. Whatever they read was written by somebody else.
//!
//! Every reader is strict and bounded. A text that is not to the letter gives a [`ForeignFault`] with its line, what was found and what
//! was wanted; the fault never holds a secret. Properties that a key had there and cannot have here are listed with it ([`LeftBehind`]).

#![forbid(unsafe_code)]

mod base32;
pub mod fault;
pub mod foreign_key;
pub mod google_authenticator;
pub mod migration;
pub mod oath;
pub mod otpauth;
mod protobuf;
pub mod pskc;
pub mod taken;
mod uri;

pub use fault::ForeignFault;
pub use foreign_key::{ForeignKey, Holder, LeftBehind};

/// Largest text that a source may have, in bytes: 100 000 lines of pam_oath, or 20 000 tokens in PSKC.
pub const SOURCE_CAP: usize = 16 << 20;
