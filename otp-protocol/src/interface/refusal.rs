//! Why a call was not done, in the interface's words and Varlink's own; none carries a secret or a code.

use serde::{Deserialize, Serialize};

use super::reply::Redemption;

/// An error reply: on the wire `error` is the name, `parameters` the fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "error", content = "parameters")]
pub enum Refusal {
    /// The caller may not. The reason never tells whether a user exists or is enrolled.
    #[serde(rename = "io.pam-otp.Otp1.NotAllowed")]
    NotAllowed { reason: String },
    #[serde(rename = "io.pam-otp.Otp1.NoSuchUser")]
    NoSuchUser { user: String },
    /// Nothing was changed; the reason is one of the interface's words.
    #[serde(rename = "io.pam-otp.Otp1.NotPossible")]
    NotPossible { user: String, reason: String },
    /// No enrolment was begun on this connection.
    #[serde(rename = "io.pam-otp.Otp1.NothingPending")]
    NothingPending {},
    /// Not a code of the pending key; with no tries left the key is gone.
    #[serde(rename = "io.pam-otp.Otp1.CodeRefused")]
    CodeRefused {
        tries_left: u32,
        /// What the code would be a code of.
        #[serde(default)]
        diagnosis: Option<String>,
    },
    /// A registration code that is not good.
    #[serde(rename = "io.pam-otp.Otp1.RegistrationRefused")]
    RegistrationRefused { reason: String, wait: u64 },
    /// A key was made with the caller's registration code.
    #[serde(rename = "io.pam-otp.Otp1.RegistrationSpent")]
    RegistrationSpent { used: Redemption },
    #[serde(rename = "io.pam-otp.Otp1.EnrolmentExpired")]
    EnrolmentExpired {},
    /// The right type and an impossible value.
    #[serde(rename = "io.pam-otp.Otp1.InvalidValue")]
    InvalidValue { field: String, found: String, wanted: String },
    /// Not now; the cause is in the daemon's log.
    #[serde(rename = "io.pam-otp.Otp1.Unavailable")]
    Unavailable { reason: String },
    /// Too many at once.
    #[serde(rename = "io.pam-otp.Otp1.Busy")]
    Busy { reason: String },

    #[serde(rename = "org.varlink.service.InterfaceNotFound")]
    InterfaceNotFound { interface: String },
    #[serde(rename = "org.varlink.service.MethodNotFound")]
    MethodNotFound { method: String },
    #[serde(rename = "org.varlink.service.MethodNotImplemented")]
    MethodNotImplemented { method: String },
    /// Missing, unknown, repeated or of the wrong type.
    #[serde(rename = "org.varlink.service.InvalidParameter")]
    InvalidParameter { parameter: String },
}

impl Refusal {
    /// Not now, because of `reason`.
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into() }
    }

    /// Refused to this caller, because of `reason`.
    pub fn not_allowed(reason: impl Into<String>) -> Self {
        Self::NotAllowed { reason: reason.into() }
    }

    pub(crate) fn parameter(name: &str) -> Self {
        Self::InvalidParameter { parameter: name.to_owned() }
    }
}
