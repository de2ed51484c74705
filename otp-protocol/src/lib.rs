//! The conversation on the daemon's socket: the interface `io.pam-otp.Otp1`, how it crosses the wire, the bounded server and
//! the client.
//!
//! Reading order: [`interface`] (what can be said), [`server::service`] (who answers), [`server`] (how strangers are kept
//! within bounds), [`client`] (the other end). [`status`] fills a reply from a vault, for the daemon and for
//! `otpctl --offline`. Nothing here decides who may.

#![forbid(unsafe_code)]

pub mod client;
pub mod cool_down_status;
pub mod database;
pub mod interface;
mod invitation_status;
pub mod peer;
pub mod qr;
pub mod server;
pub mod status;
mod subuid;
pub mod unix_seconds;
mod varlink;
