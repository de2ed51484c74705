//! Reasons: each list is one table of variant, word and text. Logs and the wire carry the word, which never changes; people read the text.
//! A word is parsed where it comes in and is a type from there on.

mod change;
mod code;
mod unavailable;
pub mod words;

pub use change::ChangeRefusal;
pub use code::{NOT_A_CODE, REFUSED, RefusalReason, Viewer};
pub use unavailable::UnavailableReason;
