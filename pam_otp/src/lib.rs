//! The PAM module of pam_otp. Read `login`: it tells how one authentication goes. `options` reads the PAM line,
//! `rules` puts it together with the policy, `check` says where a code is checked, `libpam` talks to C,
//! `guard` makes a panic a refusal.
//!
//! The host process is a guest house (R9): no thread, no environment, nothing printed, no descriptor left open, no state
//! kept between calls.

mod account;
mod account_status;
mod answer;
mod check;
mod daemon;
mod enrolment;
mod entry;
mod file_uid;
mod guard;
mod host;
mod libpam;
mod login;
mod lost;
mod notices;
mod options;
mod outcome;
mod password;
mod password_age;
mod person;
mod printable;
mod reason;
mod rules;
mod show_key;
mod unasked;
#[cfg(own_find_object)]
mod unwinder;
mod watch;
