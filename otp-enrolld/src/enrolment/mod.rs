//! A key on its way to its owner: from the invitation to the code that confirms it.

pub(crate) mod diagnosis;
pub(crate) mod flow;
pub(crate) mod import;
pub(crate) mod invite;
pub(crate) mod otpauth;
pub(crate) mod pending;
pub(crate) mod presented_code;
pub(crate) mod redeem;
pub(crate) mod rotate;
pub(crate) mod slots;
pub(crate) mod throttle;
pub(crate) mod tokens;
