//! What touches the machine: kernel calls that nix lacks, libpam as its clients see it, privileges, terminals, random numbers, the
//! log socket.
//!
//! Unsafe code lives in `kernel` and `pam_client` alone, one operation a block; outside this crate only the module's FFI file has any.

#![deny(unsafe_code)]

pub mod kernel;
pub mod pam_client;
pub mod privileges;
pub mod random;
pub mod syslog;
mod terminal;
