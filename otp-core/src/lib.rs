//! The core of pam_otp: the decision, the record and the vault. No PAM, no sockets, no unsafe.
//!
//! Read `decision` first: it says how a code is accepted. `vault` says where it is written down, `files` how, `keys` how the
//! shared key lies on disk, `policy` what an admin may choose, and `check` puts them together.
#![forbid(unsafe_code)]

pub mod accounts;
pub mod check;
pub mod codes;
pub mod decision;
pub mod emergency;
pub mod environment;
pub mod files;
pub mod keys;
pub mod log_line;
pub mod manage;
pub mod membership;
pub mod policy;
pub mod public_dir;
pub mod reasons;
pub mod repair;
pub mod root_file;
pub mod site;
pub mod sudo_marks;
pub mod unix_time;
pub mod unlocked;
pub mod vault;
pub mod watch;
