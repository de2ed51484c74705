//! How an authentication ends, and what that is in PAM: the first table of that name in docs/architecture.md.

use otp_core::emergency::Reason;
use otp_core::site::Obstacle;
use pam::constants::PamResultCode;

/// How an authentication ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// A code was accepted, by the key of this label.
    Accepted(String),
    /// A registration code has made a first key of this label, and a code of it was typed.
    Enrolled(String),
    /// Refused, with the word for the log and the seconds that are left to wait; nothing is wrong with the host.
    Refused(String, u64),
    /// Not asked, and why: exempt, or never enrolled where that is allowed.
    NotWanted(&'static str),
    /// Nothing could be decided.
    Failed(Obstacle),
    /// The host could not ask.
    NoConversation,
    /// Options or policy are wrong.
    Misconfigured(Obstacle),
    /// Not asked: root has written an emergency mark, for this reason.
    Emergency(Reason),
}

/// What an outcome is in PAM: the first table of that name in docs/architecture.md.
pub(crate) fn code(end: &End) -> PamResultCode {
    match end {
        End::Accepted(_) | End::Enrolled(_) => PamResultCode::PAM_SUCCESS,
        End::Refused(..) => PamResultCode::PAM_AUTH_ERR,
        End::NotWanted(_) | End::Emergency(_) => PamResultCode::PAM_IGNORE,
        End::Failed(_) => PamResultCode::PAM_AUTHINFO_UNAVAIL,
        End::NoConversation => PamResultCode::PAM_CONV_ERR,
        End::Misconfigured(_) => PamResultCode::PAM_SERVICE_ERR,
    }
}
