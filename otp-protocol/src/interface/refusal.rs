//! Reasons why a call was not done: the errors of this interface and those of Varlink. None carries a secret or a code.

use otp_core::keys::key::ValueError;
use otp_core::reasons::words::Received;
use serde::{Deserialize, Serialize};

use super::reason::{NotPossibleReason, RegistrationReason};
use super::reply::Redemption;

/// An error reply: on the wire `error` is the name, `parameters` the fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "error", content = "parameters")]
pub enum Refusal {
    /// The caller may not do this.
    #[serde(rename = "io.pam-otp.Otp1.NotAllowed")]
    NotAllowed {
        /// Sentence for a person, which may change. Never tells whether a user exists or is enrolled.
        reason: String,
    },
    /// No account has that name. Callers who may not ask about others hear [`Self::NotAllowed`] instead.
    #[serde(rename = "io.pam-otp.Otp1.NoSuchUser")]
    NoSuchUser {
        /// The name as the call has it, or `uid N` where the caller's own uid N has no account.
        user: String,
    },
    /// Nothing was changed, although the caller may ask for it.
    #[serde(rename = "io.pam-otp.Otp1.NotPossible")]
    NotPossible {
        /// Name of the user concerned; empty where the call named nobody.
        user: String,
        /// On the wire one of the words that the interface file lists, such as `label-taken`. A client takes an unknown one
        /// for a refusal.
        #[serde(with = "super::reason")]
        reason: Received<NotPossibleReason>,
    },
    /// This connection has no pending enrolment to confirm or cancel.
    #[serde(rename = "io.pam-otp.Otp1.NothingPending")]
    NothingPending {},
    /// The code does not confirm the pending key.
    #[serde(rename = "io.pam-otp.Otp1.CodeRefused")]
    CodeRefused {
        /// Wrong codes that may still follow; at 0 the key is thrown away. Text that is no code by its shape and
        /// `next-code` do not lower it.
        tries_left: u32,
        /// Likely cause: `SHA1`, `SHA256`, `SHA512`, `digits N`, `period N`, `clock-slow N` or `clock-fast N`
        /// (seconds), or `next-code` for the first of two codes that are wanted. `None` if nothing fits.
        #[serde(default)]
        diagnosis: Option<String>,
    },
    /// The registration code is not good.
    #[serde(rename = "io.pam-otp.Otp1.RegistrationRefused")]
    RegistrationRefused {
        /// On the wire one word.
        #[serde(with = "super::reason")]
        reason: Received<RegistrationReason>,
        /// Seconds until the daemon looks at another registration code of this user; 0 unless too many were wrong.
        wait: u64,
    },
    /// A key was made with this registration code. Only its owner hears so, on the socket: if somebody else made that
    /// key, the owner calls `Repudiate`.
    #[serde(rename = "io.pam-otp.Otp1.RegistrationSpent")]
    RegistrationSpent {
        /// The redemption that made the key, which is the last one.
        used: Redemption,
    },
    /// The pending key is gone: it was older than 15 minutes, or a later enrolment or a change of the user's keys ended
    /// it.
    #[serde(rename = "io.pam-otp.Otp1.EnrolmentExpired")]
    EnrolmentExpired {},
    /// A parameter has the right type and an impossible value.
    #[serde(rename = "io.pam-otp.Otp1.InvalidValue")]
    InvalidValue {
        /// Name of the parameter.
        field: String,
        /// The value, cut to 64 characters; of a code or a secret only what is wrong with it or how long it is.
        found: String,
        /// Description of the allowed values, for a person; may change.
        wanted: String,
    },
    /// The daemon cannot do it now; its log has the cause.
    #[serde(rename = "io.pam-otp.Otp1.Unavailable")]
    Unavailable {
        /// Sentence for a person, which may change. Names the process that holds the user's lock, if that is the cause.
        reason: String,
    },
    /// Too many connections or codes at once, or another enrolment of the same user is under way.
    #[serde(rename = "io.pam-otp.Otp1.Busy")]
    Busy {
        /// Sentence for a person, which may change.
        reason: String,
    },

    /// Varlink's own: this service has no such interface.
    #[serde(rename = "org.varlink.service.InterfaceNotFound")]
    InterfaceNotFound {
        /// Method name up to its last dot, empty if it has none; or the parameter of `GetInterfaceDescription`.
        interface: String,
    },
    /// Varlink's own: the interface has no such method, maybe because the daemon is older than the client.
    #[serde(rename = "org.varlink.service.MethodNotFound")]
    MethodNotFound {
        /// Full name of the method, as the call has it.
        method: String,
    },
    /// Varlink's own: the interface defines the method, the service lacks it. `otp-enrolld` never sends this.
    #[serde(rename = "org.varlink.service.MethodNotImplemented")]
    MethodNotImplemented {
        /// Full name of the method.
        method: String,
    },
    /// Varlink's own: a parameter is missing, unknown, repeated or of the wrong type.
    #[serde(rename = "org.varlink.service.InvalidParameter")]
    InvalidParameter {
        /// Name of the parameter, cut to 64 characters; `call` if the bytes are no call, `parameters` if that member is
        /// no object or too large, `upgrade` if the call asks for that.
        parameter: String,
    },
}

impl Refusal {
    /// Not now, because of `reason`.
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into() }
    }

    /// Nothing was changed of `user`, because of `reason`.
    pub fn not_possible(user: impl Into<String>, reason: impl Into<NotPossibleReason>) -> Self {
        Self::NotPossible { user: user.into(), reason: Received::Known(reason.into()) }
    }

    /// A registration code that is not good, because of `reason`.
    pub fn registration(reason: RegistrationReason) -> Self {
        Self::RegistrationRefused { reason: Received::Known(reason), wait: 0 }
    }

    /// Refused to this caller, because of `reason`.
    pub fn not_allowed(reason: impl Into<String>) -> Self {
        Self::NotAllowed { reason: reason.into() }
    }

    pub(crate) fn parameter(name: &str) -> Self {
        Self::InvalidParameter { parameter: name.to_owned() }
    }
}

impl From<ValueError> for Refusal {
    fn from(error: ValueError) -> Self {
        Self::InvalidValue { field: error.what.to_owned(), found: error.found, wanted: error.wanted.to_owned() }
    }
}
