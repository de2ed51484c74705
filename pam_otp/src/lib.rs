//! The PAM module of pam_otp. Read `login`: it tells how one authentication goes. `options` reads the PAM line, `libpam` is
//! the only file that talks to C, `guard` makes a panic a refusal.
//!
//! The host process is a guest house (R9): no thread, no environment, nothing printed, no descriptor left open, no state
//! kept between calls.

mod account;
mod entry;
mod guard;
mod host;
mod libpam;
mod login;
mod options;
mod person;
