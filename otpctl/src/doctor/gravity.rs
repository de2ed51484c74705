//! How grave a finding is, as a word and as the exit code of a monitoring plugin.

/// How grave a finding is; the greater one counts for the whole host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gravity {
    /// Nothing was looked at there.
    Unknown,
    /// Nobody is refused and nobody gets in because of it yet.
    Warning,
    /// People are refused, or get in, who should not.
    Critical,
}

impl Gravity {
    /// As a label, in JSON and in the manual.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The exit code of a monitoring plugin whose worst finding this is.
    pub(crate) const fn exit_code(self) -> u8 {
        match self {
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }
}
