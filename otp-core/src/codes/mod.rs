//! Codes that people copy by hand, recovery codes and registration codes, in Crockford's base32; the names of their sets and tickets.

pub mod crockford;
pub mod ids;
pub mod keyboard;
pub mod plain_text;
pub mod recovery;
pub mod registration;
