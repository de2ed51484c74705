//! Work on existing keys, by the same functions in the daemon and in `otpctl --offline` (R7).

pub mod adoption;
pub mod changes;
pub mod notify_owner;
pub mod on_file;
pub mod reset_mode;
pub mod suspension;
pub mod vault_version;
