//! Gating a service: its stack as it would be, the proof that a code opens it, and the change that can be undone.

pub(crate) mod admin;
pub(crate) mod change;
pub(crate) mod edit;
pub(crate) mod note;
mod pam_copy;
pub(crate) mod plan;
pub(crate) mod planned_file;
pub(crate) mod proof;
pub(crate) mod record;
pub(crate) mod rollback;
pub(crate) mod service;
mod sshd;
pub(crate) mod sudoers;
mod swap;
