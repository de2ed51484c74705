//! The commands, a file each.

pub(crate) mod admin;
pub(crate) mod adopt;
pub(crate) mod bypasses;
pub(crate) mod config;
pub(crate) mod config_audience;
pub(crate) mod config_edit;
pub(crate) mod confirm;
pub(crate) mod emergency;
pub(crate) mod enrol;
pub(crate) mod gate;
mod gate_change;
mod gate_status;
pub(crate) mod gc;
pub(crate) mod host_key;
pub(crate) mod invite;
pub(crate) mod mend;
pub(crate) mod notices;
pub(crate) mod offline;
pub(crate) mod recovery_codes;
pub(crate) mod self_service;
pub(crate) mod status;
pub(crate) mod token;
pub(crate) mod try_code;
pub(crate) mod used_code;
