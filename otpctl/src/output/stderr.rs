//! Standard error, where a person reads notes, warnings and failures beside the answer.

use std::io::{self, Write as _};
use std::sync::OnceLock;

use otp_system::screen::{ColorWish, Look, bad, strong, wrapped};

/// The wish of the command line for colours; it holds for all that this process writes.
static WISH: OnceLock<ColorWish> = OnceLock::new();

/// Before anything is written.
pub(crate) fn heed(wish: ColorWish) {
    let _ = WISH.set(wish);
}

/// A line that is no failure.
pub(crate) fn note(text: &str) {
    say(&format!("{} {text}\n", strong("otpctl: note:")));
}

/// A line that says what is wrong.
pub(crate) fn wrong(text: &str) {
    say(&format!("{} {text}\n", bad("otpctl:")));
}

/// As it is, but for its width. If even this cannot be written, the exit status still says how it went.
pub(crate) fn say(text: &str) {
    let mut stderr = io::stderr();
    let look = Look::of(&stderr, WISH.get().copied().unwrap_or_default());
    let _ = stderr.write_all(wrapped(text, look).as_bytes());
}
