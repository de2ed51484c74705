//! What the daemon `otp-enrolld` and its client `otpctl` share: the messages of `io.pam-otp.Otp1` and the socket they cross.
//!
//! Reading order: [`protocol`] (what can be said), [`service`] (who answers), [`server`] (how strangers are kept
//! within bounds), [`client`] (the other end). [`changes`], [`notices`] and [`status`] are what the daemon and `otpctl --offline` do to a
//! vault with the same functions. Nothing here decides who may.

#![deny(unsafe_code)]

pub mod client;
mod lent;
pub mod limits;
pub mod peer;
pub mod picture;
pub mod protocol;
pub mod server;
pub mod service;
pub mod status;

mod admission;
mod deadline;
mod dialogue;
mod introspection;
mod limiter;
mod message;
mod parameters;
mod wire;

/// Where the daemon listens.
pub const SOCKET: &str = "/run/otp/otp.sock";

/// The account that the daemon runs as.
pub const ACCOUNT: &str = "otp-enrolld";
