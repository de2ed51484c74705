//! Reading what a person types: codes, registration codes, secrets that are not echoed.

pub(crate) mod code;
pub(crate) mod interrupts;
pub(crate) mod name_list;
pub(crate) mod no_echo;
pub(crate) mod registration;
pub(crate) mod token_secret;
