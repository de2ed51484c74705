//! The PAM module of pam_otp. Read `login`: it tells how one authentication goes. `options` reads the PAM line,
//! `rules` puts it together with the policy, `decider` says where a code is checked, `libpam` is the only file that talks to
//! C, `guard` makes a panic a refusal.
//!
//! The host process is a guest house (R9): no thread, no environment, nothing printed, no descriptor left open, no state
//! kept between calls.

mod account;
mod answer;
mod connection;
mod daemon;
mod decider;
mod enrolment;
mod entry;
mod guard;
mod handover;
mod host;
mod json;
mod libpam;
mod login;
mod notices;
mod options;
mod person;
mod rotation;
mod rules;
