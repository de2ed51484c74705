//! Codes that people copy by hand: recovery codes and registration codes, in Crockford's base32.

pub mod crockford;
pub mod recovery;
pub mod registration;
