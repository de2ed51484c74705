//! Varlink on the wire: frames, messages, parameters, each within bounds and by a deadline (varlink.org).

pub(crate) mod deadline;
pub(crate) mod error;
pub(crate) mod frame;
pub(crate) mod message;
pub(crate) mod parameters;
pub(crate) mod parts;
