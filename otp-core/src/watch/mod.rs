//! The watch over passwords: when did somebody's password last change? A key is not replaced near a change.
//!
//! A root-owned helper makes one pass over /etc/passwd and /etc/shadow whenever one changes, at boot and every five minutes (`pass`). The
//! module's line `password … pam_otp.so watch` adds who made a change (`note`). The daemon reads the records and decides (`cool_down`).
//!
//! W1  only root writes here. A record is written whole or not at all, and the newest one counts
//! W2  a change that nobody announced is dated when it is seen, and somebody else made it; of several, the last counts
//! W3  a record that is missing, damaged, somebody else's or a copy never shortens a wait: the password counts as changed when that is seen,
//!     a copied record's when it was copied
//! W4  at the first pass of all, which root's note outside the directory remembers, the day in /etc/shadow counts; without one, that pass
//!     A record counts only while /etc/passwd and /etc/shadow are those that were looked at: changed since, nobody knows when
//! W5  where there is no note and no record, nobody has ever looked, and there is no cool-down; `otpctl doctor` says so

mod cool_down;
mod note;
mod pass;
mod passwords;
mod records;
mod stamps;

pub use cool_down::{CoolDownReason, CoolingDown, PasswordHistory, closed_until, cool_down};
pub use note::{NotedChange, note};
pub use pass::{WatchReport, pass};
pub use passwords::Passwords;
pub use records::{KeptRecord, LastLook, WatchPlace};
pub use stamps::FileStamps;
