//! Gating a service: its stack as it would be, the proof that a code opens it, and the change that can be undone.

pub(crate) mod admin;
pub(crate) mod edit;
mod pam_copy;
pub(crate) mod plan;
pub(crate) mod proof;
pub(crate) mod service;
