//! How answers are written, and where a key may be written to.

/// How answers are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputFormat {
    Text,
    Json,
}

/// Whether a key may be written to something that is not a terminal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pipe {
    Allowed,
    Refused,
}

/// Whether a key may be shown under sudo.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnderSudo {
    Allowed,
    Refused,
}

/// Whether a new key is drawn as a QR code, too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum QrWish {
    Drawn,
    LeftOut,
}

impl QrWish {
    #[expect(clippy::fn_params_excessive_bools, reason = "a flag, as clap has it")]
    pub(crate) fn of(left_out: bool) -> Self {
        if left_out { Self::LeftOut } else { Self::Drawn }
    }
}

impl UnderSudo {
    #[expect(clippy::fn_params_excessive_bools, reason = "a flag, as clap has it")]
    pub(crate) fn of(allowed: bool) -> Self {
        if allowed { Self::Allowed } else { Self::Refused }
    }
}

impl Pipe {
    #[expect(clippy::fn_params_excessive_bools, reason = "a flag, as clap has it")]
    pub(crate) fn of(allowed: bool) -> Self {
        if allowed { Self::Allowed } else { Self::Refused }
    }
}

impl OutputFormat {
    #[expect(clippy::fn_params_excessive_bools, reason = "a flag, as clap has it")]
    pub(crate) fn of(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }
}
