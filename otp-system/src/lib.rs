//! Everything that touches the machine: kernel calls that nix lacks, libpam as its clients see it, privileges, terminals and text
//! on them, local time, the name of the machine, the command line, random numbers, the log socket.
//!
//! Unsafe code lives in `kernel` and `pam_client` alone, one operation a block; outside this crate only the module's FFI file has any.

#![deny(unsafe_code)]

pub mod command_line;
pub mod host_name;
pub mod kernel;
pub mod local_time;
pub mod pam_client;
pub mod privileges;
pub mod random;
pub mod screen;
pub mod syslog;
mod terminal;
