//! The stacks of PAM: what they say, what libpam makes of it, and who gets past our lines in them.

pub(crate) mod code;
pub(crate) mod control;
pub(crate) mod explore;
pub(crate) mod finding;
pub(crate) mod findings;
pub(crate) mod modules;
pub(crate) mod reader;
pub(crate) mod walk;
pub(crate) mod words;
