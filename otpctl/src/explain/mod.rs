//! A login that nobody makes: its outcome at each stage, told without doing any of it.
//!
//! `question` says who asks and from where, `own` what our module would answer and why (the steps of `pam_otp/src/login.rs` and
//! `account.rs`, by the same options and rules), `others` what somebody else's module would, and `stage` follows the lines.

pub(crate) mod because;
mod keys_told;
mod others;
pub(crate) mod own;
pub(crate) mod policy_lines;
mod policy_told;
pub(crate) mod question;
pub(crate) mod stage;
mod standing;
mod succeed_if;
pub(crate) mod verdict;
