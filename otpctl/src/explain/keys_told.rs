//! The state of the keys in words.

use std::path::Path;

use otp_core::reasons::RefusalReason;

use super::because::Because;
use super::standing::EnrolledStanding;

/// Why the keys are refused, or that they are in order.
pub(super) fn refusal(found: &EnrolledStanding, origin: &str) -> Because {
    let Some(reason) = found.refused else {
        return placed(found.file.as_deref(), format!("the keys are in order (origin {origin})"));
    };
    let more = match reason {
        RefusalReason::Waiting { .. } => format!(": {} s are left", reason.seconds_left()),
        _ => String::new(),
    };
    let recovery = match reason {
        RefusalReason::Waiting { .. } | RefusalReason::Closed => "; a recovery code is still accepted",
        _ => "",
    };
    placed(found.file.as_deref(), format!("{}{more} (origin {origin}){recovery}", sentence(reason)))
}

pub(super) fn placed(file: Option<&Path>, text: String) -> Because {
    match file {
        Some(file) => Because::file(file, text),
        None => Because::plain(text),
    }
}

pub(super) fn sentence(reason: RefusalReason) -> &'static str {
    match reason {
        RefusalReason::Suspended => "the keys are suspended: every code is refused until otpctl resume",
        RefusalReason::Disabled => "too many wrong codes in all: the keys are disabled until a new key replaces them",
        RefusalReason::Closed => "too many wrong codes from here: every code is refused until otpctl reopen",
        RefusalReason::Waiting { .. } => "wrong codes from here: no code is checked until the wait is over",
        RefusalReason::Expired => "every key has expired",
        RefusalReason::NoKey => "enrolled, but without a key: the last one was revoked",
        RefusalReason::ClockBehind => "the clock is behind the last accepted code",
        RefusalReason::ClockAhead => "the clock is far ahead and nothing confirms it",
        RefusalReason::Restored => {
            "the files came from a backup: codes of counting tokens are off until otpctl \
                                    accept-restore"
        }
        _ => "every code is refused",
    }
}
