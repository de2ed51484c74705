//! The device that makes the codes of a key, as people call it.

/// Texts for the holder of one never speak of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// An app, on a phone.
    App,
    /// A hardware token, whose key was imported.
    Token,
}

impl Device {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Token => "token",
        }
    }
}
