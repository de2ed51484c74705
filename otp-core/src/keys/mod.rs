//! A user's shared keys: their parameters, the codes they make, and how they lie on disk sealed.

pub mod app_entry;
pub mod device;
pub mod diagnosis;
pub mod hotp;
pub mod key;
pub mod open_key;
pub mod seal;
pub mod secret;
