//! Gating a service: its stack as it would be, the proof that a code opens it, and the change that can be undone.

pub(crate) mod admin;
pub(crate) mod change;
pub(crate) mod edit;
mod insertion;
mod instead;
pub(crate) mod marks;
pub(crate) mod note;
pub(crate) mod pam_copy;
mod pattern;
pub(crate) mod plan;
pub(crate) mod planned_file;
pub(crate) mod proof;
pub(crate) mod record;
pub(crate) mod rollback;
pub(crate) mod service;
pub(crate) mod shape;
pub(crate) mod sshd;
mod sshd_check;
pub(crate) mod sshd_match;
pub(crate) mod sudoers;
mod swap;
