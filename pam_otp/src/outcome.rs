//! How an authentication ends, and what that is in PAM: PAM CODES in pam_otp(8).

use otp_core::emergency::Reason;
use otp_core::site::Unavailable;
use pam::constants::PamResultCode;

use crate::reason::{LogReason, ModuleReason};

/// How an authentication ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LoginOutcome {
    /// A code was accepted, by the key of this label.
    Accepted(String),
    /// A registration code has made a first key of this label, and a code of it was typed.
    Enrolled(String),
    /// Refused, and why; nothing is wrong with the host.
    Refused(LogReason),
    /// Not asked, and why: exempt, or never enrolled where that is allowed.
    NotWanted(LogReason),
    /// Nothing could be decided.
    Failed(Unavailable),
    /// The host could not ask.
    NoConversation,
    /// Options or policy are wrong.
    Misconfigured(Unavailable),
    /// Not asked: root has written an emergency mark, for this reason.
    Emergency(Reason),
}

/// The end of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Accepted, by the key of this label.
    Accepted(String),
    /// Refused, and why.
    Refused(LogReason),
}

/// The PAM code of an outcome: of `auth` in PAM CODES of pam_otp(8).
pub(crate) fn code(end: &LoginOutcome) -> PamResultCode {
    match end {
        LoginOutcome::Accepted(_) | LoginOutcome::Enrolled(_) => PamResultCode::PAM_SUCCESS,
        LoginOutcome::Refused(_) => PamResultCode::PAM_AUTH_ERR,
        LoginOutcome::NotWanted(_) | LoginOutcome::Emergency(_) => PamResultCode::PAM_IGNORE,
        LoginOutcome::Failed(_) => PamResultCode::PAM_AUTHINFO_UNAVAIL,
        LoginOutcome::NoConversation => PamResultCode::PAM_CONV_ERR,
        LoginOutcome::Misconfigured(_) => PamResultCode::PAM_SERVICE_ERR,
    }
}

impl LoginOutcome {
    /// For the log.
    pub(crate) fn reason(&self) -> LogReason {
        match self {
            Self::Accepted(_) => ModuleReason::Code.into(),
            Self::Enrolled(_) => ModuleReason::Enrolled.into(),
            Self::Refused(reason) | Self::NotWanted(reason) => reason.clone(),
            Self::Failed(unavailable) | Self::Misconfigured(unavailable) => unavailable.reason.into(),
            Self::NoConversation => ModuleReason::Conversation.into(),
            Self::Emergency(_) => ModuleReason::Emergency.into(),
        }
    }
}
